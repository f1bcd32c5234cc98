"""WebhookFunction: an HTTP request in, one message to the retry queue if it is Qonto's, a status out."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from qonto_sync.observability import emit_webhook_metrics, failures_logged, logger
from qonto_sync.webhook import WebhookRequest, response_of
from qonto_sync.webhook_bootstrap import webhook_receiver

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

receiver = cache(webhook_receiver)


@logger.inject_lambda_context(clear_state=True)
@failures_logged()
def lambda_handler(event: object, _context: LambdaContext) -> dict[str, Any]:
    """Acknowledges the request within a second; what raises here is a 500, and Qonto delivers again."""
    receipt = receiver().receive(WebhookRequest.of(event))
    emit_webhook_metrics(receipt)
    return response_of(receipt)
