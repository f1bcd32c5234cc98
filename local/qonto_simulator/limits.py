"""Qonto's limits per IP address, as exact sliding windows on the world's clock."""

import math
from collections import defaultdict, deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from threading import Lock
from typing import Literal

type RetryAfter = Literal["none", "seconds", "date"]


@dataclass(frozen=True, slots=True)
class Window:
    """At most `most` requests in any stretch of time of this length."""

    most: int
    length: timedelta


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one address. `retry_after` is how a 429 says how long to wait, in either form of HTTP."""

    windows: tuple[Window, ...] = (
        Window(1_000, timedelta(seconds=10)),
        Window(10_000, timedelta(minutes=10)),
    )
    unauthorized: Window = Window(200, timedelta(hours=1))
    retry_after: RetryAfter = "none"


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

    def retry_after(self, wait: timedelta, now: datetime) -> tuple[tuple[str, str], ...]:
        """Return the `Retry-After` header, if this server sends it. A part of a second counts as a whole one."""
        seconds = max(1, math.ceil(wait.total_seconds()))
        match self._limits.retry_after:
            case "none":
                return ()
            case "seconds":
                return (("Retry-After", str(seconds)),)
            case "date":
                # A date has whole seconds.
                until = now.replace(microsecond=0) + timedelta(seconds=seconds + bool(now.microsecond))
                return (("Retry-After", format_datetime(until, usegmt=True)),)


def _forget(moments: deque[datetime], until: datetime) -> None:
    while moments and moments[0] <= until:
        moments.popleft()


def _wait(moments: deque[datetime], most: int, length: timedelta, now: datetime) -> timedelta:
    if len(moments) < most:
        return timedelta()
    return moments[-most] + length - now
