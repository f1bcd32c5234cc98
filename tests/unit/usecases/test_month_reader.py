"""A month is listed completely, or it says that it may not be."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qonto_sync.domain.errors import DeadlineReached, Permanent, Retriable
from qonto_sync.domain.result import Tally
from qonto_sync.domain.window import Window
from qonto_sync.usecases.month_reader import MonthReader
from qonto_sync.usecases.page_reader import PageReader
from tests.fakes import START, CountedDeadline
from tests.unit.conftest import World
from tests.unit.usecases.test_sync_run import put

if TYPE_CHECKING:
    from qonto_sync.domain.invoice import InvoicePage
    from qonto_sync.domain.reading import PageLayout
    from qonto_sync.usecases.month_reader import Listing

DAY = Window.of_creation(START, START + timedelta(days=1))


def read(world: World, window: Window = DAY) -> Listing:
    """The listing of one invocation."""
    pages = PageReader(world.context(), Tally(), lag=world.policy.lag)
    return MonthReader(pages).read(window)


def test_all_invoices_of_the_time_are_listed(world: World) -> None:
    """As they are now; those that were created before or later are not."""
    put(world, 3, "before")
    world.clock.advance(days=1)
    ids = put(world, 20)
    window = Window.of_creation(START + timedelta(days=1), world.clock.now())
    world.clock.advance(days=1)
    put(world, 3, "later")
    world.qonto.put(ids[4], number="edited")
    listing = read(world, window)
    assert listing.uncertified is None
    assert set(ids) <= listing.invoices.keys() <= {*ids, "later000"}
    assert listing.invoices[ids[4]].number == "edited"  # type: ignore[index]


@given(st.lists(st.tuples(st.integers(1, 12), st.sampled_from(["edit", "delete"]), st.integers(0, 19)), max_size=12))
def test_whatever_happens_meanwhile_no_invoice_is_missing(events: list[tuple[int, str, int]]) -> None:
    """Edits stay in the window; only drafts can be deleted."""
    world = World(per_page=3)
    ids = put(world, 20)
    world.clock.advance(hours=1)
    pages = [0]

    def meanwhile(_number: int) -> None:
        pages[0] += 1
        for at, what, which in events:
            if at == pages[0] and ids[which] in world.qonto.invoices:
                if what == "edit":
                    world.qonto.put(ids[which], number=f"edited {at}")
                else:
                    del world.qonto.invoices[ids[which]]

    world.qonto.before_page = meanwhile
    listing = read(world)
    assert listing.uncertified is None
    assert set(world.qonto.invoices) <= listing.invoices.keys()


def test_a_page_that_cannot_be_read_is_told(world: World) -> None:
    """The month is not certified, and what can be read is listed."""
    ids = put(world, 20)
    world.qonto.poisoned = {ids[7]}
    listing = read(world)
    assert listing.uncertified == "status 500"
    assert set(ids) - {ids[7]} == listing.invoices.keys()


def test_a_count_that_is_never_reached_is_told(world: World) -> None:
    """Qonto counts an invoice that it does not list."""
    ids = put(world, 5)
    world.qonto.uncounted = 1
    listing = read(world)
    assert set(ids) == listing.invoices.keys()
    assert listing.uncertified
    assert "counts" in listing.uncertified


def test_a_list_that_is_too_long_is_read_in_parts(world: World) -> None:
    """Qonto may refuse lists of more than so many invoices."""
    ids = put(world, 40)
    page = world.qonto.page

    def walled(window: Window, number: int, layout: PageLayout) -> InvoicePage:
        found = page(window, number, layout)
        if (found.total_count or 0) > 12:
            raise Permanent("422 search_limit_reached")
        return found

    world.qonto.page = walled  # type: ignore[method-assign]
    listing = read(world)
    assert listing.uncertified is None
    assert set(ids) == listing.invoices.keys()


def test_a_qonto_that_does_not_answer_is_an_error(world: World) -> None:
    """It says nothing of the month."""
    put(world, 3)
    world.qonto.fail_next("page", Retriable("no answer"), Retriable("no answer"))
    with pytest.raises(Retriable):
        read(world)


def test_no_page_is_asked_for_when_no_time_is_left(world: World) -> None:
    """What was listed until then is worth nothing."""
    put(world, 20)
    world.deadline = CountedDeadline(looks=3)
    with pytest.raises(DeadlineReached):
        read(world)
