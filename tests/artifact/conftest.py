"""The build, repeated when it is missing or out of date."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.artifact.emulator import Build, RuntimeEmulator

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.stack import DeployedFunction

ROOT: Final = Path(__file__).parents[2]
SAM_ENVIRONMENT: Final = ROOT / ".venv-sam"
SOURCES: Final = (
    "template.yaml",
    "functions/**/*.py",
    "layers/common/**/*.py",
    "layers/common/requirements.txt",
    "layers/common/Makefile",
)


@pytest.fixture(scope="session")
def sam() -> Callable[..., str]:
    """Runs a command of SAM CLI in the repository and gives what it prints; fails if it fails."""

    def run(*arguments: str) -> str:
        binaries = SAM_ENVIRONMENT / "bin"
        assert (binaries / "sam").exists(), "SAM CLI is missing: make setup-sam"
        path = os.pathsep.join([str(ROOT / ".venv" / "bin"), str(binaries), os.environ["PATH"]])
        done = subprocess.run(  # noqa: S603 - our own command
            [binaries / "sam", *arguments],
            cwd=ROOT,
            env={**os.environ, "PATH": path, "SAM_CLI_TELEMETRY": "0"},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def build(sam: Callable[..., str]) -> Build:
    """What `sam build` makes of the sources as they are now."""
    folder = ROOT / ".aws-sam" / "build"
    built = folder / "template.yaml"
    newest = max(path.stat().st_mtime for pattern in SOURCES for path in ROOT.glob(pattern))
    if not built.exists() or built.stat().st_mtime < newest:
        sam("build", "--cached", "--parallel")
    return Build(folder)


@pytest.fixture
def emulate(build: Build, tmp_path: Path) -> Callable[[DeployedFunction], RuntimeEmulator]:
    """Makes a runtime emulator for a built function; another build may be given."""
    if platform.system() != "Linux":
        pytest.skip("the runtime emulator is a program for Linux")
    (package,) = SAM_ENVIRONMENT.glob("lib/python*/site-packages/samcli")

    def make(function: DeployedFunction, build: Build = build) -> RuntimeEmulator:
        return RuntimeEmulator(function, build, sam=package, folder=tmp_path)

    return make
