"""What the functions are invoked with: parsed strictly, so that a typing error is told and not guessed at."""

from __future__ import annotations

import json
from dataclasses import dataclass
from reprlib import repr as shown
from typing import Any

from qonto_sync.errors import InvalidEvent
from qonto_sync.keys import CONNECTION_PATTERN
from qonto_sync.model import (
    LONGEST_ID,
    ConnectionName,
    InvoiceId,
    PendingReason,
    RefreshMessage,
    RetryMessage,
    is_usable_id,
)

_DEFAULT_CONNECTION = "default"
# Tuples, since anything can come in, and a set cannot be asked for what has no hash.
_SCHEDULE_SOURCES = ("aws.events", "aws.scheduler")
_KEYS = ("action", "connection", "dry_run")
_ACTIONS = ("sync",)
_MESSAGE_VERSION = 1
_REFRESH = "refresh"


@dataclass(frozen=True, slots=True)
class SyncRequest:
    """What a run of the sync is asked to do."""

    connection: ConnectionName
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class QueueRecord:
    """One message as Lambda hands it over."""

    message_id: str
    receipt: str
    receive_count: int
    """How often it was delivered, this time included."""
    body: str


def parse_queue_event(event: Any) -> list[QueueRecord]:
    """The batch of messages that an event source mapping of SQS sends.

    Raises:
        InvalidEvent: this is no such event.
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
    """Accepts a schedule's own event, or `{"connection": …, "action": "sync", "dry_run": …}`, all optional.

    Raises:
        InvalidEvent: names the key, the value and what would be right.
    """
    if not isinstance(event, dict):
        raise InvalidEvent(f"The event is a {type(event).__name__}, but must be an object such as {{}}")
    if event.get("source") in _SCHEDULE_SOURCES and "detail-type" in event:
        return SyncRequest(ConnectionName(_DEFAULT_CONNECTION))
    unknown = sorted(str(key) for key in event if key not in _KEYS)
    if unknown:
        raise InvalidEvent(f"The event has the unknown key {shown(unknown[0])}; known are {_listed(_KEYS)}")
    action = event.get("action", "sync")
    if action not in _ACTIONS:
        raise InvalidEvent(f"'action' is {shown(action)}, but must be one of {_listed(_ACTIONS)}")
    dry_run = event.get("dry_run", False)
    if not isinstance(dry_run, bool):
        raise InvalidEvent(f"'dry_run' is {shown(dry_run)}, but must be true or false")
    return SyncRequest(_connection(event.get("connection", _DEFAULT_CONNECTION)), dry_run)


def parse_message(body: str) -> RetryMessage | RefreshMessage:
    """The message that `message_body` wrote.

    Raises:
        InvalidEvent: names what is wrong; the message fails alone.
    """
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidEvent("The message is not JSON") from error
    if not isinstance(fields, dict) or fields.get("version") != _MESSAGE_VERSION:
        raise InvalidEvent(f"The message is not an object with 'version' {_MESSAGE_VERSION}")
    if fields.get("reason") == _REFRESH:
        return RefreshMessage(_connection(fields.get("connection")))
    invoice_id = fields.get("invoice_id")
    if not is_usable_id(invoice_id):
        raise InvalidEvent(f"'invoice_id' is not a text of 1 to {LONGEST_ID} characters")
    try:
        reason = PendingReason(str(fields.get("reason")))
    except ValueError as error:
        raise InvalidEvent(f"'reason' is none of {_listed(PendingReason)}") from error
    return RetryMessage(_connection(fields.get("connection")), InvoiceId(invoice_id), reason)


def message_body(message: RetryMessage | RefreshMessage) -> str:
    """The SQS message: ids and a reason, never a URL or content."""
    fields: dict[str, Any] = {"version": _MESSAGE_VERSION, "connection": message.connection}
    match message:
        case RetryMessage():
            fields |= {"invoice_id": message.invoice_id, "reason": message.reason.value}
        case RefreshMessage():
            fields |= {"reason": _REFRESH}
    return json.dumps(fields)


def _connection(name: Any) -> ConnectionName:
    if not isinstance(name, str) or not CONNECTION_PATTERN.fullmatch(name):
        raise InvalidEvent(
            f"'connection' is {shown(name)}, but must be a name of letters, digits, '-' and '_', such as 'default'"
        )
    return ConnectionName(name)


def _listed(values: Any) -> str:
    return ", ".join(repr(str(value)) for value in sorted(values))
