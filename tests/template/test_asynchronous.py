"""The local stand-in for destinations and rules, on what was deployed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from local.asynchronous import AsynchronousInvocations, success_record

if TYPE_CHECKING:
    from local.stack import DeployedFunction, Stack

pytestmark = pytest.mark.slow


def test_a_result_that_says_continue_starts_the_function_again(stack: Stack) -> None:
    """With the very event that the result has, as often as one does."""
    function = stack.functions["SyncFunction"]
    rest: dict[str, Any] = {"action": "sync", "connection": "acme", "deep": [{"a": 1}]}
    results = iter([{"continue": rest}, {"continue": rest}, {"outcome": "committed"}])
    events = []

    def invoke(invoked: DeployedFunction, event: Any) -> Any:
        assert invoked == function
        events.append(event)
        return next(results)

    assert len(list(AsynchronousInvocations(stack, invoke).run(function, {}))) == 3
    assert events == [{}, rest, rest]


@pytest.mark.parametrize(
    "changes",
    [
        {"source": "aws.lambda"},
        {"detail-type": "Lambda Function Invocation Result - Failure"},
        {"detail": {"requestContext": {"functionArn": "arn:aws:lambda:eu-central-1:123456789012:function:other"}}},
        {"detail": {"responsePayload": {"outcome": "partial"}}},
        {"detail": {"responsePayload": {"continue": None}}},
        {"detail": {"responsePayload": {"continue": {}}}},
        {"detail": {"responsePayload": None}},
        {"detail": {"responsePayload": "continue"}},
    ],
)
def test_no_other_event_starts_anything(stack: Stack, changes: dict[str, Any]) -> None:
    """Other functions' results are on the same bus."""
    function = stack.functions["SyncFunction"]
    invocations = AsynchronousInvocations(stack, lambda _function, _event: None)
    bus = function.on_success
    assert bus
    event = success_record(function, {}, {"continue": {"connection": "default"}})
    assert invocations.started_by(bus, event) == [(function, {"connection": "default"})]
    assert invocations.started_by(f"{bus}-other", event) == []
    for name, value in changes.items():
        event[name] = event["detail"] | value if name == "detail" else value
    assert invocations.started_by(bus, event) == []


def test_the_whole_record_is_not_what_the_function_gets(stack: Stack) -> None:
    """It is as Lambda documents it, and the rule takes one part of it."""
    function = stack.functions["SyncFunction"]
    record = success_record(function, {"connection": "acme"}, {"outcome": "partial"})
    assert record["detail"]["requestContext"]["functionArn"] == f"{function.arn}:$LATEST"
    assert record["detail"]["requestPayload"] == {"connection": "acme"}
    assert record["resources"] == [f"{function.arn}:$LATEST", function.on_success]
    assert (record["account"], record["region"]) == ("123456789012", "eu-central-1")
