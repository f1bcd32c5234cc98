"""Inside a contender's process: what its job costs. Standard library only, for it is part of what is measured."""

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
    """What a contender is told; all of them are told the same."""

    qonto: str
    aws: str
    bucket: str
    workers: int
    report: str
    """The file that the measurement is written to."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One job: seconds and bytes of this process, from when its clients are made until the work is done."""

    wall: float
    cpu: float
    system: float
    """What of it the kernel took: sockets, mostly."""
    setup_cpu: float
    """Before the job: starting Python, importing, making clients."""
    peak_bytes: int
    base_bytes: int
    """The peak before the job."""
    result: Any


def measured(job: Job, work: Callable[[], Any]) -> None:
    """Does the work and reports what it took."""
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
    """What the benchmark passes to this process."""
    return Job(**json.loads(sys.argv[1]))


def _peak_bytes() -> int:
    status = Path("/proc/self/status")
    if status.exists():
        # `ru_maxrss` would begin with the peak of the process that forked this one.
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
