"""The local Lambda: what a handler sees of it, and what a caller sees of the handler."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

import pytest

from local.lambda_service import ExecutionEnvironment, FunctionError
from local.stack import DeployedFunction

if TYPE_CHECKING:
    from pathlib import Path

HANDLER = """
import os, threading
from dataclasses import dataclass

SEEN_AT_IMPORT = dict(os.environ)
together = threading.Barrier(2)
calls = 0

@dataclass(frozen=True)
class Answer:
    calls: int

def lambda_handler(event, context):
    global calls
    calls += 1
    match event:
        case {"raise": text}:
            raise ValueError(text)
        case {"return": "set"}:
            return {1, 2}
        case {"variable": name}:
            return [SEEN_AT_IMPORT.get(name), os.environ.get(name)]
        case {"context": True}:
            return {
                "id": context.aws_request_id,
                "name": context.function_name,
                "arn": context.invoked_function_arn,
                "memory": context.memory_limit_in_mb,
                "version": context.function_version,
                "group": context.log_group_name,
                "stream": context.log_stream_name,
                "remaining": context.get_remaining_time_in_millis(),
            }
        case {"wait for": path}:
            import pathlib, time
            pathlib.Path(path, str(threading.get_ident())).touch()
            for _ in range(500):
                if len(os.listdir(path)) == 2:
                    return os.environ["TABLE"]
                time.sleep(0.01)
            return None
    return {"calls": Answer(calls).calls, "tuple": (1, 2)}
"""


@pytest.fixture
def function(tmp_path: Path) -> DeployedFunction:
    """A function whose code is the handler above."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "app.py").write_text(HANDLER)
    return DeployedFunction(
        logical_id="Function",
        name="stack-Function-1",
        arn="arn:aws:lambda:eu-central-1:123456789012:function:stack-Function-1",
        handler="app.lambda_handler",
        timeout=120,
        memory=512,
        environment={"TABLE": "table", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"},
        log_group="/aws/lambda/stack",
        source=source,
    )


def test_globals_last_as_long_as_the_environment(function: DeployedFunction) -> None:
    """A second invocation finds the first one's globals; a second environment starts afresh."""
    first, second = ExecutionEnvironment(function), ExecutionEnvironment(function)
    answers = [first.invoke({}), first.invoke({}), second.invoke({})]
    assert [answer["calls"] for answer in answers] == [1, 2, 1]


def test_event_and_result_pass_through_json(function: DeployedFunction) -> None:
    """The caller gets what JSON makes of the result."""
    assert ExecutionEnvironment(function).invoke({})["tuple"] == [1, 2]


def test_result_that_is_no_json_is_an_error(function: DeployedFunction) -> None:
    """As in Lambda, the error says that the response could not be marshalled."""
    with pytest.raises(FunctionError, match=r"Runtime\.MarshalError: Unable to marshal response"):
        ExecutionEnvironment(function).invoke({"return": "set"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TABLE", "table"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_LAMBDA_FUNCTION_NAME", "stack-Function-1"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("_HANDLER", "app.lambda_handler"),
        ("AWS_PROFILE", None),
    ],
)
def test_variables_are_those_of_the_function(
    function: DeployedFunction, monkeypatch: pytest.MonkeyPatch, name: str, value: str | None
) -> None:
    """From import on the function sees its own variables and Lambda's, none of the developer's for AWS."""
    monkeypatch.setenv("AWS_PROFILE", "developer")
    assert ExecutionEnvironment(function).invoke({"variable": name}) == [value, value]


@pytest.mark.parametrize("event", [{}, {"raise": "oops"}])
def test_variables_are_put_back(
    function: DeployedFunction, monkeypatch: pytest.MonkeyPatch, event: dict[str, str]
) -> None:
    """After an invocation, a failed one included, the process has its variables back."""
    monkeypatch.setenv("AWS_PROFILE", "developer")
    before = dict(os.environ)
    with suppress(FunctionError):
        ExecutionEnvironment(function).invoke(event)
    assert dict(os.environ) == before


def test_context_is_complete(function: DeployedFunction) -> None:
    """The context names the function, its logs and its limits, and counts down from its timeout."""
    ticks = count(1000)
    context = ExecutionEnvironment(function, clock=lambda: float(next(ticks))).invoke({"context": True})
    assert context.pop("id") != context.pop("stream")
    assert context == {
        "name": function.name,
        "arn": function.arn,
        "memory": "512",
        "version": "$LATEST",
        "group": "/aws/lambda/stack",
        "remaining": 119_000,
    }


def test_error_is_reported_as_by_lambda(function: DeployedFunction) -> None:
    """The caller sees the error's type and text, and a test its cause."""
    with pytest.raises(FunctionError, match="ValueError: no such invoice") as caught:
        ExecutionEnvironment(function).invoke({"raise": "no such invoice"})
    assert isinstance(caught.value.__cause__, ValueError)
    assert caught.value.payload["errorType"] == "ValueError"
    assert caught.value.payload["errorMessage"] == "no such invoice"
    assert "lambda_handler" in caught.value.payload["stackTrace"][-1]


@pytest.mark.parametrize(
    ("handler", "code", "error_type"),
    [
        ("app.lambda_handler", "import no_such_module", "Runtime.ImportModuleError"),
        ("other.lambda_handler", "", "Runtime.ImportModuleError"),
        ("app.lambda_handler", "1 / 0", "ZeroDivisionError"),
        ("app.main", "", "Runtime.HandlerNotFound"),
    ],
)
def test_function_that_cannot_be_loaded(function: DeployedFunction, handler: str, code: str, error_type: str) -> None:
    """A module that fails to import, or has no handler, is an error of the invocation."""
    (function.source / "app.py").write_text(code)
    with pytest.raises(FunctionError) as caught:
        ExecutionEnvironment(replace(function, handler=handler)).invoke({})
    assert caught.value.error_type == error_type


def test_function_that_takes_too_long(function: DeployedFunction) -> None:
    """The result of a handler that outlives its timeout is lost."""
    times = iter([0.0, 31.0])
    with pytest.raises(FunctionError, match=r"Sandbox.Timedout: .* Task timed out after 30.00 seconds"):
        ExecutionEnvironment(function, clock=lambda: next(times)).invoke({}, timeout=30)


def test_environments_of_one_function_run_side_by_side(function: DeployedFunction, tmp_path: Path) -> None:
    """Two invocations that wait for each other both end."""
    meeting = tmp_path / "meeting"
    meeting.mkdir()
    environments = [ExecutionEnvironment(function) for _ in range(2)]
    with ThreadPoolExecutor() as pool:
        answers = [pool.submit(item.invoke, {"wait for": str(meeting)}) for item in environments]
    assert [answer.result() for answer in answers] == ["table", "table"]


def test_environments_of_different_functions_take_turns(function: DeployedFunction) -> None:
    """However many run at once, each sees its own variables."""
    functions = [replace(function, environment={"TABLE": f"table {number}"}) for number in range(8)]
    with ThreadPoolExecutor(len(functions)) as pool:
        answers = pool.map(lambda item: ExecutionEnvironment(item).invoke({"variable": "TABLE"}), functions)
    assert list(answers) == [[f"table {number}"] * 2 for number in range(8)]
