"""Qonto tells of a change, and someone else tells lies: the receiver of webhooks, between Qonto and the queue."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from qonto_sync.adapters.sqs_retries import SqsRetryQueue
from qonto_sync.receiving import WebhookPolicy, WebhookReceiver
from qonto_sync.webhook import Outcome, WebhookRequest
from tests.fakes import CONNECTION
from tests.simulation.decisions import Kind
from tests.simulation.network import Wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.in_memory.sqs import InMemorySqs
    from qonto_sync.model import ConnectionName
    from tests.simulation.network import Network
    from tests.simulation.scheduler import Process
    from tests.simulation.watch import Watch

_SECRET: Final = "whsec_of_the_connection"
_SECONDS: Final = 10
_TRY_AGAIN_AFTER: Final = 10
_MOST_TRIES: Final = 4
_TOLERANCE: Final = timedelta(minutes=5)


class _Course(NamedTuple):
    name: str
    delays: tuple[float, ...] = (0,)
    """Seconds after the change that Qonto delivers the webhook; none if it is dropped."""
    forged: bool = False
    replayed: bool = False


_COURSES: Final = (
    _Course("tells"),
    _Course("tells twice", delays=(0, 0)),
    _Course("tells 30 s late, and again", delays=(30, 45)),
    _Course("tells 10 min late", delays=(600,)),
    _Course("tells nobody", delays=()),
    _Course("tells, and someone forges a webhook", forged=True),
    _Course("tells, and someone repeats it later", replayed=True),
)


@dataclass(slots=True)
class Webhooks:
    """Delivers webhooks to processes of the webhook function, and watches what becomes of them."""

    network: Network
    sqs: InMemorySqs
    watch: Watch
    _requests: int = 0

    def tell(self, invoice_id: str) -> None:
        """A change of this invoice is one that Qonto tells of."""
        course = _COURSES[self.network.decisions.pick("webhook", "delivery", Kind.QUEUE, len(_COURSES))]
        self._say(f"Qonto {course.name} of {invoice_id}")
        for delay in course.delays:
            self.network.scheduler.after(delay, partial(self._deliver, invoice_id, 1))
        if course.forged:
            request = self._request(invoice_id, "a secret that someone made up")
            self.network.scheduler.after(0, partial(self._send, "forged", request, self._must_be_refused))
        if course.replayed:
            request = self._request(invoice_id, _SECRET)
            late = _TOLERANCE.total_seconds() + 1
            self.network.scheduler.after(late, partial(self._send, "replayed", request, self._must_be_refused))

    def _deliver(self, invoice_id: str, attempt: int) -> None:
        """Signed anew each time; what is not acknowledged comes again."""

        def answered(outcome: Outcome | None) -> None:
            if outcome not in {Outcome.ACCEPTED, Outcome.UNAVAILABLE, None}:
                self.watch.broken(f"a webhook of Qonto's for {invoice_id} was {outcome}")
            if outcome is not Outcome.ACCEPTED and attempt < _MOST_TRIES:
                again = partial(self._deliver, invoice_id, attempt + 1)
                self.network.scheduler.after(_TRY_AGAIN_AFTER * 2**attempt, again)

        self._send("webhook", self._request(invoice_id, _SECRET), answered)

    def _must_be_refused(self, outcome: Outcome | None) -> None:
        if outcome is not Outcome.REFUSED:
            self.watch.broken("a webhook that is not Qonto's was not refused")

    def _send(self, name: str, request: WebhookRequest, answered: Callable[[Outcome | None], None]) -> None:
        self._requests += 1
        name = f"{name}-{self._requests}"
        self.network.scheduler.spawn(name, _SECONDS, partial(self._receive, request=request, answered=answered))

    def _receive(self, process: Process, request: WebhookRequest, answered: Callable[[Outcome | None], None]) -> None:
        receiver = WebhookReceiver(
            # No delay: the sooner an invoice is looked at, the less of it is final.
            WebhookPolicy(_TOLERANCE, timedelta(0), 1_000),
            secrets=_Secrets(),
            queue=SqsRetryQueue(self._wire(), "https://sqs.example/retry"),
            clock=self.network.scheduler,
        )
        outcome = None
        try:
            outcome = receiver.receive(request).outcome
            self._say(f"{process.name} is {outcome}")
        finally:
            # A process that died has not answered.
            answered(outcome)

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

    def _wire(self) -> Any:
        return Wire("sqs", self.sqs, self.network)

    def _say(self, line: str) -> None:
        self.network.story.tell(self.network.scheduler.now(), line)


class _Secrets:
    """See `ports.SigningSecrets`."""

    def read(self, connection: ConnectionName, *, fresh: bool = False) -> tuple[str, ...]:  # noqa: ARG002 - of one only
        """See `ports.SigningSecrets`."""
        return (_SECRET,)
