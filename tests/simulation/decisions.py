"""Where every choice of a run comes from. 0 is the calm course, so a run is known by its departures from it."""

from __future__ import annotations

import random
from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, override

if TYPE_CHECKING:
    from collections.abc import Mapping


class Kind(StrEnum):
    """What a decision is about; a seed is more or less inclined to each kind."""

    WORLD = "world"
    USER = "user"
    DELAY = "delay"
    FAULT = "fault"
    CRASH = "crash"
    ORDER = "order"
    QUEUE = "queue"
    START = "start"


class Point(NamedTuple):
    """One decision: the n-th of its kind that this actor meets in this place.

    Named like this, and not by its position in the run, it stays the same when other decisions change.
    """

    actor: str
    place: str
    kind: Kind
    nth: int


class Decisions:
    """Replays given departures from the calm course; everywhere else, all is calm."""

    def __init__(self, departures: Mapping[Point, int] | None = None) -> None:
        self._forced = departures or {}
        self._counts: Counter[tuple[str, str, Kind]] = Counter()
        self.met: dict[Point, int] = {}
        """Every decision of this run and how many courses it had."""
        self.taken: dict[Point, int] = {}
        """The departures of this run."""
        self.quiet = False
        """From now on all is calm, whatever was given."""

    def pick(self, actor: str, place: str, kind: Kind, courses: int) -> int:
        """One of `courses` courses, 0 being the calm one."""
        if self.quiet or courses < 2:
            return 0
        name = (actor, place, kind)
        self._counts[name] += 1
        point = Point(actor, place, kind, self._counts[name])
        self.met[point] = courses
        course = self._decide(point, courses)
        if course:
            self.taken[point] = course
        return course

    def _decide(self, point: Point, courses: int) -> int:
        return min(self._forced.get(point, 0), courses - 1)


_RATES: Mapping[Kind, tuple[float, ...]] = {
    Kind.WORLD: (0.3, 0.6),
    Kind.USER: (0.0, 0.02, 0.1),
    Kind.DELAY: (0.0, 0.05, 0.3, 0.6),
    Kind.FAULT: (0.0, 0.01, 0.1),
    Kind.CRASH: (0.0, 0.002, 0.02),
    Kind.ORDER: (0.0, 0.1),
    Kind.QUEUE: (0.0, 0.1, 0.3),
    Kind.START: (0.2, 0.9),
}
"""How often a decision departs. A seed takes one rate of each kind: worlds that are wild in one thing and calm in
another find what an even mixture hides."""


class SeededDecisions(Decisions):
    """Makes departures at random; the same seed makes the same ones."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random = random.Random(seed)  # noqa: S311 - chance that can be repeated
        self._rates = {kind: self._random.choice(rates) for kind, rates in _RATES.items()}

    @override
    def _decide(self, point: Point, courses: int) -> int:
        if self._random.random() >= self._rates[point.kind]:
            return 0
        return self._random.randrange(1, courses)
