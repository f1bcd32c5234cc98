"""The hourly run, on fakes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import cycle
from typing import TYPE_CHECKING

import pytest

from qonto_sync.domain.checkpoint import Checkpoint
from qonto_sync.domain.errors import (
    ClockSkew,
    CredentialsRejected,
    DeadlineReached,
    InvalidSettings,
    Retriable,
)
from qonto_sync.domain.ids import RunId
from qonto_sync.domain.invoice import Invoice
from qonto_sync.domain.ledger import PendingReason
from qonto_sync.domain.messages import RetryMessage
from qonto_sync.domain.request_counts import RequestCounter
from qonto_sync.domain.result import RunOutcome, RunReport, Usage
from qonto_sync.domain.times import to_text
from tests.fakes import CONNECTION, START, CountedDeadline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qonto_sync.domain.invoice import InvoicePage
    from qonto_sync.domain.ledger import LedgerRow
    from qonto_sync.domain.reading import PageLayout
    from qonto_sync.domain.window import Window
    from tests.unit.conftest import World


def put(world: World, count: int, prefix: str = "i", *, seconds_apart: int = 1) -> list[str]:
    """Invoices, one after the other."""
    ids = [f"{prefix}{number:03d}" for number in range(count)]
    for id_ in ids:
        world.qonto.put(id_)
        world.clock.advance(seconds=seconds_apart)
    return ids


def test_archives_everything_and_commits_once(world: World) -> None:
    """Several pages, one slice, one commit."""
    ids = put(world, 10)
    result = world.sync()
    assert [world.archived(id_) == world.source(id_) for id_ in ids] == [True] * 10
    counter = RequestCounter()
    usage = Usage(counter.as_dict(), counter.to_aws, duration_ms=0, memory_mb=1024)
    assert RunReport(result, usage).as_dict() == {
        "outcome": "committed",
        "action": "sync",
        "connection": "default",
        "run_id": "run",
        "window": {"from": "2026-01-30T12:00:00Z", "to": "2026-03-01T12:14:10Z"},
        "slices": {"committed": 1, "planned": 1},
        "invoices": {"listed": 10, "archived": 10, "unchanged": 0, "settling": 0, "pending": 0},
        "attachments": {"archived": 10, "unchanged": 0, "bytes": 130},
        "complete": {"distinct": 10, "total_count": 10},
        "backlog": {"pending": 0, "by_reason": {}, "oldest_since": None},
        "requeued": 0,
        "gaps": 0,
        "checkpoint": {"version": 1, "synced_until": "2026-03-01T12:14:10Z"},
        "requests": {"qonto": 0, "files": 0, "throttled": 0},
        "cost": {"gb_seconds": 0.0, "aws_requests": {"dynamodb": 0, "s3": 0, "secretsmanager": 0, "sqs": 0}},
        "duration_ms": 0,
    }


def test_nothing_new_costs_one_page(world: World) -> None:
    """No attachment request, no new object version; the checkpoint moves on."""
    put(world, 3)
    world.sync()
    versions = {key: len(found) for key, found in world.archive.versions.items()}
    world.qonto.calls.clear()
    result = world.sync()
    assert world.qonto.calls == ["page"]
    assert {key: len(found) for key, found in world.archive.versions.items()} == versions
    assert result.checkpoint
    assert result.checkpoint.version == 2


def test_a_big_window_is_cut_and_committed_slice_by_slice(world: World) -> None:
    """Oldest first; each slice moves the checkpoint."""
    world.policy = replace(world.policy, pages_per_slice=2)
    ids = put(world, 30)
    result = world.sync()
    assert all(world.archived(id_) == world.source(id_) for id_ in ids)
    assert result.tally.slices_committed == result.tally.slices_planned > 1
    ends = [checkpoint.synced_until for checkpoint in world.checkpoints.history]
    assert ends == sorted(ends)
    assert ends[-1] == result.window.end


def test_the_checkpoint_never_moves_backwards(world: World) -> None:
    """Also when the overlap itself is cut into slices that end before the last checkpoint."""
    put(world, 30)
    world.sync()
    world.clock.advance(minutes=-9)
    put(world, 30, "more")
    world.policy = replace(world.policy, pages_per_slice=2)
    assert world.sync().tally.slices_committed > 2
    ends = [checkpoint.synced_until for checkpoint in world.checkpoints.history]
    assert ends == sorted(ends)


def test_a_crowded_second_is_read_as_it_is(world: World) -> None:
    """A slice that can't be cut may be bigger than the limit."""
    world.policy = replace(world.policy, pages_per_slice=1)
    for number in range(20):
        world.qonto.put(f"i{number}")
    result = world.sync()
    assert result.outcome is RunOutcome.COMMITTED
    assert len({id_ for _, id_ in world.ledger.saved}) == 20


