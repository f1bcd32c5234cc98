"""RetryFunction: takes a batch of SQS messages, retries each invoice, returns the failed messages."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from qonto_sync.bootstrap import Application
from qonto_sync.domain.events import parse_queue_event
from qonto_sync.observability import failures_logged, logger, report_unexpected_errors

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

application = cache(Application.from_environment)


@logger.inject_lambda_context(clear_state=True)
@failures_logged()
def lambda_handler(event: object, context: LambdaContext) -> dict[str, Any]:
    """Handles each message on its own; SQS delivers again those that are returned as failed."""
    records = parse_queue_event(event)
    batch = application().retry_batch(context)
    failed = batch.failed(records)
    if batch.unexpected_errors:
        report_unexpected_errors(batch.unexpected_errors)
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}
