"""Qonto's two rate limits as exact sliding windows."""

from __future__ import annotations

import time
from collections import deque
from math import ceil
from typing import Final

WINDOW_REQUESTS: Final = 1_000
WINDOW_SECONDS: Final = 10.0
WINDOWS: Final = ((WINDOW_REQUESTS, WINDOW_SECONDS), (10_000, 600.0))
"""Limits per IP address: requests, and the seconds of the sliding window."""


class Limits:
    """Admits or refuses requests."""

    def __init__(self, *, enforced: bool) -> None:
        self._enforced = enforced
        self._admitted: deque[float] = deque(maxlen=max(most for most, _ in WINDOWS))
        self._total = 0
        self.milestones: list[float] = []
        """Seconds from the first request to each one that follows a full window: number 1 001, 2 001, …"""

    def wait(self) -> int:
        """Admits a request and returns 0, or refuses it and returns the seconds for `Retry-After`."""
        if not self._enforced:
            return 0
        now = time.monotonic()
        waits = [
            self._admitted[-most] + seconds - now
            for most, seconds in WINDOWS
            if len(self._admitted) >= most and self._admitted[-most] + seconds > now
        ]
        if waits:
            return ceil(max(waits))
        if self._total == 0:
            self._first = now
        elif self._total % WINDOW_REQUESTS == 0:
            self.milestones.append(now - self._first)
        self._admitted.append(now)
        self._total += 1
        return 0