def test_failures_become_pending_then_messages_then_the_commit(world: World) -> None:
    """In this order: the ledger is the truth, the message only a trigger."""
    put(world, 3)
    world.qonto.fail_next("open", Retriable("503"))
    seen_at_commit = []
    world.checkpoints.before_commit = lambda: seen_at_commit.append(
        ([row.pending is not None for row in world.ledger.saved.values()].count(True), len(world.queue.sent))
    )
    result = world.sync()
    assert seen_at_commit == [(1, 1)]
    assert (result.tally.pending, result.tally.archived) == (1, 2)
    message, delay = world.queue.sent[0]
    assert (message.reason, delay) == (PendingReason.FAILED, 15)


def test_a_broken_queue_does_not_hold_up_the_run(world: World) -> None:
    """The ledger has it; a later run requeues what is overdue."""
    put(world, 1)
    world.qonto.fail_next("open", Retriable("503"))
    world.queue.broken = True
    assert world.sync().outcome is RunOutcome.COMMITTED
    world.queue.broken = False
    world.clock.advance(minutes=20)
    result = world.sync()
    assert result.tally.requeued == 1
    assert [wake.message.invoice_id for wake in world.queue.sent] == ["i000"]


def test_a_broken_ledger_commits_nothing(world: World) -> None:
    """If pending can't be recorded, the run fails and the checkpoint stays."""
    put(world, 3)

    def broken(_: object) -> None:
        raise Retriable("table: AWS answered InternalServerError")

    world.ledger.before_write = broken
    with pytest.raises(Retriable):
        world.sync()
    assert world.checkpoints.saved == {}


def test_fatal_errors_commit_nothing(world: World) -> None:
    """Refused credentials stop the run at once."""
    put(world, 9)
    world.qonto.fail_next("attachment", CredentialsRejected("401"))
    with pytest.raises(CredentialsRejected):
        world.sync()
    assert world.checkpoints.saved == {}
    assert world.qonto.calls.count("attachment") < 9


def test_an_unreachable_api_raises(world: World) -> None:
    """The run fails, the next one tries again."""
    no_answer = Retriable("no answer from thirdparty.qonto.com")
    world.qonto.fail_next("page", no_answer, no_answer)
    with pytest.raises(Retriable):
        world.sync()
    assert world.checkpoints.saved == {}
    assert world.ledger.gaps == {}
    assert world.sync().outcome is RunOutcome.COMMITTED


def test_the_deadline_ends_the_run_as_partial(world: World) -> None:
    """Commits stay, archived invoices are skipped next time, and the next run continues."""
    world.policy = replace(world.policy, pages_per_slice=2)
    ids = put(world, 30)
    runs = 0
    while True:
        world.deadline = CountedDeadline(looks=55)
        result = world.sync()
        runs += 1
        assert runs < 60, "no progress"
        if result.outcome is RunOutcome.COMMITTED:
            break
        assert result.outcome is RunOutcome.PARTIAL
    assert runs > 2
    assert all(world.archived(id_) == world.source(id_) for id_ in ids)
    assert {len(versions) for versions in world.archive.versions.values()} == {1}


def test_a_second_run_that_committed_first_supersedes(world: World) -> None:
    """No error: the other run continues."""
    put(world, 3)

    def other() -> None:
        world.checkpoints.before_commit = lambda: None
        world.run("other").execute()

    world.checkpoints.before_commit = other
    result = world.sync()
    assert result.outcome is RunOutcome.SUPERSEDED
    assert [checkpoint.run_id for checkpoint in world.checkpoints.history] == ["other"]


def test_dry_run_writes_nothing(world: World) -> None:
    """It reads, and reports what it would do."""
    put(world, 7)
    world.sync()
    put(world, 2, "new")
    before = (dict(world.ledger.saved), dict(world.checkpoints.saved), len(world.archive.versions))
    world.qonto.calls.clear()
    result = world.sync(dry_run=True)
    assert (world.ledger.saved, world.checkpoints.saved, len(world.archive.versions)) == before
    assert set(world.qonto.calls) == {"page"}
    assert result.outcome is RunOutcome.DRY_RUN
    assert result.tally.archived == 2
    assert world.queue.sent == []


