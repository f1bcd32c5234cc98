"""Mutations of the product, each with one safeguard disabled. The simulation must find a violation in each."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from qonto_sync.aws import dynamodb_checkpoints, s3_archive
from qonto_sync.aws.s3_archive import S3Archive
from qonto_sync.domain import reconciliation, retry_schedule, window
from qonto_sync.domain.ids import RunId
from qonto_sync.domain.invoice import Invoice
from qonto_sync.domain.ledger import LedgerRow
from qonto_sync.domain.reading import Reading, Union
from qonto_sync.domain.reconciliation import Difference
from qonto_sync.domain.result import RunOutcome
from qonto_sync.domain.signatures import Signature
from qonto_sync.usecases import deletion, month_reconciler, reconcile_run, slice_archiver, sync_run
from qonto_sync.usecases.gap_work import GapWork
from qonto_sync.usecases.invoice_archiver import InvoiceArchiver
from qonto_sync.usecases.month_reconciler import MonthReconciler
from qonto_sync.usecases.publisher import Publisher
from qonto_sync.usecases.window_reader import WindowReader
from qonto_sync.usecases.window_run import WindowRun
from qonto_sync.usecases.write_intent import WriteIntent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from qonto_sync.domain.certificate import MonthRecord
    from qonto_sync.domain.checkpoint import Checkpoint
    from qonto_sync.domain.errors import ItemError
    from qonto_sync.domain.ids import InvoiceId
    from qonto_sync.domain.invoice import InvoicePage
    from qonto_sync.domain.ledger import Pending
    from qonto_sync.domain.reconciliation import ListedObject
    from qonto_sync.domain.window import Window
    from qonto_sync.ports import Publication


_SLOW_DOWNLOAD = timedelta(seconds=80)


@dataclass(frozen=True, slots=True)
class Mutation:
    """An attribute of the product, and what replaces it."""

    owner: Any
    name: str
    replacement: object


@contextmanager
def mutated(name: str | None) -> Iterator[None]:
    """The product with this mutation; the product as it is if the name is None."""
    if name is None:
        yield
        return
    mutation = {**MUTATIONS, **NIGHTLY_MUTATIONS}[name]
    with patch.object(mutation.owner, mutation.name, mutation.replacement):
        yield


def _front_to_back(reading: Reading, fetch: Callable[[int], Iterable[InvoicePage]]) -> Iterator[InvoicePage]:
    # Page 1 once more at the end, as the product reads it: there the simulation counts what a reading has met.
    for number in [*range(1, reading._first.total_pages + 1), 1]:
        for page in fetch(number):
            yield reading._collect(page)


def _unrecorded(archiver: InvoiceArchiver, invoice_id: InvoiceId, status: str | None, _error: ItemError) -> LedgerRow:
    return LedgerRow(archiver._connection, invoice_id, status=status)


_read_checkpoint = dynamodb_checkpoints._checkpoint


def _by_another_run(item: dict[str, Any]) -> Checkpoint:
    return replace(_read_checkpoint(item), run_id=RunId("another run"))


def _without_resume_from(item: dict[str, Any]) -> Checkpoint:
    return replace(_read_checkpoint(item), resume_from=None)


def _whatever_the_count(union: Union, count: int) -> None:
    union.count = count


_window_to_cover = window.window_to_cover


def _without_overlap(item: dict[str, Any]) -> Checkpoint:
    checkpoint = _read_checkpoint(item)
    return replace(checkpoint, resume_from=checkpoint.synced_until)


def _without_lag(*known: Any, overlap: timedelta, lag: timedelta) -> Window:
    return _window_to_cover(*known, overlap=overlap, lag=lag * 0)


_parts = WindowReader._parts


def _without_fresh_end(reader: WindowReader, window: Window, first: InvoicePage) -> tuple[Window, Window] | None:
    reader._fresh_from = window.start
    return _parts(reader, window, first)


_after_archiving = retry_schedule.after_archiving


def _from_end_of_download(
    invoice: Invoice, row: LedgerRow | None, fetched_at: datetime, **facts: Any
) -> Pending | None:
    return _after_archiving(invoice, row, fetched_at + _SLOW_DOWNLOAD, **facts)


def _without_late_commits(*known: Any, late_by: timedelta, is_outdated: bool = False) -> Pending | None:
    return _after_archiving(*known, late_by=late_by * 0, is_outdated=is_outdated)


_file = InvoiceArchiver._file


def _known_file(archiver: InvoiceArchiver, invoice: Invoice, row: LedgerRow, objects: WriteIntent) -> Any:
    if row.file and row.file.attachment_id == invoice.attachment_id:
        return row.file, True, False
    return _file(archiver, invoice, row, objects)


_of = Invoice.of


def _of_the_document_alone(*known: Any, listed_until: datetime | None = None) -> Invoice:
    return replace(_of(*known, listed_until=listed_until), file_may_change_until=None)


def _changed_when_created(*known: Any, listed_until: datetime | None = None) -> Invoice:
    invoice = _of(*known, listed_until=listed_until)
    return replace(invoice, changed_at=invoice.created_at or invoice.changed_at)


def _as_if_inserted(_archiver: slice_archiver.SliceArchiver, steps: Any) -> list[Any]:
    return [step._replace(result=replace(step.result, row=replace(step.result.row, version=1))) for step in steps]


_difference = reconciliation.difference


def _without(kind: Difference) -> Mutation:
    def compare(*sides: Any, neglected_since: datetime) -> Difference | None:
        found = _difference(*sides, neglected_since=neglected_since)
        return None if found is kind else found

    return Mutation(month_reconciler, "difference", compare)


_put = S3Archive.put


def _unconditional_put(archive: S3Archive, key: str, content: bytes, **request: Any) -> Any:
    there = archive.head(key)
    return _put(archive, key, content, **{**request, "expected": there})


_is_intact = reconciliation.is_intact


def _intact_while_pending(row: LedgerRow, objects: Mapping[str, ListedObject]) -> bool:
    return row.pending is not None or _is_intact(row, objects)


_recognized = Publisher.recognized


def _without_intent(publisher: Publisher, known: MonthRecord, there: Publication | None) -> MonthRecord:
    return _recognized(publisher, replace(known, intended=None), there)


FRESH_END = "the fresh end of a window is not read separately"

MUTATIONS: Mapping[str, Mutation] = {
    "pages are read front to back": Mutation(Reading, "pages", _front_to_back),
    FRESH_END: Mutation(WindowReader, "_parts", _without_fresh_end),
    "every reading counts as complete": Mutation(Reading, "is_complete", replacement=True),
    "S3 is written unconditionally": Mutation(s3_archive, "_condition", lambda _over: {}),
    "a writer records no intent before it replaces an object": Mutation(
        WriteIntent, "_record_intent", lambda _objects: None
    ),
    "a row with another writer's intent is trusted": Mutation(WriteIntent, "matches", lambda _objects, _stored: True),
    "changes that the document does not show are not looked for": Mutation(
        Invoice, "of", staticmethod(_of_the_document_alone)
    ),
    "an invoice without updated_at counts as unchanged since its creation": Mutation(
        Invoice, "of", staticmethod(_changed_when_created)
    ),
    "rows of new invoices count as inserted without an insert": Mutation(
        slice_archiver.SliceArchiver, "_insert", _as_if_inserted
    ),
    "failures are not recorded before the commit": Mutation(InvoiceArchiver, "_record", _unrecorded),
    "a run does not recognize its own commit": Mutation(dynamodb_checkpoints, "_checkpoint", _by_another_run),
    "overdue invoices are not sent to the queue again": Mutation(
        retry_schedule, "is_overdue", lambda _pending, _now: False
    ),
    "gaps are not recorded": Mutation(GapWork, "record", lambda *_: None),
    "what a backfill has yet to read is not recorded": Mutation(GapWork, "keep", lambda *_: None),
    "a run goes on although it got no further": Mutation(
        WindowRun, "goes_on", lambda _run, outcome, _progress: outcome is RunOutcome.PARTIAL
    ),
    "gaps are not read again": Mutation(GapWork, "read_again", lambda *_: None),
    "reading does not go on at resume_from": Mutation(dynamodb_checkpoints, "_checkpoint", _without_resume_from),
    "readings are added up although the count has shrunk": Mutation(Union, "begin", _whatever_the_count),
    "one 404 is believed": Mutation(retry_schedule, "confirms_deletion", lambda _row, _requested_at: True),
    "a change counts as final two minutes after its updated_at": Mutation(
        retry_schedule, "after_archiving", _without_late_commits
    ),
    "a PDF that may be regenerated counts as final": Mutation(retry_schedule, "SETTLING_TIME", timedelta(0)),
    "a PDF counts as read at the end of its download": Mutation(
        retry_schedule, "after_archiving", _from_end_of_download
    ),
    "a known attachment is not read again": Mutation(InvoiceArchiver, "_file", _known_file),
    "an older version is written over a newer one": Mutation(LedgerRow, "is_newer_than", lambda _row, _invoice: False),
    "windows do not overlap": Mutation(dynamodb_checkpoints, "_checkpoint", _without_overlap),
    "windows end at the present time": Mutation(sync_run, "window_to_cover", _without_lag),
    "what a writer left before it stopped is taken for damage": Mutation(deletion, "_adopted", lambda _store, row: row),
    "the signature of a webhook is not verified": Mutation(
        Signature, "is_of", lambda _signature, _body, _secrets: True
    ),
    "the age of a webhook is not checked": Mutation(Signature, "is_timely", lambda _signature, _now, _tolerance: True),
}
"""Mutations by name."""

NIGHTLY_MUTATIONS: Mapping[str, Mutation] = {
    **{f"what is {kind} is not compared": _without(kind) for kind in Difference},
    "no file has its turn": Mutation(MonthReconciler, "_is_turn", lambda _reconciler, _row: False),
    "one 404 deletes": Mutation(retry_schedule, "confirms_deletion", lambda _row, _requested_at: True),
    "a certificate is written over whatever is there": Mutation(S3Archive, "put", _unconditional_put),
    "what is archived of a deleted draft is not looked at": Mutation(
        deletion, "is_intact", lambda _row, _objects: True
    ),
    "the inventory before is not looked at": Mutation(reconcile_run, "inventory_ids", lambda _inventory: set()),
    "a run does not recognize the inventory of one that crashed": Mutation(Publisher, "recognized", _without_intent),
    "objects of pending work are not compared": Mutation(reconciliation, "is_intact", _intact_while_pending),
}
"""Mutations by name, of what the nightly reconciliation does."""
