"""Cold starts of the built functions, compared with importing boto3 and creating the same clients."""

from __future__ import annotations

import filecmp
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from bench.deployment import ROOT, environment, functions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bench.ports import Ports

_BUILD: Final = ROOT / ".aws-sam" / "build"
_LAYER: Final = _BUILD / "CommonLayer" / "python"

_OURS: Final = """
import json, time
started = time.process_time()
import app
from functools import _lru_cache_wrapper
(wiring,) = [found for found in vars(app).values() if isinstance(found, _lru_cache_wrapper)]
wiring()
cpu = time.process_time() - started
import gc
from botocore.client import BaseClient
services = {found.meta.service_model.service_name for found in gc.get_objects() if isinstance(found, BaseClient)}
print(json.dumps({"cpu": cpu, "services": sorted(services)}))
"""

_BARE: Final = """
import json, sys, time
started = time.process_time()
import boto3
for service in json.loads(sys.argv[1]):
    boto3.client(service)
print(json.dumps({"cpu": time.process_time() - started}))
"""


class BuildOutdated(Exception):
    """The build is older than the sources."""


@dataclass(frozen=True, slots=True)
class ColdStart:
    """CPU seconds from the first line to the first invocation; medians of fresh processes."""

    ours: float
    bare: float
    services: tuple[str, ...]
    """The services whose clients both create."""


def cold_starts(ports: Ports, repeats: int) -> dict[str, ColdStart]:
    """Measures each function.

    Raises:
        BuildOutdated: `make build` has to be run first.
    """
    _check_build()
    return {name: _cold_start(name, ports, repeats) for name in functions()}


def _cold_start(name: str, ports: Ports, repeats: int) -> ColdStart:
    task = _BUILD / name
    variables = environment(ports, name)
    services = _started(task, variables, _OURS)["services"]
    ours, bare = [], []
    for _ in range(repeats):
        ours.append(_started(task, variables, _OURS)["cpu"])
        bare.append(_started(task, variables, _BARE, json.dumps(services))["cpu"])
    return ColdStart(median(ours), median(bare), tuple(services))


def _started(task: Path, variables: Mapping[str, str], code: str, *arguments: str) -> Any:
    """The JSON that the code prints, in a Python that can import only the function and its layer."""
    process = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-S", "-c", code, *arguments],
        cwd=task,
        env={
            **variables,
            "PATH": os.defpath,
            "PYTHONPATH": os.pathsep.join((str(task), str(_LAYER))),
            # Lambda's folders are read-only: only bytecode from the build is used.
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(process.stdout.splitlines()[-1])


def _check_build() -> None:
    built = _LAYER / "qonto_sync"
    source = ROOT / "layers" / "common" / "qonto_sync"
    names = [str(path.relative_to(source)) for path in source.rglob("*.py")]
    _, different, missing = filecmp.cmpfiles(source, built, names, shallow=False)
    if different or missing:
        raise BuildOutdated(f"make build: {', '.join(sorted(different + missing))} changed since the last one")
    if not any(built.rglob("*.pyc")):
        raise BuildOutdated("make build: the layer has no bytecode")
