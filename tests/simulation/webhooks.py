"""Webhooks from Qonto and from attackers, and the function that receives them and sends to the queue."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from qonto_sync.aws.sqs_retry_queue import SqsRetryQueue
from qonto_sync.domain.webhook import WebhookOutcome, WebhookRequest
from qonto_sync.usecases.webhook_receiver import WebhookPolicy, WebhookReceiver
from tests.fakes import CONNECTION
from tests.simulation.decisions import Kind
from tests.simulation.network import SimulatedClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.in_memory.sqs import InMemorySqs
    from qonto_sync.domain.ids import ConnectionName
    from tests.simulation.invariants import Invariants
    from tests.simulation.network import Network
    from tests.simulation.scheduler import Process

_SECRET: Final = "whsec_of_the_connection"
_TIMEOUT_SECONDS: Final = 10
_REDELIVERY_SECONDS: Final = 10
_MAX_ATTEMPTS: Final = 4
_TOLERANCE: Final = timedelta(minutes=5)


class _Delivery(NamedTuple):
    name: str
    delays: tuple[float, ...] = (0,)
    """Seconds from the change to each delivery of the webhook; empty if it is lost."""
    forged: bool = False
    replayed: bool = False


_DELIVERIES: Final = (
    _Delivery("sends a webhook"),
    _Delivery("sends a webhook twice", delays=(0, 0)),
    _Delivery("sends a webhook 30 s late, and again", delays=(30, 45)),
    _Delivery("sends a webhook 10 min late", delays=(600,)),
    _Delivery("loses the webhook", delays=()),
    _Delivery("sends a webhook, and an attacker forges one", forged=True),
    _Delivery("sends a webhook, and an attacker replays it later", replayed=True),
)


@dataclass(slots=True)
class Webhooks:
    """Delivers webhooks to processes of the webhook function, and checks its responses."""

    network: Network
    sqs: InMemorySqs
    invariants: Invariants
    _requests: int = 0

    def send(self, invoice_id: str) -> None:
        """Sends the webhook for a change of this invoice, as a decision chooses."""
        delivery = _DELIVERIES[self.network.decisions.pick("webhook", "delivery", Kind.QUEUE, len(_DELIVERIES))]
        self._log(f"Qonto {delivery.name} for {invoice_id}")
        for delay in delivery.delays:
            self.network.scheduler.after(delay, partial(self._deliver, invoice_id, 1))
        if delivery.forged:
            request = self._request(invoice_id, "another secret")
            self.network.scheduler.after(0, partial(self._send, "forged", request, self._expect_refused))
        if delivery.replayed:
            request = self._request(invoice_id, _SECRET)
            late = _TOLERANCE.total_seconds() + 1
            self.network.scheduler.after(late, partial(self._send, "replayed", request, self._expect_refused))

    def _deliver(self, invoice_id: str, attempt: int) -> None:
        """Delivers a webhook, signed anew in each attempt; one that is not acknowledged is delivered again."""

        def on_outcome(outcome: WebhookOutcome | None) -> None:
            if outcome not in {WebhookOutcome.ACCEPTED, WebhookOutcome.UNAVAILABLE, None}:
                self.invariants.violated(f"a webhook from Qonto for {invoice_id} was {outcome}")
            if outcome is not WebhookOutcome.ACCEPTED and attempt < _MAX_ATTEMPTS:
                again = partial(self._deliver, invoice_id, attempt + 1)
                self.network.scheduler.after(_REDELIVERY_SECONDS * 2**attempt, again)

        self._send("webhook", self._request(invoice_id, _SECRET), on_outcome)

    def _expect_refused(self, outcome: WebhookOutcome | None) -> None:
        if outcome is not WebhookOutcome.REJECTED:
            self.invariants.violated("a forged or replayed webhook was not refused")

    def _send(self, name: str, request: WebhookRequest, on_outcome: Callable[[WebhookOutcome | None], None]) -> None:
        self._requests += 1
        name = f"{name}-{self._requests}"
        self.network.scheduler.spawn(
            name, _TIMEOUT_SECONDS, partial(self._receive, request=request, on_outcome=on_outcome)
        )

    def _receive(
        self, process: Process, request: WebhookRequest, on_outcome: Callable[[WebhookOutcome | None], None]
    ) -> None:
        receiver = WebhookReceiver(
            # No delay, which is the hardest case: the sooner an invoice is read, the more of it may still change.
            WebhookPolicy(_TOLERANCE, timedelta(0), 1_000),
            secrets=_Secrets(),
            queue=SqsRetryQueue(self._client(), "https://sqs.example/retry"),
            clock=self.network.scheduler,
        )
        outcome = None
        try:
            outcome = receiver.receive(request).outcome
            self._log(f"{process.name} is {outcome}")
        finally:
            # A process that crashed has sent no response.
            on_outcome(outcome)

    def _request(self, invoice_id: str, secret: str) -> WebhookRequest:
        body = json.dumps({"id": "event", "type": "v1/client-invoices", "data": {"id": invoice_id}})
        signed_at = int(self.network.scheduler.now().timestamp())
        digest = hmac.new(secret.encode(), f"{signed_at}.{body}".encode(), hashlib.sha256).hexdigest()
        return WebhookRequest(
            method="POST",
            path=f"/webhooks/{CONNECTION}",
            headers={"content-type": "application/json", "x-qonto-signature": f"t={signed_at},v1={digest}"},
            text=body,
            is_base64=False,
        )

    def _client(self) -> Any:
        return SimulatedClient("sqs", self.sqs, self.network)

    def _log(self, line: str) -> None:
        self.network.trace.add(self.network.scheduler.now(), line)


class _Secrets:
    """See `ports.SigningSecrets`."""

    def read(self, connection: ConnectionName, *, fresh: bool = False) -> tuple[str, ...]:  # noqa: ARG002 - there is only one connection
        """See `ports.SigningSecrets`."""
        return (_SECRET,)
