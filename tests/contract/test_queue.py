"""`ports.RetryQueue`: the fake, and SQS (moto)."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from local.aws import session
from qonto_sync.aws.sqs_retry_queue import SqsRetryQueue
from qonto_sync.domain.ids import InvoiceId
from qonto_sync.domain.ledger import PendingReason
from qonto_sync.domain.messages import DelayedMessage, RecoveryMessage, RetryMessage, parse_message
from tests.fakes import CONNECTION, InMemoryQueue


def wake(number: int, delay: int = 0) -> DelayedMessage:
    """A message for an invoice of this number."""
    return DelayedMessage(RetryMessage(CONNECTION, InvoiceId(f"i{number}"), PendingReason.FAILED), delay)


class Queue:
    """A real queue on moto."""

    def __init__(self, endpoint_url: str) -> None:
        self.client: Any = session().client("sqs", endpoint_url=endpoint_url)
        self.url: str = self.client.create_queue(QueueName=f"queue-{uuid.uuid4().hex}")["QueueUrl"]

    def receive(self) -> list[Any]:
        received = self.client.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10, VisibilityTimeout=60)
        return list(received.get("Messages", []))

    def count(self, kind: str = "") -> int:
        name = f"ApproximateNumberOfMessages{kind}"
        return int(self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=[name])["Attributes"][name])


@pytest.fixture
def queue(aws: str) -> Queue:
    """An empty queue."""
    return Queue(aws)


def test_the_fake_sends_all_or_nothing() -> None:
    """It counts like the real one."""
    fake = InMemoryQueue()
    assert fake.send([wake(1), wake(2)]) == []
    fake.broken = True
    assert fake.send([wake(3)]) == [wake(3).message]
    assert [sent.message.invoice_id for sent in fake.sent] == ["i1", "i2"]


def test_sends_any_number(queue: Queue) -> None:
    """Ten per request."""
    assert SqsRetryQueue(queue.client, queue.url).send(wake(number) for number in range(23)) == []
    assert queue.count() == 23


def test_a_message_is_ids_and_a_reason(queue: Queue) -> None:
    """As documented; never a URL, never content."""
    SqsRetryQueue(queue.client, queue.url).send([wake(1)])
    assert json.loads(queue.receive()[0]["Body"]) == {
        "version": 1,
        "connection": "default",
        "invoice_id": "i1",
        "reason": "failed",
    }


def test_a_refresh_is_guarded_by_a_message(queue: Queue) -> None:
    """The message has the connection only; a failure to send it is returned."""
    assert SqsRetryQueue(queue.client, queue.url).schedule_recovery(CONNECTION, 0)
    body = queue.receive()[0]["Body"]
    assert json.loads(body) == {"version": 1, "connection": "default", "reason": "refresh"}
    assert parse_message(body) == RecoveryMessage(CONNECTION)
    assert not SqsRetryQueue(queue.client, f"{queue.url}-gone").schedule_recovery(CONNECTION, 20)
    fake = InMemoryQueue()
    assert fake.schedule_recovery(CONNECTION, 20)
    fake.broken = True
    assert not fake.schedule_recovery(CONNECTION, 20)


def test_a_delayed_message_waits(queue: Queue) -> None:
    """Up to the 15 minutes that SQS allows."""
    SqsRetryQueue(queue.client, queue.url).send([wake(1, delay=900)])
    assert queue.receive() == []
    assert queue.count("Delayed") == 1


def test_a_delayed_message_is_redelivered(queue: Queue) -> None:
    """After zero seconds: at once."""
    retries = SqsRetryQueue(queue.client, queue.url)
    retries.send([wake(1)])
    receipt = queue.receive()[0]["ReceiptHandle"]
    assert queue.receive() == []
    retries.delay(receipt, 0)
    assert len(queue.receive()) == 1


def test_what_cannot_be_sent_is_returned(queue: Queue) -> None:
    """No error: the ledger has the invoice, and a later run requeues it."""
    lost = SqsRetryQueue(queue.client, f"{queue.url}-gone")
    assert lost.send([wake(1), wake(2)]) == [wake(1).message, wake(2).message]
    lost.delay("no receipt", 1)


def test_an_entry_that_sqs_refuses_is_returned_alone(queue: Queue) -> None:
    """SQS answers 200 and names it; the others are sent. No message is delayed for longer than 15 minutes."""
    assert SqsRetryQueue(queue.client, queue.url).send([wake(1), wake(2, delay=901), wake(3)]) == [wake(2).message]
    assert queue.count() == 2


def test_a_connection_is_a_message_group(queue: Queue) -> None:
    """SQS's fair queues then deliver a connection's messages although another has thousands."""
    SqsRetryQueue(queue.client, queue.url).send([wake(1)])
    received = queue.client.receive_message(QueueUrl=queue.url, MessageSystemAttributeNames=["MessageGroupId"])
    assert received["Messages"][0]["Attributes"]["MessageGroupId"] == CONNECTION
