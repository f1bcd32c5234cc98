"""A backfill reads a time again, whatever interrupts it, and leaves the checkpoint alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from qonto_sync.domain.errors import InvalidEvent, Retriable, WrongOrganization
from qonto_sync.domain.events import BackfillRequest
from qonto_sync.domain.gap import GapReason
from qonto_sync.domain.ids import InvoiceId
from qonto_sync.domain.result import RunOutcome
from qonto_sync.domain.window import Window
from tests.fakes import CONNECTION, START, CountedDeadline
from tests.unit.usecases.test_continuation import continued
from tests.unit.usecases.test_sync_run import put

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.unit.conftest import World

DAY = Window(START - timedelta(hours=12), START + timedelta(hours=12))
REQUEST = BackfillRequest(CONNECTION, DAY)


@pytest.fixture
def history(world: World) -> list[str]:
    """Thirty invoices of which this deployment knows nothing: its first run began later."""
    world.policy = replace(world.policy, initial_sync_from=START + timedelta(days=1))
    ids = put(world, 30)
    world.clock.advance(days=2)
    assert world.sync().tally.listed == 0
    world.qonto.calls.clear()
    return ids


def is_archived(world: World, ids: Sequence[str]) -> bool:
    """Whether all of them are, as they are at the source."""
    return all(InvoiceId(id_) in world.ledger.rows(CONNECTION, [InvoiceId(id_)]) for id_ in ids) and all(
        world.archived(id_) == world.source(id_) for id_ in ids
    )


def test_it_archives_that_time_and_leaves_the_checkpoint(world: World, history: list[str]) -> None:
    """With the same certificate as the hourly run."""
    checkpoint = world.checkpoints.saved.copy()
    result = world.execute(REQUEST)
    assert is_archived(world, history)
    assert world.checkpoints.saved == checkpoint
    assert world.ledger.gaps == {}
    told = result.as_dict()
    assert (told["outcome"], told["action"], told["gaps"]) == ("committed", "backfill", 0)
    assert told["complete"] == {"distinct": 30, "total_count": 30}
    assert told["window"] == {"from": "2026-03-01T00:00:00Z", "to": "2026-03-02T00:00:00Z"}
    assert "continue" not in told


def test_what_is_archived_is_passed_over(world: World, history: list[str]) -> None:
    """A second backfill costs the pages only."""
    world.execute(REQUEST)
    world.qonto.calls.clear()
    assert world.execute(REQUEST).tally.unchanged == len(history)
    assert set(world.qonto.calls) == {"page"}


def test_it_needs_no_checkpoint(world: World) -> None:
    """It may come before the first run, and does not stand in for it."""
    ids = put(world, 5)
    world.clock.advance(days=1)
    assert world.execute(REQUEST).as_dict()["checkpoint"] == {"version": 0, "synced_until": None}
    assert is_archived(world, ids)
    assert world.checkpoints.saved == {}


def test_a_dry_run_tells_and_writes_nothing(world: World, history: list[str]) -> None:
    """Neither objects, rows nor gaps."""
    result = world.execute(replace(REQUEST, dry_run=True))
    assert (result.outcome, result.tally.archived) == (RunOutcome.DRY_RUN, len(history))
    assert (world.ledger.saved, world.ledger.gaps, world.archive.versions) == ({}, {}, {})


@pytest.mark.usefixtures("history")
def test_a_dry_run_does_not_go_on(world: World) -> None:
    """It leaves nothing that a next one could start from."""
    world.policy = replace(world.policy, pages_per_slice=2)
    world.deadline = CountedDeadline(looks=30)
    result = world.execute(replace(REQUEST, dry_run=True))
    assert (result.outcome, result.goes_on_with, result.tally.slices_committed) == (RunOutcome.PARTIAL, None, 0)


@pytest.mark.parametrize("looks", [3, 12, 30, 55, 100])
def test_an_interrupted_one_goes_on_with_the_rest(world: World, history: list[str], looks: int) -> None:
    """The event of a later run begins where the run before has come to; where none got further, the hourly run does."""
    world.policy = replace(world.policy, pages_per_slice=2)
    world.deadline = CountedDeadline(looks=looks)
    first = world.execute(REQUEST)
    results = [first, *continued(world, first, looks)]
    starts = [result.window.start for result in results]
    assert starts == sorted(starts)
    assert {result.window.end for result in results} == {DAY.end}
    is_done = not any(gap.reason is GapReason.BACKFILL for gap in world.ledger.gaps.values())
    assert (results[-1].outcome is RunOutcome.COMMITTED) == is_done
    world.deadline = CountedDeadline()
    world.clock.advance(hours=1)
    world.sync()
    assert is_archived(world, history)
    assert world.ledger.gaps == {}


class Crash(BaseException):
    """The end of the process, which nothing catches."""


def crash_at(world: World, requests: int) -> None:
    """The process ends at this request for a page; those after it are answered."""
    left = [requests]

    def count(_number: int) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Crash

    world.qonto.before_page = count


@pytest.mark.parametrize("looks", range(2, 40))
@pytest.mark.parametrize("pages_per_slice", [2, 20])
def test_no_deadline_makes_it_spin(world: World, history: list[str], looks: int, pages_per_slice: int) -> None:
    """Also where all that is left is recorded as gaps: the hourly runs read these."""
    world.policy = replace(world.policy, pages_per_slice=pages_per_slice)
    world.deadline = CountedDeadline(looks=looks)
    continued(world, world.execute(REQUEST), looks)
    world.deadline = CountedDeadline()
    for _ in range(3):
        world.clock.advance(hours=1)
        world.sync()
    assert is_archived(world, history)
    assert world.ledger.gaps == {}


def test_the_rest_is_recorded_before_anything_is_read(world: World, history: list[str]) -> None:
    """A crash at once leaves a gap, which the hourly run reads, but not while the backfill may be running."""
    crash_at(world, 1)
    with pytest.raises(Crash):
        world.execute(REQUEST)
    (gap,) = world.ledger.gaps.values()
    assert (gap.window, gap.reason) == (DAY, GapReason.BACKFILL)
    world.sync()
    assert not is_archived(world, history)
    world.sync()
    world.sync()
    assert is_archived(world, history)
    assert world.ledger.gaps == {}


@pytest.mark.parametrize("requests", range(1, 40, 3))
def test_a_crash_anywhere_costs_one_slice(world: World, history: list[str], requests: int) -> None:
    """What was committed is no part of the gap any more."""
    world.policy = replace(world.policy, pages_per_slice=2)
    crash_at(world, requests)
    with pytest.raises(Crash):
        world.execute(REQUEST)
    (gap,) = world.ledger.gaps.values()
    assert DAY.start <= gap.window.start < gap.window.end == DAY.end
    before = [id_ for number, id_ in enumerate(history) if START + timedelta(seconds=number) < gap.window.start]
    assert is_archived(world, before)
    world.clock.advance(hours=1)
    world.sync()
    assert is_archived(world, history)
    assert world.ledger.gaps == {}


def test_when_qonto_does_not_answer_the_hourly_run_goes_on(world: World, history: list[str]) -> None:
    """The backfill's own invocation fails, and nobody has to ask for it again."""
    world.qonto.fail_next("page", *[Retriable("no answer")] * 2)
    with pytest.raises(Retriable):
        world.execute(REQUEST)
    world.clock.advance(hours=1)
    world.sync()
    assert is_archived(world, history)


