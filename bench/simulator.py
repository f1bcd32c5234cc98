"""Starts the benchmark's server in a process of its own, and controls it."""

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

# Empty where the operating system has no such call.
_CORES: Final = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
SERVER_CORES: Final = _CORES[-1:]
"""The server's core. On the core of a contender, its CPU time would slow the contender down."""
CLIENT_CORES: Final = _CORES[:1]
"""One core for the contender: a function with less than 1 769 MB has no more than one vCPU."""


class Simulator:
    """A running server. Use it as a context manager."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        pin(self._process.pid, SERVER_CORES)
        line = self._process.stdout.readline() if self._process.stdout else ""
        self.ports = Ports(**json.loads(line))
        self._http = urllib3.PoolManager(retries=False)
        return self

    def __exit__(self, *_: object) -> None:
        self._http.clear()
        # The process ends when its standard input is closed.
        self._process.communicate()

    def reset(self, work: Work) -> None:
        """Empties AWS, and creates the organization for this work."""
        latencies = LATENCIES if work.latency else NO_LATENCIES
        self._command(
            "reset",
            invoices=work.invoices,
            file_bytes=work.file_bytes,
            years=work.years,
            latencies=latencies,
            limits=work.limits,
        )

    def edit(self, invoices: int) -> None:
        """Edits so many invoices."""
        self._command("edit", invoices=invoices)

    def set_latency(self) -> None:
        """Turns latency on."""
        self._command("latencies", **LATENCIES)

    def reset_counts(self) -> None:
        """Sets all counts to zero."""
        self._command("reset_counts")

    def counts(self) -> dict[str, Any]:
        """The requests since the counts were reset, and the objects in S3."""
        return self._command("counts")

    def _command(self, name: str, **arguments: Any) -> dict[str, Any]:
        response = self._http.request("POST", f"{self.ports.origin('control')}/{name}", json=arguments)
        result: dict[str, Any] = response.json()
        return result


def pin(process: int, cores: list[int]) -> None:
    """Pins a process to cores, if the machine has at least two; 0 is this process."""
    if len(_CORES) > 1:
        os.sched_setaffinity(process, cores)
