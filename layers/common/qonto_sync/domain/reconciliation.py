"""Compares source, ledger and archive. Pure.

Only what should be archived is compared: an invoice that changed after `proven_until` is the hourly run's to read.
Pending work is known to be incomplete, as long as it is done when it is due; but what is archived of it must be there.
So each difference is a broken promise, or somebody's change of the archive.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from qonto_sync.domain.ledger import PendingReason

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from qonto_sync.domain.invoice import Invoice
    from qonto_sync.domain.ledger import LedgerRow


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
    is_at_work = row.pending is not None and row.pending.due_at >= neglected_since
    waits = is_at_work and _waits_for_file(row)
    if is_at_work and not waits:
        # A damage that is known, or the objects of a writer in between, are no news.
        is_known = row.is_damaged or row.intent_expires_at is not None
        return None if is_known or is_intact(row, objects) else Difference.DAMAGED
    if invoice is None:
        if not row.deleted_at_source:
            return Difference.VANISHED
    elif row.document is None or (row.file is None if invoice.attachment_id else not (invoice.is_draft or waits)):
        # A final invoice without a file must be waiting for it.
        return Difference.MISSING
    elif not row.matches(invoice) or (invoice.attachment_id and _file_of(row) != invoice.attachment_id):
        return Difference.STALE
    return None if is_intact(row, objects) else Difference.DAMAGED


def is_intact(row: LedgerRow, objects: Mapping[str, ListedObject]) -> bool:
    """Whether the bucket has the objects that the row names, as far as a listing tells."""
    return all(objects.get(stored.key) == ListedObject(stored.key, stored.etag, stored.size) for stored in row.objects)


def _waits_for_file(row: LedgerRow) -> bool:
    """Whether all that Qonto has is archived, which may be so for months."""
    is_waiting = row.pending is not None and row.pending.reason is PendingReason.AWAITING_ATTACHMENT
    return is_waiting and row.intent_expires_at is None


def _file_of(row: LedgerRow) -> str | None:
    return row.file.attachment_id if row.file else None
