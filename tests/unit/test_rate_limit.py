"""Qonto's limits, kept on our side."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qonto_sync.adapters.rate_limit import RateLimiter, RateWindow
from qonto_sync.errors import Retriable
from tests.fakes import CountedDeadline, ManualClock


@given(st.lists(st.floats(0, 3), min_size=1, max_size=60), st.integers(1, 5), st.integers(5, 12))
def test_no_window_ever_holds_too_many(pauses: list[float], short: int, long: int) -> None:
    """However the requests come, both sliding windows hold, and nothing waits longer than it must."""
    clock = ManualClock()
    windows = (RateWindow(short, 1), RateWindow(long, 10))
    limiter = RateLimiter(windows, clock)
    sent: list[float] = []
    for pause in pauses:
        clock.advance(seconds=pause)
        limiter.acquire(CountedDeadline())
        sent.append(clock.monotonic())
    for window in windows:
        for first, last in zip(sent, sent[window.requests :], strict=False):
            assert last - first >= window.seconds - 1e-6


def test_a_free_budget_costs_no_wait() -> None:
    """As many as the window holds go at once."""
    clock = ManualClock()
    limiter = RateLimiter((RateWindow(3, 10),), clock)
    for _ in range(3):
        limiter.acquire(CountedDeadline())
    assert clock.slept == []


def test_a_pause_holds_everyone_back() -> None:
    """After a 429 no worker sends before the time that the server named."""
    clock = ManualClock()
    limiter = RateLimiter((RateWindow(3, 10),), clock)
    limiter.pause(7)
    limiter.acquire(CountedDeadline())
    assert clock.slept == [7]


def test_does_not_sleep_through_the_deadline() -> None:
    """When the budget cannot be had in time, that is an error, at once."""
    clock = ManualClock()
    limiter = RateLimiter((RateWindow(1, 10),), clock)
    limiter.acquire(CountedDeadline())
    with pytest.raises(Retriable, match="rate limit"):
        limiter.acquire(CountedDeadline(looks=0))
    assert clock.slept == []
