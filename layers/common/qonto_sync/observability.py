"""Structured logs and metrics: what happened, for CloudWatch. The use cases only use `logging`.

A metric costs by the month for each value of its dimensions. So all but one have the dimension `service` only, which
is the stack, and their records carry the connection as a property, to be found in the log.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from qonto_sync.model import PendingReason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qonto_sync.model import ConnectionName
    from qonto_sync.result import SyncResult
    from qonto_sync.webhook import Receipt

logger = Logger(service="qonto_sync", utc=True)
"""Named like the package, so that every module's logger hands its records up to it."""

_REASONS = tuple(reason for reason in PendingReason if reason is not PendingReason.WEBHOOK)
"""Those that an invoice can be pending for."""


@contextmanager
def failures_logged() -> Iterator[None]:
    """Says in one line why the invocation fails; what Lambda makes of it is a traceback."""
    try:
        yield
    except Exception as error:
        logger.error("invocation_failed", extra={"error": type(error).__name__, "detail": str(error)})  # noqa: TRY400
        raise


def emit_run_metrics(result: SyncResult) -> None:
    """What one run did and what it left, and, for the connection's own alarm, its progress."""
    tally = result.tally
    metrics = EphemeralMetrics()
    for name, value in {
        "InvoicesListed": tally.listed,
        "InvoicesArchived": tally.archived,
        "InvoicesWoken": tally.woken,
        "QontoThrottles": result.requests.as_dict()["throttled"],
    }.items():
        metrics.add_metric(name, MetricUnit.Count, value)
    metrics.add_metric("AttachmentBytes", MetricUnit.Bytes, tally.file_bytes)
    metrics.add_metric("RunDuration", MetricUnit.Milliseconds, result.duration_ms)
    if tally.backlog:
        for reason in _REASONS:
            metrics.add_metric(pending_metric(reason), MetricUnit.Count, tally.backlog.by_reason[reason])
        metrics.add_metric("OldestPendingAge", MetricUnit.Seconds, tally.backlog.oldest_age.total_seconds())
    if result.checkpoint:
        lag = result.window.end - result.checkpoint.synced_until
        metrics.add_metric("CheckpointLag", MetricUnit.Seconds, max(lag.total_seconds(), 0))
    metrics.add_metadata("connection", result.connection)
    metrics.add_metadata("run_id", result.run_id)
    metrics.flush_metrics()

    progress = EphemeralMetrics()
    progress.add_dimension("connection", result.connection)
    progress.add_metric("SlicesCommitted", MetricUnit.Count, tally.slices_committed)
    progress.flush_metrics()


def emit_credential_metrics(connection: ConnectionName, days_left: float) -> None:
    """How long the connection goes on without a refresh: a person has to consent again when it comes to nothing."""
    metrics = EphemeralMetrics()
    metrics.add_metric("RefreshTokenDaysLeft", MetricUnit.Count, days_left)
    metrics.add_metadata("connection", connection)
    metrics.flush_metrics()


def emit_webhook_metrics(receipt: Receipt) -> None:
    """One more request that was accepted, refused, ignored, or could not be taken in."""
    metrics = EphemeralMetrics()
    metrics.add_metric(f"Webhooks{receipt.outcome.title()}", MetricUnit.Count, 1)
    if receipt.connection:
        metrics.add_metadata("connection", receipt.connection)
    metrics.flush_metrics()


def pending_metric(reason: PendingReason) -> str:
    """The name of the metric that counts this reason, such as `PendingFailed`."""
    return "Pending" + reason.value.title().replace("_", "")
