"""One invoice, from the source into the archive and the ledger."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING

import pytest

from qonto_sync.domain.errors import AccessDenied, Fatal, ObjectChanged, Permanent, Retriable, RowChanged
from qonto_sync.domain.ids import InvoiceId
from qonto_sync.domain.ledger import LedgerRow, Pending, PendingReason
from qonto_sync.domain.result import InvoiceResult
from qonto_sync.domain.window import Window
from tests.fakes import CONNECTION, LAYOUT, START, FakeFile

if TYPE_CHECKING:
    from tests.unit.conftest import World

A = InvoiceId("a")


def archive(world: World) -> InvoiceResult:
    """As the hourly run does it: the invoice first, then its row, then the work."""
    invoice = world.qonto.invoice(A)
    return world.archiver.archive(invoice, world.ledger.rows(CONNECTION, [A]).get(A))


def put_long_ago(world: World, **fields: str | None) -> None:
    """An invoice whose last change is settled."""
    world.qonto.put("a", **fields)
    world.clock.advance(hours=1)


def test_archives_json_and_file(world: World) -> None:
    """Both lie under the invoice's folder, byte for byte, and the row says so."""
    put_long_ago(world)
    outcome = archive(world)
    assert world.archived("a") == world.source("a")
    assert sorted(world.archive.versions) == [
        "default/client_invoices/2026/03/a/file-a.pdf",
        "default/client_invoices/2026/03/a/invoice.json",
    ]
    assert (outcome.document_written, outcome.file_written, outcome.row.pending) == (True, True, None)


def test_an_unchanged_file_is_not_written_again(world: World) -> None:
    """An edit that leaves the PDF alone costs one new JSON version and a 304."""
    put_long_ago(world)
    archive(world)
    put_long_ago(world, status="paid")
    outcome = archive(world)
    assert (outcome.document_written, outcome.file_written, outcome.file_unchanged) == (True, False, True)
    assert [len(versions) for versions in world.archive.versions.values()] == [2, 1]
    assert world.qonto.calls[-1] == "not_modified"


def test_a_file_regenerated_under_the_same_id_is_archived(world: World) -> None:
    """A known attachment id is no reason to skip."""
    put_long_ago(world)
    archive(world)
    world.qonto.files["file-a"] = FakeFile(b"%PDF-1.7 final")
    put_long_ago(world)
    archive(world)
    assert world.archived("a") == world.source("a")


def test_draft_without_attachment_settles(world: World) -> None:
    """A draft may have no PDF; nothing is pending."""
    put_long_ago(world, attachment_id=None, status="draft")
    assert archive(world).row.pending is None


def test_missing_attachment_is_awaited_for_ever(world: World) -> None:
    """15 s, 1 min, 10 min, 1 h, 6 h, then daily, without end."""
    put_long_ago(world, attachment_id=None)
    waits = []
    for _ in range(8):
        row = archive(world).row
        assert row.pending
        assert row.pending.reason is PendingReason.AWAITING_ATTACHMENT
        waits.append((row.pending.due_at - world.clock.now()).total_seconds())
        world.clock.advance(days=1)
    assert waits == [15, 60, 600, 3_600, 21_600, 86_400, 86_400, 86_400]
    assert world.archived("a")[0] == world.source("a")[0]


def test_a_fresh_change_is_looked_at_once_more(world: World) -> None:
    """Less than two minutes after a change the PDF may not be final: archived now, and again when settled."""
    world.qonto.put("a")
    row = archive(world).row
    assert row.pending
    assert row.pending.reason is PendingReason.SETTLING
    world.qonto.files["file-a"] = FakeFile(b"%PDF-1.7 final")
    world.clock.advance(seconds=120)
    assert world.archiver.archive_latest(A).row.pending is None
    assert world.archived("a") == world.source("a")


