"""A run that had no time for everything says how to go on, if it got further."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from qonto_sync.domain.checkpoint import CatchUp
from qonto_sync.domain.errors import DeadlineReached
from qonto_sync.domain.events import ReconcileRequest, SyncRequest, parse_sync_event
from qonto_sync.domain.result import RunOutcome
from tests.fakes import CONNECTION, CountedDeadline
from tests.unit.usecases.test_sync_run import put

if TYPE_CHECKING:
    from qonto_sync.domain.result import RunResult
    from tests.unit.conftest import World


def continued(world: World, result: RunResult, looks: int) -> list[RunResult]:
    """The results of the runs that go on from this one, each with so little time."""
    results = []
    while event := result.as_dict().get("continue"):
        world.deadline = CountedDeadline(looks=looks)
        request = parse_sync_event(event)
        assert not isinstance(request, ReconcileRequest)
        result = world.execute(request)
        results.append(result)
        assert len(results) < 60, "it spins"
    return results


def test_an_import_goes_on_until_it_is_done(world: World) -> None:
    """Without a schedule between the runs."""
    world.policy = replace(world.policy, pages_per_slice=2)
    ids = put(world, 30)
    world.deadline = CountedDeadline(looks=55)
    first = world.sync()
    assert first.goes_on_with == SyncRequest(CONNECTION)
    results = continued(world, first, looks=55)
    assert len(results) > 1
    assert results[-1].outcome is RunOutcome.COMMITTED
    assert all(world.archived(id_) == world.source(id_) for id_ in ids)


def test_the_checkpoint_says_since_when_it_catches_up(world: World) -> None:
    """Over all runs until it has, and from where; then a new catch-up begins there."""
    world.policy = replace(world.policy, pages_per_slice=2)
    put(world, 30)
    world.deadline = CountedDeadline(looks=55)
    result = world.sync()
    begun = world.clock.now()
    world.clock.advance(minutes=3)
    continued(world, result, looks=55)
    history = world.checkpoints.history
    catch_ups = [checkpoint.catch_up for checkpoint in history]
    assert catch_ups[:-1] == [CatchUp(world.policy.initial_sync_from, begun)] * (len(history) - 1)
    assert catch_ups[-1] == CatchUp(history[-1].synced_until, world.clock.now())
    resume_from = history[-1].resume_from
    assert resume_from
    world.clock.advance(days=1)
    put(world, 30, "later")
    world.deadline = CountedDeadline(looks=55)
    assert world.sync().outcome is RunOutcome.PARTIAL
    assert history[-1].catch_up == CatchUp(resume_from, world.clock.now())


def test_a_run_that_was_finished_does_not_go_on(world: World) -> None:
    """Its result has no such key."""
    put(world, 3)
    assert "continue" not in world.sync().as_dict()


def test_a_run_that_got_no_further_does_not_go_on(world: World) -> None:
    """Neither the first nor a later one: the schedule tries again."""
    put(world, 7)
    for _ in range(2):
        world.qonto.fail_next("page", DeadlineReached("Qonto's rate limit leaves no request"))
        result = world.sync()
        assert result.outcome is RunOutcome.PARTIAL
        assert result.goes_on_with is None
        world.sync()


def test_an_archived_invoice_is_further(world: World) -> None:
    """Although nothing was committed: the next run passes it over."""
    put(world, 7)
    world.clock.advance(hours=1)

    def end_on_page_two(_number: int) -> None:
        if world.qonto.calls.count("open"):
            raise DeadlineReached("Qonto's rate limit leaves no request")

    world.qonto.before_page = end_on_page_two
    result = world.run().execute()
    assert (result.outcome, result.checkpoint) == (RunOutcome.PARTIAL, None)
    assert result.tally.written
    assert result.goes_on_with


def test_a_dry_run_does_not_go_on(world: World) -> None:
    """It leaves nothing that a next one could start from."""
    world.policy = replace(world.policy, pages_per_slice=2)
    put(world, 30)
    world.deadline = CountedDeadline(looks=9)
    result = world.sync(dry_run=True)
    assert (result.outcome, result.goes_on_with) == (RunOutcome.PARTIAL, None)


@pytest.mark.parametrize("looks", range(3, 40))
def test_no_deadline_makes_it_spin(world: World, looks: int) -> None:
    """Wherever the deadline comes, the continued runs end; the hourly ones finish what is left."""
    world.policy = replace(world.policy, pages_per_slice=2)
    ids = put(world, 9)
    world.deadline = CountedDeadline(looks=looks)
    continued(world, world.sync(), looks)
    world.deadline = CountedDeadline()
    assert "continue" not in world.sync().as_dict()
    assert all(world.archived(id_) == world.source(id_) for id_ in ids)
