"""The local event source mapping: which messages a function gets, and which of them are deleted."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import time_machine

from local.aws import session
from local.event_source import Delivery, EventSourceMapping, failed_items
from local.lambda_service import FunctionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_sqs import SQSClient

    from local.stack import Stack


@pytest.mark.parametrize("response", [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}])
def test_nothing_reported_means_success(response: object) -> None:
    """A function that reports no failures has dealt with the whole batch."""
    assert failed_items(response, {"a", "b"}) == set()


def test_reported_items_failed() -> None:
    """Of a batch with a report, exactly the items in it failed."""
    assert failed_items({"batchItemFailures": [{"itemIdentifier": "b"}]}, {"a", "b"}) == {"b"}


@pytest.mark.parametrize(
    "response",
    [
        "done",
        ["a"],
        {"batchItemFailures": "a"},
        {"batchItemFailures": ["a"]},
        {"batchItemFailures": [None]},
        {"batchItemFailures": [{"id": "a"}]},
        {"batchItemFailures": [{"itemIdentifier": ""}]},
        {"batchItemFailures": [{"itemIdentifier": None}]},
        {"batchItemFailures": [{"itemIdentifier": {}}]},
        {"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "unknown"}]},
    ],
)
def test_report_that_makes_no_sense_means_that_all_failed(response: object) -> None:
    """Nothing is deleted on a misunderstanding."""
    assert failed_items(response, {"a", "b"}) == {"a", "b"}


class Queue:
    """The deployed retry queue, seen from both ends."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.client: SQSClient = session().client("sqs", endpoint_url=stack.endpoint_url)

    def send(self, body: str, delay: int = 0) -> None:
        """Sends a message."""
        url = self.stack.queues["RetryQueue"].url
        self.client.send_message(QueueUrl=url, MessageBody=body, DelaySeconds=delay)

    def dead_letters(self) -> list[str]:
        """Gives what has arrived in the dead-letter queue."""
        url = self.stack.queues["RetryDeadLetterQueue"].url
        messages = self.client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        return [message["Body"] for message in messages]

    def mapping(self, invoke: Callable[[Any], Any], **changes: Any) -> EventSourceMapping:
        """Lets `invoke` stand for the function."""
        deployed = replace(self.stack.mappings[0], **changes)
        return EventSourceMapping(deployed, self.stack.endpoint_url, invoke)


@pytest.fixture
def queue(stack: Stack) -> Queue:
    """The deployed retry queue."""
    return Queue(stack)


def fail_bad(event: dict[str, Any]) -> dict[str, Any]:
    """Reports the messages that say so."""
    failed = [record["messageId"] for record in event["Records"] if record["body"] == "bad"]
    return {"batchItemFailures": [{"itemIdentifier": id_} for id_ in failed]}


@pytest.mark.slow
def test_event_has_the_real_shape(queue: Queue) -> None:
    """A record has all that Lambda passes on."""
    events: list[dict[str, Any]] = []
    queue.send("hello")
    queue.mapping(events.append).poll_once()
    ((record,),) = (event["Records"] for event in events)
    assert record.keys() == {
        *("messageId", "receiptHandle", "body", "attributes", "messageAttributes", "md5OfBody"),
        *("eventSource", "eventSourceARN", "awsRegion"),
    }
    assert record["body"] == "hello"
    assert record["md5OfBody"] == hashlib.md5(b"hello", usedforsecurity=False).hexdigest()
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["eventSourceARN"] == queue.stack.queues["RetryQueue"].arn


@pytest.mark.slow
def test_only_failed_messages_come_back(queue: Queue) -> None:
    """What was not reported is deleted; what was comes back after the visibility timeout, and not before."""
    visibility = queue.stack.queues["RetryQueue"].visibility_timeout
    mapping = queue.mapping(fail_bad)
    with time_machine.travel("2026-01-05T09:00:00Z") as clock:
        for body in ("good", "bad", "fine"):
            queue.send(body)
        assert mapping.poll_once() == Delivery(received=3, deleted=2)
        clock.shift(visibility - 5)
        assert mapping.poll_once() == Delivery(received=0, deleted=0)
        clock.shift(10)
        assert mapping.poll_once() == Delivery(received=1, deleted=0)


@pytest.mark.slow
def test_batches_are_no_larger_than_the_template_says(queue: Queue) -> None:
    """Seven messages are a batch of five and a batch of two."""
    for number in range(7):
        queue.send(str(number))
    assert [delivery.received for delivery in queue.mapping(fail_bad).drain()] == [5, 2]


@pytest.mark.slow
def test_error_keeps_the_whole_batch(queue: Queue) -> None:
    """When the function raises, no message is deleted, and the caller learns why."""
    error = FunctionError("ValueError", "oops", [])

    def fail(event: object) -> None:
        raise error

    queue.send("good")
    queue.send("fine")
    assert queue.mapping(fail).poll_once() == Delivery(received=2, deleted=0, error=error)


@pytest.mark.slow
def test_reports_count_only_when_the_template_asks_for_them(queue: Queue) -> None:
    """Without ReportBatchItemFailures a batch that did not raise is deleted as a whole."""
    queue.send("bad")
    mapping = queue.mapping(fail_bad, reports_item_failures=False)
    assert mapping.poll_once() == Delivery(received=1, deleted=1)


@pytest.mark.slow
def test_message_that_always_fails_becomes_a_dead_letter(queue: Queue) -> None:
    """Draining ends: after the last attempt the queue's own redrive takes the message away."""
    with time_machine.travel("2026-01-05T09:00:00Z") as clock:
        queue.send("bad")
        deliveries = queue.mapping(fail_bad).drain(patience=86400, interval=60, sleep=clock.shift)
        assert len(deliveries) == queue.stack.queues["RetryQueue"].max_receive_count
        assert queue.dead_letters() == ["bad"]


@pytest.mark.slow
def test_draining_waits_for_delayed_messages(queue: Queue) -> None:
    """A message that is due later is delivered if there is patience for it, and left alone otherwise."""
    with time_machine.travel("2026-01-05T09:00:00Z") as clock:
        queue.send("later", delay=900)
        mapping = queue.mapping(fail_bad)
        assert mapping.drain() == []
        assert mapping.drain(patience=600, interval=60, sleep=clock.shift) == []
        assert mapping.drain(patience=600, interval=60, sleep=clock.shift) == [Delivery(received=1, deleted=1)]
