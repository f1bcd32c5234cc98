"""RetryFunction: a batch of SQS messages in, each looked at again, the failed ones out."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response

from qonto_sync.bootstrap import Application
from qonto_sync.observability import failures_logged, logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from aws_lambda_powertools.utilities.typing import LambdaContext

application = cache(Application.from_environment)


@logger.inject_lambda_context(clear_state=True)
@failures_logged()
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Handles each message alone; what is returned as failed, SQS delivers again."""
    batch = application().retry_batch(context)

    def handle(record: SQSRecord) -> None:
        count = int(record.attributes.approximate_receive_count or 1)
        batch.process(record.body, receipt=record.receipt_handle, receive_count=count)

    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    return process_partial_response(event=event, record_handler=handle, processor=processor, context=context)
