"""`python -m bench`: runs the scenarios and prints tables; a full run also updates the documentation."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from bench.capacity import capacity
from bench.deployment import function
from bench.figures import figures
from bench.publishing import publish
from bench.report import as_json
from bench.running import Runner
from bench.scenarios import FULL, QUICK, SCENARIOS, Bench, Results
from bench.simulator import CLIENT_CORES, Simulator, pin
from bench.table import contenders_table, figures_table

if TYPE_CHECKING:
    from collections.abc import Sequence

_CONTENDERS = ("guide", "bare", "dlt", "ours")


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the chosen scenarios. A contender that fails, or leaves anything out, ends the benchmark."""
    options = _parser().parse_args(arguments)
    # This process and its contenders run on one core, never at the same time; the server has another.
    pin(0, CLIENT_CORES)
    console = Console(width=None if sys.stdout.isatty() else 120)
    results = Results()
    with Simulator() as simulator, tempfile.TemporaryDirectory() as folder:
        bench = Bench(
            Runner(simulator, Path(folder)),
            simulator.ports,
            QUICK if options.quick else FULL,
            tuple(options.contenders),
            results,
            lambda text: console.print(f"  [dim]{text}[/dim]", highlight=False),
        )
        rates = capacity(simulator)
        console.print("The server alone, requests per second:", rates)
        for name in options.only or SCENARIOS:
            SCENARIOS[name](bench)
    measured = figures(results)
    if results.runs["new"]:
        console.print(contenders_table(results))
    console.print(figures_table(measured))
    if not options.quick and not options.only and set(options.contenders) == set(_CONTENDERS):
        publish(as_json(results, measured, rates, function("SyncFunction", simulator.ports).memory))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Benchmarks the sync against other programs.")
    parser.add_argument("--quick", action="store_true", help="small numbers, takes a minute, writes nothing")
    parser.add_argument(
        "--only", action="append", choices=SCENARIOS, help="this scenario only (repeatable), writes nothing"
    )
    parser.add_argument(
        "--contenders", nargs="+", choices=_CONTENDERS, default=_CONTENDERS, help="those of scenario new"
    )
    return parser


if __name__ == "__main__":
    main()
