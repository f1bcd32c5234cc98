"""What cannot be read or archived stands aside, and everything else goes on: the hourly run, on fakes."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, override

import pytest

from qonto_sync.domain.errors import Misconfigured, Permanent, Retriable, Superseded
from qonto_sync.domain.gap import GapReason
from qonto_sync.domain.result import RunOutcome
from qonto_sync.domain.times import ONE_SECOND, to_precise_text
from qonto_sync.domain.window import Window
from qonto_sync.ports import Deadline
from tests.fakes import CONNECTION, START

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from qonto_sync.domain.gap import Gap
    from qonto_sync.domain.reading import PageLayout
    from qonto_sync.domain.result import RunResult
    from tests.fakes import ManualClock
    from tests.unit.conftest import World

DRAFT: dict[str, Any] = {"attachment_id": None, "status": "draft"}
"""Settles without a file, so that only the reading of the list counts here."""


@dataclass
class TimedDeadline(Deadline):
    """Is reached some seconds after it was made."""

    clock: ManualClock
    seconds: float
    _end: datetime = field(init=False)

    def __post_init__(self) -> None:
        self._end = self.clock.now() + timedelta(seconds=self.seconds)

    @override
    def remaining(self) -> float:
        return (self._end - self.clock.now()).total_seconds()


def put_at(world: World, count: int, updated_at: datetime, *, created_apart: float = 0, prefix: str = "h") -> list[str]:
    """Invoices that changed in one second, such as by a bulk update."""
    ids = [f"{prefix}{number:04d}" for number in range(count)]
    for number, id_ in enumerate(ids):
        created_at = updated_at - timedelta(seconds=created_apart * (count - number))
        world.qonto.put(id_, created_at=to_precise_text(created_at), updated_at=to_precise_text(updated_at), **DRAFT)
    return ids


def hourly(world: World, seconds: float = 10_000) -> RunResult:
    """A run in the next hour, with so much time."""
    world.clock.advance(hours=1)
    world.deadline = TimedDeadline(world.clock, seconds)  # type: ignore[assignment]
    world.last_deadline = TimedDeadline(world.clock, seconds + 30)  # type: ignore[assignment]
    return world.run().execute()


def archived(world: World) -> set[str]:
    """The invoices that are archived and settled."""
    return {id_ for (_, id_), row in world.ledger.saved.items() if row.document and row.pending is None}


def gaps(world: World) -> list[Gap]:
    """The gaps, oldest first."""
    return sorted(world.ledger.gaps.values(), key=lambda gap: gap.id)


def one_second_a_page(world: World) -> None:
    """So long takes each request for a page."""
    world.qonto.before_page = lambda _: world.clock.advance(seconds=1)


def test_a_second_too_big_for_a_run_is_worked_off_in_parts(world: World) -> None:
    """A bulk update: the checkpoint passes it, and the rest of it is a gap until it is read.

    It is in four windows of a second, since a filter takes in a second more on either side.
    """
    one_second_a_page(world)
    world.policy = replace(world.policy, pages_per_slice=2)
    ids = put_at(world, 200, START, created_apart=86_400)
    results = [hourly(world, seconds=90)]
    assert results[0].outcome is RunOutcome.PARTIAL
    assert [gap.reason for gap in gaps(world)] == [GapReason.UNFINISHED]
    assert gaps(world)[0].window.created_from
    assert results[0].tally.gaps_recorded == results[0].tally.gaps == 1
    world.qonto.put("later", **DRAFT)
    while "later" not in archived(world):
        results.append(hourly(world, seconds=90))
        assert len(results) < 7, "the checkpoint does not pass"
    while gaps(world):
        results.append(hourly(world, seconds=90))
        assert len(results) < 20, "the gap does not become smaller"
    assert archived(world) == {*ids, "later"}
    assert results[-1].outcome is RunOutcome.COMMITTED
    assert results[-1].tally.gaps == 0


@pytest.mark.parametrize("is_heeded", [True, False], ids=["an invoice without created_at", "the filter is ignored"])
def test_a_second_that_creation_does_not_tell_apart_is_not_cut_by_it(world: World, *, is_heeded: bool) -> None:
    """An invoice would be in neither part, or all of them in both: it is read as a whole."""
    world.policy = replace(world.policy, pages_per_slice=2)
    ids = put_at(world, 60, START, created_apart=86_400)
    if is_heeded:
        world.qonto.invoices[ids[17]]["created_at"] = None
    else:
        honest = world.qonto.page
        world.qonto.page = lambda window, *asked: honest(window.time, *asked)  # type: ignore[method-assign]
    assert hourly(world).outcome is RunOutcome.COMMITTED
    assert archived(world) == {*ids}
    assert gaps(world) == []
    assert len(world.qonto.pages_read) < 1_000


def test_a_run_that_cannot_finish_gets_further_than_the_last_one(world: World) -> None:
    """Many updates in a short time: the overlap is not read again before the present is near."""
    one_second_a_page(world)
    world.policy = replace(world.policy, pages_per_slice=2)
    for second in range(300):
        put_at(world, 1, START + timedelta(seconds=second), prefix=f"s{second}-")
    world.clock.advance(minutes=10)
    resumed: list[datetime] = []
    outcome = None
    while outcome is not RunOutcome.COMMITTED:
        result = hourly(world, seconds=45)
        assert result.checkpoint
        assert result.checkpoint.resume_from
        resumed.append(result.checkpoint.resume_from)
        assert len(resumed) < 20
        outcome = result.outcome
    assert len(resumed) > 3
    assert resumed == sorted(set(resumed)), "a run did not get further"


def test_what_was_read_before_the_deadline_is_committed(world: World) -> None:
    """Also the part that otherwise is committed with the fresh end of the window."""
    one_second_a_page(world)
    put_at(world, 30, START - timedelta(minutes=30), created_apart=1, prefix="old")
    put_at(world, 30, START + timedelta(minutes=55), created_apart=1, prefix="fresh")
    result = hourly(world, seconds=16)
    assert result.outcome is RunOutcome.PARTIAL
    assert result.checkpoint
    assert result.checkpoint.synced_until == result.window.end - timedelta(minutes=10)
    assert len(archived(world)) >= 30


@pytest.mark.parametrize(
    "poison",
    [Retriable("status 500"), Permanent("Qonto answered 422"), AttributeError("in our own code")],
    ids=["500", "422", "our own error"],
)
def test_one_page_that_cannot_be_read_stops_nothing(world: World, poison: Exception) -> None:
    """All around it is archived, the gap is one second, and it closes when the page can be read again."""
    ids = []
    for number in range(20):
        ids += put_at(world, 1, START - timedelta(hours=number), prefix=f"i{number}-")
    world.qonto.poisoned, world.qonto.poison = {ids[7]}, poison
    result = hourly(world)
    assert result.outcome is RunOutcome.COMMITTED
    assert archived(world) == {*ids} - {ids[7]}
    assert all(gap.reason is GapReason.UNREADABLE for gap in gaps(world))
    at = START - timedelta(hours=7)
    assert [gap.window for gap in gaps(world)] == [Window(at - 2 * ONE_SECOND, at + 2 * ONE_SECOND)]
    assert result.tally.gaps == 1
    assert (result.tally.unexpected_errors > 0) == isinstance(poison, AttributeError)
    assert hourly(world).tally.gaps_recorded == 0
    world.qonto.poisoned = set()
    assert hourly(world).tally.gaps == 0
    assert archived(world) == {*ids}


def test_in_one_second_only_the_row_itself_is_missing(world: World) -> None:
    """Imported and updated in bulk: no window of time has one of them alone."""
    ids = put_at(world, 25, START)
    world.qonto.poisoned = {ids[3], ids[24]}
    result = hourly(world)
    assert result.outcome is RunOutcome.COMMITTED
    assert archived(world) == {*ids} - world.qonto.poisoned
    assert {gap.reason for gap in gaps(world)} == {GapReason.UNREADABLE}
    world.qonto.poisoned = set()
    hourly(world)
    assert archived(world) == {*ids}
    assert gaps(world) == []


def test_a_gap_is_read_again_less_and_less_often(world: World) -> None:
    """With the back-off of an invoice: at last once a day."""
    put_at(world, 2, START)
    world.qonto.poisoned = {"h0000"}
    seen = []
    for _ in range(72):
        hourly(world)
        seen += gaps(world)
    assert len(seen) == 72
    assert seen[8].attempts > 6
    assert seen[-1].attempts - seen[-25].attempts == 1
    assert seen[-1].since < START + timedelta(hours=2)


def test_when_nothing_answers_the_run_fails_and_writes_nothing(world: World) -> None:
    """A page's failure is its own only if Qonto answers something else."""
    put_at(world, 3, START)
    world.qonto.page = lambda *_: _raise(Retriable("no answer"))  # type: ignore[method-assign]
    with pytest.raises(Retriable, match="no answer"):
        hourly(world)
    assert (world.ledger.gaps, world.ledger.saved, world.checkpoints.saved) == ({}, {}, {})


