"""The decisions of a run. Option 0 is the default, so a run is described by its deviations from the defaults."""

from __future__ import annotations

import random
from collections import Counter
from enum import StrEnum
from hashlib import blake2b
from struct import unpack
from typing import TYPE_CHECKING, NamedTuple, override

if TYPE_CHECKING:
    from collections.abc import Mapping


class Kind(StrEnum):
    """What a decision is about. A seed has a rate of deviations for each kind."""

    WORLD = "world"
    USER = "user"
    DELAY = "delay"
    FAULT = "fault"
    CRASH = "crash"
    ORDER = "order"
    QUEUE = "queue"
    START = "start"
    HAND = "hand"


class Point(NamedTuple):
    """A decision point: the n-th decision of a kind that an actor reaches in a place.

    A point is not named by its position in the run, so it stays the same when other decisions change.
    """

    actor: str
    place: str
    kind: Kind
    nth: int


class Decisions:
    """Takes the given deviations, and the default everywhere else."""

    def __init__(self, deviations: Mapping[Point, int] | None = None) -> None:
        self._given = deviations or {}
        self._counts: Counter[tuple[str, str, Kind]] = Counter()
        self.met: dict[Point, int] = {}
        """The number of options of each decision point that the run has reached."""
        self.deviations: dict[Point, int] = {}
        """The deviations that the run has taken."""
        self.quiet = False
        """Set in order to take only defaults from now on."""

    def pick(self, actor: str, place: str, kind: Kind, options: int) -> int:
        """The option to take, from 0 to `options - 1`."""
        if self.quiet or options < 2:
            return 0
        name = (actor, place, kind)
        self._counts[name] += 1
        point = Point(actor, place, kind, self._counts[name])
        self.met[point] = options
        option = self._decide(point, options)
        if option:
            self.deviations[point] = option
        return option

    def _decide(self, point: Point, options: int) -> int:
        return min(self._given.get(point, 0), options - 1)


_RATES: Mapping[Kind, tuple[float, ...]] = {
    Kind.WORLD: (0.3, 0.6),
    Kind.USER: (0.0, 0.02, 0.1),
    Kind.DELAY: (0.0, 0.05, 0.3, 0.6),
    Kind.FAULT: (0.0, 0.01, 0.1),
    Kind.CRASH: (0.0, 0.002, 0.02),
    Kind.ORDER: (0.0, 0.1),
    Kind.QUEUE: (0.0, 0.1, 0.3),
    Kind.START: (0.2, 0.9),
    Kind.HAND: (0.005, 0.02, 0.1),
}
"""The probabilities of a deviation. A seed draws one of them for each kind: runs with many deviations of one kind and
none of another find failures that runs with a few of every kind do not ("swarm testing")."""


class SeededDecisions(Decisions):
    """Draws deviations at random; the same seed always draws the same ones, point by point.

    So a new kind of decision leaves the others of a seed as they are.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        rates = random.Random(seed)  # noqa: S311 - reproducible, and no secret
        self._seed = seed
        self._rates = {kind: rates.choice(found) for kind, found in _RATES.items()}

    @override
    def _decide(self, point: Point, options: int) -> int:
        name = "\0".join(map(str, (self._seed, *point))).encode()
        drawn, option = unpack("II", blake2b(name, digest_size=8).digest())
        return 1 + option % (options - 1) if drawn < self._rates[point.kind] * 2**32 else 0
