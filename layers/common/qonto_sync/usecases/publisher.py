"""Publishes inventories and certificates: each by compare-and-swap, and only when it changed.

What somebody else wrote in their place is noticed by its hash, stays as an older version of the bucket, and is noted in
the next certificate.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from qonto_sync.domain import keys
from qonto_sync.domain.certificate import Certificate, MonthRecord, sha256_of
from qonto_sync.domain.inventory import InventoryState, inventory_csv, inventory_row
from qonto_sync.domain.months import month_text
from qonto_sync.domain.times import from_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from qonto_sync.domain.certificate import Pass, ReconciliationRecord
    from qonto_sync.domain.ids import ConnectionName, InvoiceId, Sha256
    from qonto_sync.domain.inventory import InventoryRow
    from qonto_sync.domain.invoice import Invoice
    from qonto_sync.domain.ledger import LedgerRow
    from qonto_sync.ports import ArchiveStore, Publication, Publications
    from qonto_sync.usecases.month_reconciler import Month

_log = logging.getLogger(__name__)

_CSV: Final = "text/csv; charset=utf-8"
_JSON: Final = "application/json"


class Inventory(NamedTuple):
    """A month's inventory: the file, and what is kept of it."""

    record: MonthRecord
    content: bytes


class Publisher:
    """The publications of one connection."""

    def __init__(
        self,
        connection: ConnectionName,
        *,
        archive: ArchiveStore,
        publications: Publications,
        is_read: Callable[[Invoice, LedgerRow | None], bool],
    ) -> None:
        self._connection = connection
        self._archive = archive
        self._publications = publications
        self._is_read = is_read
        self.breaks: list[str] = []
        """What was noticed of changes by others."""

    def published(self, month: datetime) -> Publication | None:
        """The month's inventory as it is in the bucket."""
        return self._publications.read(keys.inventory_key(self._connection, month))

    def inventory(self, month: Month) -> Inventory:
        """What is to be published of the month."""
        rows = [row for id_ in month.ids if (row := self._row(id_, month))]
        content = inventory_csv(rows)
        states = [row.state for row in rows]
        record = MonthRecord(
            month=month.start,
            source=len(month.invoices),
            archived=states.count(InventoryState.ARCHIVED),
            pending=states.count(InventoryState.PENDING),
            deleted=states.count(InventoryState.DELETED),
            sha256=sha256_of(content),
        )
        return Inventory(record, content)

    def recognized(self, known: MonthRecord, there: Publication | None) -> MonthRecord:
        """What was published before, as it is in the bucket: a run may have stopped before it could say so.

        What somebody else wrote is noted.
        """
        found = there.stored.sha256 if there else None
        if found and found == known.intended:
            return replace(known, sha256=found, intended=None)
        if found != known.sha256:
            self._note(f"the inventory of {month_text(known.month)} was changed or removed")
        return replace(known, intended=None)

    def publish(self, inventory: Inventory, there: Publication | None) -> None:
        """Writes a month's inventory over what is in the bucket.

        Raises:
            ObjectChanged: another reconciliation writes it.
        """
        key, expected = keys.inventory_key(self._connection, inventory.record.month), there.stored if there else None
        self._publications.put(key, inventory.content, content_type=_CSV, expected=expected)

    def last_certificate(self) -> Publication | None:
        """The certificate as it is in the bucket."""
        return self._publications.read(keys.certificate_key(self._connection))

    def certify(
        self,
        record: ReconciliationRecord,
        done: Pass,
        there: Publication | None,
        *,
        organization_id: str | None,
        now: datetime,
    ) -> Certificate:
        """Writes the certificate of a finished pass over the one in the bucket.

        Raises:
            ObjectChanged: another reconciliation writes it.
        """
        before = _before(record, there.content if there else None)
        if before.chain_break:
            self._note(before.chain_break)
        certificate = Certificate(
            version=before.version + 1,
            connection=self._connection,
            organization_id=organization_id,
            reconciled_at=now,
            done=replace(done, breaks=(*done.breaks, *self.breaks)),
            months=record.months,
            previous_sha256=before.sha256,
        )
        expected = there.stored if there else None
        key = keys.certificate_key(self._connection)
        self._publications.put(key, certificate.to_bytes(), content_type=_JSON, expected=expected)
        return certificate

    def _row(self, id_: InvoiceId, month: Month) -> InventoryRow | None:
        invoice, row = month.invoices.get(id_), month.rows.get(id_)
        if invoice:
            is_read = self._is_read(invoice, row)
            return inventory_row(id_, invoice.created_at, invoice.document, row, is_read=is_read)
        if row is None or row.document is None:
            return None
        # The source does not have it any more: the archive says what it was.
        document = self._archive.document(row.document) or b""
        return inventory_row(id_, _created_at(document), document, row)

    def _note(self, what: str) -> None:
        _log.warning("publication_changed", extra={"detail": what})
        self.breaks.append(what)


@dataclass(frozen=True, slots=True)
class _Before:
    """The certificate that the next one follows."""

    version: int
    sha256: Sha256 | None
    chain_break: str | None = None


def _before(record: ReconciliationRecord, content: bytes | None) -> _Before:
    """By the record, unless a crash left it one behind, or it was lost; then by what lies in the bucket."""
    known = _Before(record.certificate_version, record.certificate_sha256)
    found = sha256_of(content) if content is not None else None
    if found == known.sha256:
        return known
    if content is not None:
        version, previous = _version_and_previous(content)
        if version and (known.sha256 is None or previous == known.sha256):
            return _Before(version, found)
    return replace(known, chain_break=f"the certificate of version {known.version} was changed or removed")


def _version_and_previous(content: bytes) -> tuple[int, object]:
    try:
        fields = json.loads(content)
        version, previous = fields["version"], fields["previous_sha256"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return 0, None
    return (version if isinstance(version, int) else 0), previous


def _created_at(document: bytes) -> datetime | None:
    try:
        return from_text(json.loads(document)["created_at"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
