"""The promises, held against every single departure from the calm course and against many seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.simulation.decisions import Decisions, Kind, SeededDecisions
from tests.simulation.explore import Variant, entries_and_exits, reorderings, single_departures
from tests.simulation.world import simulate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.simulation.explore import Explorer, Failure

SEEDS = 1_000
FEW_SEEDS = 60


def assert_none(failures: Iterable[Failure | None]) -> None:
    """Fails with the shortest story of all."""
    found = [failure for failure in failures if failure]
    if found:
        pytest.fail(f"{len(found)} runs broke a promise, among them {Variant().shortest(found)}", pytrace=False)


def test_the_calm_course() -> None:
    """A world in which nothing goes wrong has work of every kind, and it is done."""
    run = simulate(Decisions())
    assert not run.violations
    story = "\n".join(run.story)
    for word in ("awaiting_attachment", "settling", "deletes draft", "finalizes", "retry-", "made anew"):
        assert word in story
    assert story.count("sync-1 commits") > 3, "the first run takes several slices"


def test_a_few_seeds() -> None:
    """A taste for the inner loop; `make simulate` has more."""
    assert_none(Variant().try_seed(seed) for seed in range(FEW_SEEDS))


def test_a_seed_is_its_run() -> None:
    """The same seed tells the same story, and so do its departures alone."""
    first, second = (simulate(SeededDecisions(7)) for _ in range(2))
    assert first == second
    assert simulate(Decisions(first.departures)).story == first.story


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Kind.CRASH, Kind.FAULT, Kind.DELAY])
def test_every_single(runs: Explorer, kind: Kind) -> None:
    """One process dies before or after any effect, one call fails in any of its ways, one is slow: all is archived."""
    cases = single_departures({kind})
    assert len(cases) > 150
    assert_none(runs.departures(cases, Variant()))


@pytest.mark.slow
def test_every_entry_and_exit(runs: Explorer) -> None:
    """Two changes between two pages whose counts cancel out: nobody is lost."""
    cases = entries_and_exits()
    assert len(cases) > 100
    assert_none(runs.departures(cases, Variant()))


@pytest.mark.slow
def test_every_reordering(runs: Explorer) -> None:
    """The list changes its order just when an edit takes an invoice out of it: the certificate does not count on it."""
    cases = reorderings()
    assert len(cases) > 90
    assert_none(runs.departures(cases, Variant()))


@pytest.mark.slow
def test_seeds(runs: Explorer) -> None:
    """Everything at once: users, two syncs, retries, faults, crashes, late commits, lost answers."""
    assert_none(runs.seeds(range(SEEDS), Variant()))
