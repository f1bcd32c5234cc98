"""Many runs: each departure from the calm course alone, and seeds, on all cores."""

from __future__ import annotations

import multiprocessing
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import batched
from typing import TYPE_CHECKING, override

from tests.simulation.changes import EDIT, HELD, course_of
from tests.simulation.decisions import Decisions, Kind, Point, SeededDecisions
from tests.simulation.mutations import mutated
from tests.simulation.qonto import PER_PAGE
from tests.simulation.shrink import shrink
from tests.simulation.world import simulate

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from multiprocessing.pool import Pool

    from tests.simulation.shrink import Departures
    from tests.simulation.world import Run

_AFTER_A_PAGE = "dynamodb.batch_get_item"
_MANY_PAGES = {Point("world", "invoices", Kind.WORLD, 1): 3, Point("world", "pages per slice", Kind.WORLD, 1): 2}
"""14 invoices in one slice."""

_BLOCK, _CHUNK = 64, 4


@dataclass(frozen=True, slots=True)
class Failure:
    """A run that broke a promise."""

    cause: str
    """The seed, or that it was a single departure."""
    run: Run

    @override
    def __str__(self) -> str:
        """For a person."""
        departures = [
            f"  {point.actor}, {point.place} #{point.nth}: {point.kind} {course}"
            for point, course in self.run.departures.items()
        ]
        story = [f"  {line}" for line in self.run.story]
        first = f"{self.cause}: {self.run.violations[0]}"
        return "\n".join([first, "Departures from the calm course:", *departures, "Story:", *story])


@dataclass(frozen=True, slots=True)
class Variant:
    """The product as it is, or without one of its safeguards."""

    mutation: str | None = None

    def try_seed(self, seed: int) -> Failure | None:
        """One run of this seed."""
        return self._failure(f"seed {seed}", SeededDecisions(seed))

    def try_departures(self, departures: Departures) -> Failure | None:
        """One run with just these departures."""
        return self._failure("one departure", Decisions(departures))

    def shortest(self, failures: Iterable[Failure]) -> Failure:
        """The failure that takes the least to tell, told as shortly as possible."""
        simplest = min(failures, key=lambda failure: len(failure.run.departures))
        return replace(simplest, run=shrink(simplest.run, lambda departures: self._run(Decisions(departures))))

    def _failure(self, cause: str, decisions: Decisions) -> Failure | None:
        run = self._run(decisions)
        return Failure(cause, run) if run.violations else None

    def _run(self, decisions: Decisions) -> Run:
        with mutated(self.mutation):
            return simulate(decisions)


def single_departures(kinds: Collection[Kind]) -> list[Departures]:
    """Every way to depart from the calm course in one point only."""
    met = simulate(Decisions()).met
    return [{point: course} for point, courses in met.items() if point.kind in kinds for course in range(1, courses)]


def entries_and_exits() -> list[Departures]:
    """A late commit enters a slice of several pages just when an edit takes another invoice out of it.

    In each run before or after another page, and with another invoice that leaves. Before, in the first batches of
    retries, enough invoices are edited to fill the pages.
    """
    calm = simulate(Decisions(_MANY_PAGES)).met
    early = [point for point in calm if point.actor in {"retry-4", "retry-5"} and point.kind is Kind.USER]
    edits = {point: course_of(EDIT, 5 + number) for number, point in enumerate(early)}
    met = simulate(Decisions(_MANY_PAGES | edits)).met
    calls = [point for point in met if point[:2] in {("sync-2", place) for place in ("qonto.page", _AFTER_A_PAGE)}]
    return [
        {**_MANY_PAGES, **edits, call._replace(place=f"{call.place}, {HELD}"): 1, call: course_of(EDIT, target)}
        for call in calls
        if call.kind is Kind.USER
        for target in range(14)
    ]


def reorderings() -> list[Departures]:
    """The list changes its order just when an edit takes an invoice out of it; in each run at another page."""
    world = {**_MANY_PAGES, Point("world", "unstable order", Kind.WORLD, 1): 1}
    pages = [point for point in simulate(Decisions(world)).met if point.actor == "sync-1" and point.kind is Kind.ORDER]
    return [
        {**world, page: PER_PAGE, page._replace(kind=Kind.USER): course_of(EDIT, target)}
        for page in pages
        for target in range(14)
    ]


@dataclass(frozen=True, slots=True)
class Explorer:
    """Runs on all cores, block by block: who has seen enough leaves no work behind."""

    pool: Pool

    def seeds(self, seeds: Iterable[int], variant: Variant) -> Iterator[Failure | None]:
        """What became of each seed."""
        return self._each(variant.try_seed, seeds)

    def departures(self, cases: Iterable[Departures], variant: Variant) -> Iterator[Failure | None]:
        """What became of each case."""
        return self._each(variant.try_departures, cases)

    def shortest(self, seeds: Iterable[int], variant: Variant) -> Failure | None:
        """The shortest story of the first seeds that fail."""
        for block in batched(seeds, _BLOCK, strict=False):
            failures = [failure for failure in self.seeds(block, variant) if failure]
            if failures:
                return variant.shortest(failures)
        return None

    def _each[T](self, attempt: Callable[[T], Failure | None], cases: Iterable[T]) -> Iterator[Failure | None]:
        for block in batched(cases, _BLOCK, strict=False):
            yield from self.pool.map(attempt, block, chunksize=_CHUNK)


@contextmanager
def explorer() -> Iterator[Explorer]:
    """Has the workers while it is open."""
    # To fork a process that has threads, as a test run has, is not safe.
    with multiprocessing.get_context("spawn").Pool() as pool:
        yield Explorer(pool)
