"""What the functions are invoked with: parsed strictly, so that a typing error is told and not guessed at."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qonto_sync.errors import InvalidEvent
from qonto_sync.keys import CONNECTION_PATTERN
from qonto_sync.model import LONGEST_ID, ConnectionName, InvoiceId, PendingReason, RetryMessage

if TYPE_CHECKING:
    from collections.abc import Mapping

_DEFAULT_CONNECTION = "default"
# Tuples, since anything can come in, and a set cannot be asked for what has no hash.
_SCHEDULE_SOURCES = ("aws.events", "aws.scheduler")
_KEYS = ("action", "connection", "dry_run")
_ACTIONS = ("sync",)
_MESSAGE_VERSION = 1


@dataclass(frozen=True, slots=True)
class SyncRequest:
    """What a run of the sync is asked to do."""

    connection: ConnectionName
    dry_run: bool = False


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
        raise InvalidEvent(f"The event has the unknown key {unknown[0]!r}; known are {_listed(_KEYS)}")
    action = event.get("action", "sync")
    if action not in _ACTIONS:
        raise InvalidEvent(f"'action' is {action!r}, but must be one of {_listed(_ACTIONS)}")
    dry_run = event.get("dry_run", False)
    if not isinstance(dry_run, bool):
        raise InvalidEvent(f"'dry_run' is {dry_run!r}, but must be true or false")
    return SyncRequest(_connection(event.get("connection", _DEFAULT_CONNECTION)), dry_run)


def parse_message(body: str) -> RetryMessage:
    """The message that `message_body` wrote.

    Raises:
        InvalidEvent: names what is wrong; the message fails alone.
    """
    try:
        fields = json.loads(body)
    except ValueError as error:
        raise InvalidEvent("The message is not JSON") from error
    if not isinstance(fields, dict) or fields.get("version") != _MESSAGE_VERSION:
        raise InvalidEvent(f"The message is not an object with 'version' {_MESSAGE_VERSION}")
    invoice_id = fields.get("invoice_id")
    if not isinstance(invoice_id, str) or not 0 < len(invoice_id) <= LONGEST_ID:
        raise InvalidEvent(f"'invoice_id' is not a text of 1 to {LONGEST_ID} characters")
    try:
        reason = PendingReason(str(fields.get("reason")))
    except ValueError as error:
        raise InvalidEvent(f"'reason' is none of {_listed(PendingReason)}") from error
    return RetryMessage(_connection(fields.get("connection")), InvoiceId(invoice_id), reason)


def message_body(message: RetryMessage) -> str:
    """The SQS message: ids and a reason, never a URL or content."""
    fields: Mapping[str, Any] = {
        "version": _MESSAGE_VERSION,
        "connection": message.connection,
        "invoice_id": message.invoice_id,
        "reason": message.reason.value,
    }
    return json.dumps(fields)


def _connection(name: Any) -> ConnectionName:
    if not isinstance(name, str) or not CONNECTION_PATTERN.fullmatch(name):
        raise InvalidEvent(
            f"'connection' is {name!r}, but must be a name of letters, digits, '-' and '_', such as 'default'"
        )
    return ConnectionName(name)


def _listed(values: Any) -> str:
    return ", ".join(repr(str(value)) for value in sorted(values))