def test_a_slow_download_does_not_settle(world: World) -> None:
    """The time of the request counts: a PDF that was made again during the download is not the downloaded one."""
    world.qonto.put("a")
    world.clock.advance(seconds=70)
    world.archive.before_put = lambda key: world.clock.advance(seconds=90) if key.endswith(".pdf") else None
    pending = archive(world).row.pending
    assert pending
    assert pending.reason is PendingReason.SETTLING


def test_an_early_look_does_not_settle(world: World) -> None:
    """A duplicate message that comes too early changes neither the due time nor the state."""
    world.qonto.put("a")
    first = archive(world).row.pending
    world.clock.advance(seconds=30)
    assert world.archiver.archive_latest(A).row.pending == first


def test_a_clock_ahead_at_the_source_does_not_settle_for_ever(world: World) -> None:
    """One request at the due time ends it, even if the change lies in the future."""
    world.qonto.put("a", updated_at="2999-01-01T00:00:00Z")
    assert archive(world).row.pending
    world.clock.advance(minutes=3)
    assert world.archiver.archive_latest(A).row.pending is None


def test_a_late_commit_with_a_late_pdf_is_archived(world: World) -> None:
    """Committed 5 minutes after its `updated_at`, the PDF 10 seconds after that, and a run in between."""
    put_long_ago(world)
    archive(world)
    world.qonto.put("a", status="paid")
    world.clock.advance(minutes=5, seconds=1)
    assert archive(world).row.pending
    world.qonto.files["file-a"] = FakeFile(b"%PDF-1.7 made anew")
    world.clock.advance(minutes=2)
    assert world.archiver.archive_latest(A).row.pending is None
    assert world.archived("a") == world.source("a")


def test_the_draft_s_pdf_does_not_settle_an_invoice(world: World) -> None:
    """Qonto takes six minutes to make the final PDF, and says so: the attachment is not newer than `finalized_at`."""
    world.qonto.files["file-a"] = FakeFile(b"%PDF-1.7 draft", updated_at=START)
    world.qonto.put("a", finalized_at=START.isoformat())
    world.clock.advance(hours=1)
    for _ in range(3):
        pending = archive(world).row.pending
        assert pending
        assert pending.reason is PendingReason.SETTLING
        world.clock.advance(minutes=2)
    world.qonto.files["file-a"] = FakeFile(b"%PDF-1.7 final", updated_at=START + timedelta(seconds=1))
    assert world.archiver.archive_latest(A).row.pending is None
    assert world.archived("a") == world.source("a")


def test_a_draft_s_pdf_settles_a_draft(world: World) -> None:
    """It has no finalization that its PDF could be older than."""
    world.qonto.files["file-a"] = FakeFile(b"%PDF-1.7 draft", updated_at=START - timedelta(days=1))
    put_long_ago(world, status="draft")
    assert archive(world).row.pending is None


def archive_listed(world: World) -> InvoiceResult:
    """As the hourly run does it, from the list."""
    end = world.clock.now()
    (invoice,) = world.organization.page(Window(end - timedelta(days=9), end), 1, LAYOUT).invoices
    row = world.ledger.rows(CONNECTION, [A]).get(A)
    if row and world.archiver.is_unchanged(invoice, row):
        return InvoiceResult(row)
    return world.archiver.archive(invoice, row)


def documents(world: World) -> list[bytes]:
    """All versions of the archived JSON."""
    (key,) = (key for key in world.archive.versions if key.endswith(".json"))
    return [version.content for version in world.archive.versions[key]]


@pytest.mark.parametrize("only", ["listed", "alone"])
def test_a_field_that_only_one_form_has_makes_no_version(world: World, only: str) -> None:
    """The list's form is archived, and a look by id leaves it; whoever looks last."""
    world.qonto.put("a")
    world.qonto.more_fields[only] = lambda: {"seen_by": []}
    world.clock.advance(minutes=1)
    archive_listed(world)
    listed = documents(world)
    for _ in range(3):
        world.clock.advance(minutes=2, seconds=1)
        world.archiver.archive_latest(A)
        archive_listed(world)
    assert world.ledger.row("a").pending is None
    assert documents(world) == listed
    assert (b"seen_by" in listed[0]) == (only == "listed")


