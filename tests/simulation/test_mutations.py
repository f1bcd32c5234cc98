"""A test of the simulation itself: it must find a violation when any one safeguard is disabled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.simulation.explore import Variant, entries_and_exits
from tests.simulation.mutations import FRESH_END, MUTATIONS

if TYPE_CHECKING:
    from tests.simulation.explore import Explorer

MAX_SEEDS = 3_000


@pytest.mark.slow
@pytest.mark.parametrize("mutation", [name for name in MUTATIONS if name != FRESH_END])
def test_is_found(runs: Explorer, mutation: str) -> None:
    """Within a bounded number of seeds; `pytest -rP` prints the counterexample."""
    failure = runs.counterexample(range(MAX_SEEDS), Variant(mutation))
    assert failure, f"{MAX_SEEDS} seeds found no violation although {mutation}"
    print(failure)  # noqa: T201 - for `pytest -rP`


@pytest.mark.slow
def test_the_fresh_end_is_found(runs: Explorer) -> None:
    """It takes two changes between the same two pages, which one seed in thousands has; these cases have it."""
    variant = Variant(FRESH_END)
    failure = next(filter(None, runs.deviations(entries_and_exits(), variant)), None)
    assert failure
    print(variant.shrunk([failure]))  # noqa: T201 - for `pytest -rP`
