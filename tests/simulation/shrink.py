"""Shrinks a failing run: drops the deviations that the failure does not need (delta debugging)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.decisions import Point
    from tests.simulation.world import Run

type Deviations = dict[Point, int]


def shrink(failing: Run, replay: Callable[[Deviations], Run]) -> Run:
    """A failing run that would not fail with any one of its deviations dropped.

    Drops large parts first, then smaller ones, then single deviations; then lowers the option of each that is left.
    """
    best, size = failing, len(failing.deviations)
    while size:
        smaller = _without_parts(best, size, replay)
        # A drop may make others possible, so single deviations are tried until none can be dropped.
        size = size // 2 if smaller is best or size > 1 else 1
        best = smaller
    return _with_lower_options(best, replay)


def _without_parts(run: Run, size: int, replay: Callable[[Deviations], Run]) -> Run:
    """The run without each part of this size that can be dropped; the same run if there is none."""
    first = 0
    while first < len(run.deviations):
        points = list(run.deviations)
        dropped = set(points[first : first + size])
        shorter = replay({point: option for point, option in run.deviations.items() if point not in dropped})
        if shorter.violations and len(shorter.deviations) < len(run.deviations):
            run = shorter
        else:
            first += size
    return run


def _with_lower_options(run: Run, replay: Callable[[Deviations], Run]) -> Run:
    for point in list(run.deviations):
        for option in range(1, run.deviations.get(point, 1)):
            lower = replay({**run.deviations, point: option})
            if lower.violations and len(lower.deviations) <= len(run.deviations):
                run = lower
                break
    return run
