"""Readings: the order that loses nothing, the certificate, and what several readings see together."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from qonto_sync.domain.invoice import Invoice, InvoicePage
from qonto_sync.domain.reading import LAYOUTS, PageLayout, Reading, Union
from qonto_sync.domain.times import to_precise_text
from qonto_sync.domain.window import Window
from tests.fakes import START, FakeQonto, ManualClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

LAYOUT = LAYOUTS[0]
PAST_THE_END = InvoicePage(2, (), None, 0, timedelta(0))


def page(number: int, ids: Sequence[str], total_count: int, per_page: int = 2) -> InvoicePage:
    """A page of invoices that have nothing but an id."""
    invoices = tuple(Invoice.of({"id": id_}, b"{}", START) for id_ in ids)
    return InvoicePage(number, invoices, total_count, -(-total_count // per_page), timedelta(0))


def from_pages(pages: Mapping[int, InvoicePage]) -> Callable[[int], Iterable[InvoicePage]]:
    """Fetches one of these."""
    return lambda number: [pages[number]]


def test_one_page_is_one_atomic_answer() -> None:
    """A slice of one page costs one request."""
    reading = Reading(page(1, ["a", "b"], 2), Union())
    assert [found.number for found in reading.pages(fetch=lambda _: 1 / 0)] == [1]  # type: ignore[arg-type,return-value]
    assert reading.is_complete


def test_pages_are_read_back_to_front() -> None:
    """The last page first, page 1 at the end although it was read before."""
    pages = {1: page(1, ["a", "b"], 5), 2: page(2, ["c", "d"], 5), 3: page(3, ["e"], 5)}
    reading = Reading(pages[1], Union())
    assert [found.number for found in reading.pages(from_pages(pages))] == [3, 2, 1]
    assert reading.is_complete
    assert (reading.distinct, reading.total_count) == (5, 5)


def test_missing_invoices_are_noticed() -> None:
    """Fewer different invoices than the source counts: no certificate."""
    pages = {1: page(1, ["a", "b"], 4), 2: page(2, ["b", "c"], 4)}
    reading = Reading(pages[1], Union())
    list(reading.pages(from_pages(pages)))
    assert not reading.is_complete


def test_who_leaves_unseen_costs_another_reading() -> None:
    """As many as were there at the beginning must be seen: what if it did not leave, but the order changed?"""
    pages = {2: PAST_THE_END, 1: page(1, ["a", "b"], 2)}
    reading = Reading(page(1, ["a", "b"], 3), Union())
    list(reading.pages(from_pages(pages)))
    assert (reading.distinct, reading.total_count) == (2, 2)
    assert not reading.is_complete


def test_on_a_single_page_the_rows_count() -> None:
    """One atomic answer: what is listed twice is there twice. Over several pages it may be one that moved."""
    single = Reading(page(1, ["a", "a"], 2), Union())
    assert [found.number for found in single.pages(lambda _: [page(1, [], 0)])] == [1]
    assert single.is_complete
    short = Reading(page(1, ["a", "a"], 3, per_page=3), Union())
    assert list(short.pages(lambda _: [page(1, [], 0)]))
    assert not short.is_complete
    pages = {1: page(1, ["a", "b"], 3), 2: page(2, ["a"], 3)}
    several = Reading(pages[1], Union())
    assert len(list(several.pages(from_pages(pages)))) == 2
    assert not several.is_complete


def test_an_emptied_slice_is_complete() -> None:
    """Everything was edited and left: the next reading says so."""
    pages = {1: page(1, [], 0), 2: PAST_THE_END}
    reading = Reading(page(1, ["a", "b"], 3), Union())
    list(reading.pages(from_pages(pages)))
    assert not reading.is_complete
    again = Reading(page(1, [], 0), Union())
    list(again.pages(from_pages(pages)))
    assert again.is_complete


def test_a_growing_count_is_noticed() -> None:
    """A closed window only shrinks; if it grew, something came late, perhaps behind the reader."""
    pages = {1: page(1, ["a", "b"], 4), 2: page(2, ["c", "d"], 3)}
    reading = Reading(page(1, ["a", "b"], 3), Union())
    list(reading.pages(from_pages(pages)))
    assert reading.total_count == 4
    assert not reading.is_complete


@given(data=st.data(), size=st.integers(0, 30), per_page=st.integers(1, 7))
def test_nothing_that_stays_is_missed(data: st.DataObject, size: int, per_page: int) -> None:
    """Whatever is edited or deleted between two pages, every invoice that stays in the window is seen."""
    seen, stayed, reading = _read_disturbed(data, size, per_page, keeps_order=True)
    assert stayed <= seen
    assert reading.is_complete == (len(seen) == size)


@given(data=st.data(), size=st.integers(0, 30), per_page=st.integers(1, 7))
def test_in_any_order_a_complete_reading_misses_nothing(data: st.DataObject, size: int, per_page: int) -> None:
    """The certificate does not stand on the order: each answer may have another one, while invoices leave."""
    seen, stayed, reading = _read_disturbed(data, size, per_page, keeps_order=False)
    assert stayed <= seen or not reading.is_complete


def _read_disturbed(
    data: st.DataObject, size: int, per_page: int, *, keeps_order: bool
) -> tuple[set[str], set[str], Reading]:
    """What was seen, and what stayed, in a reading during which invoices leave."""
    clock = ManualClock()
    qonto = FakeQonto(clock, per_page=per_page)
    for number in range(size):
        qonto.put(f"{number:03d}", attachment_id=None)
        clock.advance(seconds=1)
    window = Window(START, clock.now())
    clock.advance(hours=1)

    def disturb(_: int) -> None:
        for id_ in data.draw(st.lists(st.sampled_from(sorted(qonto.invoices) or [""]), max_size=4)):
            if data.draw(st.booleans()):
                qonto.invoices.pop(id_, None)
            elif id_ in qonto.invoices:
                qonto.put(id_, attachment_id=None, edited=True)
        if not keeps_order:
            for fields in qonto.invoices.values():
                fields["created_at"] = to_precise_text(START + timedelta(seconds=data.draw(st.integers(0, 3))))

    first = qonto.page(window, 1, LAYOUT)
    qonto.before_page = disturb
    reading = Reading(first, Union())
    seen: set[str] = set()
    for found in reading.pages(lambda number: [qonto.page(window, number, LAYOUT)]):
        seen |= {invoice.id for invoice in found.invoices}
    return seen, {id_ for id_, fields in qonto.invoices.items() if "edited" not in fields}, reading


def read(pages: Mapping[int, InvoicePage], union: Union) -> Reading:
    """A whole reading of these pages."""
    reading = Reading(pages[1], union)
    for _ in reading.pages(from_pages(pages)):
        pass
    return reading


def test_what_several_readings_see_counts_together_while_the_count_stays() -> None:
    """A set that only shrinks and has the same size is the same set."""
    union = Union()
    first = read({1: page(1, ["a", "b"], 4), 2: page(2, ["b", "c"], 4)}, union)
    assert not first.is_complete
    second = read({1: page(1, ["a", "b"], 4), 2: page(2, ["b", "d"], 4)}, union)
    assert second.found_more
    assert second.is_complete


def test_a_smaller_count_begins_anew() -> None:
    """One that was seen may have left: it would stand for the one that is missing."""
    union = Union()
    read({1: page(1, ["a", "b"], 5), 2: page(2, ["b", "c"], 5), 3: page(3, ["c"], 5)}, union)
    # "a" left, and "d" has not been seen.
    second = read({1: page(1, ["b", "c"], 4), 2: page(2, ["c", "b"], 4)}, union)
    assert second.distinct == 2
    assert not second.is_complete


def test_a_count_that_grew_between_two_pages_begins_anew() -> None:
    """The window was not closed, so nothing follows from what was seen in it."""
    union = Union()
    first = read({1: page(1, ["a", "b"], 3), 2: page(2, ["c"], 4)}, union)
    assert not first.is_complete
    second = read({1: page(1, ["a", "b"], 3), 2: page(2, ["b"], 3)}, union)
    assert second.distinct == 2
    assert not second.is_complete


def test_a_page_past_the_end_says_nothing_of_the_count() -> None:
    """Neither that the window is empty, nor, on the next page, that it has grown."""
    union = Union()
    reading = read({1: page(1, ["a", "b"], 3), 2: PAST_THE_END}, union)
    assert (reading.total_count, reading.is_complete) == (3, False)
    assert read({1: page(1, ["a", "b"], 3), 2: page(2, ["c"], 3)}, union).is_complete


def test_what_cannot_be_read_alone_ends_the_readings() -> None:
    """No certificate, but nothing else is missing, as far as anybody can tell."""
    reading = Reading(page(1, ["a", "b"], 4), Union())

    def fetch(number: int) -> Iterable[InvoicePage]:
        if number == 2:
            reading.unreadable += 1
            yield page(4, ["d"], 4)
        else:
            yield page(1, ["a", "b"], 4)

    assert len(list(reading.pages(fetch))) == 2
    assert not reading.is_complete
    assert reading.lacks_only_unreadable


def test_no_two_layouts_cut_at_the_same_rows() -> None:
    """What falls between two pages of one layout is within a page of the others, in any slice."""
    for index, layout in enumerate(LAYOUTS):
        assert layout.newest_first == bool(index % 2)
        boundaries = set(range(layout.per_page, 4_800, layout.per_page))
        others = (other for other in LAYOUTS if other.newest_first == layout.newest_first and other != layout)
        assert all(boundaries.isdisjoint(range(other.per_page, 4_800, other.per_page)) for other in others)
    assert PageLayout(89).single_rows == PageLayout(1)


@given(data=st.data(), size=st.integers(0, 12), per_page=st.integers(2, 4))
def test_several_readings_in_any_order_miss_nothing_when_they_are_complete(
    data: st.DataObject, size: int, per_page: int
) -> None:
    """Each page may have its own order, while invoices leave: the union's certificate holds all the same."""
    clock = ManualClock()
    qonto = FakeQonto(clock, per_page=per_page)
    for number in range(size):
        qonto.put(f"{number:03d}", attachment_id=None)
    window = Window(START, START + timedelta(seconds=1))
    clock.advance(hours=1)

    def disturb(_: int) -> None:
        if data.draw(st.integers(0, 3)) == 0:
            for id_ in data.draw(st.lists(st.sampled_from(sorted(qonto.invoices) or [""]), max_size=2)):
                qonto.invoices.pop(id_, None)

    qonto.arrange = lambda found, _number, _layout: data.draw(st.permutations(found))
    qonto.before_page = disturb
    union = Union()
    seen: set[str] = set()
    for layout in LAYOUTS[:4]:
        reading = Reading(qonto.page(window, 1, layout), union)
        for found in reading.pages(lambda number, layout=layout: [qonto.page(window, number, layout)]):  # type: ignore[misc]
            seen |= {invoice.id for invoice in found.invoices}
        if reading.is_complete:
            assert set(qonto.invoices) <= seen
            return