def test_a_wrong_address_is_a_misconfiguration(world: World) -> None:
    """It is named: nothing there answers like Qonto."""
    world.qonto.page = lambda *_: _raise(Permanent("Qonto answered 404 for the list"))  # type: ignore[method-assign]
    with pytest.raises(Misconfigured, match=r"404 for the list\. Check QONTO_API_URL"):
        hourly(world)


def test_an_outage_in_the_middle_commits_what_was_read_before(world: World) -> None:
    """No gap is recorded for what nobody could read; the next run goes on."""
    world.policy = replace(world.policy, pages_per_slice=1)
    for number in range(12):
        put_at(world, 1, START - timedelta(hours=number), prefix=f"i{number:02d}-")

    def down(_: int) -> None:
        if len(archived(world)) >= 6:
            raise Retriable("no answer")

    world.qonto.before_page = down
    with pytest.raises(Retriable):
        hourly(world)
    assert world.checkpoints.history
    assert world.ledger.gaps == {}
    world.qonto.before_page = lambda _: None
    assert hourly(world).outcome is RunOutcome.COMMITTED
    assert len(archived(world)) == 12


def by_page(found: list[dict[str, Any]], number: int, layout: PageLayout) -> list[dict[str, Any]]:
    """Ties in an order that depends on the page: one row is on the page before and on the page after its own."""
    per_page = 10 if layout.per_page == 100 else 10 - (100 - layout.per_page)
    rows = sorted(found, key=lambda fields: fields["id"], reverse=layout.newest_first)
    first = (number - 1) * max(per_page, 1)
    if number > 1 and first < len(rows):
        rows[first], rows[first - 1] = rows[first - 1], rows[first]
    return rows


