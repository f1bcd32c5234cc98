"""The build: valid, complete, and without anything that does not belong in Lambda."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.artifact.emulator import Build

ROOT: Final = Path(__file__).parents[2]
LARGEST_BYTES: Final = 250 * 1024 * 1024

pytestmark = pytest.mark.slow

IMPORT_EVERYTHING: Final = """
import importlib, pkgutil, qonto_sync
for module in pkgutil.walk_packages(qonto_sync.__path__, "qonto_sync."):
    importlib.import_module(module.name)
    print(module.name)
"""


def modules(folder: Path) -> set[str]:
    """Gives the Python files below a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.py")}


def test_template_is_valid(sam: Callable[..., str]) -> None:
    """AWS's own linter has nothing to say about the template."""
    assert "is a valid SAM Template" in sam("validate", "--lint")


def test_functions_are_their_handler(build: Build) -> None:
    """A function's package holds its own code; everything else is the layer's."""
    assert modules(build.function("SyncFunction")) == modules(ROOT / "functions" / "sync") == {"app.py"}
    assert modules(build.function("RetryFunction")) == modules(ROOT / "functions" / "retry") == {"app.py"}


def test_layer_has_the_whole_package(build: Build) -> None:
    """The package in the layer is the one in the repository, module by module."""
    package = build.layer() / "qonto_sync"
    source = ROOT / "layers" / "common" / "qonto_sync"
    assert modules(package) == modules(source)
    assert all((package / name).read_bytes() == (source / name).read_bytes() for name in modules(source))


def test_layer_has_the_pinned_dependencies(build: Build) -> None:
    """Every requirement is installed in its pinned version, and nothing besides."""
    pinned = re.findall(r"^([\w-]+)==([\w.]+)", (ROOT / "layers/common/requirements.txt").read_text(), re.MULTILINE)
    installed = [path.name.removesuffix(".dist-info") for path in build.layer().glob("*.dist-info")]
    assert sorted(installed) == sorted(f"{name.replace('-', '_')}-{version}" for name, version in pinned)


def test_layer_has_no_tests_and_fits(build: Build) -> None:
    """What Lambda unpacks is below its limit, and carries no tests of ours."""
    files = [path for path in build.layer().rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < LARGEST_BYTES
    ours = [path.relative_to(build.layer()) for path in files if "qonto_sync" in path.parts]
    assert not [path for path in ours if "test" in path.as_posix()]


def test_layer_has_no_foreign_bytecode(build: Build) -> None:
    """Bytecode, if there is any, is Python 3.13's and its module is there: none comes from a developer's folder."""
    for path in build.layer().rglob("*.pyc"):
        name, _, tag = path.stem.partition(".")
        assert tag == "cpython-313", path
        assert (path.parent.parent / f"{name}.py").exists(), path


def test_layer_needs_nothing_else(build: Build) -> None:
    """Every module of the package imports with the layer and the standard library alone."""
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-S", "-c", IMPORT_EVERYTHING],
        env={"PYTHONPATH": str(build.layer()), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "qonto_sync.adapters.s3_archive" in done.stdout.split()
