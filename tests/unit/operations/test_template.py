"""What the stack makes for `default`, `qonto-sync connection add` makes for every other."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from local.cloudformation import read
from local.stack import TEMPLATE
from operations.resources import alarm_request, reconcile_schedule_request, schedule_request
from qonto_sync.domain.ids import ConnectionName
from tests.unit.operations.conftest import OUTPUTS
from tests.unit.operations.test_resources import STACK

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT = ConnectionName("default")
VALUES = {
    "AWS::StackName": STACK.name,
    "StalledAfterHours": STACK.stalled_after_hours,
    "ScheduleExpression": STACK.schedule,
    "ReconcileScheduleExpression": STACK.reconcile_schedule,
    "RunbookUrl": STACK.runbook_url,
    "DefaultSchedule": "ENABLED",
    "AlarmTopic": STACK.alarm_topic_arn,
    "ScheduleGroup": STACK.schedule_group,
    "ScheduleRole.Arn": STACK.schedule_role_arn,
    "SyncFailureQueue.Arn": STACK.sync_failure_queue_arn,
}


def resolved(value: Any, values: Mapping[str, Any] = VALUES) -> Any:
    """The value as CloudFormation would fill it in."""
    match value:
        case {"Ref": str(name)} | {"Fn::GetAtt": str(name)}:
            return values[name]
        case {"Fn::GetAtt": [*path]}:
            return values[".".join(path)]
        case {"Fn::Sub": str(text)}:
            return re.sub(r"\$\{(.+?)\}", lambda reference: str(values[reference[1]]), text)
        case dict():
            return {key: resolved(item) for key, item in value.items()}
        case list():
            return [resolved(item) for item in value]
        case _:
            return value


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    """As it is written."""
    return read(TEMPLATE)


def test_the_stack_tells_what_the_commands_ask_for(template: dict[str, Any]) -> None:
    """Every output is there; the parameters that the other tests deploy come from the template itself."""
    assert OUTPUTS.keys() <= template["Outputs"].keys()


def test_the_alarm_is_the_stacks_own(template: dict[str, Any]) -> None:
    """Word for word: the message does not depend on who created the alarm."""
    assert alarm_request(STACK, DEFAULT, STACK.stalled_after_hours) == resolved(
        template["Resources"]["StalledAlarm"]["Properties"]
    )


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("Schedule", schedule_request(STACK, DEFAULT, STACK.schedule)),
        ("ReconcileSchedule", reconcile_schedule_request(STACK, DEFAULT)),
    ],
)
def test_the_schedules_are_the_stacks_own(template: dict[str, Any], name: str, ours: Any) -> None:
    """But for their names and windows: a single connection has no others to spread from."""
    own = resolved(template["Resources"]["SyncFunction"]["Properties"]["Events"][name]["Properties"])
    for key in ("ScheduleExpression", "GroupName", "State"):
        assert own[key] == ours[key]
    for key in ("RoleArn", "Input", "RetryPolicy", "DeadLetterConfig"):
        assert own[key] == ours["Target"][key]


def test_the_alarm_links_the_operators_own_runbook() -> None:
    """Where it sends its reader is a parameter of the stack."""
    request = alarm_request(replace(STACK, runbook_url="https://wiki.example/qonto"), DEFAULT, 3)
    assert request["AlarmDescription"].endswith(" https://wiki.example/qonto#stalled")
