"""The server process, as the benchmark sees it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final, Self

import urllib3

from bench.ports import Ports
from bench.server.tally import LATENCIES, NO_LATENCIES

if TYPE_CHECKING:
    from bench.work import Work

# None where the system does not tell.
_CORES: Final = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
SERVER_CORES: Final = _CORES[-1:]
"""Its own: what it takes from its clients' time would be measured as theirs."""
CLIENT_CORES: Final = _CORES[:1]
"""One, for Lambda gives no more to a function of less than 1 769 MB."""


class Simulator:
    """A running server. Use it as a context manager."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        pin(self._process.pid, SERVER_CORES)
        words = self._process.stdout.readline() if self._process.stdout else ""
        self.ports = Ports(**json.loads(words))
        self._http = urllib3.PoolManager(retries=False)
        return self

    def __exit__(self, *_: object) -> None:
        self._http.clear()
        # It ends when its input does.
        self._process.communicate()

    def reset(self, work: Work) -> None:
        """An empty AWS, and an organization with so many invoices."""
        latencies = LATENCIES if work.latency else NO_LATENCIES
        self._command(
            "reset", invoices=work.invoices, file_bytes=work.file_bytes, latencies=latencies, limits=work.limits
        )

    def edit(self, invoices: int) -> None:
        """Lets users change so many invoices."""
        self._command("edit", invoices=invoices)

    def set_latency(self) -> None:
        """From now on every request takes its time."""
        self._command("latencies", **LATENCIES)

    def forget_counts(self) -> None:
        """Counts from zero."""
        self._command("forget_counts")

    def counts(self) -> dict[str, Any]:
        """What was asked for since then, and what is stored."""
        return self._command("counts")

    def _command(self, name: str, **wanted: Any) -> dict[str, Any]:
        answer = self._http.request("POST", f"{self.ports.origin('control')}/{name}", json=wanted)
        found: dict[str, Any] = answer.json()
        return found


def pin(process: int, cores: list[int]) -> None:
    """Holds a process to some cores, if there are two at least to share out; 0 is this process."""
    if len(_CORES) > 1:
        os.sched_setaffinity(process, cores)
