"""Planned events, by time."""

import heapq
from collections.abc import Callable
from datetime import datetime

type Action = Callable[[datetime], None]


class Timeline:
    """Actions by time; equal times keep the order in which they were planned."""

    def __init__(self) -> None:
        self._due: list[tuple[datetime, int, Action]] = []
        self._planned = 0

    def plan(self, at: datetime, action: Action) -> None:
        """Plan the action for that time, which it gets as its argument."""
        heapq.heappush(self._due, (at, self._planned, action))
        self._planned += 1

    def next_at(self) -> datetime | None:
        """Return the time of the next action, None when nothing is planned."""
        return self._due[0][0] if self._due else None

    def do_next(self) -> None:
        """Do the next action."""
        at, _, action = heapq.heappop(self._due)
        action(at)
