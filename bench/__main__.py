"""`python -m bench`: runs the scenarios, prints the table, and after a full run writes what the documentation shows."""

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
    """Runs what was asked for; a contender that did not do its job ends it."""
    options = _parser().parse_args(arguments)
    # This process and the clients that it starts share a core, one after the other; the server has its own.
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
    found = figures(results)
    if results.runs["new"]:
        console.print(contenders_table(results))
    console.print(figures_table(found))
    if not options.quick and not options.only and set(options.contenders) == set(_CONTENDERS):
        publish(as_json(results, found, rates, function("SyncFunction", simulator.ports).memory))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measures the sync against other ways.")
    parser.add_argument("--quick", action="store_true", help="small numbers, in a minute; nothing is written")
    parser.add_argument("--only", action="append", choices=SCENARIOS, help="one scenario, or several; likewise")
    parser.add_argument("--contenders", nargs="+", choices=_CONTENDERS, default=_CONTENDERS, help="of scenario new")
    return parser


if __name__ == "__main__":
    main()
