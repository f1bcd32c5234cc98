"""Measures a job inside a contender's process. Standard library only, because its memory is measured, too."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Job:
    """The parameters of a contender; they are the same for all of them."""

    qonto: str
    aws: str
    bucket: str
    workers: int
    report: str
    """The path of the file for the measurement."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """Seconds and bytes that a job took in this process. Creating the clients comes before the job."""

    wall: float
    cpu: float
    system: float
    """The part of `cpu` that the kernel took, mostly for sockets."""
    setup_cpu: float
    """CPU time before the job: starting Python, imports, creating clients."""
    peak_bytes: int
    base_bytes: int
    """The peak memory before the job."""
    result: Any


def measured(job: Job, work: Callable[[], Any]) -> None:
    """Runs the job and writes its measurement."""
    base = _peak_bytes()
    setup, system = time.process_time(), os.times().system
    started = time.perf_counter()
    result = work()
    wall = time.perf_counter() - started
    cpu = time.process_time() - setup
    system = os.times().system - system
    done = Measurement(wall, cpu, system, setup, _peak_bytes(), base, result)
    Path(job.report).write_text(json.dumps(asdict(done)))


def job_from_arguments() -> Job:
    """The job that the benchmark passes to this process."""
    return Job(**json.loads(sys.argv[1]))


def _peak_bytes() -> int:
    status = Path("/proc/self/status")
    if status.exists():
        # `ru_maxrss` includes the peak of the process that forked this one.
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
