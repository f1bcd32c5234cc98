"""Structured logs and metrics: what happened, for CloudWatch. The use cases only use `logging`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

if TYPE_CHECKING:
    from qonto_sync.model import ConnectionName
    from qonto_sync.result import SyncResult

logger = Logger(service="qonto_sync", utc=True)
"""Named like the package, so that every module's logger hands its records up to it."""


def emit_run_metrics(result: SyncResult) -> None:
    """One embedded-metrics record per run and connection."""
    tally = result.tally
    metrics = EphemeralMetrics()
    metrics.add_dimension("connection", result.connection)
    for name, value in {
        "InvoicesArchived": tally.archived,
        "InvoicesPending": tally.pending,
        "InvoicesWoken": tally.woken,
        "SlicesCommitted": tally.slices_committed,
        "QontoThrottles": result.requests.as_dict()["throttled"],
    }.items():
        metrics.add_metric(name, MetricUnit.Count, value)
    metrics.add_metric("AttachmentBytes", MetricUnit.Bytes, tally.file_bytes)
    metrics.add_metric("RunDuration", MetricUnit.Milliseconds, result.duration_ms)
    if result.checkpoint:
        lag = result.window.end - result.checkpoint.synced_until
        metrics.add_metric("CheckpointLag", MetricUnit.Seconds, max(lag.total_seconds(), 0))
    metrics.add_metadata("run_id", result.run_id)
    metrics.flush_metrics()


def emit_credential_metrics(connection: ConnectionName, days_left: float) -> None:
    """How long the connection goes on without a refresh: a person has to consent again when it comes to nothing."""
    metrics = EphemeralMetrics()
    metrics.add_dimension("connection", connection)
    metrics.add_metric("RefreshTokenDaysLeft", MetricUnit.Count, days_left)
    metrics.flush_metrics()
