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
    best, size = failing, len(failing.departures)
    while size:
        smaller = _without_parts(best, size, replay)
        # Parts that could not be dropped may be droppable now that others are; single ones are tried until none is.
        size = size // 2 if smaller is best or size > 1 else 1
        best = smaller
    return _with_lower_courses(best, replay)


def _without_parts(run: Run, size: int, replay: Callable[[Departures], Run]) -> Run:
    """The run without each part of this size that it fails without; the same one if there is none."""
    first = 0
    while first < len(run.departures):
        points = list(run.departures)
        dropped = set(points[first : first + size])
        shorter = replay({point: course for point, course in run.departures.items() if point not in dropped})
        if shorter.violations and len(shorter.departures) < len(run.departures):
            run = shorter
        else:
            first += size
    return run


def _with_lower_courses(run: Run, replay: Callable[[Departures], Run]) -> Run:
    for point in list(run.departures):
        for course in range(1, run.departures.get(point, 1)):
            lower = replay({**run.departures, point: course})
            if lower.violations and len(lower.departures) <= len(run.departures):
                run = lower
                break
    return run
