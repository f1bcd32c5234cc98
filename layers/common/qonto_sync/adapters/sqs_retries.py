"""The retry queue."""

from __future__ import annotations

import logging
from itertools import batched
from typing import TYPE_CHECKING

from qonto_sync.adapters.aws import translated
from qonto_sync.errors import SyncError
from qonto_sync.events import message_body
from qonto_sync.model import RefreshMessage

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mypy_boto3_sqs import SQSClient

    from qonto_sync.model import ConnectionName
    from qonto_sync.ports import Wake

_log = logging.getLogger(__name__)

_ENTRIES_PER_SEND = 10


class SqsRetryQueue:
    """See `ports.RetryQueue`."""

    def __init__(self, client: SQSClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def send(self, wakes: Iterable[Wake]) -> int:
        """See `ports.RetryQueue`. Ten messages per request."""
        unsent = 0
        for some in batched(wakes, _ENTRIES_PER_SEND, strict=False):
            unsent += self._send([(message_body(wake.message), wake.delay_seconds) for wake in some])
        if unsent:
            _log.warning("messages_not_sent", extra={"count": unsent})
        return unsent

    def guard_refresh(self, connection: ConnectionName, delay_seconds: int) -> bool:
        """See `ports.RetryQueue`."""
        return self._send([(message_body(RefreshMessage(connection)), delay_seconds)]) == 0

    def _send(self, bodies: Sequence[tuple[str, int]]) -> int:
        """How many of these, ten at most, could not be sent with their delay."""
        try:
            with translated(f"queue {self._queue_url}"):
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

    def postpone(self, receipt: str, seconds: int) -> None:
        """See `ports.RetryQueue`."""
        try:
            with translated(f"queue {self._queue_url}"):
                self._client.change_message_visibility(
                    QueueUrl=self._queue_url, ReceiptHandle=receipt, VisibilityTimeout=seconds
                )
        except SyncError as error:
            # The queue's own visibility timeout delivers it again.
            _log.warning("queue_unavailable", extra={"detail": str(error)})
