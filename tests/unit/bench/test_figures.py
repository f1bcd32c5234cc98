"""The computations on measurements."""

from __future__ import annotations

import pytest

from bench.figures import budget_used, exponent
from bench.pages import replaced
from bench.svg import nice_step


@pytest.mark.parametrize("power", [0.5, 1, 2])
def test_the_exponent_of_a_power_is_that_power(power: float) -> None:
    """The fit through points of a power law is exact."""
    assert exponent([(x, 3 * x**power) for x in (1_000, 10_000, 50_000)]) == pytest.approx(power)


def test_a_window_that_is_filled_as_soon_as_it_opens_is_all_of_the_budget() -> None:
    """A thousand requests in every ten seconds."""
    assert budget_used((10.0, 20.0, 30.0)) == pytest.approx(1)


def test_a_client_that_is_slower_than_the_limit_uses_its_share() -> None:
    """80 requests a second of 100."""
    assert budget_used((12.5, 25.0)) == pytest.approx(0.8)


def test_less_than_a_window_gives_no_share() -> None:
    """The rate limit did not matter."""
    with pytest.raises(KeyError):
        budget_used(())


@pytest.mark.parametrize(("most", "step"), [(0.3, 0.05), (6, 1), (7, 2), (250, 50), (65, 20)])
def test_a_grid_has_few_lines_at_round_numbers(most: float, step: float) -> None:
    """One, two or five times a power of ten."""
    assert nice_step(most) == pytest.approx(step)


def test_only_the_part_between_the_markers_is_replaced() -> None:
    """The text around it is written by hand."""
    page = "before <!-- make bench writes from here -->\nold\n<!-- to here --> after"
    assert replaced(page, "new") == "before <!-- make bench writes from here -->\n\nnew\n\n<!-- to here --> after"


def test_a_page_without_markers_is_left_alone() -> None:
    """It is not overwritten."""
    with pytest.raises(ValueError, match="followed by"):
        replaced("a page", "new")