def test_the_lists_form_replaces_the_other_one(world: World) -> None:
    """A webhook archives an edit by id; the hourly run then lists it."""
    world.qonto.more_fields["alone"] = lambda: {"seen_by": []}
    put_long_ago(world)
    world.archiver.archive_latest(A)
    assert b"seen_by" in documents(world)[-1]
    archive_listed(world)
    assert b"seen_by" not in documents(world)[-1]


def test_a_field_that_differs_each_time_makes_no_version(world: World) -> None:
    """Two responses in a row show which one it is. The invoice settles, as any other."""
    numbers = count()
    world.qonto.put("a")
    for form in world.qonto.more_fields:
        world.qonto.more_fields[form] = lambda: {"seen_at": next(numbers)}
    world.clock.advance(minutes=1)
    archive_listed(world)
    world.clock.advance(minutes=2, seconds=1)
    assert world.archiver.archive_latest(A).row.pending is None
    assert len(documents(world)) == 1


def test_a_change_that_tells_no_time_is_archived(world: World) -> None:
    """Seen by id, with the same `updated_at`, and the same in each response: no matter of forms."""
    put_long_ago(world, einvoicing_status=None)
    archive_listed(world)
    world.qonto.invoices["a"]["einvoicing_status"] = "approved"
    world.clock.advance(hours=1)
    world.archiver.archive_latest(A)
    assert world.archived("a") == world.source("a")


def test_a_document_that_somebody_replaced_is_archived_again(world: World) -> None:
    """What lies in the bucket is then not compared."""
    put_long_ago(world)
    archive_listed(world)
    world.qonto.put("a", status="paid")
    world.qonto.more_fields["alone"] = lambda: {"seen_by": []}
    row = world.ledger.row("a")
    assert row.document
    world.archive.put_document(row.document.key, b"other", file_name=None, expected=row.document)
    world.clock.advance(hours=1)
    world.archiver.archive_latest(A)
    assert json.loads(documents(world)[-1])["status"] == "paid"


def test_a_failed_download_keeps_the_json_and_waits(world: World) -> None:
    """The JSON is archived and the row points to it; the invoice is pending with a due time."""
    put_long_ago(world)
    world.qonto.fail_next("open", Retriable("the file host answered 503"))
    outcome = archive(world)
    assert isinstance(outcome.failure, Retriable)
    assert outcome.row.pending
    assert outcome.row.pending.reason is PendingReason.FAILED
    assert outcome.row.pending.detail == "the file host answered 503"
    assert world.archived("a") == (world.source("a")[0], None)
    assert world.archiver.archive_latest(A).row.pending is None
    assert world.archived("a") == world.source("a")


def test_failures_back_off(world: World) -> None:
    """Exponentially, up to a cap, counted in the ledger."""
    put_long_ago(world)
    waits = []
    for _ in range(11):
        world.qonto.fail_next("open", Retriable("503"))
        row = archive(world).row
        assert row.pending
        waits.append((row.pending.due_at - world.clock.now()).total_seconds())
    # The jitter halves them.
    assert [2 * wait for wait in waits[:8]] == [30, 60, 120, 240, 480, 960, 1_920, 3_600]
    assert waits[8:] == [6 * 3_600, 24 * 3_600, 24 * 3_600]


def test_what_qonto_rejects_is_looked_at_daily(world: World) -> None:
    """A permanent failure is pending, too, with a long interval."""
    put_long_ago(world)
    world.qonto.fail_next("attachment", Permanent("Qonto answered 422"))
    row = archive(world).row
    assert row.pending
    assert row.pending.reason is PendingReason.REJECTED
    assert row.pending.due_at - world.clock.now() == timedelta(days=1)


