"""Whatever a hand changes without a trace, and wherever a run crashes: the nightly reconciliation makes it right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.simulation.decisions import Decisions, Kind
from tests.simulation.explore import Variant, single_deviations
from tests.simulation.mutations import NIGHTLY_MUTATIONS
from tests.simulation.nights import simulate_nights

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.simulation.explore import Explorer, Failure

SEEDS = 60
FEW_SEEDS = 20
MAX_SEEDS = 1_000
FIRST_SEEDS = {
    "a certificate is written over whatever is there": 320,
    "the inventory before is not looked at": 180,
    "what is stale is not compared": 160,
    "a run does not recognize the inventory of one that crashed": 100,
    "what is archived of a deleted draft is not looked at": 60,
}
"""Where the search begins if few seeds find the violation."""
NIGHTS = Variant(world=simulate_nights)


def assert_none(failures: Iterable[Failure | None]) -> None:
    """Fails with a counterexample."""
    found = [failure for failure in failures if failure]
    if found:
        pytest.fail(f"{len(found)} runs violated an invariant, among them {NIGHTS.shrunk(found)}", pytrace=False)


def test_the_default_run() -> None:
    """Without a hand or a fault, each night certifies."""
    run = simulate_nights(Decisions())
    assert not run.violations
    assert "\n".join(run.trace).count("writes default/inventory/certificate.json") > 5


def test_a_few_seeds() -> None:
    """A sample that is quick enough for `make check-fast`; `make simulate` runs more."""
    assert_none(NIGHTS.try_seed(seed) for seed in range(FEW_SEEDS))


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Kind.CRASH, Kind.HAND])
def test_every_single(runs: Explorer, kind: Kind) -> None:
    """One process crashes before or after any write; the hand makes one change at a call: a sample of 17 780 cases."""
    cases = single_deviations({kind}, simulate_nights)
    assert len(cases) > 150
    assert_none(runs.deviations(cases[:: max(1, len(cases) // 150)], NIGHTS))


@pytest.mark.slow
def test_seeds(runs: Explorer) -> None:
    """All at once: hand, user actions, concurrent runs, retries, continuations, faults, crashes."""
    assert_none(runs.seeds(range(SEEDS), NIGHTS))


@pytest.mark.slow
@pytest.mark.parametrize("mutation", NIGHTLY_MUTATIONS)
def test_each_safeguard_is_needed(runs: Explorer, mutation: str) -> None:
    """Without it, something stays wrong in one of a bounded number of seeds."""
    first = FIRST_SEEDS.get(mutation, 0)
    seeds = range(first, first + MAX_SEEDS)
    variant = Variant(mutation, simulate_nights)
    assert next(filter(None, runs.seeds(seeds, variant)), None), f"no violation although {mutation}"
