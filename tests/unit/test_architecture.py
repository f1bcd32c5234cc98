"""Rules of the structure that import-linter's contracts in pyproject.toml cannot express."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "layers" / "common" / "qonto_sync"
MODULES = sorted(PACKAGE.rglob("*.py"))
WIRING = {"bootstrap", "bootstrap_webhook"}
CORE = sorted([*(PACKAGE / "domain").glob("*.py"), *(PACKAGE / "usecases").glob("*.py"), PACKAGE / "ports.py"])


def imports(path: Path) -> set[str]:
    """Every module that a file imports, those for type checking included."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{name.name}" for name in node.names} | {node.module}
    return found


def name_of(path: Path) -> str:
    """The module's path below the package."""
    return str(path.relative_to(PACKAGE))


@pytest.mark.parametrize("path", CORE, ids=name_of)
def test_the_core_uses_the_standard_library_only(path: Path) -> None:
    """No boto3, no urllib3, no Powertools, nor anything else that is installed."""
    for module in imports(path):
        top = module.split(".")[0]
        assert top == "qonto_sync" or top in sys.stdlib_module_names, f"{path.name} imports {module}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_the_wiring_reads_the_environment(path: Path) -> None:
    """All other modules get their settings passed in."""
    if path.stem not in WIRING:
        assert "environ" not in path.read_text().replace("environment", "")


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
    ours = {name.removeprefix("qonto_sync.") for name in done.stdout.split() if name.startswith("qonto_sync.")}
    assert {name for name in ours if not name.startswith("domain")} == {
        *("bootstrap_webhook", "clock", "observability", "ports", "settings"),
        *("aws", "aws.cached_secrets", "aws.clients", "aws.signing_secrets", "aws.sqs_retry_queue"),
        *("usecases", "usecases.webhook_receiver"),
    }
    assert "aws_lambda_powertools.utilities.parameters" not in done.stdout


@pytest.mark.parametrize("function", sorted((ROOT / "functions").rglob("*.py")), ids=lambda path: path.parent.name)
def test_handlers_only_translate(function: Path) -> None:
    """Event in, one use case, result out, in at most ten lines."""
    rings = ("qonto_sync.aws", "qonto_sync.qonto", "qonto_sync.usecases")
    assert not any(module.startswith(rings) for module in imports(function))
    handlers = [
        node
        for node in ast.walk(ast.parse(function.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name == "lambda_handler"
    ]
    assert [sum(len(ast.unparse(line).splitlines()) for line in handler.body[1:]) <= 10 for handler in handlers] == [
        True
    ]
