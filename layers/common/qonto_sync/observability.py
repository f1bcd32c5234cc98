"""Structured logs and metrics for CloudWatch. The use cases only use `logging`.

CloudWatch bills a metric per month for each value of its dimensions. Therefore all metrics but one have only the
dimension `service`, which is the stack; their records have the connection as a property, which log queries find.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from qonto_sync.domain.events import SyncRequest
from qonto_sync.domain.ledger import PendingReason
from qonto_sync.domain.result import ReconcileResult, RunResult

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qonto_sync.domain.ids import ConnectionName
    from qonto_sync.domain.result import RunReport
    from qonto_sync.domain.webhook import WebhookResult

logger = Logger(service="qonto_sync", utc=True)
"""Named like the package, so that the records of all its modules' loggers propagate to it."""


@contextmanager
def failures_logged() -> Iterator[None]:
    """Logs in one line why the invocation fails; Lambda itself logs a traceback."""
    try:
        yield
    except Exception as error:
        logger.error("invocation_failed", extra={"error": type(error).__name__, "detail": str(error)})  # noqa: TRY400
        raise


def report_run(report: RunReport) -> None:
    """Logs what the run did, and emits its metrics; the connection's own alarm watches `CheckpointLag`."""
    logger.info("run_finished", extra={"result": report.as_dict()})
    result, usage = report.result, report.usage
    metrics = EphemeralMetrics()
    for name, value in _counts(result).items():
        metrics.add_metric(name, MetricUnit.Count, value)
    metrics.add_metric("QontoThrottles", MetricUnit.Count, usage.requests["throttled"])
    metrics.add_metric("RunDuration", MetricUnit.Milliseconds, usage.duration_ms)
    if isinstance(result, RunResult):
        metrics.add_metric("AttachmentBytes", MetricUnit.Bytes, result.tally.file_bytes)
        if result.certificate_age is not None:
            metrics.add_metric("CertificateAgeDays", MetricUnit.Count, result.certificate_age / timedelta(days=1))
        if result.tally.backlog:
            metrics.add_metric("OldestPendingAge", MetricUnit.Seconds, result.tally.backlog.oldest_age.total_seconds())
    metrics.add_metadata("connection", result.request.connection)
    metrics.add_metadata("run_id", result.run_id)
    metrics.flush_metrics()

    # Without a datapoint the alarm rings, so a run without a checkpoint needs none. Only the hourly run says how far
    # the connection is.
    if isinstance(result, RunResult) and result.checkpoint and isinstance(result.request, SyncRequest):
        lag = result.window.end - result.checkpoint.synced_until
        progress = EphemeralMetrics()
        progress.add_dimension("connection", result.request.connection)
        progress.add_metric("CheckpointLag", MetricUnit.Seconds, max(lag.total_seconds(), 0))
        progress.flush_metrics()


def _counts(result: RunResult | ReconcileResult) -> dict[str, int]:
    """What a run counted, by the names of metrics."""
    if isinstance(result, ReconcileResult):
        return {
            "ReconciliationDifferences": result.found.total() - result.deleted_drafts,
            "UnexpectedErrors": result.unexpected_errors,
        }
    tally, backlog = result.tally, result.tally.backlog
    counts = {
        "InvoicesListed": tally.listed,
        "InvoicesArchived": tally.archived,
        "InvoicesRequeued": tally.requeued,
        "Gaps": tally.gaps,
        "GapsRecorded": tally.gaps_recorded,
        "UnexpectedErrors": tally.unexpected_errors,
    }
    if backlog:
        counts |= {pending_metric(reason): backlog.by_reason[reason] for reason in PendingReason}
        counts["PendingForADay"] = backlog.reached_a_day
    return counts


def report_unexpected_errors(count: int) -> None:
    """Counts the invoices of a batch of retries that an error in this project's own code made pending."""
    metrics = EphemeralMetrics()
    metrics.add_metric("UnexpectedErrors", MetricUnit.Count, count)
    metrics.flush_metrics()


def emit_credential_metrics(connection: ConnectionName, days_left: float) -> None:
    """The days until the connection's refresh token expires unless it is used; then a person must consent again."""
    metrics = EphemeralMetrics()
    metrics.add_metric("RefreshTokenDaysLeft", MetricUnit.Count, days_left)
    metrics.add_metadata("connection", connection)
    metrics.flush_metrics()


def emit_webhook_metrics(result: WebhookResult) -> None:
    """Counts one request by its outcome."""
    metrics = EphemeralMetrics()
    metrics.add_metric(f"Webhooks{result.outcome.title()}", MetricUnit.Count, 1)
    if result.connection:
        metrics.add_metadata("connection", result.connection)
    metrics.flush_metrics()


def pending_metric(reason: PendingReason) -> str:
    """The name of the metric that counts this reason, such as `PendingFailed`."""
    return "Pending" + reason.value.title().replace("_", "")
