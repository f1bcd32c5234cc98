"""Windows, slices, and the order of reading that loses nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from qonto_sync.domain.checkpoint import Checkpoint
from qonto_sync.domain.ids import RunId
from qonto_sync.domain.invoice import Invoice, InvoicePage
from qonto_sync.domain.times import to_precise_text
from qonto_sync.domain.window import Reading, Window, window_to_cover
from tests.fakes import START, FakeQonto, ManualClock

if TYPE_CHECKING:
    from collections.abc import Sequence

OVERLAP = timedelta(minutes=10)
LAG = timedelta(seconds=60)
HOUR = timedelta(hours=1)


def page(number: int, ids: Sequence[str], total_count: int, per_page: int = 2) -> InvoicePage:
    """A page of invoices that have nothing but an id."""
    invoices = tuple(Invoice.of({"id": id_}, b"{}", START) for id_ in ids)
    return InvoicePage(number, invoices, total_count, -(-total_count // per_page), timedelta(0))


def test_first_run_starts_at_the_initial_time() -> None:
    """Without a checkpoint everything since the initial time is read, up to now less the lag."""
    window = window_to_cover(None, START - HOUR, START, overlap=OVERLAP, lag=LAG)
    assert window == Window(START - HOUR, START - LAG)


def test_later_runs_overlap_the_last_one() -> None:
    """The window starts before the checkpoint, so that late commits are read."""
    checkpoint = Checkpoint(START - HOUR, 3, RunId("r"))
    window = window_to_cover(checkpoint, START, START, overlap=OVERLAP, lag=LAG)
    assert window == Window(START - HOUR - OVERLAP, START - LAG)


def test_window_is_in_whole_seconds() -> None:
    """Fractions are cut off: Qonto's filters take seconds."""
    window = window_to_cover(
        None, START + timedelta(milliseconds=999), START + timedelta(seconds=61.5), overlap=OVERLAP, lag=LAG
    )
    assert window == Window(START, START + timedelta(seconds=1))


def test_a_slow_clock_never_moves_the_end_behind_the_checkpoint() -> None:
    """Two machines' clocks may differ; the checkpoint stays the least that is covered."""
    checkpoint = Checkpoint(START, 3, RunId("r"))
    assert window_to_cover(checkpoint, START, START, overlap=OVERLAP, lag=LAG).end == START


def test_a_window_without_time_is_empty() -> None:
    """When the initial time is less than the lag ago, there is nothing to read yet."""
    assert window_to_cover(None, START, START, overlap=OVERLAP, lag=LAG).is_empty


@given(st.integers(0, 10**8))
def test_halves_cover_the_whole(seconds: int) -> None:
    """Cutting loses no instant, and ends with windows of one second."""
    window = Window(START, START + timedelta(seconds=seconds))
    halves = window.halves()
    if seconds <= 1:
        assert halves is None
    else:
        assert halves is not None
        older, newer = halves
        assert (older.start, newer.end) == (window.start, window.end)
        assert older.end == newer.start
        assert older.start < older.end < newer.end


def test_filters_cover_every_reading_of_the_bounds() -> None:
    """Whether the source includes its bounds or not, what is in the window is in the answer."""
    window = Window(START, START + HOUR)
    start, end = window.filter_bounds
    assert start < window.start
    assert end > window.end


def test_one_page_is_one_atomic_answer() -> None:
    """A slice of one page costs one request."""
    reading = Reading(page(1, ["a", "b"], 2))
    assert [found.number for found in reading.pages(fetch=lambda _: 1 / 0)] == [1]  # type: ignore[arg-type,return-value]
    assert reading.is_complete


def test_pages_are_read_back_to_front() -> None:
    """The last page first, page 1 at the end although it was read before."""
    pages = {1: page(1, ["a", "b"], 5), 2: page(2, ["c", "d"], 5), 3: page(3, ["e"], 5)}
    reading = Reading(pages[1])
    assert [found.number for found in reading.pages(pages.__getitem__)] == [3, 2, 1]
    assert reading.is_complete
    assert (reading.distinct, reading.total_count) == (5, 5)


def test_missing_invoices_are_noticed() -> None:
    """Fewer different invoices than the source counts: no certificate."""
    pages = {1: page(1, ["a", "b"], 4), 2: page(2, ["b", "c"], 4)}
    reading = Reading(pages[1])
    list(reading.pages(pages.__getitem__))
    assert not reading.is_complete


def test_who_leaves_unseen_costs_another_reading() -> None:
    """As many as were there at the beginning must be seen: what if it did not leave, but the order changed?"""
    pages = {2: page(2, [], 0), 1: page(1, ["a", "b"], 2)}
    reading = Reading(page(1, ["a", "b"], 3))
    list(reading.pages(pages.__getitem__))
    assert (reading.distinct, reading.total_count) == (2, 2)
    assert not reading.is_complete


def test_on_a_single_page_the_rows_count() -> None:
    """One atomic answer: what is listed twice is there twice. Over several pages it may be one that moved."""
    single = Reading(page(1, ["a", "a"], 2))
    assert [found.number for found in single.pages(lambda _: page(1, [], 0))] == [1]
    assert single.is_complete
    short = Reading(page(1, ["a", "a"], 3, per_page=3))
    assert list(short.pages(lambda _: page(1, [], 0)))
    assert not short.is_complete
    pages = {1: page(1, ["a", "b"], 3), 2: page(2, ["a"], 3)}
    several = Reading(pages[1])
    assert len(list(several.pages(pages.__getitem__))) == 2
    assert not several.is_complete


def test_an_emptied_slice_is_complete() -> None:
    """Everything was edited and left: the next reading says so."""
    pages = {1: page(1, [], 0), 2: page(2, [], 0)}
    reading = Reading(page(1, ["a", "b"], 3))
    list(reading.pages(pages.__getitem__))
    assert not reading.is_complete
    again = Reading(page(1, [], 0))
    list(again.pages(pages.__getitem__))
    assert again.is_complete


def test_a_growing_count_is_noticed() -> None:
    """A closed window only shrinks; if it grew, something came late, perhaps behind the reader."""
    pages = {1: page(1, ["a", "b"], 4), 2: page(2, ["c", "d"], 3)}
    reading = Reading(page(1, ["a", "b"], 3))
    list(reading.pages(pages.__getitem__))
    assert reading.distinct >= reading.total_count
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

    first = qonto.page(window, 1)
    qonto.before_page = disturb
    reading = Reading(first)
    seen: set[str] = set()
    for found in reading.pages(lambda number: qonto.page(window, number)):
        seen |= {invoice.id for invoice in found.invoices}
    return seen, {id_ for id_, fields in qonto.invoices.items() if "edited" not in fields}, reading
