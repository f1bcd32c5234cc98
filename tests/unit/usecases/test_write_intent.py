"""Several writers of one invoice, slow and crashed ones among them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from qonto_sync.domain.errors import AccessDenied, Fatal, ObjectChanged, Retriable
from qonto_sync.domain.ids import InvoiceId
from qonto_sync.domain.ledger import PendingReason
from qonto_sync.usecases.write_intent import LONGEST_INVOCATION
from tests.fakes import CONNECTION, FakeFile

if TYPE_CHECKING:
    from collections.abc import Callable

    from qonto_sync.domain.ledger import LedgerRow
    from tests.unit.conftest import World

A = InvoiceId("a")


def edit(world: World, content: bytes, **fields: Any) -> None:
    """A change of the invoice and of its file, long enough ago to be settled."""
    world.qonto.put("a", **fields)
    world.qonto.files["file-a"] = FakeFile(content)
    world.clock.advance(hours=1)


def take_back(world: World, fields: dict[str, Any], content: bytes) -> None:
    """The source has what it had before, to the byte."""
    world.qonto.invoices["a"] = fields
    world.qonto.files["file-a"] = FakeFile(content)


def archived_once(world: World) -> dict[str, Any]:
    """An invoice without `updated_at`, archived and complete; returns its fields."""
    edit(world, b"%PDF-1.7 A", updated_at=None)
    assert world.archiver.archive_latest(A).row.pending
    world.clock.advance(hours=1)
    assert world.archiver.archive_latest(A).row.pending is None
    return world.qonto.invoices["a"]


def die(_: LedgerRow) -> None:
    """The process has crashed."""
    raise KeyboardInterrupt


def test_a_first_version_needs_no_intent(world: World) -> None:
    """There is no object to overwrite: one write of the ledger."""
    edit(world, b"%PDF-1.7 A")
    assert world.archiver.archive_latest(A).row.version == 1


def test_a_replacement_records_an_intent_and_removes_it(world: World) -> None:
    """Two writes of the ledger; in between, the row is pending and has the revision to come."""
    edit(world, b"%PDF-1.7 A")
    world.archiver.archive_latest(A)
    edit(world, b"%PDF-1.7 B", status="paid")
    during: list[LedgerRow] = []
    world.archive.before_put = lambda _: during.append(world.ledger.row("a"))
    row = world.archiver.archive_latest(A).row
    assert (row.version, row.pending, row.intent_expires_at) == (3, None, None)
    for announced in during:
        assert announced.pending
        assert announced.pending.reason is PendingReason.WRITE_INTENT
        assert announced.revision == row.revision
        assert announced.digest != row.digest


def test_a_writer_that_starts_over_announces_the_newer_version(world: World) -> None:
    """Its first intent names the older version, so another writer of that one would not see that it is too late."""
    archived_once(world)
    edit(world, b"%PDF-1.7 B", status="paid")
    during: list[LedgerRow] = []

    def other_was_faster(_: str) -> None:
        world.archive.before_put = lambda _: during.append(world.ledger.row("a"))
        edit(world, b"%PDF-1.7 C", status="canceled")
        raise ObjectChanged("simulated")

    world.archive.before_put = other_was_faster
    row = world.archiver.archive_latest(A).row
    assert row.revision
    assert {announced.revision for announced in during} == {row.revision}


def while_b_is_written(world: World, finds: Callable[[LedgerRow], None]) -> None:
    """A writer of B is slow: before its first write the source goes back to A, and another writer finds A archived."""
    first = archived_once(world)
    edit(world, b"%PDF-1.7 B", status="paid", updated_at=None)

    def meanwhile(_: str) -> None:
        world.archive.before_put = lambda _: None
        take_back(world, first, b"%PDF-1.7 A")
        finds(world.archiver.archive_latest(A).row)

    world.archive.before_put = meanwhile


def test_a_slow_writer_and_a_repeated_version(world: World) -> None:
    """A, B, A: the writer of B passes the compare-and-swap over the newest A, and crashes; a later run detects it."""

    def finds(row: LedgerRow) -> None:
        assert row.pending, "the one who announced itself may be alive"
        world.ledger.before_write = die

    while_b_is_written(world, finds)
    with pytest.raises(KeyboardInterrupt):
        world.archiver.archive_latest(A)
    assert world.archived("a") != world.source("a"), "the compare-and-swap did pass"
    world.ledger.before_write = lambda _: None
    world.clock.advance(minutes=16)
    row = world.archiver.archive_latest(A).row
    assert world.archived("a") == world.source("a")
    assert row.intent_expires_at is None


def test_a_slow_writer_that_lives_finds_out_itself(world: World) -> None:
    """Its row conflicts, and its next attempt reads what it wrote."""
    while_b_is_written(world, lambda _: None)
    row = world.archiver.archive_latest(A).row
    assert world.archived("a") == world.source("a")
    assert row.pending, "of two writers each may be the slow one"
    world.clock.advance(minutes=16)
    assert world.archiver.archive_latest(A).row.pending is None


def test_a_run_that_stops_leaves_its_intent(world: World) -> None:
    """A fatal error between JSON and file: the row says that something may lie there, and for how long."""
    first = archived_once(world)
    edit(world, b"%PDF-1.7 B", status="paid", updated_at=None)
    world.qonto.fail_next("attachment", AccessDenied("no scope"))
    with pytest.raises(Fatal):
        world.archiver.archive_latest(A)
    row = world.ledger.row("a")
    assert row.intent_expires_at
    assert timedelta(0) <= row.intent_expires_at - world.clock.now() - LONGEST_INVOCATION <= timedelta(seconds=1)
    assert row.pending
    assert row.pending.due_at == row.intent_expires_at
    take_back(world, first, b"%PDF-1.7 A")
    world.clock.advance(minutes=16)
    assert world.archiver.archive_latest(A).row.intent_expires_at is None
    assert world.archived("a") == world.source("a")


def test_a_write_with_a_lost_response_leaves_its_intent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file may lie there or not; when the source goes back to the old one, it is not taken for archived."""
    first = archived_once(world)
    edit(world, b"%PDF-1.7 B", status="paid", updated_at=None)
    put_file = world.archive.put_file

    def unheard(*args: Any, **options: Any) -> None:
        put_file(*args, **options)
        raise Retriable("bucket: ReadTimeoutError")

    monkeypatch.setattr(world.archive, "put_file", unheard)
    assert world.archiver.archive_latest(A).row.intent_expires_at
    monkeypatch.undo()
    take_back(world, first, b"%PDF-1.7 A")
    world.clock.advance(minutes=16)
    # An attempt that fails before the file is repaired does not make the row true.
    world.qonto.fail_next("attachment", Retriable("503"))
    assert world.archiver.archive_latest(A).row.intent_expires_at
    world.clock.advance(minutes=16)
    assert world.archiver.archive_latest(A).row.intent_expires_at is None
    assert world.archived("a") == world.source("a")


