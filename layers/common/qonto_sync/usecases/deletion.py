"""What becomes of the archive of an invoice that Qonto deleted: it stays, and nobody else has it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qonto_sync.domain import retry_schedule
from qonto_sync.domain.errors import Permanent
from qonto_sync.domain.reconciliation import ListedObject, is_intact

if TYPE_CHECKING:
    from datetime import datetime

    from qonto_sync.domain.ledger import LedgerRow, StoredObject
    from qonto_sync.ports import ArchiveStore


def stored_objects(store: ArchiveStore, row: LedgerRow) -> dict[str, ListedObject]:
    """The objects that the row names, by key, as they are in the bucket now."""
    found = [store.head(stored.key) for stored in row.objects]
    return {each.key: ListedObject(each.key, each.etag, each.size) for each in found if each}


def deleted(store: ArchiveStore, row: LedgerRow, now: datetime) -> tuple[LedgerRow, Permanent | None]:
    """The row of an invoice that Qonto deleted, and what to say if its archive is damaged.

    It is pending while a writer may be replacing its objects, and as damaged until a person restores them.
    """
    row = replace(row, deleted_at_source=row.deleted_at_source or now)
    if row.intent_expires_at and row.intent_expires_at > now:
        pending = retry_schedule.after_write_intent(row.pending, now, row.intent_expires_at)
        return replace(row, pending=pending), None
    if row.intent_expires_at:
        row = _adopted(store, row)
    if is_intact(row, stored_objects(store, row)):
        return replace(row, pending=None), None
    failure = Permanent("an archived object was changed or removed, and Qonto has deleted the invoice")
    return replace(row, pending=retry_schedule.after_damage(failure, row.pending, now)), failure


def _adopted(store: ArchiveStore, row: LedgerRow) -> LedgerRow:
    """The row with the objects that a writer left that recorded its intent and stopped."""

    def current(stored: StoredObject) -> StoredObject:
        found = store.head(stored.key)
        # What this project writes has its hash with it.
        return found if found and found.sha256 else stored

    return replace(
        row,
        document=current(row.document) if row.document else None,
        file=replace(row.file, object=current(row.file.object)) if row.file else None,
        intent_expires_at=None,
    )
