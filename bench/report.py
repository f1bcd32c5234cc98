"""The results as JSON: the machine, the versions, and every run."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench.deployment import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.figures import Figure
    from bench.scenarios import Results

_VERSIONS: Final = ("boto3", "botocore", "urllib3", "aws-lambda-powertools")


def as_json(results: Results, figures: list[Figure], capacity: Mapping[str, float], memory_mb: int) -> dict[str, Any]:
    """All data that the documentation is generated from."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": _commit(),
        "machine": machine(),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in _VERSIONS}, "dlt": _dlt()},
        "memory_mb": memory_mb,
        "server_requests_per_second": dict(capacity),
        "figures": [asdict(figure) for figure in figures],
        "runs": {kind: [asdict(run) for run in runs] for kind, runs in results.runs.items()},
        "cold": {name: asdict(found) for name, found in results.cold.items()},
    }


def machine() -> str:
    """Processor, cores and memory."""
    details = Path("/proc/cpuinfo")
    models = (
        [line for line in details.read_text().splitlines() if line.startswith("model name")] if details.exists() else []
    )
    model = models[0].partition(":")[2].strip() if models else platform.processor()
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores of {model or platform.machine()}, {gigabytes:.0f} GiB, {platform.system()}"


def _commit() -> str:
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603 - our own


def _dlt() -> str:
    (found,) = (ROOT / ".venv-bench").glob("lib/python*/site-packages/dlt-*.dist-info")
    return found.name.removeprefix("dlt-").removesuffix(".dist-info")