def test_fatal_errors_stop_the_run(world: World) -> None:
    """Bad credentials concern every invoice, so nothing is recorded against this one."""
    put_long_ago(world)
    world.qonto.fail_next("attachment", AccessDenied("no scope"))
    with pytest.raises(Fatal):
        archive(world)
    assert not world.ledger.saved


def test_a_bug_costs_one_invoice_not_the_run(world: World) -> None:
    """An unexpected error makes the invoice pending."""
    put_long_ago(world)
    world.qonto.fail_next("attachment", KeyError("surprise"))
    assert isinstance(archive(world).failure, Retriable)
    assert world.ledger.row("a").pending


def test_an_unwritable_ledger_is_an_error(world: World) -> None:
    """Pending cannot be recorded either, so the run must not go on as if it were."""
    put_long_ago(world)

    def broken(_: LedgerRow) -> None:
        raise Retriable("table: AWS answered InternalServerError")

    world.ledger.before_write = broken
    with pytest.raises(Retriable):
        archive(world)


def test_an_older_version_is_not_written(world: World) -> None:
    """A run that listed an invoice before another one archived its edit changes nothing."""
    put_long_ago(world)
    old = world.qonto.invoice(A)
    put_long_ago(world, status="paid")
    archive(world)
    world.archiver.archive(old, world.ledger.row("a"))
    assert world.archived("a") == world.source("a")
    assert len(world.archive.versions["default/client_invoices/2026/03/a/invoice.json"]) == 1


def test_an_edit_that_steps_back_in_time_is_archived_when_it_is_confirmed(world: World) -> None:
    """Two overlapping edits may leave the earlier `updated_at` on the later content."""
    put_long_ago(world)
    archive(world)
    world.qonto.put("a", updated_at="2026-02-01T00:00:00Z", status="paid")
    pending = archive(world).row.pending
    assert pending
    assert pending.reason is PendingReason.STALE_READ
    assert world.archived("a") != world.source("a")
    world.clock.advance(seconds=120)
    assert world.archiver.archive_latest(A).row.pending is None
    assert world.archived("a") == world.source("a")


def test_a_stale_read_replaces_a_failure(world: World) -> None:
    """An older answer while something failed: asked once more in two minutes, not again and again at once."""
    put_long_ago(world)
    world.qonto.fail_next("open", Retriable("503"))
    assert archive(world).failure
    world.clock.advance(hours=1)
    world.qonto.put("a", updated_at="2026-02-01T00:00:00Z", status="paid")
    pending = world.archiver.archive_latest(A).row.pending
    assert pending
    assert (pending.reason, pending.due_at) == (PendingReason.STALE_READ, world.clock.now() + timedelta(minutes=2))
    world.clock.advance(seconds=120)
    assert world.archiver.archive_latest(A).row.pending is None
    assert world.archived("a") == world.source("a")


def test_an_old_answer_confirms_nothing(world: World) -> None:
    """Only a response to a request after the due time: a slow writer may still hold an older one."""
    put_long_ago(world)
    old = world.qonto.invoice(A)
    put_long_ago(world, status="paid")
    archive(world)
    world.archiver.archive(old, world.ledger.row("a"))
    world.clock.advance(minutes=3)
    world.archiver.archive(old, world.ledger.row("a"))
    assert world.archived("a") == world.source("a")
    assert world.archiver.archive_latest(A).row.pending is None


def test_a_stale_writer_starts_over_with_the_newest(world: World) -> None:
    """Between its reading of the ledger and its write another writer was faster: 412, then afresh."""
    put_long_ago(world)
    old, no_row = world.qonto.invoice(A), None
    put_long_ago(world, status="paid")
    world.qonto.files["file-a"] = FakeFile(b"%PDF-1.7 paid")
    archive(world)
    outcome = world.archiver.archive(old, no_row)
    assert world.archived("a") == world.source("a")
    assert outcome.row == world.ledger.row("a")


