"""SQS in memory, as the simulation and the benchmark's server use it, and moto's: the same cases on all three."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.aws import session
from local.in_memory.sqs import InMemorySqs
from tests.fakes import ManualClock


class MotoQueue:
    """moto's queue with the receiving side of `InMemorySqs`."""

    def __init__(self, endpoint_url: str, max_receive_count: int) -> None:
        self._client: Any = session().client("sqs", endpoint_url=endpoint_url)
        name = uuid.uuid4().hex
        self._dead: str = self._client.create_queue(QueueName=f"dead-{name}")["QueueUrl"]
        attributes = self._client.get_queue_attributes(QueueUrl=self._dead, AttributeNames=["QueueArn"])
        arn = attributes["Attributes"]["QueueArn"]
        redrive = f'{{"deadLetterTargetArn": "{arn}", "maxReceiveCount": "{max_receive_count}"}}'
        self.url: str = self._client.create_queue(QueueName=name, Attributes={"RedrivePolicy": redrive})["QueueUrl"]
        self.send_message_batch = self._client.send_message_batch
        self.change_message_visibility = self._client.change_message_visibility

    def receive(self) -> list[tuple[str, str, int]]:
        answer = self._client.receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=10, AttributeNames=["ApproximateReceiveCount"]
        )
        return [
            (message["Body"], message["ReceiptHandle"], int(message["Attributes"]["ApproximateReceiveCount"]))
            for message in answer.get("Messages", [])
        ]

    def delete(self, receipt: str) -> None:
        self._client.delete_message(QueueUrl=self.url, ReceiptHandle=receipt)

    def dead_letters(self) -> int:
        return len(self._client.receive_message(QueueUrl=self._dead, MaxNumberOfMessages=10).get("Messages", []))


class InMemoryQueue:
    """`InMemorySqs` with moto's shape."""

    url = "retry"

    def __init__(self, max_receive_count: int) -> None:
        self.clock = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
        self._sqs = InMemorySqs(self.clock.now, timedelta(seconds=30), max_receive_count, timedelta(days=14))
        self.send_message_batch = self._sqs.send_message_batch
        self.change_message_visibility = self._sqs.change_message_visibility
        self.delete = self._sqs.delete

    def receive(self) -> list[tuple[str, str, int]]:
        return [(message.body, message.receipt, message.receive_count) for message in self._sqs.receive(10)]

    def dead_letters(self) -> int:
        return len(self._sqs.dead_letters)


@pytest.fixture(params=["memory", "moto"])
def queue(request: pytest.FixtureRequest) -> Any:
    """An empty queue that delivers a message at most twice."""
    return InMemoryQueue(2) if request.param == "memory" else MotoQueue(request.getfixturevalue("aws"), 2)


def _send(queue: Any, *bodies: str, delay: int = 0) -> Any:
    entries = [{"Id": str(index), "MessageBody": body, "DelaySeconds": delay} for index, body in enumerate(bodies)]
    return queue.send_message_batch(QueueUrl=queue.url, Entries=entries)


def test_sqs_delivers_until_deleted(queue: Any) -> None:
    """A message in flight is not visible; with a visibility timeout of 0 it is delivered again and counted."""
    assert len(_send(queue, "a", "b")["Successful"]) == 2
    received = queue.receive()
    assert sorted(body for body, _, _ in received) == ["a", "b"]
    assert not queue.receive()
    (_, done, _), (body, receipt, count) = received
    assert count == 1
    queue.delete(done)
    queue.change_message_visibility(QueueUrl=queue.url, ReceiptHandle=receipt, VisibilityTimeout=0)
    ((again, _, count),) = queue.receive()
    assert (again, count) == (body, 2)


def test_sqs_delays(queue: Any) -> None:
    """A delayed message is not visible yet."""
    _send(queue, "a", delay=900)
    assert not queue.receive()


def test_sqs_moves_a_message_to_the_dead_letter_queue(queue: Any) -> None:
    """At the receive after the last one that is allowed."""
    _send(queue, "a")
    for _ in range(2):
        ((_, receipt, _),) = queue.receive()
        queue.change_message_visibility(QueueUrl=queue.url, ReceiptHandle=receipt, VisibilityTimeout=0)
    assert not queue.receive()
    assert queue.dead_letters() == 1


def test_sqs_refuses_a_longer_delay() -> None:
    """In memory only: SQS refuses such entries, moto does not."""
    with pytest.raises(ClientError):
        _send(InMemoryQueue(2), "a", delay=901)


def test_sqs_takes_at_most_ten_entries(queue: Any) -> None:
    """It refuses the whole batch otherwise."""
    with pytest.raises(ClientError):
        _send(queue, *"abcdefghijk")
    assert not queue.receive()


@pytest.fixture(params=["simulation", "bench", "moto"])
def sender(request: pytest.FixtureRequest) -> Any:
    """A client, and the URL of a queue."""
    match request.param:
        case "simulation":
            return (memory := InMemoryQueue(2)), memory.url
        case "bench":
            url = request.getfixturevalue("server")
            return session().client("sqs", endpoint_url=url), f"{url}/123456789012/retry"
        case _:
            return (moto := MotoQueue(request.getfixturevalue("aws"), 2)), moto.url


def test_sqs_acknowledges_each_entry(sender: Any) -> None:
    """With its id and the digest of its body, which boto3 compares with the body that it sent."""
    client, url = sender
    entries = [{"Id": str(index), "MessageBody": body, "DelaySeconds": index} for index, body in enumerate("ab")]
    done = client.send_message_batch(QueueUrl=url, Entries=entries)
    assert [(each["Id"], each["MD5OfMessageBody"][:8]) for each in done["Successful"]] == [
        ("0", "0cc175b9"),
        ("1", "92eb5ffe"),
    ]
    assert len({each["MessageId"] for each in done["Successful"]}) == 2
    assert not done.get("Failed")