def test_an_initial_time_in_the_future_is_an_error(world: World) -> None:
    """It names the variable and the time."""
    world.policy = replace(world.policy, initial_sync_from=START + timedelta(days=1))
    with pytest.raises(InvalidSettings, match=r"INITIAL_SYNC_FROM is 2026-03-02T12:00:00Z, which is in the future"):
        world.sync()


def test_a_checkpoint_in_the_future_is_an_error(world: World) -> None:
    """A slow clock must not make windows that are open."""
    world.checkpoints.saved[CONNECTION] = Checkpoint(START + timedelta(days=1), 1, RunId("r"))
    with pytest.raises(ClockSkew):
        world.sync()


def test_a_wrong_clock_is_an_error(world: World) -> None:
    """More than the lag away from Qonto's own: no window is known to be closed."""
    world.qonto.skew = timedelta(seconds=61)
    with pytest.raises(ClockSkew, match="61 s"):
        world.sync()
    assert world.checkpoints.saved == {}


def test_a_window_that_has_not_begun_is_no_work(world: World) -> None:
    """A deployment that starts from now has nothing to read in its first minute."""
    world.policy = replace(world.policy, initial_sync_from=START + timedelta(minutes=15))
    result = world.sync()
    assert (result.outcome, result.tally.slices_planned, result.checkpoint) == (RunOutcome.COMMITTED, 0, None)
    assert world.qonto.calls == []


def test_a_slice_that_does_not_add_up_is_cut(world: World) -> None:
    """A list that hides a row among several pages is read again, then in smaller and smaller slices."""
    ids = put(world, 9, seconds_apart=10)
    honest = world.qonto.page

    def page(window: Window, number: int, layout: PageLayout) -> InvoicePage:
        found = honest(window, number, layout)
        is_hidden = found.total_pages > 1
        return replace(found, invoices=tuple(row for row in found.invoices if not is_hidden or row.id != ids[4]))

    world.qonto.page = page  # type: ignore[method-assign]
    result = world.sync()
    assert result.outcome is RunOutcome.COMMITTED
    assert all(world.archived(id_) == world.source(id_) for id_ in ids)
    assert result.tally.slices_planned > 1
    assert world.ledger.gaps == {}


def test_overdue_invoices_are_requeued(world: World) -> None:
    """Due more than 15 minutes ago and still pending: no message could be sent."""
    put(world, 2)
    world.qonto.fail_next("open", Retriable("503"), Retriable("503"))
    world.queue.broken = True
    world.sync()
    world.queue.broken = False
    assert world.sync().tally.requeued == 0
    assert world.sync().tally.requeued == 2
    assert [(wake.message.reason, wake.delay_seconds) for wake in world.queue.sent] == [(PendingReason.FAILED, 0)] * 2


def test_an_edit_while_pages_are_read_is_in_the_next_window(world: World) -> None:
    """It leaves the closed window, and no other invoice is missed for it."""
    ids = put(world, 12)
    edits = cycle(ids)
    world.clock.advance(minutes=10)
    world.qonto.before_page = lambda _: world.qonto.put(next(edits), status="paid")
    world.run().execute()
    world.qonto.before_page = lambda _: None
    world.sync()
    assert all(world.archived(id_) == world.source(id_) for id_ in ids)


@pytest.mark.parametrize("old", [True, False], ids=["an old invoice", "a fresh invoice"])
def test_a_late_commit_beside_an_edit_hides_no_other_invoice(world: World, *, old: bool) -> None:
    """One comes in late, one leaves: the count stays, and a third one slips behind the reader. It is met all the same.

    Were it not, only the next run could meet it, and only what is younger than the overlap.
    """
    ids = put(world, 6)
    world.clock.advance(days=1 if old else 0, minutes=5)

    def disturb(_: int) -> None:
        if len(world.qonto.pages_read) >= 2 and "late" not in world.qonto.invoices:
            long_ago, lately = START - timedelta(days=9), world.clock.now() - timedelta(minutes=3)
            world.qonto.put("late", created_at=to_text(long_ago), updated_at=to_text(lately))
            world.qonto.put(ids[-1], status="paid")

    world.qonto.before_page = disturb
    world.run().execute()
    world.sync()
    assert all(world.archived(id_) == world.source(id_) for id_ in [*ids, "late"])


