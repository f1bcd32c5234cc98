"""Qonto's limits per IP address, as exact sliding windows on the world's clock."""

import math
from collections import defaultdict, deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock


@dataclass(frozen=True, slots=True)
class Window:
    """At most `most` requests in any stretch of time of this length."""

    most: int
    length: timedelta


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one address. With `retry_after`, a 429 says how long to wait."""

    windows: tuple[Window, ...] = (
        Window(1_000, timedelta(seconds=10)),
        Window(10_000, timedelta(minutes=10)),
    )
    unauthorized: Window = Window(200, timedelta(hours=1))
    retry_after: bool = False


class Limiter:
    """Counts accepted requests and 401s by address. Rejected requests do not count."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lock = Lock()
        self._accepted = [defaultdict[str, deque[datetime]](deque) for _ in limits.windows]
        self._unauthorized = defaultdict[str, deque[datetime]](deque)

    def admit(self, client_ip: str, now: datetime) -> timedelta | None:
        """Count a request and return None, or return how long to wait when it is one too many."""
        unauthorized = self._limits.unauthorized
        with self._lock:
            refused = self._unauthorized[client_ip]
            _forget(refused, now - unauthorized.length)
            # The documentation says "more than 200 in an hour": the 200th still goes through.
            waits = [_wait(refused, unauthorized.most + 1, unauthorized.length, now)]
            for window, accepted in zip(self._limits.windows, self._accepted, strict=True):
                _forget(accepted[client_ip], now - window.length)
                waits.append(_wait(accepted[client_ip], window.most, window.length, now))
            wait = max(waits)
            if wait:
                return wait
            for accepted in self._accepted:
                accepted[client_ip].append(now)
            return None

    def count_unauthorized(self, client_ip: str, now: datetime) -> None:
        """Remember that the address was answered 401."""
        with self._lock:
            self._unauthorized[client_ip].append(now)

    def retry_after(self, wait: timedelta) -> tuple[tuple[str, str], ...]:
        """Return the `Retry-After` header, if this server sends it."""
        if not self._limits.retry_after:
            return ()
        return (("Retry-After", str(max(1, math.ceil(wait.total_seconds())))),)


def _forget(moments: deque[datetime], until: datetime) -> None:
    while moments and moments[0] <= until:
        moments.popleft()


def _wait(moments: deque[datetime], most: int, length: timedelta, now: datetime) -> timedelta:
    if len(moments) < most:
        return timedelta()
    return moments[-most] + length - now
