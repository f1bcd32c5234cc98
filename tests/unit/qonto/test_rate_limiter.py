"""Qonto's limits, kept on our side."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, override

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qonto_sync.domain.errors import DeadlineReached
from qonto_sync.ports import Clock
from qonto_sync.qonto.rate_limiter import RateLimiter, RateWindow, qonto_limits
from tests.fakes import START, CountedDeadline, ManualClock

if TYPE_CHECKING:
    from datetime import datetime


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


class SharedClock(Clock):
    """Time for several threads: the latest time of any of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = 0.0

    @override
    def now(self) -> datetime:
        return START + timedelta(seconds=self.monotonic())

    @override
    def monotonic(self) -> float:
        with self._lock:
            return self._now

    @override
    def sleep(self, seconds: float) -> None:
        until = self.monotonic() + seconds
        with self._lock:
            self._now = max(self._now, until)


@settings(max_examples=60, deadline=None)
@given(
    pauses=st.lists(st.sampled_from([0.0, 0.0, 0.0, 0.1, 0.5, 2.0]), min_size=1, max_size=80),
    threads=st.integers(2, 8),
    short=st.integers(1, 5),
    long=st.integers(5, 12),
)
def test_no_window_ever_holds_too_many_of_all_threads(pauses: list[float], threads: int, short: int, long: int) -> None:
    """Each request counts once, from any thread, and no two threads take the last place."""
    clock = SharedClock()
    windows = (RateWindow(short, 1), RateWindow(long, 10))
    # The third window delays no request; it makes the limiter keep all times.
    limiter = RateLimiter((*windows, RateWindow(1_000, 0)), clock)

    def send(pause: float) -> None:
        clock.sleep(pause)
        limiter.acquire(CountedDeadline())

    with ThreadPoolExecutor(threads) as executor:
        list(executor.map(send, pauses))
    sent = [instant.monotonic for instant in limiter._sent]
    assert len(sent) == len(pauses)
    assert sent == sorted(sent)
    for window in windows:
        for first, last in zip(sent, sent[window.requests :], strict=False):
            assert last - first >= window.seconds - 1e-6


def test_qontos_limits_leave_room_for_what_is_on_the_way() -> None:
    """Two per cent: the budget is used nearly whole, and a request that took longer than others does no harm."""
    short, long = qonto_limits(1_000, 10_000)
    assert (short.requests, long.requests) == (1_000, 10_000)
    assert (short.seconds, long.seconds) == pytest.approx((10.2, 612))


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


def test_a_frozen_environment_does_not_wait_for_an_old_budget() -> None:
    """Lambda may stop the monotonic clock between two invocations: the wall clock tells that the window is over."""
    clock = ManualClock()
    limiter = RateLimiter((RateWindow(1, 600),), clock)
    limiter.acquire(CountedDeadline())
    limiter.pause(60)
    clock.freeze(hours=1)
    limiter.acquire(CountedDeadline())
    assert clock.slept == []


def test_a_wall_clock_that_is_set_back_does_not_lengthen_a_wait() -> None:
    """The monotonic clock goes on."""
    clock = ManualClock()
    limiter = RateLimiter((RateWindow(1, 10),), clock)
    limiter.acquire(CountedDeadline())
    limiter.pause(12)
    clock.set_back(hours=1)
    limiter.acquire(CountedDeadline())
    assert clock.slept == [12]


def test_does_not_sleep_through_the_deadline() -> None:
    """When the budget cannot be had in time, that is an error, at once."""
    clock = ManualClock()
    limiter = RateLimiter((RateWindow(1, 10),), clock)
    limiter.acquire(CountedDeadline())
    with pytest.raises(DeadlineReached, match="rate limit"):
        limiter.acquire(CountedDeadline(looks=0))
    assert clock.slept == []
