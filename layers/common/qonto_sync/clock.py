"""The machine's time, and the time that an invocation has left."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from qonto_sync.ports import Clock, Deadline

_LONGEST_RESERVE_SECONDS = 60.0
_RESERVE = 0.1


class SystemClock:
    """See `ports.Clock`."""

    def now(self) -> datetime:
        """The wall clock, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Waits."""
        time.sleep(seconds)


class InvocationDeadline:
    """See `ports.Deadline`: the end of a Lambda invocation, less a reserve for what is in flight by then."""

    def __init__(self, remaining_millis: Callable[[], int]) -> None:
        """Made when the invocation starts, so that the time left is the function's timeout."""
        self._remaining_millis = remaining_millis
        self._reserve = min(_LONGEST_RESERVE_SECONDS, _RESERVE * remaining_millis() / 1000)

    def remaining(self) -> float:
        """Seconds until no new work may start."""
        return self._remaining_millis() / 1000 - self._reserve


class Within:
    """See `ports.Deadline`: so many seconds from now, unless another deadline comes first."""

    def __init__(self, seconds: float, clock: Clock, deadline: Deadline) -> None:
        self._end = clock.monotonic() + seconds
        self._clock = clock
        self._deadline = deadline

    def remaining(self) -> float:
        """Seconds until no new work may start."""
        return min(self._end - self._clock.monotonic(), self._deadline.remaining())
