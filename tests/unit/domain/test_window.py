"""Windows, and how they are cut."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from qonto_sync.domain.checkpoint import Checkpoint
from qonto_sync.domain.ids import RunId
from qonto_sync.domain.times import ONE_SECOND
from qonto_sync.domain.window import Window, joined, window_to_cover
from tests.fakes import START

OVERLAP = timedelta(minutes=10)
LAG = timedelta(seconds=60)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


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
    """Cutting loses no instant."""
    window = Window(START, START + timedelta(seconds=seconds + 2))
    halves = window.halves()
    assert halves
    older, newer = halves
    assert (older.start, newer.end) == (window.start, window.end)
    assert older.end == newer.start
    assert older.start < older.end < newer.end
    assert joined(older, newer) == window


@given(st.lists(st.booleans(), max_size=40))
def test_a_second_is_cut_by_creation(path: list[bool]) -> None:
    """It loses no instant either, keeps what is older or younger than it should be, and ends after 30 cuts."""
    second = window = Window(START, START + ONE_SECOND)
    for cuts, takes_newer in enumerate(path):
        halves = window.halves()
        if halves is None:
            assert cuts >= 29
            assert (
                window.created_to is None
                or window.created_from is None
                or (window.created_to - window.created_from == ONE_SECOND)
            )
            return
        older, newer = halves
        assert older.time == newer.time == second
        assert (older.created_from, newer.created_to) == (window.created_from, window.created_to)
        assert older.created_to == newer.created_from is not None
        assert joined(older, newer) == window
        window = newer if takes_newer else older


def test_windows_that_do_not_meet_are_not_joined() -> None:
    """There may be invoices between them, or in both."""
    first, later = Window(START, START + HOUR), Window(START + HOUR + ONE_SECOND, START + 2 * HOUR)
    assert joined(first, later) is None
    assert joined(later, first) is None
    part = Window(START, START + HOUR, created_from=START)
    assert joined(part, Window(START + HOUR, START + 2 * HOUR)) is None


def test_reading_goes_on_where_the_checkpoint_says() -> None:
    """Not before: what is older was read when no late commit was to be expected any more."""
    checkpoint = Checkpoint(START, 3, RunId("r"), resume_from=START - OVERLAP - LAG)
    window = window_to_cover(checkpoint, START, START + HOUR, overlap=OVERLAP, lag=LAG)
    assert window == Window(START - OVERLAP - LAG, START + HOUR - LAG)


def test_a_checkpoint_that_a_person_set_back_is_read_from_there() -> None:
    """`resume_from` may still be later."""
    checkpoint = Checkpoint(START - 9 * HOUR, 3, RunId("r"), resume_from=START)
    assert window_to_cover(checkpoint, START, START, overlap=OVERLAP, lag=LAG).start == START - 9 * HOUR


def test_filters_cover_every_reading_of_the_bounds() -> None:
    """Whether the source includes its bounds or not, what is in the window is in the answer."""
    window = Window(START, START + HOUR)
    start, end = window.filter_bounds
    assert start
    assert end
    assert start < window.start
    assert end > window.end


def test_a_window_of_creation_has_no_bounds_of_its_updates() -> None:
    """So that no edit takes an invoice out of it."""
    window = Window.of_creation(START, START + HOUR)
    assert window.filter_bounds == (None, None)
    assert window.created_filter_bounds == (START - SECOND, START + HOUR + SECOND)
    halves = window.halves_by_creation()
    assert halves == (
        Window.of_creation(START, START + HOUR / 2),
        Window.of_creation(START + HOUR / 2, START + HOUR),
    )
    assert Window.of_creation(START, START + SECOND).halves_by_creation() is None