def test_an_unchanged_pending_invoice_is_left_to_the_queue(world: World) -> None:
    """The overlap lists it again, but its retry is not due."""
    world.qonto.put("a", attachment_id=None)
    world.clock.advance(minutes=10)
    world.run().execute()
    world.clock.advance(seconds=10)
    world.qonto.calls.clear()
    result = world.run().execute()
    assert world.qonto.calls == ["page"]
    assert (result.tally.listed, result.tally.pending) == (1, 1)


def test_an_invoice_that_is_listed_twice_is_archived_once_and_holds_nothing_up(world: World) -> None:
    """The newest version, wherever in the page it is; the older one causes no second attempt."""
    world.qonto.put("a", status="paid")
    honest = world.qonto.page

    def page(window: Window, number: int, layout: PageLayout) -> InvoicePage:
        found = honest(window, number, layout)
        older = [
            Invoice.of(
                {"id": "a", "status": "unpaid", "attachment_id": "file-a", "updated_at": "2026-02-28T00:00:00Z"},
                b"old",
                world.clock.now(),
            )
        ] * len(found.invoices)
        return replace(found, invoices=(*older, *found.invoices, *older), total_count=3 * len(found.invoices))

    world.qonto.page = page  # type: ignore[method-assign]
    result = world.sync()
    assert (result.outcome, result.tally.listed, result.tally.pending) == (RunOutcome.COMMITTED, 1, 0)
    assert world.archived("a") == world.source("a")


def with_an_odd_entry(world: World) -> Invoice:
    """A world whose list has one entry more, without an id."""
    odd = Invoice.unidentified(b'{"id": 7}', world.clock.now())
    honest = world.qonto.page

    def page(window: Window, number: int, layout: PageLayout) -> InvoicePage:
        found = honest(window, number, layout)
        return replace(found, invoices=(*found.invoices, odd), total_count=(found.total_count or 0) + 1)

    world.qonto.page = page  # type: ignore[method-assign]
    return odd


def test_an_entry_without_an_id_is_archived_counted_and_pending(world: World) -> None:
    """It does not affect other invoices, and is reported daily; Qonto is never asked for it."""
    (id_,) = put(world, 1)
    odd = with_an_odd_entry(world)
    result = world.sync()
    assert result.outcome is RunOutcome.COMMITTED
    assert (result.tally.distinct, result.tally.pending) == (2, 1)
    assert world.archived(id_) == world.source(id_)
    assert world.archive.content(f"default/client_invoices/0000/00/{odd.id}/invoice.json") == odd.document
    for attempt in (1, 2):
        pending = world.ledger.row(odd.id).pending
        assert pending
        assert (pending.reason, pending.attempts) == (PendingReason.REJECTED, attempt)
        assert pending.detail == "Qonto listed an entry without a usable id"
        assert pending.due_at - world.clock.now() == timedelta(days=1)
        world.clock.advance(days=1)
        world.retry().retry(RetryMessage(CONNECTION, odd.id, pending.reason))
    assert "invoice" not in world.qonto.calls
    assert world.ledger.row(odd.id).deleted_at_source is None
    assert world.archive.content(f"default/client_invoices/0000/00/{odd.id}/invoice.json") == odd.document


def test_an_entry_without_an_id_that_cannot_be_stored_stops_the_run(world: World) -> None:
    """Nobody can ask for it again: only the page has it, so the page is read again."""
    odd = with_an_odd_entry(world)

    def broken(_: str) -> None:
        raise Retriable("bucket: AWS answered SlowDown")

    world.archive.before_put = broken
    with pytest.raises(Retriable, match="SlowDown"):
        world.sync()
    assert world.checkpoints.saved == {}
    world.archive.before_put = lambda _: None
    assert world.sync().outcome is RunOutcome.COMMITTED
    assert world.archive.content(f"default/client_invoices/0000/00/{odd.id}/invoice.json") == odd.document


@pytest.mark.parametrize("status", ["draft", "unpaid"])
def test_an_attachment_that_cannot_be_asked_for_is_pending(world: World, status: str) -> None:
    """Also of a draft, which may lack one; the JSON is archived all the same."""
    world.qonto.put("a", status=status, attachment_id="x" * 201)
    world.sync()
    pending = world.ledger.row("a").pending
    assert pending
    assert pending.reason is PendingReason.REJECTED
    assert world.archived("a") == (world.qonto.document("a"), None)


