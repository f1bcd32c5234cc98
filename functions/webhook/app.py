"""WebhookFunction: takes an HTTP request, queues one message if Qonto signed it, returns a status."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from qonto_sync.bootstrap_webhook import webhook_receiver
from qonto_sync.domain.webhook import WebhookRequest, response_for
from qonto_sync.observability import emit_webhook_metrics, failures_logged, logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

receiver = cache(webhook_receiver)


@logger.inject_lambda_context(clear_state=True)
@failures_logged()
def lambda_handler(event: object, _context: LambdaContext) -> dict[str, Any]:
    """Acknowledges the request within a second; an exception becomes a 500, and Qonto delivers again."""
    result = receiver().receive(WebhookRequest.of(event))
    emit_webhook_metrics(result)
    return response_for(result)
