"""The acknowledgement of a webhook, on fakes."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qonto_sync.domain.errors import RejectionReason
from qonto_sync.domain.ids import ConnectionName
from qonto_sync.domain.messages import WEBHOOK, DelayedMessage, RetryMessage
from qonto_sync.domain.webhook import WebhookOutcome, WebhookRequest
from qonto_sync.usecases.webhook_receiver import WebhookPolicy, WebhookReceiver
from tests.fakes import CONNECTION, START, InMemoryQueue, InMemorySigningSecrets, ManualClock
from tests.fuzz.documents import budget
from tests.webhooks import DATA, SIGNING_SECRET, webhook_event

if TYPE_CHECKING:
    from qonto_sync.domain.webhook import WebhookResult

POLICY: Final = WebhookPolicy(timedelta(seconds=300), timedelta(seconds=15), max_body_bytes=1000)


class Endpoint:
    """A receiver, and what it speaks to."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.queue = InMemoryQueue()
        self.secrets = InMemorySigningSecrets({CONNECTION: ["whsec_newest", SIGNING_SECRET]})
        self.receiver = WebhookReceiver(POLICY, secrets=self.secrets, queue=self.queue, clock=self.clock)

    def take(self, event: Any) -> WebhookResult:
        return self.receiver.receive(WebhookRequest.of(event))


@pytest.fixture
def endpoint() -> Endpoint:
    """It knows one connection, with two secrets."""
    return Endpoint()


def event(**arguments: Any) -> dict[str, Any]:
    """A delivery that was signed when the clock of the tests starts."""
    return webhook_event(**{"signed_at": START, **arguments})


def test_a_changed_invoice_is_queued(endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    """One message, that names the invoice and waits for its PDF; one line of log, with two ids."""
    caplog.set_level(logging.INFO)
    assert endpoint.take(event()).outcome is WebhookOutcome.ACCEPTED
    message = RetryMessage(CONNECTION, DATA["id"], WEBHOOK)  # type: ignore[arg-type] # an id is a text
    assert endpoint.queue.sent == [DelayedMessage(message, 15)]
    assert [(record.message, vars(record)["invoice_id"]) for record in caplog.records] == [
        ("webhook_accepted", DATA["id"])
    ]


@pytest.mark.parametrize("secret", ["whsec_newest", SIGNING_SECRET])
def test_each_secret_is_accepted(endpoint: Endpoint, secret: str) -> None:
    """A rotation needs no pause."""
    assert endpoint.take(event(secret=secret)).outcome is WebhookOutcome.ACCEPTED


def test_a_secret_that_is_new_is_looked_up(endpoint: Endpoint) -> None:
    """What is remembered may be a few minutes old; what is wrong with it is asked for afresh."""
    endpoint.take(event())
    endpoint.secrets.stored[CONNECTION] = ["whsec_rotated"]
    assert endpoint.take(event(secret="whsec_rotated")).outcome is WebhookOutcome.ACCEPTED
    assert endpoint.take(event()).rejection is RejectionReason.SIGNATURE


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        ({"secret": "whsec_guessed"}, RejectionReason.SIGNATURE),
        ({"connection": "nobody"}, RejectionReason.SIGNATURE),
        ({"signed_at": START - timedelta(seconds=301)}, RejectionReason.STALE),
        ({"signed_at": START + timedelta(seconds=301)}, RejectionReason.STALE),
        ({"data": {"id": "x" * 1000}}, RejectionReason.SIZE),
        ({"data": {}}, RejectionReason.NO_INVOICE),
    ],
)
def test_what_is_wrong_sends_no_message(
    endpoint: Endpoint, caplog: pytest.LogCaptureFixture, arguments: dict[str, Any], refusal: RejectionReason
) -> None:
    """The reason is for the log; nothing of what was sent is in it, and no secret."""
    caplog.set_level(logging.INFO)
    delivery = event(**arguments)
    assert endpoint.take(delivery).rejection is refusal
    assert endpoint.queue.sent == []
    (record,) = caplog.records
    assert (record.message, vars(record)["reason"], record.levelname) == ("webhook_rejected", refusal, "INFO")
    logged = str(vars(record))
    assert not [
        text for text in (delivery["body"], delivery["headers"]["x-qonto-signature"], "whsec_") if text in logged
    ]


@pytest.mark.parametrize("topic", ["v1/cards", "v2/client-invoices"])
def test_another_topic_is_acknowledged(endpoint: Endpoint, topic: str) -> None:
    """It was signed, so Qonto is not to deliver it again; nothing is done for it."""
    assert endpoint.take(event(topic=topic)).outcome is WebhookOutcome.IGNORED
    assert endpoint.queue.sent == []


def test_the_secret_is_asked_for_last(endpoint: Endpoint) -> None:
    """A request that is wrong anyway causes no request to AWS."""
    for delivery in (
        event(signed_at=START - timedelta(hours=1)),
        event(data={"id": "x" * 1000}),
        {**event(), "headers": {}},
        {**event(), "rawPath": "/"},
    ):
        assert endpoint.take(delivery).outcome is WebhookOutcome.REJECTED
    assert endpoint.secrets.reads == 0


def test_qonto_delivers_again_what_cannot_be_taken_in(endpoint: Endpoint) -> None:
    """Neither the queue nor the secret out of reach loses a webhook: it is not acknowledged."""
    endpoint.queue.broken = True
    assert endpoint.take(event()).outcome is WebhookOutcome.UNAVAILABLE
    endpoint.queue.broken = False
    endpoint.secrets.broken = True
    assert endpoint.take(event()).outcome is WebhookOutcome.UNAVAILABLE
    endpoint.secrets.broken = False
    assert endpoint.take(event()).outcome is WebhookOutcome.ACCEPTED
    assert len(endpoint.queue.sent) == 1


def test_a_secret_is_of_one_connection(endpoint: Endpoint) -> None:
    """Nobody signs for another one."""
    other = ConnectionName("acme")
    endpoint.secrets.stored[other] = ["whsec_of_acme"]
    assert endpoint.take(event(connection="acme", secret="whsec_of_acme")).outcome is WebhookOutcome.ACCEPTED
    assert endpoint.take(event(connection="acme")).rejection is RejectionReason.SIGNATURE


@budget(200)
@given(
    name=st.sampled_from(["body", "rawPath", "headers", "requestContext", "signature"]), text=st.text(st.characters())
)
def test_nothing_that_is_hostile_is_queued(name: str, text: str) -> None:
    """Any part replaced by any text: never an error, never a message."""
    endpoint, delivery = Endpoint(), event()
    if name == "signature":
        delivery["headers"]["x-qonto-signature"] = text
    else:
        delivery[name] = text
    assert endpoint.take(delivery).outcome is WebhookOutcome.REJECTED
    assert endpoint.queue.sent == []