def test_two_at_once_leave_nothing_behind(world: World, history: list[str]) -> None:
    """An event that was delivered twice."""
    world.policy = replace(world.policy, pages_per_slice=2)
    world.deadline = CountedDeadline(looks=55)
    first = world.execute(REQUEST)
    world.deadline = CountedDeadline(looks=70)
    second = world.execute(REQUEST)
    for result in (first, second):
        continued(world, result, looks=70)
    assert is_archived(world, history)
    assert world.ledger.gaps == {}


def test_edits_in_between_are_archived_by_somebody(world: World, history: list[str]) -> None:
    """An invoice that leaves the window while it is read is in the hourly run's."""
    world.policy = replace(world.policy, pages_per_slice=2)
    world.deadline = CountedDeadline(looks=55)
    result = world.execute(REQUEST)
    for id_ in (history[0], history[-1]):
        world.qonto.put(id_, number="edited")
    continued(world, result, looks=70)
    world.deadline = CountedDeadline()
    world.sync()
    assert is_archived(world, history)


def test_a_page_that_cannot_be_read_is_a_gap(world: World, history: list[str]) -> None:
    """Everything around it is archived, and the backfill's own gap goes."""
    poisoned = history[20]
    world.qonto.poisoned = {poisoned}
    result = world.execute(REQUEST)
    assert (result.outcome, result.tally.gaps) == (RunOutcome.COMMITTED, 1)
    assert is_archived(world, [id_ for id_ in history if id_ != poisoned])
    assert [gap.reason for gap in world.ledger.gaps.values()] == [GapReason.UNREADABLE]


def test_another_organizations_list_completes_no_backfill(world: World) -> None:
    """Whether it lists something or nothing, the time stays recorded until the list is this organization's."""
    world.qonto.put("a", organization_id="ours")
    world.sync()
    ours, world.qonto.invoices = world.qonto.invoices, {}
    window = Window(DAY.start, START + timedelta(minutes=5))
    world.clock.advance(days=1)
    assert world.execute(BackfillRequest(CONNECTION, window)).tally.gaps == 1
    world.qonto.put("x", organization_id="theirs")
    with pytest.raises(WrongOrganization):
        world.execute(BackfillRequest(CONNECTION, Window(DAY.start, START + timedelta(days=1))))
    world.qonto.invoices = ours
    world.clock.advance(days=1)
    world.sync()
    assert world.ledger.gaps == {}


def test_a_time_that_is_not_over_is_refused(world: World) -> None:
    """The list of a window that ends later may still grow, and would prove nothing."""
    latest = START - timedelta(seconds=60)
    with pytest.raises(InvalidEvent, match="'to' is 2026-03-01T11:59:01Z, but must be 2026-03-01T11:59:00Z or earlier"):
        world.execute(BackfillRequest(CONNECTION, Window(DAY.start, latest + timedelta(seconds=1))))
    assert world.ledger.gaps == {}
    world.execute(BackfillRequest(CONNECTION, Window(DAY.start, latest)))
