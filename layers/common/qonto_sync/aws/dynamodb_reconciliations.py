"""What is known of each connection's reconciliations, in the state table."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, override

from qonto_sync.aws.state_table import from_item, to_item, version_after, version_of
from qonto_sync.domain.certificate import MonthRecord, Pass, ReconciliationRecord, UncertifiedMonth
from qonto_sync.domain.ids import Sha256
from qonto_sync.domain.keys import reconciliation_key
from qonto_sync.domain.months import month_from_text, month_text
from qonto_sync.domain.reconciliation import Difference
from qonto_sync.domain.times import from_text, required_instant, to_text
from qonto_sync.ports import Reconciliations

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from qonto_sync.aws.state_table import Item, StateTable
    from qonto_sync.domain.ids import ConnectionName


_log = logging.getLogger(__name__)


class DynamoDbReconciliations(Reconciliations):
    """One item per connection. What cannot be read counts as nothing, and the next write replaces it."""

    def __init__(self, table: StateTable) -> None:
        self._table = table

    @override
    def read(self, connection: ConnectionName) -> ReconciliationRecord:
        item = self._table.get(reconciliation_key(connection))
        return _record(item) if item else ReconciliationRecord()

    @override
    def write(self, connection: ConnectionName, record: ReconciliationRecord) -> ReconciliationRecord:
        written = replace(record, version=version_after(record.version))
        item = to_item(_fields(connection, written))
        self._table.put(item, read_version=record.version, is_own=lambda found: _record(found) == written)
        return written


def _fields(connection: ConnectionName, record: ReconciliationRecord) -> dict[str, Any]:
    current = record.current
    return {
        "pk": reconciliation_key(connection),
        "version": record.version,
        "certificate_version": record.certificate_version,
        "certificate_sha256": record.certificate_sha256,
        "certified_at": to_text(record.certified_at) if record.certified_at else None,
        # A list for each month, because the names of its fields would be most of the item.
        "months": [
            [
                *(month_text(each.month), each.source, each.archived, each.pending, each.deleted, each.sha256),
                *([each.intended] if each.intended else []),
            ]
            for each in record.months
        ],
        "current": _pass_fields(current) if current else None,
    }


def _pass_fields(current: Pass) -> dict[str, Any]:
    return {
        "started_at": to_text(current.started_at),
        "until": to_text(current.until),
        "next_month": month_text(current.next_month),
        "found": {kind.value: count for kind, count in current.found.items()},
        "repaired": current.repaired,
        "gaps": [[month_text(gap.month), gap.detail] for gap in current.gaps],
        "breaks": list(current.breaks),
    }


def _record(item: Item) -> ReconciliationRecord:
    fields = from_item(item)
    certificate, version = fields.get("certificate_sha256"), version_of(fields)
    try:
        return ReconciliationRecord(
            version=version,
            certificate_version=int(fields["certificate_version"]),
            certificate_sha256=Sha256(certificate) if certificate else None,
            certified_at=from_text(fields.get("certified_at")),
            months=tuple(_month_record(*values) for values in fields["months"]),
            current=_pass(fields["current"]) if fields.get("current") else None,
        )
    except (KeyError, TypeError, ValueError) as error:
        _log.warning("record_unreadable", extra={"item": fields["pk"], "detail": f"{type(error).__name__}: {error}"})
        return ReconciliationRecord(version=version)


def _month_record(month: object, *values: Any) -> MonthRecord:
    source, archived, pending, deleted, sha256, *intended = values
    counts = (int(source), int(archived), int(pending), int(deleted))
    return MonthRecord(_month(month), *counts, Sha256(sha256), *map(Sha256, intended))


def _pass(fields: Mapping[str, Any]) -> Pass:
    return Pass(
        started_at=required_instant(fields["started_at"]),
        until=required_instant(fields["until"]),
        next_month=_month(fields["next_month"]),
        found=Counter({Difference(kind): int(count) for kind, count in fields["found"].items()}),
        repaired=int(fields["repaired"]),
        gaps=tuple(UncertifiedMonth(_month(month), detail) for month, detail in fields["gaps"]),
        breaks=tuple(fields["breaks"]),
    )


def _month(text: object) -> datetime:
    month = month_from_text(text)
    if month is None:
        raise ValueError(f"{text!r} is no month")
    return month
