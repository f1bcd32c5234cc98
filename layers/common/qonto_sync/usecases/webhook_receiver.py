"""Acknowledges a webhook: checks its signature, and queues a message so that the retry worker archives the invoice."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qonto_sync.domain.errors import RejectionReason, Retriable, SyncError, WebhookRejected
from qonto_sync.domain.messages import WEBHOOK, DelayedMessage, RetryMessage
from qonto_sync.domain.signatures import Signature
from qonto_sync.domain.webhook import WebhookOutcome, WebhookResult, changed_invoice

if TYPE_CHECKING:
    from datetime import timedelta

    from qonto_sync.domain.ids import ConnectionName
    from qonto_sync.domain.webhook import WebhookRequest
    from qonto_sync.ports import Clock, RetryQueue, SigningSecrets

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WebhookPolicy:
    """What is accepted, and how long the retry worker waits before it archives the invoice."""

    tolerance: timedelta
    delay: timedelta
    max_body_bytes: int


class WebhookReceiver:
    """Handles one request at a time. It does not call Qonto, and uses only the invoice's id of what Qonto sends."""

    def __init__(self, policy: WebhookPolicy, *, secrets: SigningSecrets, queue: RetryQueue, clock: Clock) -> None:
        self._policy = policy
        self._secrets = secrets
        self._queue = queue
        self._clock = clock

    def receive(self, request: WebhookRequest) -> WebhookResult:
        """Handles the request; never raises `SyncError`, and queues nothing unless the signature is valid."""
        connection = None
        try:
            connection = request.connection()
            outcome = self._accept(connection, request)
        except WebhookRejected as error:
            # At the lowest level, because any stranger can cause it at any rate.
            _log.info("webhook_rejected", extra={"connection": connection, "reason": error.reason})
            return WebhookResult(WebhookOutcome.REJECTED, connection, error.reason)
        except SyncError as error:
            _log.warning("webhook_unavailable", extra={"connection": connection, "detail": str(error)})
            return WebhookResult(WebhookOutcome.UNAVAILABLE, connection)
        return WebhookResult(outcome, connection)

    def _accept(self, connection: ConnectionName, request: WebhookRequest) -> WebhookOutcome:
        body = self._signed_body(connection, request)
        invoice_id = changed_invoice(body)
        if invoice_id is None:
            _log.info("webhook_ignored", extra={"connection": connection})
            return WebhookOutcome.IGNORED
        message = RetryMessage(connection, invoice_id, WEBHOOK)
        if self._queue.send([DelayedMessage(message, int(self._policy.delay.total_seconds()))]):
            raise Retriable("the retry queue did not accept the message")
        _log.info("webhook_accepted", extra={"connection": connection, "invoice_id": invoice_id})
        return WebhookOutcome.ACCEPTED

    def _signed_body(self, connection: ConnectionName, request: WebhookRequest) -> bytes:
        """The body of a request with a valid signature. Cheap checks come first; the secret may have to be fetched."""
        body = request.body(self._policy.max_body_bytes)
        signature = Signature.parse(request.signature)
        if signature is None:
            raise WebhookRejected(RejectionReason.MALFORMED)
        if not signature.is_timely(self._clock.now(), self._policy.tolerance):
            raise WebhookRejected(RejectionReason.STALE)
        # A mismatch may mean that the secret was rotated a moment ago.
        if not any(signature.is_of(body, self._secrets.read(connection, fresh=fresh)) for fresh in (False, True)):
            raise WebhookRejected(RejectionReason.SIGNATURE)
        return body
