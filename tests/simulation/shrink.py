"""From a failing run to its shortest story: departures from the calm course are dropped while it still fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.decisions import Point
    from tests.simulation.world import Run

type Departures = dict[Point, int]


def shrink(failing: Run, replay: Callable[[Departures], Run]) -> Run:
    """A run that fails as well, but not any more when one more of its departures is dropped.

    Parts are dropped first, then single departures (delta debugging); what is left is made as small as it goes.
    """
    best = failing
    size = len(best.departures)
    while size:
        smaller = _without_a_part(best, size, replay)
        if smaller:
            best = smaller
            size = min(size, len(best.departures))
        else:
            size //= 2
    return _with_lower_courses(best, replay)


def _without_a_part(run: Run, size: int, replay: Callable[[Departures], Run]) -> Run | None:
    points = list(run.departures)
    for first in range(0, len(points), size):
        dropped = set(points[first : first + size])
        shorter = replay({point: course for point, course in run.departures.items() if point not in dropped})
        if shorter.violations and len(shorter.departures) < len(run.departures):
            return shorter
    return None


def _with_lower_courses(run: Run, replay: Callable[[Departures], Run]) -> Run:
    for point in list(run.departures):
        for course in range(1, run.departures.get(point, 1)):
            lower = replay({**run.departures, point: course})
            if lower.violations and len(lower.departures) <= len(run.departures):
                run = lower
                break
    return run
