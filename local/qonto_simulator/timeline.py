"""What is due, and when."""

import heapq
from collections.abc import Callable
from datetime import datetime

type Action = Callable[[datetime], None]


class Timeline:
    """Actions by their moment; equal moments keep the order in which they were planned."""

    def __init__(self) -> None:
        self._due: list[tuple[datetime, int, Action]] = []
        self._planned = 0

    def plan(self, at: datetime, action: Action) -> None:
        """Have the action done at that moment, which it is given."""
        heapq.heappush(self._due, (at, self._planned, action))
        self._planned += 1

    def next_at(self) -> datetime | None:
        """Return the moment of the next action, None when nothing is planned."""
        return self._due[0][0] if self._due else None

    def do_next(self) -> None:
        """Do the next action."""
        at, _, action = heapq.heappop(self._due)
        action(at)