def test_a_spent_rate_budget_ends_the_run_as_partial(world: World) -> None:
    """When Qonto's limits leave no request in time: no error, no pending invoice, and the next run continues."""
    put(world, 7)
    spent = DeadlineReached("Qonto's rate limit leaves no request for another 300 s")
    world.qonto.fail_next("attachment", spent)
    result = world.sync()
    assert (result.outcome, result.checkpoint) == (RunOutcome.PARTIAL, None)
    assert not any(row.pending for row in world.ledger.saved.values())
    assert world.sync().outcome is RunOutcome.COMMITTED
    world.qonto.fail_next("page", spent)
    assert world.sync().outcome is RunOutcome.PARTIAL


def test_what_is_pending_is_counted_by_reason(world: World) -> None:
    """Whichever run left it so, and since when the oldest of it is."""
    put(world, 3)
    world.qonto.fail_next("open", Retriable("503"))
    world.sync()
    failed_at = world.clock.now()
    world.clock.advance(hours=3)
    world.qonto.put("no file", attachment_id=None)
    world.clock.advance(minutes=5)
    backlog = world.run().execute().tally.backlog
    assert backlog is not None
    assert backlog.by_reason == {PendingReason.FAILED: 1, PendingReason.AWAITING_ATTACHMENT: 1}
    assert backlog.oldest_since == failed_at
    assert backlog.oldest_age == world.clock.now() - failed_at
    assert backlog.as_dict()["pending"] == 2


def test_a_dry_run_counts_what_is_pending_and_requeues_nothing(world: World) -> None:
    """It only reads."""
    put(world, 1)
    world.qonto.fail_next("open", Retriable("503"))
    world.sync()
    world.queue.sent.clear()
    world.clock.advance(hours=1)
    tally = world.run(dry_run=True).execute().tally
    assert tally.backlog is not None
    assert tally.backlog.by_reason == {PendingReason.FAILED: 1}
    assert tally.requeued == 0
    assert not world.queue.sent


def test_rows_of_new_invoices_are_inserted_a_hundred_at_once(world: World) -> None:
    """None is written alone, and each is at its first version."""
    ids = put(world, 230)
    world.clock.advance(minutes=10)
    world.policy = replace(world.policy, pages_per_slice=1_000)
    world.sync()
    assert [len(rows) for rows in world.ledger.inserted] == [100, 100, 30]
    assert {world.ledger.row(id_).version for id_ in ids} == {1}


def test_rows_that_cannot_be_inserted_are_written_one_by_one(world: World) -> None:
    """DynamoDB did not answer: all are archived, and counted once."""
    ids = put(world, 5)
    world.ledger.fail_insert = Retriable("no answer")
    tally = world.sync().tally
    assert (tally.listed, tally.pending, tally.slices_committed) == (5, 0, 1)
    assert all(world.archived(id_) == world.source(id_) for id_ in ids)
    assert all(world.ledger.row(id_).file for id_ in ids)
    assert world.qonto.calls.count("open") == 5


def test_only_rows_that_are_in_the_way_are_done_again(world: World) -> None:
    """Another run inserted some of them meanwhile: no file is downloaded twice for it."""
    ids = put(world, 90)
    world.clock.advance(minutes=10)
    world.policy = replace(world.policy, pages_per_slice=1_000)
    insert = world.ledger.insert

    def late(rows: Sequence[LedgerRow]) -> list[LedgerRow | None]:
        for row in rows[:30]:
            world.ledger.write(row)
        return insert(rows)

    world.ledger.insert = late  # type: ignore[method-assign]
    tally = world.run().execute().tally
    assert (tally.archived, tally.pending) == (90, 0)
    assert all(world.archived(id_) == world.source(id_) for id_ in ids)
    assert world.qonto.calls.count("open") == 90
    assert {world.ledger.row(id_).version for id_ in ids} == {1}


def test_what_is_archived_at_the_deadline_is_in_the_ledger(world: World) -> None:
    """So that the next run passes it over."""
    put(world, 30)
    world.clock.advance(minutes=10)
    world.deadline = CountedDeadline(looks=12)
    result = world.run().execute()
    assert result.outcome is RunOutcome.PARTIAL
    assert world.ledger.saved
    documents = [key for key in world.archive.versions if key.endswith("invoice.json")]
    assert len(world.ledger.saved) == len(documents) == result.tally.archived
