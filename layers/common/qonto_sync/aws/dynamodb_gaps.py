"""Gaps in the state table, and the index that lists them beside the pending invoices."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, override

from qonto_sync.aws.ledger_items import row_from_item
from qonto_sync.aws.state_table import from_item, to_item
from qonto_sync.domain.errors import RowChanged
from qonto_sync.domain.gap import Gap, GapReason
from qonto_sync.domain.ids import ConnectionName
from qonto_sync.domain.keys import gap_key
from qonto_sync.domain.times import from_text, to_text
from qonto_sync.domain.window import Window
from qonto_sync.ports import Gaps, PendingIndex

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from qonto_sync.aws.state_table import Item, StateTable
    from qonto_sync.domain.ledger import LedgerRow

_log = logging.getLogger(__name__)

_PREFIX = "gap#"


class DynamoDbGaps(Gaps):
    """One item per gap; its key names the window."""

    def __init__(self, table: StateTable) -> None:
        self._table = table

    @override
    def record(self, gap: Gap) -> bool:
        try:
            self._table.put(_to_item(gap), read_version=0, is_own=lambda _: False)
        except RowChanged:
            return False
        return True

    @override
    def postpone(self, gap: Gap) -> None:
        self._table.replace(_to_item(gap))

    @override
    def remove(self, gap: Gap) -> None:
        self._table.delete(gap_key(gap.connection, gap.id))


class DynamoDbPendingIndex(PendingIndex):
    """The sparse index `pending` of the state table."""

    def __init__(self, table: StateTable) -> None:
        self._table = table

    @override
    def pending(self, connection: ConnectionName) -> Iterator[LedgerRow | Gap]:
        for item in self._table.query_pending(connection):
            if not item["pk"]["S"].startswith(_PREFIX):
                yield row_from_item(item)
            elif gap := gap_from_item(item):
                yield gap


def _to_item(gap: Gap) -> Item:
    window = gap.window
    return to_item(
        {
            "pk": gap_key(gap.connection, gap.id),
            "connection": gap.connection,
            "updated_from": to_text(window.start),
            "updated_to": to_text(window.end),
            "created_from": to_text(window.created_from) if window.created_from else None,
            "created_to": to_text(window.created_to) if window.created_to else None,
            "reason": gap.reason.value,
            "detail": gap.detail,
            "pending_since": to_text(gap.since),
            "pending_for": gap.connection,
            "due_at": to_text(gap.due_at),
            "attempts": gap.attempts,
        }
    )


def gap_from_item(item: Mapping[str, Any]) -> Gap | None:
    """The gap; what is not needed to read it again has a default, in case that another version or a person wrote it.

    None if its window cannot be told. The key of a gap names it, too.
    """
    fields = from_item(item)
    _, connection, bounds = fields["pk"].split("#", 2)
    instants = [from_text(text) for text in bounds.split("/")]
    start, end, created_from, created_to = (*instants, None, None, None, None)[:4]
    if start is None or end is None:
        _log.error("gap_unreadable", extra={"connection": connection, "detail": f"{fields['pk']} names no window"})
        return None
    return Gap(
        ConnectionName(connection),
        Window(start, end, created_from, created_to),
        reason=_reason(fields.get("reason")),
        detail=str(fields.get("detail", "")),
        since=_instant(fields, "pending_since", end),
        due_at=_instant(fields, "due_at", end),
        attempts=_number(fields.get("attempts")),
    )


def _reason(value: object) -> GapReason:
    return next((reason for reason in GapReason if reason == value), GapReason.UNCERTIFIED)


def _instant(fields: Mapping[str, Any], name: str, default: datetime) -> datetime:
    return from_text(fields.get(name)) or default


def _number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError, ArithmeticError):
        return 1