def at_random(seed: int) -> Callable[[list[dict[str, Any]], int, PageLayout], list[dict[str, Any]]]:
    """Ties in another order for each page."""
    source = random.Random(seed)  # noqa: S311 - reproducible, and no secret
    return lambda found, _number, _layout: source.sample(found, len(found))


@pytest.mark.parametrize("arrange", [by_page, *(at_random(seed) for seed in range(5))])
def test_equal_keys_in_any_order_are_read_completely(
    world: World, arrange: Callable[[list[dict[str, Any]], int, PageLayout], list[dict[str, Any]]]
) -> None:
    """Several readings together see all of them, while the count stays the same."""
    world.qonto._per_page = 10
    ids = put_at(world, 25, START)
    world.qonto.arrange = arrange
    assert hourly(world).outcome is RunOutcome.COMMITTED
    for _ in range(2):
        hourly(world)
    assert gaps(world) == []
    assert archived(world) == {*ids}


@pytest.mark.parametrize("uncounted", [1, 7, 10**12])
def test_a_count_that_is_too_high_for_ever_stops_nothing(world: World, uncounted: int) -> None:
    """It is a gap, read again ever more rarely. All that is listed is archived."""
    ids = []
    for number in range(6):
        ids += put_at(world, 2, START - timedelta(hours=9 * number), prefix=f"i{number}-")
    world.qonto.uncounted = uncounted
    result = hourly(world)
    assert result.outcome is RunOutcome.COMMITTED
    assert archived(world) == {*ids}
    assert result.tally.gaps > 0
    assert len(world.qonto.pages_read) < 3_000
    world.qonto.put("later", **DRAFT)
    hourly(world)
    assert "later" in archived(world)
    world.qonto.uncounted = 0
    world.clock.advance(days=1)
    assert hourly(world).tally.gaps == 0


