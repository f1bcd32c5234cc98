"""Arrows point inward."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "layers" / "common" / "qonto_sync"
MODULES = sorted(PACKAGE.rglob("*.py"))
EDGE = {"bootstrap", "webhook_bootstrap", "observability"}
WIRING = {"bootstrap", "webhook_bootstrap"}
PURE = {
    *("redaction", "model", "errors", "ports", "settings", "keys", "window", "times", "schedule", "events", "result"),
    *("webhook", "signatures"),
}
USE_CASES = {
    *("sync", "slice_archiving", "archiving", "fencing", "retry", "token_refresh", "receiving"),
    *("concurrency", "clock"),
}


def imports(path: Path) -> set[str]:
    """Every module that a file imports, those for type checking included."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{name.name}" for name in node.names} | {node.module}
    return found


def test_every_module_has_its_place() -> None:
    """A new module is put into one of the rings, on purpose."""
    assert {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"} == PURE | USE_CASES | EDGE


@pytest.mark.parametrize("name", sorted(PURE | USE_CASES))
def test_the_core_uses_the_standard_library_only(name: str) -> None:
    """No boto3, no urllib3, no Powertools; and no adapter."""
    for module in imports(PACKAGE / f"{name}.py"):
        top = module.split(".")[0]
        assert top == "qonto_sync" or top in sys.stdlib_module_names, f"{name} imports {module}"
        assert not module.startswith("qonto_sync.adapters"), f"{name} imports {module}"


@pytest.mark.parametrize("name", sorted(PURE))
def test_pure_modules_know_no_use_case(name: str) -> None:
    """What they compute, use cases act on."""
    assert not {f"qonto_sync.{use_case}" for use_case in USE_CASES} & imports(PACKAGE / f"{name}.py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_handlers_know_the_wiring(path: Path) -> None:
    """Nobody inside imports what wires them, neither one the other, and nobody else reads the environment."""
    assert not {f"qonto_sync.{name}" for name in WIRING} & imports(path)
    if path.stem in WIRING:
        return
    assert "environ" not in path.read_text().replace("environment", "")


def test_adapters_do_not_know_the_use_cases() -> None:
    """They translate, and decide nothing."""
    use_cases = ("sync", "archiving", "retry", "receiving", "schedule")
    for path in (PACKAGE / "adapters").glob("*.py"):
        reached = imports(path) & {f"qonto_sync.{name}" for name in use_cases}
        assert not reached, f"{path.name} imports {reached}"


def test_a_webhook_is_acknowledged_without_the_sync() -> None:
    """A cold start loads what the acknowledgement needs, and nothing of what archives, or asks Qonto."""
    done = subprocess.run(
        [sys.executable, "-c", "import app, sys; print(*sys.modules)"],
        env={"PYTHONPATH": f"{ROOT / 'functions' / 'webhook'}:{PACKAGE.parent}"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    ours = {name for name in done.stdout.split() if name.startswith("qonto_sync.")}
    assert {name.removeprefix("qonto_sync.") for name in ours} <= {
        *PURE,
        *("receiving", "clock", "observability", "webhook_bootstrap"),
        *("adapters", "adapters.aws", "adapters.signing_secrets", "adapters.sqs_retries"),
    }
    assert "aws_lambda_powertools.utilities.parameters" not in done.stdout


@pytest.mark.parametrize("path", sorted((ROOT / "operations").rglob("*.py")), ids=lambda path: path.stem)
def test_operators_use_what_is_pure(path: Path) -> None:
    """Commands on a deployed stack know names and events, and neither the functions' insides nor the laptop's.

    Only `qonto` wires some of the insides, once more, so that operators and functions refresh a token by one protocol.
    """
    for module in imports(path):
        top, *inner = module.split(".")
        assert top not in {"functions", "local", "tests"}, f"{path.name} imports {module}"
        wires = path.stem == "qonto" and inner[:1] != ["bootstrap"]
        assert top != "qonto_sync" or not inner or wires or inner[0] in PURE, f"{path.name} imports {module}"


@pytest.mark.parametrize("function", sorted((ROOT / "functions").rglob("*.py")), ids=lambda path: path.parent.name)
def test_handlers_only_translate(function: Path) -> None:
    """Event in, one use case, result out, in at most ten lines."""
    assert not any(module.startswith("qonto_sync.adapters") for module in imports(function))
    handlers = [
        node
        for node in ast.walk(ast.parse(function.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name == "lambda_handler"
    ]
    assert [sum(len(ast.unparse(line).splitlines()) for line in handler.body[1:]) <= 10 for handler in handlers] == [
        True
    ]
