"""Archives one invoice: the use case that the hourly run and the retry worker share.

The order of the writes is what makes it safe: first the JSON, then the file, each by compare-and-swap, and last the
ledger row that names both. If an attempt stops anywhere in between, the row still says what is left to do, and the
next attempt does it again without harm. `write_intent` keeps concurrent writers apart.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, override

from qonto_sync.domain import keys, retry_schedule
from qonto_sync.domain.documents import differences
from qonto_sync.domain.errors import Conflict, ItemError, NotFound, Permanent, Retriable, SyncError
from qonto_sync.domain.ids import is_identified
from qonto_sync.domain.invoice import NO_USABLE_ID
from qonto_sync.domain.ledger import LedgerRow, PendingReason, StoredFile
from qonto_sync.domain.result import InvoiceResult
from qonto_sync.ports import RowWriter
from qonto_sync.usecases.deletion import deleted, stored_objects
from qonto_sync.usecases.write_intent import WriteIntent

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

    from qonto_sync.domain.ids import ConnectionName, InvoiceId
    from qonto_sync.domain.invoice import Invoice
    from qonto_sync.domain.ledger import StoredObject
    from qonto_sync.domain.reconciliation import ListedObject
    from qonto_sync.ports import ArchiveStore, AttachmentFiles, Clock, Ledger
    from qonto_sync.usecases.one_organization import OneOrganization

_log = logging.getLogger(__name__)

_ATTEMPTS = 3
"""How often an invoice is read again because another writer was faster, before it becomes pending."""


class _ArchivedFile(NamedTuple):
    file: StoredFile | None
    is_unchanged: bool
    """Whether the archive had it already."""
    is_outdated: bool = False
    """Whether Qonto says that it is older than the invoice's finalization."""


