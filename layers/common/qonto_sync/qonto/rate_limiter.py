"""Qonto's rate limits, applied before sending, so that a run uses the whole budget without a 429."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from qonto_sync.domain.errors import DeadlineReached

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qonto_sync.domain.instant import Instant
    from qonto_sync.ports import Clock, Deadline


class RateWindow(NamedTuple):
    """At most `requests` in any `seconds`."""

    requests: int
    seconds: float


_TRANSIT_MARGIN = 1.02
"""Requests arrive at Qonto with varying delays, so each window is kept a little longer than Qonto's own."""


def qonto_limits(per_10_seconds: int, per_10_minutes: int) -> tuple[RateWindow, ...]:
    """The two windows that Qonto keeps for each IP address."""
    return RateWindow(per_10_seconds, 10 * _TRANSIT_MARGIN), RateWindow(per_10_minutes, 600 * _TRANSIT_MARGIN)


class RateLimiter:
    """Sliding windows shared by all threads of this process, which also pause together after a 429."""

    def __init__(self, windows: Sequence[RateWindow], clock: Clock) -> None:
        self._windows = windows
        self._clock = clock
        self._sent: deque[Instant] = deque(maxlen=max(window.requests for window in windows))
        self._paused_at = clock.instant()
        self._pause_seconds = 0.0
        self._lock = threading.Lock()

    def acquire(self, deadline: Deadline) -> None:
        """Waits until one more request fits into every window, and counts it.

        Raises:
            DeadlineReached: the wait would be longer than the time that is left. Raised without waiting.
        """
        while True:
            with self._lock:
                now = self._clock.instant()
                wait = self._wait(now)
                if wait <= 0:
                    self._sent.append(now)
                    return
            if wait > deadline.remaining():
                raise DeadlineReached(f"Qonto's rate limit leaves no request for another {wait:.0f} s")
            self._clock.sleep(wait)

    def pause(self, seconds: float) -> None:
        """Delays every request for this long, because Qonto asked for it."""
        with self._lock:
            now = self._clock.instant()
            if seconds > self._pause_left(now):
                self._paused_at, self._pause_seconds = now, seconds

    def _wait(self, now: Instant) -> float:
        wait = self._pause_left(now)
        for window in self._windows:
            if len(self._sent) >= window.requests:
                wait = max(wait, window.seconds - self._sent[-window.requests].seconds_until(now))
        return wait

    def _pause_left(self, now: Instant) -> float:
        return self._pause_seconds - self._paused_at.seconds_until(now)
