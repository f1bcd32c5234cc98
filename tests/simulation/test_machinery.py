"""The parts of the simulation itself: decisions, the scheduler, crashes, shrinking."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.simulation.decisions import Decisions, Kind, Point, SeededDecisions
from tests.simulation.scheduler import Scheduler
from tests.simulation.shrink import shrink
from tests.simulation.world import Run

if TYPE_CHECKING:
    from tests.simulation.scheduler import Process
    from tests.simulation.shrink import Deviations

START = datetime(2026, 3, 1, tzinfo=UTC)


def _scheduler() -> Scheduler:
    return Scheduler(START)


def _run_for(time: Scheduler, seconds: float) -> None:
    time.run(time.now() + timedelta(seconds=seconds), stop=lambda: False)


def test_decisions_take_the_default_unless_given() -> None:
    """A decision that is not given takes option 0; each decision has a point of its own."""
    decisions = Decisions({Point("sync-1", "s3.put_object", Kind.FAULT, 2): 3})
    assert [decisions.pick("sync-1", "s3.put_object", Kind.FAULT, 5) for _ in range(3)] == [0, 3, 0]
    assert decisions.deviations == {Point("sync-1", "s3.put_object", Kind.FAULT, 2): 3}
    assert len(decisions.met) == 3


def test_seeded_decisions_repeat() -> None:
    """A seed always decides the same, and its deviations replay it."""
    first, second = ([_picks(SeededDecisions(seed)) for seed in range(20)] for _ in range(2))
    assert first == second
    seeded = SeededDecisions(3)
    picks = _picks(seeded)
    assert any(picks)
    assert _picks(Decisions(seeded.deviations)) == picks


def _picks(decisions: Decisions) -> list[int]:
    return [decisions.pick("actor", "place", Kind.WORLD, 3) for _ in range(50)]


def test_processes_take_turns() -> None:
    """Each waits as long as it asked for, and the other runs meanwhile."""
    time, log = _scheduler(), []

    def body(process: Process) -> None:
        for wait in (2, 3):
            process.pause(wait)
            log.append((process.name, time.monotonic()))

    time.spawn("a", 60, body)
    _run_for(time, 1)
    time.spawn("b", 60, body)
    _run_for(time, 60)
    assert log == [("a", 2), ("b", 3), ("a", 5), ("b", 6)]
    assert time.idle


def test_a_crashed_process_has_no_effect() -> None:
    """Not even from its `finally` blocks."""
    time, effects = _scheduler(), []

    def body(process: Process) -> None:
        try:
            process.crash()
        finally:
            process.pause(1)
            effects.append("cleaned up")

    time.spawn("a", 60, body)
    _run_for(time, 60)
    assert not effects
    assert time.idle


def test_a_timeout_ends_a_process() -> None:
    """As Lambda does, wherever the process is."""
    time, effects = _scheduler(), []

    def body(process: Process) -> None:
        for _ in range(10):
            process.pause(10)
            effects.append(time.monotonic())

    time.spawn("a", 25, body)
    _run_for(time, 200)
    assert effects == [10, 20]


@pytest.mark.parametrize("needed", [{3}, {2, 8}, {0, 5, 9}])
def test_shrinking_keeps_only_what_is_needed(needed: set[int]) -> None:
    """Of ten deviations those that the failure needs, each with its lowest option."""

    def replay(deviations: Deviations) -> Run:
        fails = {point.nth for point in deviations} >= needed
        return Run(deviations, {}, (), ("violated",) if fails else ())

    failing = replay({Point("a", "p", Kind.FAULT, nth): 4 for nth in range(10)})
    assert shrink(failing, replay).deviations == {Point("a", "p", Kind.FAULT, nth): 1 for nth in needed}
