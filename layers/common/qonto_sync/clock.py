"""The machine's time, and the time that an invocation has left."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, override

from qonto_sync.ports import Clock, Deadline

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_RESERVE_SECONDS = 60.0
_RESERVE = 0.1


class SystemClock(Clock):
    """The operating system's clocks."""

    @override
    def now(self) -> datetime:
        return datetime.now(UTC)

    @override
    def monotonic(self) -> float:
        return time.monotonic()

    @override
    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class InvocationDeadline(Deadline):
    """The end of a Lambda invocation, less a reserve in which work in progress is finished."""

    def __init__(self, remaining_millis: Callable[[], int]) -> None:
        """Created when the invocation starts, so that the time left is the function's timeout."""
        self._remaining_millis = remaining_millis
        self.reserve = min(LONGEST_RESERVE_SECONDS, _RESERVE * remaining_millis() / 1000)

    @override
    def remaining(self) -> float:
        return self._remaining_millis() / 1000 - self.reserve


class LaterDeadline(Deadline):
    """A deadline that is so many seconds later than another one."""

    def __init__(self, seconds: float, deadline: Deadline) -> None:
        self._seconds = seconds
        self._deadline = deadline

    @override
    def remaining(self) -> float:
        return self._deadline.remaining() + self._seconds


class CappedDeadline(Deadline):
    """A number of seconds from now, or another deadline if that is earlier."""

    def __init__(self, seconds: float, clock: Clock, deadline: Deadline) -> None:
        self._end = clock.monotonic() + seconds
        self._clock = clock
        self._deadline = deadline

    @override
    def remaining(self) -> float:
        return min(self._end - self._clock.monotonic(), self._deadline.remaining())
