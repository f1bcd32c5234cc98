"""The retry queue in SQS."""

from __future__ import annotations

import logging
from itertools import batched
from typing import TYPE_CHECKING, override

from qonto_sync.aws.clients import aws_errors
from qonto_sync.domain.errors import SyncError
from qonto_sync.domain.messages import RecoveryMessage, message_body
from qonto_sync.ports import RetryQueue

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mypy_boto3_sqs import SQSClient

    from qonto_sync.domain.ids import ConnectionName
    from qonto_sync.domain.messages import DelayedMessage, RetryMessage

_log = logging.getLogger(__name__)

_ENTRIES_PER_SEND = 10
"""SQS's limit for one request."""


class SqsRetryQueue(RetryQueue):
    """A standard queue."""

    def __init__(self, client: SQSClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    @override
    def send(self, messages: Iterable[DelayedMessage]) -> list[RetryMessage]:
        unsent: list[RetryMessage] = []
        for batch in batched(messages, _ENTRIES_PER_SEND, strict=False):
            unsent += [batch[index].message for index in self._send(batch)]
        if unsent:
            _log.warning("messages_not_sent", extra={"count": len(unsent)})
        return unsent

    @override
    def schedule_recovery(self, connection: ConnectionName, delay_seconds: int) -> bool:
        return not self._send([(RecoveryMessage(connection), delay_seconds)])

    def _send(self, messages: Sequence[tuple[RetryMessage | RecoveryMessage, int]]) -> list[int]:
        """Sends up to ten messages with their delays, and returns the indices of those that could not be sent."""
        try:
            with aws_errors(f"queue {self._queue_url}"):
                answer = self._client.send_message_batch(
                    QueueUrl=self._queue_url,
                    Entries=[
                        {
                            "Id": str(index),
                            "MessageBody": message_body(message),
                            "DelaySeconds": delay,
                            # SQS's fair queues: one connection's messages do not delay another's.
                            "MessageGroupId": message.connection,
                        }
                        for index, (message, delay) in enumerate(messages)
                    ],
                )
        except SyncError as error:
            _log.warning("queue_unavailable", extra={"detail": str(error)})
            return list(range(len(messages)))
        return [int(failed["Id"]) for failed in answer.get("Failed", [])]

    @override
    def delay(self, receipt_handle: str, seconds: int) -> None:
        try:
            with aws_errors(f"queue {self._queue_url}"):
                self._client.change_message_visibility(
                    QueueUrl=self._queue_url, ReceiptHandle=receipt_handle, VisibilityTimeout=seconds
                )
        except SyncError as error:
            # The queue's own visibility timeout redelivers it.
            _log.warning("queue_unavailable", extra={"detail": str(error)})
