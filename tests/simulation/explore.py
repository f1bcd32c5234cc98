"""Many runs on all cores: seeds, single deviations, and combinations that seeds are unlikely to draw."""

from __future__ import annotations

import multiprocessing
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import batched
from typing import TYPE_CHECKING, override

from tests.simulation.changes import EARLY_COMMIT, EDIT, edit_option
from tests.simulation.decisions import Decisions, Kind, Point, SeededDecisions
from tests.simulation.mutations import mutated
from tests.simulation.qonto import PER_PAGE
from tests.simulation.shrink import shrink
from tests.simulation.world import simulate

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from multiprocessing.pool import Pool

    from tests.simulation.shrink import Deviations
    from tests.simulation.world import Run

_AFTER_A_PAGE = "dynamodb.batch_get_item"
_INVOICES = 14
_MANY_PAGES = {Point("world", "invoices", Kind.WORLD, 1): 3, Point("world", "pages per slice", Kind.WORLD, 1): 2}
"""14 invoices in one slice."""

_BLOCK, _CHUNK = 16, 2


@dataclass(frozen=True, slots=True)
class Failure:
    """A run that violated an invariant."""

    origin: str
    """The seed, or that the deviations were given."""
    run: Run

    @override
    def __str__(self) -> str:
        deviations = [
            f"  {point.actor}, {point.place} #{point.nth}: {point.kind} {option}"
            for point, option in self.run.deviations.items()
        ]
        trace = [f"  {line}" for line in self.run.trace]
        first = f"{self.origin}: {self.run.violations[0]}"
        return "\n".join([first, "Deviations from the defaults:", *deviations, "Trace:", *trace])


@dataclass(frozen=True, slots=True)
class Variant:
    """The product as it is, or with one mutation, in one of the worlds."""

    mutation: str | None = None
    world: Callable[[Decisions], Run] = simulate

    def try_seed(self, seed: int) -> Failure | None:
        """Runs a seed."""
        return self._failure(f"seed {seed}", SeededDecisions(seed))

    def try_deviations(self, deviations: Deviations) -> Failure | None:
        """Runs with just these deviations."""
        return self._failure("given deviations", Decisions(deviations))

    def shrunk(self, failures: Iterable[Failure]) -> Failure:
        """The failure with the fewest deviations, shrunk."""
        simplest = min(failures, key=lambda failure: len(failure.run.deviations))
        return replace(simplest, run=shrink(simplest.run, lambda deviations: self._run(Decisions(deviations))))

    def _failure(self, origin: str, decisions: Decisions) -> Failure | None:
        run = self._run(decisions)
        return Failure(origin, run) if run.violations else None

    def _run(self, decisions: Decisions) -> Run:
        with mutated(self.mutation):
            return self.world(decisions)


def single_deviations(kinds: Collection[Kind], world: Callable[[Decisions], Run] = simulate) -> list[Deviations]:
    """Each other option of each decision of the default run, alone."""
    met = world(Decisions()).met
    return [{point: option} for point, options in met.items() if point.kind in kinds for option in range(1, options)]


def entries_and_exits() -> list[Deviations]:
    """A late commit adds an invoice to a slice of several pages at the moment when an edit removes another one.

    Each case does so before or after another page, and removes another invoice. Before that, during the first retry
    batches, enough invoices are edited to fill the pages.
    """
    default = simulate(Decisions(_MANY_PAGES)).met
    early = [point for point in default if point.actor in {"retry-4", "retry-5"} and point.kind is Kind.USER]
    edits = {point: edit_option(EDIT, 5 + number) for number, point in enumerate(early)}
    met = simulate(Decisions(_MANY_PAGES | edits)).met
    calls = [point for point in met if point[:2] in {("sync-2", place) for place in ("qonto.page", _AFTER_A_PAGE)}]
    return [
        {
            **_MANY_PAGES,
            **edits,
            call._replace(place=f"{call.place}, {EARLY_COMMIT}"): 1,
            call: edit_option(EDIT, target),
        }
        for call in calls
        if call.kind is Kind.USER
        for target in range(_INVOICES)
    ]


def reorderings() -> list[Deviations]:
    """The list changes its order at the moment when an edit removes an invoice from it; each case at another page."""
    world = {**_MANY_PAGES, Point("world", "unstable order", Kind.WORLD, 1): 1}
    pages = [point for point in simulate(Decisions(world)).met if point.actor == "sync-1" and point.kind is Kind.ORDER]
    return [
        {**world, page: PER_PAGE, page._replace(kind=Kind.USER): edit_option(EDIT, target)}
        for page in pages
        for target in range(_INVOICES)
    ]


@dataclass(frozen=True, slots=True)
class Explorer:
    """Runs on all cores, in blocks: a caller that stops early leaves at most one block of unneeded work."""

    pool: Pool

    def seeds(self, seeds: Iterable[int], variant: Variant) -> Iterator[Failure | None]:
        """The failure of each seed, or None."""
        return self._each(variant.try_seed, seeds)

    def deviations(self, cases: Iterable[Deviations], variant: Variant) -> Iterator[Failure | None]:
        """The failure of each case, or None."""
        return self._each(variant.try_deviations, cases)

    def _each[T](self, attempt: Callable[[T], Failure | None], cases: Iterable[T]) -> Iterator[Failure | None]:
        for block in batched(cases, _BLOCK, strict=False):
            yield from self.pool.map(attempt, block, chunksize=_CHUNK)


@contextmanager
def explorer() -> Iterator[Explorer]:
    """Has a pool of workers while it is open."""
    # Forking a process with threads, such as a test run, is not safe.
    with multiprocessing.get_context("spawn").Pool() as pool:
        yield Explorer(pool)
