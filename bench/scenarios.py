"""What is measured: each scenario adds its runs to the results."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from bench.cold_start import cold_starts
from bench.deployment import our_threads
from bench.work import Work

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bench.cold_start import ColdStart
    from bench.ports import Ports
    from bench.running import Run, Runner

_PDF_BYTES: Final = 100_000
_SMALL_FILE_BYTES: Final = 500


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything."""

    new: int
    guide: int
    """Its time is a sum over its invoices, so that fewer tell it as well."""
    repeats: int
    growth: tuple[int, ...]
    edited_among: int
    large_bytes: int
    limited: int
    cold_starts: int


FULL: Final = Scale(
    new=1_000,
    guide=1_000,
    repeats=3,
    growth=(1_000, 10_000, 50_000),
    edited_among=10_000,
    large_bytes=200_000_000,
    limited=3_100,
    cold_starts=11,
)
QUICK: Final = Scale(
    new=300,
    guide=40,
    repeats=1,
    growth=(300, 1_000),
    edited_among=1_000,
    large_bytes=50_000_000,
    limited=1_050,
    cold_starts=3,
)


@dataclass
class Results:
    """Every run by what it was a run of, and the cold starts by function."""

    runs: defaultdict[str, list[Run]] = field(default_factory=lambda: defaultdict(list))
    cold: dict[str, ColdStart] = field(default_factory=dict)

    def typical(self, kind: str, contender: str, value: Callable[[Run], float]) -> float:
        """The median over the contender's runs.

        Raises:
            KeyError: there is none.
        """
        values = [value(run) for run in self.runs[kind] if run.contender == contender]
        if not values:
            raise KeyError(f"{contender} has not run {kind}")
        return median(values)

    def only(self, kind: str) -> list[Run]:
        """All runs of a kind, in their order.

        Raises:
            KeyError: there is none.
        """
        if not self.runs[kind]:
            raise KeyError(f"nothing has run {kind}")
        return self.runs[kind]


@dataclass(frozen=True, slots=True)
class Bench:
    """What a scenario has at hand."""

    runner: Runner
    ports: Ports
    scale: Scale
    contenders: tuple[str, ...]
    results: Results
    tell: Callable[[str], Any]

    def add(self, kind: str, run: Run) -> None:
        """Keeps a run, and says so."""
        self.results.runs[kind].append(run)
        done = run.measurement
        self.tell(
            f"{kind}, {run.contender}, {run.work.invoices:,} invoices: {done.wall:.2f} s, CPU {done.cpu:.2f} s,"
            f" peak {done.peak_bytes / 2**20:.0f} MiB"
        )


def new(bench: Bench) -> None:
    """New invoices, all contenders in turns, so that whatever slows the machine slows all; ours once more after it."""
    for turn in range(bench.scale.repeats):
        for contender in bench.contenders:
            # Two minutes of waiting, which do not vary: once is enough.
            if contender == "guide" and turn:
                continue
            number = bench.scale.guide if contender == "guide" else bench.scale.new
            work = Work(number, _PDF_BYTES)
            bench.add("new", bench.runner.first(contender, work))
            if contender == "ours":
                bench.add("nothing new", bench.runner.again("ours", work))
            if contender == "bare":
                threads = our_threads(bench.ports)
                bench.add("same threads", bench.runner.first("bare", work, workers=threads))


def growth(bench: Bench) -> None:
    """First imports of several sizes without latency, and a few changes among many."""
    for number in bench.scale.growth:
        work = Work(number, _SMALL_FILE_BYTES, latency=False)
        bench.add("growth", bench.runner.first("ours", work))
        if number == bench.scale.edited_among:
            bench.add("10 changes", bench.runner.again("ours", work, edited=10))


def large(bench: Bench) -> None:
    """One small file, then one large one, for what the second needs beyond the first."""
    for size in (_PDF_BYTES, bench.scale.large_bytes):
        limit = {"MAX_FILE_BYTES": str(2 * size)}
        bench.add("large", bench.runner.first("ours", Work(1, size), limit))


def limits(bench: Bench) -> None:
    """Qonto's real limits, and more work than they allow at once."""
    work = Work(bench.scale.limited, _SMALL_FILE_BYTES, limits=True)
    bench.add("limits", bench.runner.first("ours", work))


def cold(bench: Bench) -> None:
    """The first moments of each built function."""
    bench.results.cold.update(cold_starts(bench.ports, bench.scale.cold_starts))


SCENARIOS: Final[Mapping[str, Callable[[Bench], None]]] = {
    # First, for it finds out whether the build is outdated.
    "cold": cold,
    "new": new,
    "growth": growth,
    "large": large,
    "limits": limits,
}
