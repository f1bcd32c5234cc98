"""The invariants hold in every single deviation of some kinds, and in many seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.simulation.decisions import Decisions, Kind, SeededDecisions
from tests.simulation.explore import Variant, entries_and_exits, reorderings, single_deviations
from tests.simulation.world import simulate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.simulation.explore import Explorer, Failure

SEEDS = 600
FEW_SEEDS = 60


def assert_none(failures: Iterable[Failure | None]) -> None:
    """Fails with a counterexample."""
    found = [failure for failure in failures if failure]
    if found:
        pytest.fail(f"{len(found)} runs violated an invariant, among them {Variant().shrunk(found)}", pytrace=False)


def test_the_default_run() -> None:
    """Without faults or delays there is work of every kind, and it gets done."""
    run = simulate(Decisions())
    assert not run.violations
    trace = "\n".join(run.trace)
    for word in ("awaiting_attachment", "settling", "deletes draft", "finalizes", "retry-", "regenerated"):
        assert word in trace
    assert trace.count("sync-1 commits") > 3, "the first run takes several slices"


def test_a_few_seeds() -> None:
    """A sample that is quick enough for `make check-fast`; `make simulate` runs more."""
    assert_none(Variant().try_seed(seed) for seed in range(FEW_SEEDS))


def test_a_seed_is_its_run() -> None:
    """The same seed has the same trace, and so have its deviations alone."""
    first, second = (simulate(SeededDecisions(7)) for _ in range(2))
    assert first == second
    assert simulate(Decisions(first.deviations)).trace == first.trace


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Kind.CRASH, Kind.FAULT, Kind.DELAY])
def test_every_single(runs: Explorer, kind: Kind) -> None:
    """One process crashes before or after any write, one call fails in any of its ways, or one call is slow."""
    cases = single_deviations({kind})
    assert len(cases) > 150
    assert_none(runs.deviations(cases, Variant()))


@pytest.mark.slow
def test_every_entry_and_exit(runs: Explorer) -> None:
    """An invoice enters the list and another one leaves it between two pages, so that the total stays the same."""
    cases = entries_and_exits()
    assert len(cases) > 100
    assert_none(runs.deviations(cases, Variant()))


@pytest.mark.slow
def test_every_reordering(runs: Explorer) -> None:
    """The list changes its order at the moment when an edit removes an invoice from it."""
    cases = reorderings()
    assert len(cases) > 90
    assert_none(runs.deviations(cases, Variant()))


@pytest.mark.slow
def test_seeds(runs: Explorer) -> None:
    """All at once: user actions, concurrent syncs, retries, faults, crashes, late commits, lost responses."""
    assert_none(runs.seeds(range(SEEDS), Variant()))
