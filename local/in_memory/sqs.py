"""SQS in memory: a standard queue with delay, visibility timeout, redrive and retention."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from local.in_memory.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

_MAX_BATCH: Final = 10
_MAX_DELAY_SECONDS: Final = 900


@dataclass(slots=True, eq=False)
class Message:
    """One message in the queue."""

    body: str
    sent_at: datetime
    visible_at: datetime
    receive_count: int = 0
    receipt: str | None = None
    """The receipt handle of the last delivery; those of earlier deliveries are not valid any more."""


@dataclass(frozen=True, slots=True)
class Received:
    """One delivery of a message."""

    body: str
    receipt: str
    receive_count: int


@dataclass(slots=True)
class InMemorySqs:
    """A queue and its dead-letter queue. The sender's calls have boto3's shape, the receiver's have not."""

    now: Callable[[], datetime]
    visibility_timeout: timedelta
    max_receive_count: int
    retention: timedelta
    on_change: Callable[[], None] = lambda: None
    """Called when a message was sent, or may become visible earlier than before."""
    messages: list[Message] = field(default_factory=list)
    dead_letters: list[Message] = field(default_factory=list)
    _sent: int = 0
    _receipts: int = 0

    def send_message_batch(self, *, Entries: Sequence[dict[str, Any]], **_queue: Any) -> dict[str, Any]:  # noqa: N803
        """Refuses the whole batch if an entry's delay is too long; SQS would refuse that entry."""
        if not 0 < len(Entries) <= _MAX_BATCH:
            raise ServiceError("AWS.SimpleQueueService.TooManyEntriesInBatchRequest", 400)
        if any(not 0 <= entry.get("DelaySeconds", 0) <= _MAX_DELAY_SECONDS for entry in Entries):
            raise ServiceError("InvalidParameterValue", 400)
        return {"Successful": [self._send(entry) for entry in Entries], "Failed": []}

    def change_message_visibility(self, *, ReceiptHandle: str, VisibilityTimeout: int, **_queue: Any) -> dict[str, Any]:  # noqa: N803
        """The message must be in flight."""
        message = self._in_flight(ReceiptHandle)
        if message is None:
            raise ServiceError("MessageNotInflight", 400)
        message.visible_at = self.now() + timedelta(seconds=VisibilityTimeout)
        self.on_change()
        return {}

    def receive(self, most: int, *, newest_first: bool = False) -> list[Received]:
        """At most so many visible messages; those received too often before move to the dead-letter queue."""
        now = self.now()
        self.messages = [message for message in self.messages if now - message.sent_at < self.retention]
        visible = [message for message in self.messages if message.visible_at <= now]
        received: list[Received] = []
        for message in reversed(visible) if newest_first else visible:
            if len(received) == most:
                break
            if message.receive_count >= self.max_receive_count:
                self.messages.remove(message)
                self.dead_letters.append(message)
                continue
            received.append(self._deliver(message, now))
        return received

    def delete(self, receipt: str) -> None:
        """Deletes a message; one that does not exist is no error."""
        self.messages = [message for message in self.messages if message.receipt != receipt]

    def duplicate(self, receipt: str) -> None:
        """Makes a message in flight visible at once: a standard queue delivers at least once."""
        for message in self.messages:
            if message.receipt == receipt:
                message.visible_at = self.now()

    def next_visible(self) -> datetime | None:
        """When the next message is or becomes visible; None if the queue is empty."""
        return min((message.visible_at for message in self.messages), default=None)

    def _send(self, entry: dict[str, Any]) -> dict[str, Any]:
        body, now = entry["MessageBody"], self.now()
        self.messages.append(Message(body, now, now + timedelta(seconds=entry.get("DelaySeconds", 0))))
        self.on_change()
        self._sent += 1
        digest = hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()
        return {"Id": entry["Id"], "MessageId": f"message-{self._sent}", "MD5OfMessageBody": digest}

    def _deliver(self, message: Message, now: datetime) -> Received:
        self._receipts += 1
        message.receipt = f"receipt-{self._receipts}"
        message.receive_count += 1
        message.visible_at = now + self.visibility_timeout
        return Received(message.body, message.receipt, message.receive_count)

    def _in_flight(self, receipt: str) -> Message | None:
        now = self.now()
        for message in self.messages:
            if message.receipt == receipt and message.visible_at > now:
                return message
        return None