def test_a_crash_before_the_row_leaves_no_second_version(world: World) -> None:
    """What a crashed run wrote to S3 is found and taken over."""
    put_long_ago(world)

    def crash(_: LedgerRow) -> None:
        raise KeyboardInterrupt

    world.ledger.before_write = crash
    with pytest.raises(KeyboardInterrupt):
        archive(world)
    world.ledger.before_write = lambda _: None
    assert archive(world).row.pending is None
    assert world.archived("a") == world.source("a")
    assert {len(versions) for versions in world.archive.versions.values()} == {1}


def test_a_crash_before_the_row_does_not_block_the_next_edit(world: World) -> None:
    """An object that the ledger does not know is read, then replaced by the newer version."""
    put_long_ago(world)

    def crash(_: LedgerRow) -> None:
        raise KeyboardInterrupt

    world.ledger.before_write = crash
    with pytest.raises(KeyboardInterrupt):
        archive(world)
    world.ledger.before_write = lambda _: None
    world.qonto.files["file-a"] = FakeFile(b"%PDF-1.7 edited")
    put_long_ago(world, status="paid")
    assert archive(world).row.pending is None
    assert world.archived("a") == world.source("a")


def test_endless_conflicts_end_as_pending(world: World) -> None:
    """Three attempts, then the queue."""
    put_long_ago(world)

    def conflict(_: str) -> None:
        raise ObjectChanged("changed again")

    world.archive.before_put = conflict
    assert isinstance(archive(world).failure, Retriable)
    assert world.ledger.row("a").pending
    assert world.qonto.calls.count("invoice") == 3


def test_a_lost_race_for_the_row_is_run_again(world: World) -> None:
    """The row moved after our writes: read all of it again."""
    put_long_ago(world)
    raced: list[LedgerRow] = []

    def once(row: LedgerRow) -> None:
        if not raced:
            raced.append(row)
            raise RowChanged("another writer changed the ledger row")

    world.ledger.before_write = once
    assert archive(world).row.pending is None
    assert world.archived("a") == world.source("a")


def test_a_deleted_draft_keeps_its_archive(world: World) -> None:
    """404 for a draft, twice: the row says so, the objects stay, nothing is pending any more."""
    world.qonto.put("a", status="draft")
    assert archive(world).row.pending
    del world.qonto.invoices["a"]
    pending = world.archiver.archive_latest(A).row.pending
    assert pending
    assert pending.reason is PendingReason.NOT_FOUND
    assert pending.due_at > world.clock.now() + timedelta(minutes=2)
    world.clock.advance(seconds=121)
    row = world.archiver.archive_latest(A).row
    assert (row.deleted_at_source, row.pending) == (world.clock.now(), None)
    assert len(world.archive.versions) == 2
    assert world.archiver.archive_latest(A).row == row


def test_what_a_stopped_writer_left_of_a_deleted_draft_is_adopted(world: World) -> None:
    """It recorded its intent, replaced the JSON and crashed; then the draft was deleted."""
    world.qonto.put("a", status="draft")
    archive(world)
    world.clock.advance(minutes=30)
    world.qonto.put("a", status="draft", number="new")
    write = world.ledger.write
    written: list[LedgerRow] = []

    def crash(row: LedgerRow) -> LedgerRow:
        written.append(row)
        if len(written) > 1:
            raise Retriable("no answer")
        return write(row)

    world.ledger.write = crash  # type: ignore[method-assign]
    with pytest.raises(Retriable):
        archive(world)
    world.ledger.write = write  # type: ignore[method-assign]
    assert world.ledger.row("a").intent_expires_at
    del world.qonto.invoices["a"]
    for minutes in (1, 3, 30):
        world.clock.advance(minutes=minutes)
        world.archiver.archive_latest(A)
    row = world.ledger.row("a")
    assert row.deleted_at_source
    assert (row.pending, row.intent_expires_at) == (None, None)
    assert row.document
    assert row.document.etag == world.archive.versions[row.document.key][-1].etag