def test_a_row_that_is_counted_and_never_listed_is_one_small_gap(world: World) -> None:
    """The rest of the window certifies."""
    for number in range(6):
        put_at(world, 2, START - timedelta(hours=9 * number), prefix=f"i{number}-")
    put_at(world, 1, START - timedelta(hours=30), prefix="phantom")
    honest = world.qonto.page
    world.qonto.page = lambda *asked: _without(honest(*asked), "phantom0000")  # type: ignore[method-assign]
    result = hourly(world)
    assert (result.outcome, result.tally.gaps) == (RunOutcome.COMMITTED, 1)
    (gap,) = gaps(world)
    assert gap.reason is GapReason.UNCERTIFIED
    assert gap.window.start < START - timedelta(hours=30) < gap.window.end
    assert gap.window.end - gap.window.start <= 4 * ONE_SECOND


def test_a_list_that_refuses_long_windows_is_read_in_short_ones(world: World) -> None:
    """Qonto's `search_limit_reached`: 422 for more than so many results."""
    ids = []
    for number in range(40):
        ids += put_at(world, 1, START - timedelta(hours=number), prefix=f"i{number:02d}-")
    honest = world.qonto.page

    def page(window: Window, number: int, layout: PageLayout) -> Any:
        found = honest(window, number, layout)
        if (found.total_count or 0) > 9:
            raise Permanent("Qonto answered 422: search_limit_reached")
        return found

    world.qonto.page = page  # type: ignore[method-assign]
    result = hourly(world)
    assert result.outcome is RunOutcome.COMMITTED
    assert archived(world) == {*ids}
    assert gaps(world) == []


def test_what_is_overdue_is_requeued_whatever_became_of_the_reading(world: World) -> None:
    """Partial, superseded, or nothing answers: pending invoices do not depend on the list."""
    world.qonto.put("a")
    world.qonto.fail_next("open", Retriable("503"))
    world.queue.broken = True
    hourly(world)
    world.queue.broken = False
    honest = world.qonto.page
    world.qonto.page = lambda *_: _raise(Retriable("no answer"))  # type: ignore[method-assign]
    with pytest.raises(Retriable):
        hourly(world)
    assert len(world.queue.sent) == 1
    world.qonto.page = honest  # type: ignore[method-assign]
    world.clock.advance(hours=6)
    result = hourly(world, seconds=0)
    assert result.outcome is RunOutcome.PARTIAL
    assert result.tally.requeued == 1
    assert result.tally.backlog
    world.clock.advance(hours=6)
    world.checkpoints.before_commit = lambda: _raise(Superseded("another"))
    result = hourly(world)
    assert (result.outcome, result.tally.requeued) == (RunOutcome.SUPERSEDED, 1)


def test_all_overdue_invoices_are_requeued_at_the_deadline(world: World) -> None:
    """In the reserve that the invocation keeps, as far as it lasts."""
    for number in range(250):
        world.qonto.put(f"i{number}")
    world.qonto.fail_next("open", *[Retriable("503")] * 250)
    world.queue.broken = True
    hourly(world)
    world.queue.broken = False
    result = hourly(world, seconds=0)
    assert (result.outcome, result.tally.requeued) == (RunOutcome.PARTIAL, 250)
    assert result.tally.backlog
    assert result.tally.backlog.by_reason.total() == 250


def test_an_invoice_or_gap_is_announced_once_when_it_is_a_day_old(world: World) -> None:
    """So that the alarm on it rings for each new one, and ends by itself."""
    world.qonto.put("a")
    world.qonto.fail_next("open", *[Retriable("503")] * 99)
    put_at(world, 1, START - timedelta(hours=2), prefix="poison")
    world.qonto.poisoned = {"poison0000"}
    reached = []
    for _ in range(50):
        backlog = hourly(world).tally.backlog
        assert backlog
        reached.append(backlog.reached_a_day)
        for checkpoint in world.checkpoints.saved.values():
            world.checkpoints.saved[CONNECTION] = replace(checkpoint, committed_at=world.clock.now())
    assert sum(reached) == 2
    assert reached[24] == 2


def test_a_dry_run_records_no_gap(world: World) -> None:
    """It reports it."""
    put_at(world, 3, START)
    world.qonto.poisoned = {"h0001"}
    world.clock.advance(hours=1)
    result = world.run(dry_run=True).execute()
    assert result.tally.gaps_recorded > 0
    assert world.ledger.gaps == {}
    assert world.checkpoints.saved == {}


def _raise(error: Exception) -> Any:
    raise error


def _without(page: Any, invoice_id: str) -> Any:
    return replace(page, invoices=tuple(row for row in page.invoices if row.id != invoice_id))
