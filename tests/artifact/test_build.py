"""The build: valid, complete, and without anything that does not belong in Lambda."""

from __future__ import annotations

import ast
import importlib.util
import marshal
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.artifact.emulator import Build

ROOT: Final = Path(__file__).parents[2]
# Half as much again as it has. With the descriptions of all services it would be 33 MB; Lambda's limit is 250.
LARGEST_BYTES: Final = 22_000_000
UNCHECKED_HASH: Final = (0b01).to_bytes(4, "little")
"""A .pyc's flags, as in PEP 552: it contains a hash of its source, which the import does not check."""

pytestmark = pytest.mark.slow

IMPORT_EVERYTHING: Final = """
import importlib, pkgutil, qonto_sync
for module in pkgutil.walk_packages(qonto_sync.__path__, "qonto_sync."):
    importlib.import_module(module.name)
    print(module.name)
"""

COMPILED_BY_IMPORT: Final = """
import sys
compiled = []
sys.addaudithook(lambda event, arguments: compiled.append(arguments[1]) if event == "compile" else None)
import app
print(*filter(None, compiled), sep="\\n")
"""


def modules(folder: Path) -> set[str]:
    """Gives the Python files below a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.py")}


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Gives all files below a folder, each with its permissions."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): (path.stat().st_mode, path.read_bytes()) for path in files}


def test_functions_are_their_handler(build: Build) -> None:
    """A function's package holds its own code; everything else is the layer's."""
    assert modules(build.function("SyncFunction")) == modules(ROOT / "functions" / "sync") == {"app.py"}
    assert modules(build.function("WebhookFunction")) == modules(ROOT / "functions" / "webhook") == {"app.py"}
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


def test_layer_has_nothing_superfluous(build: Build) -> None:
    """No tests, caches, commands, examples or notes of pip are uploaded, and the whole is as small as it has to be."""
    files = [path.relative_to(build.layer()) for path in build.layer().rglob("*") if path.is_file()]
    assert sum((build.layer() / path).stat().st_size for path in files) < LARGEST_BYTES
    foreign = re.compile(r"tests?|bin|examples|RECORD|conftest\.py|test_.*\.py|\..*")
    assert not [path for path in files if any(map(foreign.fullmatch, path.parts))]


def test_layer_knows_the_services_that_are_called(build: Build) -> None:
    """boto3 has the descriptions of those services that the code makes clients of, and of no other."""
    clients = {
        ast.literal_eval(node.args[0])
        for path in (ROOT / "layers" / "common" / "qonto_sync").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "boto3.client"
    }
    described = {path.name for path in (build.layer() / "botocore" / "data").iterdir() if path.is_dir()}
    assert described == clients
    assert {path.name for path in (build.layer() / "boto3" / "data").iterdir()} <= clients


def test_layer_runs_on_any_processor(build: Build) -> None:
    """It is Python through and through: every wheel says so, and nothing is there that a processor would read."""
    wheels = [path.read_text() for path in build.layer().glob("*.dist-info/WHEEL")]
    assert wheels
    assert all(tag.endswith("-none-any") for wheel in wheels for tag in re.findall(r"^Tag: (\S+)", wheel, re.MULTILINE))
    assert not [path for path in build.layer().rglob("*") if path.suffix in {".so", ".pyd", ".dylib", ".dll", ".a"}]


def test_every_module_is_compiled(build: Build) -> None:
    """A module has the bytecode of its source, unchecked at import, with Lambda's path in it."""
    sources = sorted(build.layer().rglob("*.py"))
    compiled = [Path(importlib.util.cache_from_source(str(path))) for path in sources]
    assert sorted(build.layer().rglob("*.pyc")) == sorted(compiled)
    for source, bytecode in zip(sources, compiled, strict=True):
        content = bytecode.read_bytes()
        source_hash = importlib.util.source_hash(source.read_bytes())
        assert content[:16] == importlib.util.MAGIC_NUMBER + UNCHECKED_HASH + source_hash, bytecode
        assert marshal.loads(content[16:]).co_filename == f"/opt/python/{source.relative_to(build.layer())}"  # noqa: S302 - our own


@pytest.mark.parametrize("function", ["SyncFunction", "RetryFunction", "WebhookFunction"])
def test_cold_start_compiles_the_handler_only(build: Build, tmp_path: Path, function: str) -> None:
    """Unpacked with other times, in a place that is not written to, all of the layer's modules load as bytecode."""
    layer = shutil.copytree(build.layer(), tmp_path / "python", copy_function=shutil.copyfile)
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-S", "-c", COMPILED_BY_IMPORT],
        env={
            "PYTHONPATH": os.pathsep.join(map(str, (build.function(function), layer))),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert str(build.function(function) / "app.py") in done.stdout.splitlines()
    assert str(layer) not in done.stdout


@pytest.mark.parametrize("architecture", ["arm64", "x86_64"])
def test_build_is_reproducible(
    build: Build, sam: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, architecture: str
) -> None:
    """Another build, elsewhere and for either processor, has the same bytes: what did not change is not deployed."""
    monkeypatch.setenv("PYTHONHASHSEED", "1")
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path / "cache"))
    folder = tmp_path / "again and elsewhere"
    overrides = f"Architecture={architecture}"
    umask = os.umask(0o077)
    try:
        sam("build", "CommonLayer", "--no-cached", "--build-dir", str(folder), "--parameter-overrides", overrides)
    finally:
        os.umask(umask)
    again, once = contents(folder / "CommonLayer" / "python"), contents(build.layer())
    assert again.keys() == once.keys()
    assert not [path for path, content in once.items() if again[path] != content]


def test_build_asks_for_the_python_of_lambda(tmp_path: Path) -> None:
    """Without a python3.13 that runs, the build says what it needs before it does anything."""
    shim = tmp_path / "python3.13"
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    done = subprocess.run(
        ["make", "build-CommonLayer"],  # noqa: S607 - found as sam finds it
        cwd=ROOT / "layers" / "common",
        env={"PATH": os.pathsep.join([str(tmp_path), os.defpath]), "ARTIFACTS_DIR": str(tmp_path / "layer")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode != 0
    assert "python3.13 on the PATH" in done.stderr
    assert not (tmp_path / "layer").exists()


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
    assert "qonto_sync.aws.s3_archive" in done.stdout.split()
