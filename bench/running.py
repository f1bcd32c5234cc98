"""Runs a contender in a fresh process, and checks that its work is complete."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from bench.deployment import BUCKET, ROOT, environment, function
from bench.measuring import Job, Measurement

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bench.simulator import Simulator
    from bench.work import Work

WORKERS: Final = 16
"""Threads of each contender but ours and the sequential one."""

_TIMEOUT_SECONDS: Final = 1_200
_ERROR_CHARACTERS: Final = 3_000


class IncompleteRun(Exception):
    """A contender failed, or left something out, so its time cannot be compared."""


@dataclass(frozen=True, slots=True)
class Run:
    """The measurement of one contender, and what the server counted meanwhile."""

    contender: str
    work: Work
    measurement: Measurement
    log_bytes: int
    requests: Mapping[str, int]
    amounts: Mapping[str, int]
    objects: Mapping[str, Mapping[str, int]]
    milestones: tuple[float, ...]

    def request_count(self, *services: str) -> int:
        """The number of requests to these services."""
        return sum(number for name, number in self.requests.items() if name.split()[0] in services)


class Runner:
    """Runs contenders on one server."""

    def __init__(self, simulator: Simulator, folder: Path) -> None:
        self._simulator = simulator
        self._folder = folder

    def first(
        self, contender: str, work: Work, variables: Mapping[str, str] | None = None, *, workers: int = WORKERS
    ) -> Run:
        """A first import. `workers` is the number of threads; ours ignores it and has its own.

        Raises:
            IncompleteRun: The process failed, or something is missing in S3.
        """
        self._simulator.reset(work)
        return _checked(self._run(contender, work, {**_without_rate_limit(work), **(variables or {})}, workers))

    def again(self, contender: str, work: Work, *, edited: int = 0) -> Run:
        """Another run after `first`, with so many edited invoices, and always with latency.

        Raises:
            IncompleteRun: The process failed, or something is missing in S3.
        """
        self._simulator.edit(edited)
        self._simulator.set_latency()
        return _checked(self._run(contender, work, _without_rate_limit(work)))

    def reconcile(self, work: Work) -> Run:
        """A reconciliation after `first`, with latency and with our own rate limit.

        Raises:
            IncompleteRun: The process failed, found a difference, or certified nothing.
        """
        self._simulator.set_latency()
        run = self._run("ours", work, {"BENCH_EVENT": json.dumps({"action": "reconcile", "connection": "default"})})
        result: Any = run.measurement.result
        is_proven = result["certificate"] and not result["gaps"] and not any(result["found"].values())
        if not is_proven or result["invoices"]["archived"] != work.invoices:
            raise IncompleteRun(f"reconcile: {json.dumps(result)}")
        return run

    def _run(self, contender: str, work: Work, variables: Mapping[str, str], workers: int = WORKERS) -> Run:
        self._simulator.reset_counts()
        ports = self._simulator.ports
        report, log = self._folder / "report.json", self._folder / "log"
        report.unlink(missing_ok=True)
        job = Job(ports.origin("qonto"), ports.origin("aws"), BUCKET, workers, str(report))
        with log.open("wb") as output, tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(  # noqa: S603 - our own command
                [_python(contender), "-m", f"bench.contenders.{contender}", json.dumps(asdict(job))],
                cwd=ROOT,
                env={**_environment(self._simulator), **variables},
                stdout=output,
                stderr=errors,
            )
            if process.wait(_TIMEOUT_SECONDS) or not report.exists():
                errors.seek(0)
                raise IncompleteRun(f"{contender} failed:\n{errors.read().decode()[-_ERROR_CHARACTERS:]}")
        counts = self._simulator.counts()
        if unsupported := [name for name in counts["requests"] if name.startswith("unsupported ")]:
            raise IncompleteRun(f"bench/server does not support requests of {contender}: {unsupported[:3]}")
        return Run(
            contender=contender,
            work=work,
            measurement=Measurement(**json.loads(report.read_text())),
            log_bytes=log.stat().st_size,
            requests=counts["requests"],
            amounts=counts["amounts"],
            objects=counts["objects"],
            milestones=tuple(counts["milestones"]),
        )


def _python(contender: str) -> str:
    """The Python of the contender's environment: dlt has one of its own."""
    return str(ROOT / ".venv-bench" / "bin" / "python") if contender == "dlt" else sys.executable


def _environment(simulator: Simulator) -> dict[str, str]:
    """The environment variables of SyncFunction; the other contenders use its region and keys."""
    return {
        **environment(simulator.ports),
        "PATH": os.defpath,
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "layers" / "common"))),
        "BENCH_TIMEOUT": str(function("SyncFunction", simulator.ports).timeout),
    }


def _without_rate_limit(work: Work) -> dict[str, str]:
    """Raises our own rate limit if the server enforces none: the other contenders do not limit themselves, either."""
    return {} if work.limits else {"REQUESTS_PER_10_SECONDS": "1000000", "REQUESTS_PER_10_MINUTES": "1000000"}


def _checked(run: Run) -> Run:
    """The run, if every invoice and every file is in S3.

    Raises:
        IncompleteRun: Something is missing, or our handler returned another outcome than `committed`.
    """
    nothing: Mapping[str, int] = {"objects": 0, "bytes": 0, "lines": 0}
    invoices, size = run.work.invoices, run.work.file_bytes
    files = run.objects.get("pdf", nothing)
    # dlt writes the invoices as lines of one table.
    documents = run.objects.get("json", nothing)["objects"] + run.objects.get("client_invoices.jsonl", nothing)["lines"]
    if (documents, files["objects"], files["bytes"]) != (invoices, invoices, invoices * size):
        raise IncompleteRun(f"{run.contender}: of {invoices} invoices, {documents} documents, files: {files}")
    result: Any = run.measurement.result
    if run.contender == "ours" and result["outcome"] != "committed":
        raise IncompleteRun(f"ours: {json.dumps(result)}")
    return run
