"""A test of the simulation itself: it must find a violation when any one safeguard is disabled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.simulation.explore import Variant, entries_and_exits
from tests.simulation.mutations import FRESH_END, MUTATIONS

if TYPE_CHECKING:
    from tests.simulation.explore import Explorer

MAX_SEEDS = 3_000
FIRST_SEEDS = {
    "a run goes on although it got no further": 12_000,
    "readings are added up although the count has shrunk": 1_300,
    "a change counts as final two minutes after its updated_at": 800,
    "one 404 is believed": 350,
    "what a writer left before it stopped is taken for damage": 380,
}
"""Where the search begins if few seeds find the violation; from 0 on it takes minutes."""


@pytest.mark.slow
@pytest.mark.parametrize("mutation", [name for name in MUTATIONS if name != FRESH_END])
def test_is_found(runs: Explorer, mutation: str) -> None:
    """Within a bounded number of seeds; `python -m tests.simulation --without` shows the shortest counterexample."""
    first = FIRST_SEEDS.get(mutation, 0)
    seeds = range(first, first + MAX_SEEDS)
    failure = next(filter(None, runs.seeds(seeds, Variant(mutation))), None)
    assert failure, f"{len(seeds)} seeds found no violation although {mutation}"


@pytest.mark.slow
def test_the_fresh_end_is_found(runs: Explorer) -> None:
    """It takes two changes between the same two pages, which one seed in thousands has; these cases have it."""
    assert next(filter(None, runs.deviations(entries_and_exits(), Variant(FRESH_END))), None)
