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
    from qonto_sync.domain.messages import DelayedMessage

_log = logging.getLogger(__name__)

_ENTRIES_PER_SEND = 10
"""SQS's limit for one request."""


class SqsRetryQueue(RetryQueue):
    """A standard queue."""

    def __init__(self, client: SQSClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    @override
    def send(self, messages: Iterable[DelayedMessage]) -> int:
        unsent = 0
        for batch in batched(messages, _ENTRIES_PER_SEND, strict=False):
            unsent += self._send([(message_body(message), delay_seconds) for message, delay_seconds in batch])
        if unsent:
            _log.warning("messages_not_sent", extra={"count": unsent})
        return unsent

    @override
    def schedule_recovery(self, connection: ConnectionName, delay_seconds: int) -> bool:
        return self._send([(message_body(RecoveryMessage(connection)), delay_seconds)]) == 0

    def _send(self, bodies: Sequence[tuple[str, int]]) -> int:
        """Sends up to ten bodies with their delays, and returns how many could not be sent."""
        try:
            with aws_errors(f"queue {self._queue_url}"):
                answer = self._client.send_message_batch(
                    QueueUrl=self._queue_url,
                    Entries=[
                        {"Id": str(index), "MessageBody": body, "DelaySeconds": delay}
                        for index, (body, delay) in enumerate(bodies)
                    ],
                )
        except SyncError as error:
            _log.warning("queue_unavailable", extra={"detail": str(error)})
            return len(bodies)
        return len(answer.get("Failed", []))

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
