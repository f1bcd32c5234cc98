"""Errors of AWS, and missing settings: one line, no traceback."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from operations.cli import main
from tests.unit.operations.conftest import OUTPUTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.operations.conftest import Operator

ROOT = Path(__file__).parents[3]


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, str], None]:
    """Lets AWS answer an operation with an error that moto does not know."""

    def answer(operation: str, code: str, message: str) -> None:
        session = boto3.Session()
        error = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {}}
        refusal: Any = lambda **_: (SimpleNamespace(status_code=400), error)  # noqa: E731 - typed as a hook
        session.events.register(f"before-call.{operation}", refusal)
        monkeypatch.setattr("operations.connections.open_session", lambda: session)

    return answer


def test_a_region_has_to_be_known(terminal: None, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is guessed, and the two variables are named."""
    assert main(["connection", "list"]) == 1
    assert capsys.readouterr().err == "No AWS region is set: say AWS_REGION=…, or AWS_PROFILE=… of one that has it\n"


def test_credentials_have_to_be_there(
    terminal: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error has the command that shows whether they work."""
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    assert main(["connection", "list"]) == 1
    assert "credentials are missing or incomplete: `aws sts get-caller-identity`" in capsys.readouterr().err


def test_takes_the_region_that_the_cli_takes(newcomer: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS_REGION wins over AWS_DEFAULT_REGION; boto3 alone would use another region than the printed commands."""
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    _, _, errors = newcomer.run("list")
    assert "There is no stack 'books' in eu-west-3" in errors


def test_tells_what_to_do_without_a_stack(newcomer: Operator) -> None:
    """Deploy it, or name it."""
    status, _, errors = newcomer.run("add", "acme")
    assert status == 1
    assert errors.startswith("There is no stack 'books' in eu-central-1: deploy it")


@pytest.mark.parametrize("missing", sorted(OUTPUTS))
def test_tells_what_an_older_stack_lacks(newcomer: Operator, missing: str) -> None:
    """By the output's name, and with what to do."""
    newcomer.deploy({name: value for name, value in OUTPUTS.items() if name != missing})
    status, _, errors = newcomer.run("list")
    assert status == 1
    assert f"has no output or parameter {missing}: it is of an older version" in errors


def test_names_the_action_that_is_denied(operator: Operator, refuse: Callable[[str, str, str], None]) -> None:
    """In one line, with AWS's own words."""
    refuse("scheduler.CreateSchedule", "AccessDeniedException", "User: x is not authorized\n to perform: y")
    status, said, errors = operator.run("add", "acme")
    assert (status, said) == (1, "")
    assert errors == "CreateSchedule was denied: User: x is not authorized to perform: y\n"


def test_names_the_error_of_an_action(operator: Operator, refuse: Callable[[str, str, str], None]) -> None:
    """Whatever else AWS answers."""
    refuse("cloudwatch.PutMetricAlarm", "LimitExceeded", "Too many alarms")
    status, _, errors = operator.run("add", "acme")
    assert (status, errors) == (1, "PutMetricAlarm failed with LimitExceeded: Too many alarms\n")


def test_a_denied_stack_is_not_a_missing_one(operator: Operator, refuse: Callable[[str, str, str], None]) -> None:
    """Only AWS's word that there is none is taken for it."""
    refuse("cloudformation.DescribeStacks", "AccessDenied", "no")
    _, _, errors = operator.run("list")
    assert errors == "DescribeStacks was denied: no\n"


def test_names_the_schedule_that_is_not_taken(operator: Operator, refuse: Callable[[str, str, str], None]) -> None:
    """EventBridge Scheduler judges the expression; there is no alarm for a schedule that is not there."""
    refuse("scheduler.CreateSchedule", "ValidationException", "Invalid Schedule Expression rate(1 hours).")
    status, _, errors = operator.run("add", "--schedule=rate(1 hours)", "acme")
    assert status == 1
    assert "does not take --schedule 'rate(1 hours)', so nothing was changed: Invalid Schedule Expression" in errors
    assert operator.everything() == {"schedules": [], "reconciliations": [], "alarms": []}
