"""Starts a contender in a fresh process, and checks that it did the job."""

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
"""Threads of each other contender that has any."""

_LONGEST_SECONDS: Final = 1_200
_LAST_WORDS: Final = 3_000


class JobNotDone(Exception):
    """A contender failed, or left something out; its time says nothing."""


@dataclass(frozen=True, slots=True)
class Run:
    """One contender's measurement, and what the server saw of it."""

    contender: str
    work: Work
    measurement: Measurement
    log_bytes: int
    requests: Mapping[str, int]
    amounts: Mapping[str, int]
    objects: Mapping[str, Mapping[str, int]]
    milestones: tuple[float, ...]

    def asked(self, *services: str) -> int:
        """Requests to these services."""
        return sum(number for name, number in self.requests.items() if name.split()[0] in services)


class Runner:
    """Runs contenders on one simulator."""

    def __init__(self, simulator: Simulator, folder: Path) -> None:
        self._simulator = simulator
        self._folder = folder

    def first(
        self, contender: str, work: Work, variables: Mapping[str, str] | None = None, *, workers: int = WORKERS
    ) -> Run:
        """The job from nothing; `workers` are the others' threads, for ours brings its own number.

        Raises:
            JobNotDone: the process failed, or something is not in S3.
        """
        self._simulator.reset(work)
        return _complete(self._run(contender, work, {**_pace(work), **(variables or {})}, workers))

    def again(self, contender: str, work: Work, *, edited: int = 0) -> Run:
        """The job once more, after so many invoices were edited; with latencies, whatever it was before.

        Raises:
            JobNotDone: the process failed, or something is not in S3.
        """
        self._simulator.edit(edited)
        self._simulator.set_latency()
        return _complete(self._run(contender, work, _pace(work)))

    def _run(self, contender: str, work: Work, variables: Mapping[str, str], workers: int = WORKERS) -> Run:
        self._simulator.forget_counts()
        ports = self._simulator.ports
        report, log = self._folder / "report.json", self._folder / "log"
        report.unlink(missing_ok=True)
        job = Job(ports.origin("qonto"), ports.origin("aws"), BUCKET, workers, str(report))
        with log.open("wb") as output, tempfile.TemporaryFile() as words:
            process = subprocess.Popen(  # noqa: S603 - our own command
                [_python(contender), "-m", f"bench.contenders.{contender}", json.dumps(asdict(job))],
                cwd=ROOT,
                env={**_environment(self._simulator), **variables},
                stdout=output,
                stderr=words,
            )
            if process.wait(_LONGEST_SECONDS) or not report.exists():
                words.seek(0)
                raise JobNotDone(f"{contender} failed:\n{words.read().decode()[-_LAST_WORDS:]}")
        counts = self._simulator.counts()
        if unknown := [name for name in counts["requests"] if name.startswith("unknown ")]:
            raise JobNotDone(f"bench/server cannot answer {contender}: {unknown[:3]}")
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
    """Of the environment that the contender lives in: dlt has its own."""
    return str(ROOT / ".venv-bench" / "bin" / "python") if contender == "dlt" else sys.executable


def _environment(simulator: Simulator) -> dict[str, str]:
    """What Lambda gives to ours; region and keys in it serve the others, too."""
    return {
        **environment(simulator.ports),
        "PATH": os.defpath,
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "layers" / "common"))),
        "BENCH_TIMEOUT": str(function("SyncFunction", simulator.ports).timeout),
    }


def _pace(work: Work) -> dict[str, str]:
    """Where nobody is limited, ours need not limit itself: a thousand invoices are more than ten seconds allow."""
    return {} if work.limits else {"REQUESTS_PER_10_SECONDS": "1000000", "REQUESTS_PER_10_MINUTES": "1000000"}


def _complete(run: Run) -> Run:
    """The run, if every invoice and every file is in S3, and ours says so.

    Raises:
        JobNotDone: it says what is missing.
    """
    nothing: Mapping[str, int] = {"objects": 0, "bytes": 0, "lines": 0}
    invoices, size = run.work.invoices, run.work.file_bytes
    files = run.objects.get("pdf", nothing)
    # dlt's are lines of its table.
    documents = run.objects.get("json", nothing)["objects"] + run.objects.get("client_invoices.jsonl", nothing)["lines"]
    if (documents, files["objects"], files["bytes"]) != (invoices, invoices, invoices * size):
        raise JobNotDone(f"{run.contender}: of {invoices} invoices, {documents} documents, files: {files}")
    result: Any = run.measurement.result
    if run.contender == "ours" and result["outcome"] != "committed":
        raise JobNotDone(f"ours: {json.dumps(result)}")
    return run