def test_a_writer_of_an_older_version_sees_the_intent(world: World) -> None:
    """Its compare-and-swap on what it finds would pass: the revision in the row holds it back."""
    edit(world, b"%PDF-1.7 A")
    world.archiver.archive_latest(A)
    old = world.qonto.invoice(A)
    edit(world, b"%PDF-1.7 B", status="paid")

    def meanwhile(key: str) -> None:
        world.archive.before_put = lambda _: None
        world.archiver.archive(old, world.ledger.rows(CONNECTION, [A])[A])
        assert len(world.archive.versions[key]) == 1

    world.archive.before_put = meanwhile
    world.archiver.archive_latest(A)
    assert world.archived("a") == world.source("a")


def test_a_file_that_the_invoice_no_longer_names_is_dropped_if_unverified(world: World) -> None:
    """It is never requested again, so nothing else could verify it."""
    archived_once(world)
    edit(world, b"%PDF-1.7 B", updated_at=None)

    def die_at_the_end(row: LedgerRow) -> None:
        if row.pending and row.pending.reason is PendingReason.SETTLING:
            die(row)

    world.ledger.before_write = die_at_the_end
    with pytest.raises(KeyboardInterrupt):
        world.archiver.archive_latest(A)
    world.ledger.before_write = lambda _: None
    edit(world, b"", attachment_id=None, status="draft", updated_at=None)
    row = world.archiver.archive_latest(A).row
    assert (row.file, row.pending, row.intent_expires_at) == (None, None, None)
