"""The events that the functions are invoked with, parsed strictly: a typing error is reported, not guessed at."""

from __future__ import annotations

import re
from dataclasses import dataclass
from reprlib import repr as shown
from typing import TYPE_CHECKING, Any, ClassVar

from qonto_sync.domain.errors import InvalidEvent
from qonto_sync.domain.ids import ConnectionName
from qonto_sync.domain.messages import connection_name, listed
from qonto_sync.domain.months import month_from_text, month_text
from qonto_sync.domain.times import from_text, to_text
from qonto_sync.domain.window import EARLIEST, Window

if TYPE_CHECKING:
    from datetime import datetime

_DEFAULT_CONNECTION = ConnectionName("default")
# Tuples, because an event may hold any value, and a set cannot be asked for one that has no hash.
_SCHEDULE_SOURCES = ("aws.events", "aws.scheduler")
_KEYS = ("action", "connection", "dry_run")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)


@dataclass(frozen=True, slots=True)
class SyncRequest:
    """Asks a run to archive what has changed since the checkpoint."""

    action: ClassVar = "sync"
    connection: ConnectionName
    dry_run: bool = False

    def as_event(self) -> dict[str, Any]:
        """The event that asks for it."""
        return _event(self)


@dataclass(frozen=True, slots=True)
class BackfillRequest:
    """Asks a run to read the invoices again that were updated in this window."""

    action: ClassVar = "backfill"
    connection: ConnectionName
    window: Window
    dry_run: bool = False

    def as_event(self) -> dict[str, Any]:
        """The event that asks for it."""
        return {**_event(self), "from": to_text(self.window.start), "to": to_text(self.window.end)}


@dataclass(frozen=True, slots=True)
class ReconcileRequest:
    """Asks a run to compare source, ledger and archive, from this month of creation on; None: from the first."""

    action: ClassVar = "reconcile"
    connection: ConnectionName
    month: datetime | None = None
    dry_run: bool = False

    def as_event(self) -> dict[str, Any]:
        """The event that asks for it."""
        return _event(self) | ({"month": month_text(self.month)} if self.month else {})


type WindowRequest = SyncRequest | BackfillRequest
type RunRequest = WindowRequest | ReconcileRequest

_KEYS_OF: dict[str, tuple[str, ...]] = {
    SyncRequest.action: _KEYS,
    BackfillRequest.action: (*_KEYS, "from", "to"),
    ReconcileRequest.action: (*_KEYS, "month"),
}


def _event(request: RunRequest) -> dict[str, Any]:
    dry_run = {"dry_run": True} if request.dry_run else {}
    return {"action": request.action, "connection": request.connection, **dry_run}


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


def parse_sync_event(event: Any) -> RunRequest:
    """Accepts a schedule's own event, or `{"action": …, "connection": …, "dry_run": …}`, all keys optional.

    The action is `sync` unless it is named. A `backfill` has `from` and `to`, too, and a `reconcile` may have `month`.

    Raises:
        InvalidEvent: names the key, the value and the accepted values.
    """
    if not isinstance(event, dict):
        raise InvalidEvent(f"The event is a {type(event).__name__}, but must be an object such as {{}}")
    if event.get("source") in _SCHEDULE_SOURCES and "detail-type" in event:
        return SyncRequest(_DEFAULT_CONNECTION)
    action = event.get("action", SyncRequest.action)
    if not isinstance(action, str) or action not in _KEYS_OF:
        raise InvalidEvent(f"'action' is {shown(action)}, but must be one of {listed(_KEYS_OF)}")
    unknown = sorted(str(key) for key in event if key not in _KEYS_OF[action])
    if unknown:
        raise InvalidEvent(
            f"The event has the unknown key {shown(unknown[0])}; for the action {action!r}, known are"
            f" {listed(_KEYS_OF[action])}"
        )
    dry_run = event.get("dry_run", False)
    if not isinstance(dry_run, bool):
        raise InvalidEvent(f"'dry_run' is {shown(dry_run)}, but must be true or false")
    connection = connection_name(event.get("connection", _DEFAULT_CONNECTION))
    if action == BackfillRequest.action:
        return BackfillRequest(connection, _window(event), dry_run)
    if action == ReconcileRequest.action:
        return ReconcileRequest(connection, _month(event), dry_run)
    return SyncRequest(connection, dry_run)


def _window(event: dict[str, Any]) -> Window:
    start, end = _instant(event, "from"), _instant(event, "to")
    if start < EARLIEST:
        raise InvalidEvent(f"'from' is {to_text(start)}, but Qonto has nothing from before {to_text(EARLIEST)}")
    if end <= start:
        raise InvalidEvent(f"'to' is {to_text(end)}, but must be later than 'from', which is {to_text(start)}")
    return Window(start, end)


def _month(event: dict[str, Any]) -> datetime | None:
    month = month_from_text(event.get("month"))
    if "month" in event and (month is None or month < EARLIEST):
        raise InvalidEvent(f"'month' is {shown(event['month'])}, but must be a month from 2000 on, such as '2026-11'")
    return month


def _instant(event: dict[str, Any], key: str) -> datetime:
    text = event.get(key)
    instant = from_text(text) if isinstance(text, str) and _INSTANT.fullmatch(text) else None
    if instant is None:
        found = f"is {shown(text)}" if key in event else "is missing"
        raise InvalidEvent(f"{key!r} {found}, but must be a time in UTC such as '2019-01-01T00:00:00Z'")
    return instant
