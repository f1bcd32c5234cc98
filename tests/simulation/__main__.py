"""`python -m tests.simulation --seeds 10000 --from 0`: runs more seeds, and shrinks each failure."""

from __future__ import annotations

import argparse
import sys
import time

from tests.simulation.explore import Variant, explorer
from tests.simulation.mutations import MUTATIONS

_REPORT_EVERY = 500


def main() -> int:
    """Prints progress and failures; returns 1 if a seed failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2_000, help="the number of seeds")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first seed")
    parser.add_argument("--without", choices=sorted(MUTATIONS), help="a safeguard to disable")
    arguments = parser.parse_args()
    started, failures, done = time.monotonic(), 0, 0
    variant = Variant(mutation=arguments.without)
    with explorer() as runs:
        seeds = range(arguments.first, arguments.first + arguments.seeds)
        for failure in runs.seeds(seeds, variant):
            done += 1
            if failure:
                failures += 1
                _print(f"{variant.shrunk([failure])}\n")
            if done % _REPORT_EVERY == 0 or done == arguments.seeds:
                rate = done / (time.monotonic() - started)
                _print(f"{done} of {arguments.seeds} seeds, {rate:.0f} a second, {failures} failed")
    return 1 if failures else 0


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
