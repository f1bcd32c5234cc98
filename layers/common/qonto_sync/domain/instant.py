"""Measures time across invocations, where neither clock can be trusted alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime


class Instant(NamedTuple):
    """One moment by both clocks.

    Lambda freezes an idle execution environment, in which the monotonic clock may stand still, and the wall clock may
    be set back. What lasts for a number of seconds ends in time when the longer of the two counts.
    """

    wall: datetime
    monotonic: float

    def seconds_until(self, later: Instant) -> float:
        """The time between, by the clock that says it is longer."""
        return max(later.monotonic - self.monotonic, (later.wall - self.wall).total_seconds())