class InvoiceArchiver:
    """Brings the archive of one invoice of one connection up to date."""

    def __init__(
        self,
        connection: ConnectionName,
        *,
        source: OneOrganization,
        files: AttachmentFiles,
        archive: ArchiveStore,
        ledger: Ledger,
        clock: Clock,
        random: Callable[[], float],
        late_by: timedelta,
    ) -> None:
        """`late_by` is how long after its `updated_at` Qonto may commit a change."""
        self._connection = connection
        self._source = source
        self._files = files
        self._store = archive
        self._ledger = ledger
        self._clock = clock
        self._random = random
        self._late_by = late_by

    def is_unchanged(self, invoice: Invoice, row: LedgerRow) -> bool:
        """Whether the archive has this version, and its file cannot have changed since without a trace in the JSON."""
        return retry_schedule.is_unchanged(invoice, row, self._late_by)

    def archive(self, invoice: Invoice, row: LedgerRow | None) -> InvoiceResult:
        """Archives this version or a later one; what cannot be done now is recorded as pending.

        `row` is the ledger's row, read after the invoice was. When this returns, the ledger says that the invoice is
        archived or pending. An error means that the ledger could not be written, or that the run must stop.
        """
        return self._archive_listed(invoice, lambda: self._archive_with_retries(invoice.id, (invoice, row)))

    def archive_new(self, invoice: Invoice) -> InvoiceResult:
        """Like `archive` for an invoice without a ledger row, but leaves the row to be inserted by the caller.

        The result's row is then not written yet. After a conflict or a failure it is written, as by `archive`.
        """

        def attempt() -> InvoiceResult:
            with suppress(Conflict, ItemError):
                return self._archive_once(invoice, None, WriteIntent(self._store, _UnwrittenRows(), self._clock))
            return self._archive_with_retries(invoice.id, (invoice, None))

        return self._archive_listed(invoice, attempt)

    def repair(self, invoice: Invoice, row: LedgerRow) -> InvoiceResult:
        """Like `archive`, and writes each object anew that is not in the bucket as the row says."""
        intent = WriteIntent(self._store, self._ledger, self._clock, trusts_objects=False)
        return self._archive_listed(invoice, lambda: self._archive_with_retries(invoice.id, (invoice, row), intent))

    def archive_latest(self, invoice_id: InvoiceId) -> InvoiceResult:
        """Like `archive`, with Qonto's current version; an invoice that Qonto deleted is marked so.

        If the archive has not all of a deleted invoice any more, it is pending as damaged, because nobody else has it.
        """
        return self._recording_failures(invoice_id, None, lambda: self._archive_with_retries(invoice_id, None))

    def objects_of(self, row: LedgerRow) -> dict[str, ListedObject]:
        """The objects that the row names, by key, as they are in the bucket now."""
        return stored_objects(self._store, row)

    def _archive_listed(self, invoice: Invoice, attempt: Callable[[], InvoiceResult]) -> InvoiceResult:
        result = self._recording_failures(invoice.id, invoice.status, attempt)
        if result.failure and result.row.document is None and not is_identified(invoice.id):
            # It cannot be requested by id later, so its page must be read again.
            raise result.failure
        return result

    def _recording_failures(
        self, invoice_id: InvoiceId, status: str | None, attempt: Callable[[], InvoiceResult]
    ) -> InvoiceResult:
        is_unexpected = False
        failure: ItemError
        try:
            result = attempt()
        except ItemError as error:
            failure = error
        except SyncError:
            raise  # the run's own
        except Exception as error:  # noqa: BLE001 - whatever it is, other invoices go on
            _log.exception("invoice_unexpected_error", extra={"invoice_id": invoice_id})
            failure = Retriable(f"unexpected {type(error).__name__}")
            is_unexpected = True
        else:
            return _logged(result)
        row = self._record(invoice_id, status, failure)
        return _logged(InvoiceResult(row, failure=failure, is_unexpected=is_unexpected))

    def _archive_with_retries(
        self,
        invoice_id: InvoiceId,
        known: tuple[Invoice, LedgerRow | None] | None,
        intent: WriteIntent | None = None,
    ) -> InvoiceResult:
        """Archives `known`, or Qonto's current version; after a conflict always the latter."""
        intent = intent or WriteIntent(self._store, self._ledger, self._clock)
        for _ in range(_ATTEMPTS):
            requested_at = self._clock.now()
            try:
                invoice, row = known or self._fetch(invoice_id)
                if row and row.is_newer_than(invoice) and not retry_schedule.confirms_rollback(invoice, row):
                    return self._defer_stale_read(invoice, row)
                return self._archive_once(invoice, row, intent)
            except NotFound:
                return self._not_found(invoice_id, requested_at)
            except Conflict as conflict:
                _log.info("write_conflict", extra={"invoice_id": invoice_id, "conflict": str(conflict)})
                known = None
        raise Retriable("other writers kept changing the archive of this invoice")

    def _fetch(self, invoice_id: InvoiceId) -> tuple[Invoice, LedgerRow | None]:
        if not is_identified(invoice_id):
            raise Permanent(NO_USABLE_ID)
        invoice = self._source.invoice(invoice_id)
        return invoice, self._row(invoice_id)

    def _defer_stale_read(self, invoice: Invoice, row: LedgerRow) -> InvoiceResult:
        """Keeps the newer archived version, and asks Qonto once more later.

        Usually the response is an old one, and a faster writer has archived a newer. But `updated_at` can step back
        when two edits overlap: then the second response is the same, and is accepted.
        """
        if row.matches(invoice) or (row.pending and row.pending.reason is PendingReason.STALE_READ):
            return InvoiceResult(row)
        pending = retry_schedule.after_stale_read(row.pending, self._clock.now())
        return InvoiceResult(self._ledger.write(replace(row, pending=pending)))

    def _archive_once(self, invoice: Invoice, row: LedgerRow | None, intent: WriteIntent) -> InvoiceResult:
        before = row or LedgerRow(self._connection, invoice.id)
        intent.begin(before, invoice.revision)
        if self._is_archived_version(invoice, before, intent):
            invoice = replace(invoice, digest=before.digest or invoice.digest)
        document = self._document(invoice, before, intent)
        document_written = document != before.document
        after = replace(
            before,
            revision=invoice.revision,
            digest=invoice.digest,
            status=invoice.status,
            document=document,
            deleted_at_source=None,
        )
        # Taken before the download: the bytes may be the old PDF's, however long the download takes.
        fetched_at = self._clock.now()
        try:
            file, unchanged, is_outdated = self._file(invoice, after, intent)
        except ItemError as error:
            # The JSON is archived nevertheless, and the row says so.
            failed = retry_schedule.after_failure(error, before.pending, self._clock.now(), self._random)
            return InvoiceResult(intent.finish(replace(after, pending=failed)), document_written, failure=error)
        pending = retry_schedule.after_archiving(
            invoice, row, fetched_at, late_by=self._late_by, is_outdated=is_outdated
        )
        written = intent.finish(replace(after, file=file, pending=pending))
        file_written = file is not None and not unchanged
        return InvoiceResult(
            written,
            document_written,
            file_written=file_written,
            file_unchanged=unchanged,
            file_bytes=file.object.size if file and file_written else 0,
        )

    def _is_archived_version(self, invoice: Invoice, row: LedgerRow, intent: WriteIntent) -> bool:
        """Whether an invoice that was asked for by id is the archived version, although its JSON differs.

        Qonto may show an invoice in another form in the list. The list's form is archived, so fields that only one of
        them has do not count. Neither does a field whose value differs in each response.
        """
        known = row.document
        if invoice.is_listed or known is None or row.digest == invoice.digest or not intent.matches(known):
            return False
        archived = self._store.document(known)
        if archived is None:
            return False
        differing = differences(archived, invoice.document)
        if differing and row.revision and row.revision.updated_at == invoice.revision.updated_at:
            differing -= differences(invoice.document, self._source.invoice(invoice.id).document)
        return not differing

    def _document(self, invoice: Invoice, row: LedgerRow, intent: WriteIntent) -> StoredObject:
        known = row.document
        if known and row.digest == invoice.digest and intent.matches(known):
            return known
        key = known.key if known else keys.document_key(self._folder(invoice, row))
        name = f"{invoice.number or invoice.id}.json"
        return intent.replace(
            key,
            known,
            lambda expected: self._store.put_document(key, invoice.document, file_name=name, expected=expected),
        )

    def _file(self, invoice: Invoice, row: LedgerRow, intent: WriteIntent) -> _ArchivedFile:
        if invoice.fault:
            raise Permanent(invoice.fault)
        current = row.file if row.file and intent.matches(row.file.object) else None
        if invoice.attachment_id is None:
            return _ArchivedFile(current, is_unchanged=current is not None)
        known = current if current and current.attachment_id == invoice.attachment_id else None
        attachment = self._source.attachment(invoice.attachment_id)
        is_outdated = attachment.is_outdated(invoice)
        with self._files.open(attachment, known.source_etag if known else None) as download:
            if download is None:
                return _ArchivedFile(known, is_unchanged=True, is_outdated=is_outdated)
            key = keys.file_key(self._folder(invoice, row), attachment.id, download.kind)
            replaced = known.object if known and known.object.key == key else None
            stored = intent.replace(
                key,
                replaced,
                lambda expected: self._store.put_file(key, download, file_name=attachment.file_name, expected=expected),
            )
            return _ArchivedFile(StoredFile(attachment.id, stored, download.etag), stored == replaced, is_outdated)

    def _folder(self, invoice: Invoice, row: LedgerRow) -> str:
        """The folder that the invoice is archived in already, or its folder by creation date. It never changes."""
        return row.document.key.rpartition("/")[0] if row.document else keys.invoice_folder(self._connection, invoice)

    def _row(self, invoice_id: InvoiceId) -> LedgerRow | None:
        return self._ledger.rows(self._connection, [invoice_id]).get(invoice_id)

    def _not_found(self, invoice_id: InvoiceId, requested_at: datetime) -> InvoiceResult:
        """Marks the invoice as deleted after a second 404, some time after the first: one may be an error at Qonto.

        Only drafts can be deleted; for any other invoice a 404 is an error at Qonto. Another organization's key gets a
        404 for every invoice.
        """
        self._source.is_shown()
        row = self._row(invoice_id) or LedgerRow(self._connection, invoice_id)
        if row.status not in {"draft", None}:
            raise Permanent("Qonto answered 404 for an invoice that is no draft")
        now, failure = self._clock.now(), None
        if row.deleted_at_source or retry_schedule.confirms_deletion(row, requested_at):
            after, failure = deleted(self._store, row, now)
        elif retry_schedule.awaits_confirmation(row):
            after = row
        else:
            after = replace(row, pending=retry_schedule.after_not_found(row.pending, now))
        try:
            return InvoiceResult(row if after == row else self._ledger.write(after), failure=failure)
        except Conflict as conflict:
            raise Retriable("another writer changed the invoice while it was marked as deleted") from conflict

    def _record(self, invoice_id: InvoiceId, status: str | None, failure: ItemError) -> LedgerRow:
        """Marks the invoice as pending in the ledger's current row."""
        for _ in range(_ATTEMPTS):
            row = self._row(invoice_id) or LedgerRow(self._connection, invoice_id)
            pending = retry_schedule.after_failure(failure, row.pending, self._clock.now(), self._random)
            try:
                return self._ledger.write(replace(row, status=row.status or status, pending=pending))
            except Conflict:
                continue
        raise failure


class _UnwrittenRows(RowWriter):
    """Leaves the row of a new invoice to the caller. Without a row nothing is replaced, so no intent is recorded."""

    @override
    def write(self, row: LedgerRow) -> LedgerRow:
        return row


def _logged(result: InvoiceResult) -> InvoiceResult:
    pending = result.row.pending
    facts = {"connection": result.row.connection, "invoice_id": result.row.invoice_id}
    if result.failure:
        _log.warning("invoice_failed", extra={**facts, "detail": str(result.failure)})
    elif pending:
        _log.info("invoice_pending", extra={**facts, "reason": pending.reason.value})
    else:
        _log.debug("invoice_archived", extra=facts)
    return result
