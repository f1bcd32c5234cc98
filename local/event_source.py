"""Feeds functions from their queues, as AWS Lambda's event source mappings do."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from local.aws import REGION, session
from local.lambda_service import FunctionError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from mypy_boto3_sqs.type_defs import MessageTypeDef

    from local.stack import DeployedMapping

_MOST_PER_REQUEST: Final = 10


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one batch. Messages that were not deleted are redelivered after their visibility timeout."""

    received: int
    deleted: int
    error: FunctionError | None = None


class EventSourceMapping:
    """Hands a queue's messages to a function in batches, and deletes those that it dealt with."""

    def __init__(self, mapping: DeployedMapping, endpoint_url: str, invoke: Callable[[Any], Any]) -> None:
        self._mapping = mapping
        self._sqs = session().client("sqs", endpoint_url=endpoint_url)
        self._invoke = invoke

    def poll_once(self) -> Delivery:
        """Delivers one batch of the visible messages, if there are any."""
        messages = self._receive()
        if not messages:
            return Delivery(received=0, deleted=0)
        event = {"Records": [self._record(message) for message in messages]}
        ids = {message["MessageId"] for message in messages}
        try:
            response = self._invoke(event)
        except FunctionError as error:
            return Delivery(received=len(messages), deleted=0, error=error)
        failed = failed_items(response, ids) if self._mapping.reports_item_failures else frozenset[str]()
        done = [message for message in messages if message["MessageId"] not in failed]
        for message in done:
            self._sqs.delete_message(QueueUrl=self._mapping.queue.url, ReceiptHandle=message["ReceiptHandle"])
        return Delivery(received=len(messages), deleted=len(done))

    def drain(
        self, *, patience: float = 0, interval: float = 1, sleep: Callable[[float], object] = time.sleep
    ) -> list[Delivery]:
        """Delivers until the queue is empty, messages that are delayed or in flight included.

        For those it sleeps `interval` seconds at a time and `patience` seconds in all: by default not at all.
        """
        deliveries = []
        waited = 0.0
        while True:
            delivery = self.poll_once()
            if delivery.received:
                deliveries.append(delivery)
            elif waited >= patience or self._is_empty():
                return deliveries
            else:
                sleep(interval)
                waited += interval

    def _receive(self) -> list[MessageTypeDef]:
        messages: list[MessageTypeDef] = []
        while missing := self._mapping.batch_size - len(messages):
            more = self._sqs.receive_message(
                QueueUrl=self._mapping.queue.url,
                MaxNumberOfMessages=min(missing, _MOST_PER_REQUEST),
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
            if not more.get("Messages"):
                break
            messages += more["Messages"]
        return messages

    def _record(self, message: MessageTypeDef) -> dict[str, Any]:
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"],
            "messageAttributes": {
                name: {
                    "stringValue": value["StringValue"],
                    "stringListValues": [],
                    "binaryListValues": [],
                    "dataType": value["DataType"],
                }
                for name, value in message.get("MessageAttributes", {}).items()
            },
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": self._mapping.queue.arn,
            "awsRegion": REGION,
        }

    def _is_empty(self) -> bool:
        attributes = self._sqs.get_queue_attributes(
            QueueUrl=self._mapping.queue.url,
            AttributeNames=[
                "ApproximateNumberOfMessages",
                "ApproximateNumberOfMessagesDelayed",
                "ApproximateNumberOfMessagesNotVisible",
            ],
        )["Attributes"]
        return all(count == "0" for count in attributes.values())


def failed_items(response: Any, message_ids: Collection[str]) -> frozenset[str]:
    """Tells which messages of a batch stay in the queue.

    Nothing reported means that all went well. A report that Lambda cannot make sense of, or one that names a
    message that was not in the batch, means that all failed.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """
    everything = frozenset(message_ids)
    if response is None:
        return frozenset()
    try:
        failed = frozenset(item["itemIdentifier"] for item in response.get("batchItemFailures") or [])
    except (AttributeError, KeyError, TypeError):
        return everything
    return everything if failed - everything else failed
