"""Qonto's rate limits, kept on our side, so that a run uses the whole budget and is never refused."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from qonto_sync.errors import DeadlineReached

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qonto_sync.ports import Clock, Deadline


class RateWindow(NamedTuple):
    """At most `requests` in any `seconds`."""

    requests: int
    seconds: float


_ON_THE_WAY = 1.02
"""A request arrives later than it was counted, and not each by the same time: the windows are kept a little longer."""


def qonto_limits(per_10_seconds: int, per_10_minutes: int) -> tuple[RateWindow, ...]:
    """Both windows that Qonto keeps for an IP address."""
    return RateWindow(per_10_seconds, 10 * _ON_THE_WAY), RateWindow(per_10_minutes, 600 * _ON_THE_WAY)


class RateLimiter:
    """Sliding windows over all threads of this process; also the place where all of them pause after a 429."""

    def __init__(self, windows: Sequence[RateWindow], clock: Clock) -> None:
        self._windows = windows
        self._clock = clock
        self._sent: deque[float] = deque(maxlen=max(window.requests for window in windows))
        self._paused_until = 0.0
        self._lock = threading.Lock()

    def acquire(self, deadline: Deadline) -> None:
        """Waits until one more request is within every window, and counts it.

        Raises:
            DeadlineReached: it would have to wait for longer than there is time. It does not wait at all then.
        """
        while True:
            with self._lock:
                now = self._clock.monotonic()
                wait = self._wait(now)
                if wait <= 0:
                    self._sent.append(now)
                    return
            if wait > deadline.remaining():
                raise DeadlineReached(f"Qonto's rate limit leaves no request for another {wait:.0f} s")
            self._clock.sleep(wait)

    def pause(self, seconds: float) -> None:
        """Holds back every request for this long, because the other side asked for it."""
        with self._lock:
            self._paused_until = max(self._paused_until, self._clock.monotonic() + seconds)

    def _wait(self, now: float) -> float:
        wait = self._paused_until - now
        for window in self._windows:
            if len(self._sent) >= window.requests:
                wait = max(wait, self._sent[-window.requests] + window.seconds - now)
        return wait
