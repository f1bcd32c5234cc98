"""The events that the functions are invoked with, parsed strictly: a typing error is reported, not guessed at."""

from __future__ import annotations

from dataclasses import dataclass
from reprlib import repr as shown
from typing import Any

from qonto_sync.domain.errors import InvalidEvent
from qonto_sync.domain.ids import ConnectionName
from qonto_sync.domain.messages import connection_name, listed

_DEFAULT_CONNECTION = ConnectionName("default")
# Tuples, because an event may hold any value, and a set cannot be asked for one that has no hash.
_SCHEDULE_SOURCES = ("aws.events", "aws.scheduler")
_KEYS = ("action", "connection", "dry_run")
_ACTIONS = ("sync",)


@dataclass(frozen=True, slots=True)
class SyncRequest:
    """What a run of the sync is asked to do."""

    connection: ConnectionName
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class QueueRecord:
    """One SQS message as Lambda delivers it."""

    message_id: str
    receipt_handle: str
    receive_count: int
    """How often it was delivered, this time included."""
    body: str


def parse_queue_event(event: Any) -> list[QueueRecord]:
    """The batch of messages that an SQS event source mapping sends.

    Raises:
        InvalidEvent: the event is no such batch.
    """
    try:
        return [
            QueueRecord(
                record["messageId"],
                record["receiptHandle"],
                int(record["attributes"]["ApproximateReceiveCount"]),
                record["body"],
            )
            for record in event["Records"]
        ]
    except (TypeError, KeyError, ValueError) as error:
        raise InvalidEvent("The event is no batch of SQS messages, such as events/retry-one.json") from error


def parse_sync_event(event: Any) -> SyncRequest:
    """Accepts a schedule's own event, or `{"connection": …, "action": "sync", "dry_run": …}`, all keys optional.

    Raises:
        InvalidEvent: names the key, the value and the accepted values.
    """
    if not isinstance(event, dict):
        raise InvalidEvent(f"The event is a {type(event).__name__}, but must be an object such as {{}}")
    if event.get("source") in _SCHEDULE_SOURCES and "detail-type" in event:
        return SyncRequest(_DEFAULT_CONNECTION)
    unknown = sorted(str(key) for key in event if key not in _KEYS)
    if unknown:
        raise InvalidEvent(f"The event has the unknown key {shown(unknown[0])}; known are {listed(_KEYS)}")
    action = event.get("action", "sync")
    if action not in _ACTIONS:
        raise InvalidEvent(f"'action' is {shown(action)}, but must be one of {listed(_ACTIONS)}")
    dry_run = event.get("dry_run", False)
    if not isinstance(dry_run, bool):
        raise InvalidEvent(f"'dry_run' is {shown(dry_run)}, but must be true or false")
    return SyncRequest(connection_name(event.get("connection", _DEFAULT_CONNECTION)), dry_run)
