"""SQS in memory: a standard queue with delay, visibility timeout, redrive and retention."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tests.simulation.faults import client_error

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from qonto_sync.ports import Clock

_LONGEST_DELAY = 900


@dataclass(slots=True, eq=False)
class Message:
    """One message in the queue."""

    body: str
    sent_at: datetime
    visible_at: datetime
    receive_count: int = 0
    receipt: str | None = None
    """Of its last delivery: an older one is worth nothing."""


@dataclass(frozen=True, slots=True)
class Received:
    """One delivery of a message."""

    body: str
    receipt: str
    receive_count: int


@dataclass(slots=True)
class MemorySqs:
    """The retry queue and its dead-letter queue."""

    clock: Clock
    visibility_timeout: timedelta
    max_receive_count: int
    retention: timedelta
    on_change: Callable[[], None] = lambda: None
    """Is told when a message was sent or may come earlier."""
    messages: list[Message] = field(default_factory=list)
    dead_letters: list[Message] = field(default_factory=list)
    _receipts_made: int = 0

    def send_message_batch(self, *, Entries: Sequence[dict[str, Any]], **_queue: Any) -> dict[str, Any]:  # noqa: N803
        """All entries, or none if one asks for what no queue can do."""
        if not 0 < len(Entries) <= 10:
            raise client_error("AWS.SimpleQueueService.TooManyEntriesInBatchRequest", 400)
        if any(not 0 <= entry["DelaySeconds"] <= _LONGEST_DELAY for entry in Entries):
            raise client_error("InvalidParameterValue", 400)
        for entry in Entries:
            self.put(entry["MessageBody"], entry["DelaySeconds"])
        return {"Successful": [{"Id": entry["Id"]} for entry in Entries]}

    def put(self, body: str, delay_seconds: int = 0) -> None:
        """One message, from whomever."""
        now = self.clock.now()
        self.messages.append(Message(body, now, now + timedelta(seconds=delay_seconds)))
        self.on_change()

    def change_message_visibility(self, *, ReceiptHandle: str, VisibilityTimeout: int, **_queue: Any) -> dict[str, Any]:  # noqa: N803
        """Of a message in flight only."""
        message = self._in_flight(ReceiptHandle)
        if message is None:
            raise client_error("MessageNotInflight", 400)
        message.visible_at = self.clock.now() + timedelta(seconds=VisibilityTimeout)
        self.on_change()
        return {}

    def receive(self, most: int, *, newest_first: bool = False) -> list[Received]:
        """What is visible, the oldest first or not; what was received too often moves to the dead letters."""
        now = self.clock.now()
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
            received.append(self._hand_out(message, now))
        return received

    def delete(self, receipt: str) -> None:
        """Forgets the message; one that is gone is no error."""
        self.messages = [message for message in self.messages if message.receipt != receipt]

    def duplicate(self, receipt: str) -> None:
        """Makes a message that was just received visible at once, as a standard queue may."""
        for message in self.messages:
            if message.receipt == receipt:
                message.visible_at = self.clock.now()

    def next_visible(self) -> datetime | None:
        """When there is something to receive."""
        return min((message.visible_at for message in self.messages), default=None)

    def _hand_out(self, message: Message, now: datetime) -> Received:
        self._receipts_made += 1
        message.receipt = f"receipt-{self._receipts_made}"
        message.receive_count += 1
        message.visible_at = now + self.visibility_timeout
        return Received(message.body, message.receipt, message.receive_count)

    def _in_flight(self, receipt: str) -> Message | None:
        now = self.clock.now()
        for message in self.messages:
            if message.receipt == receipt and message.visible_at > now:
                return message
        return None
