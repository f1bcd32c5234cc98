"""Compares source, ledger and archive. Pure.

Only what should be archived is compared: an invoice that changed after `proven_until` is the hourly run's to read, and
pending work is known to be incomplete, as long as it is done when it is due. So each difference is a
broken promise, or somebody's change of the archive.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from qonto_sync.domain.invoice import Invoice
    from qonto_sync.domain.ledger import LedgerRow, StoredObject


class Difference(StrEnum):
    """In what way source, ledger and archive disagree about an invoice."""

    MISSING = "missing"
    """It is at the source, and the archive does not have all of it."""
    STALE = "stale"
    """The archive has another version of it."""
    DAMAGED = "damaged"
    """An object is gone, or is not the one that the ledger names."""
    ORPHANED = "orphaned"
    """There are objects without a row of the ledger."""
    VANISHED = "vanished"
    """The ledger has it, and the source does not list it."""


@dataclass(frozen=True, slots=True)
class ListedObject:
    """An object as the bucket lists it."""

    key: str
    etag: str
    size: int


def is_due(invoice: Invoice, proven_until: datetime) -> bool:
    """Whether the hourly run has read this version, so that it must be archived or pending."""
    return invoice.revision.updated_at <= proven_until


def difference(
    invoice: Invoice | None, row: LedgerRow | None, objects: Mapping[str, ListedObject], *, neglected_since: datetime
) -> Difference | None:
    """How the archive differs from this invoice of the source, which is due; None if it does not.

    `invoice` is None if the source does not list it. `objects` has those of the bucket, by key. Pending work that was
    due before `neglected_since` is compared, too: a row that nobody can read is in no index of what is pending.
    """
    if row is None:
        return Difference.MISSING if invoice else Difference.ORPHANED
    if row.pending and row.pending.due_at >= neglected_since:
        return None
    if invoice is None:
        if not row.deleted_at_source:
            return Difference.VANISHED
    elif row.document is None or (invoice.attachment_id and row.file is None):
        return Difference.MISSING
    elif not row.matches(invoice) or (invoice.attachment_id and _file_of(row) != invoice.attachment_id):
        return Difference.STALE
    return None if all(is_intact(stored, objects) for stored in row.objects) else Difference.DAMAGED


def is_intact(stored: StoredObject, objects: Mapping[str, ListedObject]) -> bool:
    """Whether the bucket has this object, as far as a listing tells."""
    return objects.get(stored.key) == ListedObject(stored.key, stored.etag, stored.size)


def _file_of(row: LedgerRow) -> str | None:
    return row.file.attachment_id if row.file else None
