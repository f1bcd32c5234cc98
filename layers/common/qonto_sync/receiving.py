"""The acknowledgement of a webhook: who sent it is checked, and a message has the retry worker look at the invoice."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qonto_sync.errors import Retriable, SyncError, WebhookRefused
from qonto_sync.model import PendingReason, RetryMessage
from qonto_sync.ports import Wake
from qonto_sync.signatures import Signature
from qonto_sync.webhook import Outcome, Receipt, Refusal, changed_invoice

if TYPE_CHECKING:
    from datetime import timedelta

    from qonto_sync.model import ConnectionName
    from qonto_sync.ports import Clock, RetryQueue, SigningSecrets
    from qonto_sync.webhook import WebhookRequest

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WebhookPolicy:
    """What is believed, and for how long it is waited before an invoice is looked at."""

    tolerance: timedelta
    delay: timedelta
    max_body_bytes: int


class WebhookReceiver:
    """Takes in one request at a time. Qonto is not asked, and of what it sends only the invoice's id is used."""

    def __init__(self, policy: WebhookPolicy, *, secrets: SigningSecrets, queue: RetryQueue, clock: Clock) -> None:
        self._policy = policy
        self._secrets = secrets
        self._queue = queue
        self._clock = clock

    def receive(self, request: WebhookRequest) -> Receipt:
        """What became of it; never an error, and never a message unless the signature is right."""
        connection = None
        try:
            connection = request.connection()
            outcome = self._take_in(connection, request)
        except WebhookRefused as error:
            # At the least severe level: anybody can bring it about as often as he likes.
            _log.info("webhook_refused", extra={"connection": connection, "reason": error.reason})
            return Receipt(Outcome.REFUSED, connection, error.reason)
        except SyncError as error:
            _log.warning("webhook_unavailable", extra={"connection": connection, "detail": str(error)})
            return Receipt(Outcome.UNAVAILABLE, connection)
        return Receipt(outcome, connection)

    def _take_in(self, connection: ConnectionName, request: WebhookRequest) -> Outcome:
        body = self._signed_body(connection, request)
        invoice_id = changed_invoice(body)
        if invoice_id is None:
            _log.info("webhook_ignored", extra={"connection": connection})
            return Outcome.IGNORED
        message = RetryMessage(connection, invoice_id, PendingReason.WEBHOOK)
        if self._queue.send([Wake(message, int(self._policy.delay.total_seconds()))]):
            raise Retriable("the retry queue did not take the message")
        _log.info("webhook_accepted", extra={"connection": connection, "invoice_id": invoice_id})
        return Outcome.ACCEPTED

    def _signed_body(self, connection: ConnectionName, request: WebhookRequest) -> bytes:
        """What is cheap is checked first: the secret, which has to be fetched, last."""
        body = request.body(self._policy.max_body_bytes)
        signature = Signature.parse(request.signature)
        if signature is None:
            raise WebhookRefused(Refusal.MALFORMED)
        if not signature.is_timely(self._clock.now(), self._policy.tolerance):
            raise WebhookRefused(Refusal.STALE)
        # If it is wrong, the secret was perhaps rotated a moment ago.
        if not any(signature.is_of(body, self._secrets.read(connection, fresh=fresh)) for fresh in (False, True)):
            raise WebhookRefused(Refusal.SIGNATURE)
        return body
