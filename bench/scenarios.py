"""The scenarios. Each adds its runs to the results."""

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
    """The sizes of the scenarios."""

    new: int
    guide: int
    """It is sequential: its time per invoice does not depend on their number."""
    repeats: int
    growth: tuple[int, ...]
    edited_among: int
    large_bytes: int
    limited: int
    reconciled: tuple[int, ...]
    """Archives of five years; the memory of the last is compared with that of the first."""
    cold_starts: int


FULL: Final = Scale(
    new=1_000,
    guide=1_000,
    repeats=3,
    growth=(1_000, 10_000, 50_000),
    edited_among=10_000,
    large_bytes=200_000_000,
    limited=3_100,
    reconciled=(10_000, 100_000),
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
    reconciled=(600, 2_400),
    cold_starts=3,
)


@dataclass
class Results:
    """The runs by kind, and the cold starts by function."""

    runs: defaultdict[str, list[Run]] = field(default_factory=lambda: defaultdict(list))
    cold: dict[str, ColdStart] = field(default_factory=dict)

    def median(self, kind: str, contender: str, value: Callable[[Run], float]) -> float:
        """The median of a value over the contender's runs.

        Raises:
            KeyError: There is no such run.
        """
        values = [value(run) for run in self.runs[kind] if run.contender == contender]
        if not values:
            raise KeyError(f"{contender} has not run {kind}")
        return median(values)

    def all(self, kind: str) -> list[Run]:
        """All runs of a kind, in order.

        Raises:
            KeyError: There is none.
        """
        if not self.runs[kind]:
            raise KeyError(f"nothing has run {kind}")
        return self.runs[kind]


@dataclass(frozen=True, slots=True)
class Bench:
    """What a scenario needs."""

    runner: Runner
    ports: Ports
    scale: Scale
    contenders: tuple[str, ...]
    results: Results
    log: Callable[[str], Any]

    def add(self, kind: str, run: Run) -> None:
        """Adds a run to the results, and logs it."""
        self.results.runs[kind].append(run)
        done = run.measurement
        self.log(
            f"{kind}, {run.contender}, {run.work.invoices:,} invoices: {done.wall:.2f} s, CPU {done.cpu:.2f} s,"
            f" peak {done.peak_bytes / 2**20:.0f} MiB"
        )


def new(bench: Bench) -> None:
    """New invoices with all contenders in turns, so that other load on the machine affects all of them.

    Ours runs once more after that, with nothing new.
    """
    for turn in range(bench.scale.repeats):
        for contender in bench.contenders:
            # It mostly waits, for two minutes, so its time hardly varies and one run is enough.
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
    """First imports of several sizes without latency, and a run with few changes among many invoices."""
    for number in bench.scale.growth:
        work = Work(number, _SMALL_FILE_BYTES, latency=False)
        bench.add("growth", bench.runner.first("ours", work))
        if number == bench.scale.edited_among:
            bench.add("10 changes", bench.runner.again("ours", work, edited=10))


def large(bench: Bench) -> None:
    """One small file, then one large file: the difference in memory is measured."""
    for size in (_PDF_BYTES, bench.scale.large_bytes):
        limit = {"MAX_FILE_BYTES": str(2 * size)}
        bench.add("large", bench.runner.first("ours", Work(1, size), limit))


def limits(bench: Bench) -> None:
    """Qonto's real rate limits, and more work than they allow at once."""
    work = Work(bench.scale.limited, _SMALL_FILE_BYTES, limits=True)
    bench.add("limits", bench.runner.first("ours", work))


def reconcile(bench: Bench) -> None:
    """Reconciliations of archives of 60 months: the first one, which writes all inventories, and the next one."""
    for number in bench.scale.reconciled:
        work = Work(number, _SMALL_FILE_BYTES, latency=False, years=5)
        bench.runner.first("ours", work)
        bench.add("first reconciliation", bench.runner.reconcile(work))
        bench.add("reconciliation", bench.runner.reconcile(work))


def cold(bench: Bench) -> None:
    """Cold starts of the built functions."""
    bench.results.cold.update(cold_starts(bench.ports, bench.scale.cold_starts))


SCENARIOS: Final[Mapping[str, Callable[[Bench], None]]] = {
    # First, because it fails if the build is outdated.
    "cold": cold,
    "new": new,
    "growth": growth,
    "large": large,
    "limits": limits,
    "reconcile": reconcile,
}
