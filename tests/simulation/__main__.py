"""`python -m tests.simulation --seeds 10000 --from 0`: more seeds, each failure with its shortest story."""

from __future__ import annotations

import argparse
import sys
import time

from tests.simulation.explore import Variant, explorer
from tests.simulation.mutations import MUTATIONS

_EVERY = 500


def main() -> int:
    """Tells how it goes, and is not 0 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2_000, help="how many")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first one")
    parser.add_argument("--without", choices=sorted(MUTATIONS), help="a safeguard to switch off")
    arguments = parser.parse_args()
    started, failures, done = time.monotonic(), 0, 0
    variant = Variant(mutation=arguments.without)
    with explorer() as runs:
        seeds = range(arguments.first, arguments.first + arguments.seeds)
        for failure in runs.seeds(seeds, variant):
            done += 1
            if failure:
                failures += 1
                _say(f"{variant.shortest([failure])}\n")
            if done % _EVERY == 0 or done == arguments.seeds:
                pace = done / (time.monotonic() - started)
                _say(f"{done} of {arguments.seeds} seeds, {pace:.0f} a second, {failures} failed")
    return 1 if failures else 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
