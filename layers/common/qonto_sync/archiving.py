"""Archive one invoice: the one use case that the hourly run and the retry worker share.

The order is the promise: first the JSON, then the file, each by compare-and-swap, and last the ledger row, which
says that they are there. Whatever happens in between, the row still tells what is left to do, and doing it
again is harmless. What keeps several writers apart is in `fencing`.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from qonto_sync import keys, schedule
from qonto_sync.errors import Conflict, ItemError, NotFound, Permanent, Retriable
from qonto_sync.fencing import FencedObjects
from qonto_sync.model import NO_USABLE_ID, LedgerRow, PendingReason, StoredFile, is_identified
from qonto_sync.result import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from qonto_sync.model import ConnectionName, Invoice, InvoiceId, StoredObject
    from qonto_sync.ports import Archive, AttachmentFiles, Clock, InvoiceSource, Ledger

_log = logging.getLogger(__name__)

_UNEXPECTED = (ValueError, TypeError, LookupError, ArithmeticError)
"""One invoice that the code cannot cope with must not hold up all the others."""

_ATTEMPTS = 3
"""How often an invoice is read again because another writer was faster, before it is left for later."""


class InvoiceArchiver:
    """Brings the archive of one invoice of one connection up to date."""

    def __init__(
        self,
        connection: ConnectionName,
        *,
        source: InvoiceSource,
        files: AttachmentFiles,
        archive: Archive,
        ledger: Ledger,
        clock: Clock,
        random: Callable[[], float],
    ) -> None:
        self._connection = connection
        self._source = source
        self._files = files
        self._objects = archive
        self._ledger = ledger
        self._clock = clock
        self._random = random

    def archive(self, invoice: Invoice, row: LedgerRow | None) -> Outcome:
        """Archives this version or a later one; what cannot be done now is recorded as pending.

        `row` is the ledger's row, read after the invoice was. When this returns, the ledger has been written:
        the invoice is archived or pending. An error means that not even that was possible, or that the whole
        run must stop.
        """
        outcome = self._guarded(invoice.id, invoice.status, lambda: self._archive(invoice.id, (invoice, row)))
        if outcome.failure and outcome.row.document is None and not is_identified(invoice.id):
            # Nobody can ask for it again, so the page that has it must be read again.
            raise outcome.failure
        return outcome

    def archive_new(self, invoice: Invoice) -> Outcome:
        """Like `archive` for an invoice that the ledger has no row for, but leaves the row to be inserted.

        The row of the outcome has version 0 then. After any disturbance it is written already, as by `archive`.
        """
        objects = FencedObjects(self._objects, _Unwritten(), self._clock)
        with suppress(Conflict, ItemError, *_UNEXPECTED):
            return _logged(self._archive_once(invoice, None, objects))
        return self.archive(invoice, None)

    def refresh(self, invoice_id: InvoiceId) -> Outcome:
        """Like `archive`, with the invoice as it is at the source now; one that is gone is marked so."""
        return self._guarded(invoice_id, None, lambda: self._archive(invoice_id, None))

    def _guarded(self, invoice_id: InvoiceId, status: str | None, attempt: Callable[[], Outcome]) -> Outcome:
        try:
            outcome = attempt()
        except ItemError as error:
            failure = error
        except _UNEXPECTED as error:
            _log.exception("invoice_unexpected_error", extra={"invoice_id": invoice_id})
            failure = Retriable(f"unexpected {type(error).__name__}")
        else:
            return _logged(outcome)
        return _logged(Outcome(self._record(invoice_id, status, failure), failure=failure))

    def _archive(self, invoice_id: InvoiceId, known: tuple[Invoice, LedgerRow | None] | None) -> Outcome:
        """Archives what is known, or what the source says now; after a conflict that, in any case."""
        objects = FencedObjects(self._objects, self._ledger, self._clock)
        for _ in range(_ATTEMPTS):
            try:
                invoice, row = known or self._look(invoice_id)
                if row and row.is_newer_than(invoice) and not schedule.confirms(invoice, row):
                    return self._doubt(invoice, row)
                return self._archive_once(invoice, row, objects)
            except NotFound:
                return self._mark_deleted(invoice_id)
            except Conflict as conflict:
                _log.info("write_conflict", extra={"invoice_id": invoice_id, "conflict": str(conflict)})
                known = None
        raise Retriable("other writers kept changing the archive of this invoice")

    def _look(self, invoice_id: InvoiceId) -> tuple[Invoice, LedgerRow | None]:
        if not is_identified(invoice_id):
            raise Permanent(NO_USABLE_ID)
        invoice = self._source.invoice(invoice_id)
        return invoice, self._row(invoice_id)

    def _doubt(self, invoice: Invoice, row: LedgerRow) -> Outcome:
        """Keeps what the archive has; what the source said is asked for once more when it may have changed its mind.

        Mostly the answer is an old one and a faster writer has archived a newer. But `updated_at` can step back at the
        source, if two edits overlap: then the second answer is the same, and is believed.
        """
        if row.holds(invoice) or (row.pending and row.pending.reason is PendingReason.DOUBTED):
            return Outcome(row)
        doubted = schedule.after_doubt(row.pending, self._clock.now())
        return Outcome(self._ledger.write(replace(row, pending=doubted)))

    def _archive_once(self, invoice: Invoice, row: LedgerRow | None, objects: FencedObjects) -> Outcome:
        before = row or LedgerRow(self._connection, invoice.id)
        objects.begin(before, invoice.revision)
        document = self._document(invoice, before, objects)
        document_written = document != before.document
        after = replace(
            before,
            revision=invoice.revision,
            digest=invoice.digest,
            status=invoice.status,
            document=document,
            deleted_at_source=None,
        )
        # Before the download, for what is on its way may be the old PDF, however long it takes.
        looked_at = self._clock.now()
        try:
            file, unchanged = self._file(invoice, after, objects)
        except ItemError as error:
            # The JSON is archived all the same, and the row says so.
            failed = schedule.after_failure(error, before.pending, self._clock.now(), self._random)
            return Outcome(objects.finish(replace(after, pending=failed)), document_written, failure=error)
        pending = schedule.after_archiving(invoice, row, looked_at)
        written = objects.finish(replace(after, file=file, pending=pending))
        file_written = file is not None and not unchanged
        return Outcome(
            written,
            document_written,
            file_written=file_written,
            file_unchanged=unchanged,
            file_bytes=file.object.size if file and file_written else 0,
        )

    def _document(self, invoice: Invoice, row: LedgerRow, objects: FencedObjects) -> StoredObject:
        known = row.document
        if known and row.digest == invoice.digest and objects.holds(known):
            return known
        key = known.key if known else keys.document_key(self._folder(invoice, row))
        name = f"{invoice.number or invoice.id}.json"
        return objects.replace(
            key,
            known,
            lambda over: self._objects.put_document(key, invoice.document, file_name=name, over=over),
        )

    def _file(self, invoice: Invoice, row: LedgerRow, objects: FencedObjects) -> tuple[StoredFile | None, bool]:
        """The archived file, and whether it was there already."""
        if invoice.fault:
            raise Permanent(invoice.fault)
        held = row.file if row.file and objects.holds(row.file.object) else None
        if invoice.attachment_id is None:
            return held, held is not None
        known = held if held and held.attachment_id == invoice.attachment_id else None
        attachment = self._source.attachment(invoice.attachment_id)
        with self._files.open(attachment, known.source_etag if known else None) as download:
            if download is None:
                return known, True
            key = keys.file_key(self._folder(invoice, row), attachment.id, download.kind)
            replaced = known.object if known and known.object.key == key else None
            stored = objects.replace(
                key,
                replaced,
                lambda over: self._objects.put_file(key, download, file_name=attachment.file_name, over=over),
            )
            return StoredFile(attachment.id, stored, download.etag), stored == replaced

    def _folder(self, invoice: Invoice, row: LedgerRow) -> str:
        """Where this invoice lies already, or where it belongs: one place for ever."""
        return row.document.key.rpartition("/")[0] if row.document else keys.invoice_folder(self._connection, invoice)

    def _row(self, invoice_id: InvoiceId) -> LedgerRow | None:
        return self._ledger.rows(self._connection, [invoice_id]).get(invoice_id)

    def _mark_deleted(self, invoice_id: InvoiceId) -> Outcome:
        """Only drafts can be deleted; of any other invoice a 404 is an error at the source."""
        row = self._row(invoice_id) or LedgerRow(self._connection, invoice_id)
        if row.status not in {"draft", None}:
            raise Permanent("the source says 404 for an invoice that is no draft")
        deleted_at = row.deleted_at_source or self._clock.now()
        try:
            return Outcome(self._ledger.write(replace(row, pending=None, deleted_at_source=deleted_at)))
        except Conflict as conflict:
            raise Retriable("another writer changed the invoice while it was found deleted") from conflict

    def _record(self, invoice_id: InvoiceId, status: str | None, failure: ItemError) -> LedgerRow:
        """Marks the invoice as pending on top of whatever the ledger says by now."""
        for _ in range(_ATTEMPTS):
            row = self._row(invoice_id) or LedgerRow(self._connection, invoice_id)
            pending = schedule.after_failure(failure, row.pending, self._clock.now(), self._random)
            try:
                return self._ledger.write(replace(row, status=row.status or status, pending=pending))
            except Conflict:
                continue
        raise failure


class _Unwritten:
    """Stands for the ledger of an invoice without a row: where nothing is replaced, it is written once, in the end."""

    def write(self, row: LedgerRow) -> LedgerRow:
        return row


def _logged(outcome: Outcome) -> Outcome:
    pending = outcome.row.pending
    facts = {"connection": outcome.row.connection, "invoice_id": outcome.row.invoice_id}
    if outcome.failure:
        _log.warning("invoice_failed", extra={**facts, "detail": str(outcome.failure)})
    elif pending:
        _log.info("invoice_pending", extra={**facts, "reason": pending.reason.value})
    else:
        _log.debug("invoice_archived", extra=facts)
    return outcome
