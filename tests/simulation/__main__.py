"""`python -m tests.simulation --seeds 10000 --from 0`: runs more seeds in each world, and shrinks each failure."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING

from tests.simulation.explore import Variant, explorer
from tests.simulation.mutations import MUTATIONS
from tests.simulation.nights import simulate_nights
from tests.simulation.world import simulate

if TYPE_CHECKING:
    from tests.simulation.explore import Explorer

_REPORT_EVERY = 500
_WORLDS = {"hours": simulate, "nights": simulate_nights}
"""Hourly runs among users and faults; and nightly reconciliations with a hand that changes things without a trace."""


def main() -> int:
    """Prints progress and failures; returns 1 if a seed failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2_000, help="the number of seeds")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first seed")
    parser.add_argument("--without", choices=sorted(MUTATIONS), help="a safeguard to disable")
    parser.add_argument("--world", choices=_WORLDS, help="only this one")
    arguments = parser.parse_args()
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    worlds = [arguments.world] if arguments.world else list(_WORLDS)
    with explorer() as runs:
        failures = [_run(runs, seeds, world, Variant(arguments.without, _WORLDS[world])) for world in worlds]
    return 1 if any(failures) else 0


def _run(runs: Explorer, seeds: range, world: str, variant: Variant) -> int:
    """The number of failures."""
    started, failures = time.monotonic(), 0
    for done, failure in enumerate(runs.seeds(seeds, variant), 1):
        if failure:
            failures += 1
            _print(f"{variant.shrunk([failure])}\n")
        if done % _REPORT_EVERY == 0 or done == len(seeds):
            rate = done / (time.monotonic() - started)
            _print(f"{world}: {done} of {len(seeds)} seeds, {rate:.0f} a second, {failures} failed")
    return failures


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