def test_one_404_is_not_believed(world: World) -> None:
    """Nor is a second one a moment later: an answer that was wrong once ends no pending state."""
    world.qonto.put("a", status="draft", attachment_id="late")
    assert archive(world).row.pending
    fields = world.qonto.invoices.pop("a")
    for _ in range(2):
        world.clock.advance(seconds=30)
        row = world.archiver.archive_latest(A).row
        assert row.deleted_at_source is None
        assert row.pending
        assert row.pending.attempts == 1
    world.qonto.invoices["a"] = fields
    world.qonto.files["late"] = FakeFile(b"%PDF-1.7 late")
    world.clock.advance(minutes=13)
    assert world.archiver.archive_latest(A).row.pending is None
    assert world.archived("a") == world.source("a")


@pytest.mark.parametrize(
    "error", [AttributeError("x"), RuntimeError("x"), KeyError("x"), AssertionError("x")], ids=repr
)
def test_whatever_is_wrong_with_one_invoice_stays_with_it(world: World, error: Exception) -> None:
    """An error in our own code, too: the invoice is pending, and the run is told."""
    put_long_ago(world)
    world.qonto.fail_next("open", error, error)
    for result in (world.archiver.archive_new(world.qonto.invoice(A)), world.archiver.archive_latest(A)):
        assert result.is_unexpected
        assert result.row.is_written
        assert result.row.pending
        assert result.row.pending.detail == f"unexpected {type(error).__name__}"
    assert world.archiver.archive_latest(A).row.pending is None
    assert world.archived("a") == world.source("a")


def test_a_row_that_knows_nothing_is_made_anew(world: World) -> None:
    """As the adapter reads one that it cannot parse: what lies in the bucket is read from there, and replaced."""
    put_long_ago(world)
    archive(world)
    before = world.ledger.row("a")
    assert before.document
    unreadable = Pending(PendingReason.FAILED, START, START, 0, "the ledger's row could not be read")
    world.ledger.saved[CONNECTION, A] = LedgerRow(CONNECTION, A, before.version, pending=unreadable)
    put_long_ago(world, status="paid")
    row = world.archiver.archive(world.qonto.invoice(A), world.ledger.row("a")).row
    assert (row.pending, row.document and row.document.key) == (None, before.document.key)
    assert world.archived("a") == world.source("a")


def test_a_404_for_a_final_invoice_is_not_believed(world: World) -> None:
    """Only drafts can be deleted: anything else stays pending."""
    world.qonto.put("a")
    archive(world)
    del world.qonto.invoices["a"]
    row = world.archiver.archive_latest(A).row
    assert row.deleted_at_source is None
    assert row.pending
    assert row.pending.reason is PendingReason.REJECTED


def test_an_invoice_that_comes_back_is_archived_again(world: World) -> None:
    """`deleted_at_source` is no end."""
    world.qonto.put("a", status="draft")
    archive(world)
    fields = world.qonto.invoices.pop("a")
    world.archiver.archive_latest(A)
    world.clock.advance(minutes=3)
    assert world.archiver.archive_latest(A).row.deleted_at_source
    world.qonto.invoices["a"] = fields
    assert archive(world).row.deleted_at_source is None


def test_an_invoice_keeps_its_place(world: World) -> None:
    """Even a creation date that changes at the source does not move it."""
    put_long_ago(world)
    archive(world)
    world.qonto.files["file-a"] = FakeFile(b"%PDF-1.7 edited")
    put_long_ago(world, created_at=None)
    archive(world)
    assert world.archived("a") == world.source("a")
    assert sorted(world.archive.versions) == [
        "default/client_invoices/2026/03/a/file-a.pdf",
        "default/client_invoices/2026/03/a/invoice.json",
    ]
