"""The simulation itself, tested: each safeguard is switched off in turn, and a broken promise must show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.simulation.explore import Variant, entries_and_exits
from tests.simulation.mutations import FRESH_END, MUTATIONS

if TYPE_CHECKING:
    from tests.simulation.explore import Explorer

MOST_SEEDS = 3_000


@pytest.mark.slow
@pytest.mark.parametrize("mutation", [name for name in MUTATIONS if name != FRESH_END])
def test_is_found(runs: Explorer, mutation: str) -> None:
    """Within a bounded number of seeds; `pytest -rP` shows the story."""
    failure = runs.shortest(range(MOST_SEEDS), Variant(mutation))
    assert failure, f"{MOST_SEEDS} seeds did not show that {mutation}"
    print(failure)  # noqa: T201 - for whoever asks for it


@pytest.mark.slow
def test_the_fresh_end_is_found(runs: Explorer) -> None:
    """It takes two changes between the same two pages: one seed of some thousands, so it is sought on purpose."""
    variant = Variant(FRESH_END)
    failure = next(filter(None, runs.departures(entries_and_exits(), variant)), None)
    assert failure
    print(variant.shortest([failure]))  # noqa: T201 - for whoever asks for it
