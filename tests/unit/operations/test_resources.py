"""The requests, before they are sent."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import validate_parameters

from operations.resources import (
    alarm_request,
    latest_start,
    reconcile_schedule_request,
    schedule_request,
    stalled_after_hours,
)
from operations.stack import Stack
from qonto_sync.domain.events import ReconcileRequest, SyncRequest, parse_sync_event
from qonto_sync.domain.ids import ConnectionName

ACME = ConnectionName("acme")
STACK = Stack(
    name="books",
    region="eu-central-1",
    schedule_group="books-group",
    schedule_role_arn="arn:aws:iam::123456789012:role/books-schedule",
    sync_function_arn="arn:aws:lambda:eu-central-1:123456789012:function:books-sync",
    sync_failure_queue_arn="arn:aws:sqs:eu-central-1:123456789012:books-failures",
    retry_queue_url="https://sqs.example/retry",
    alarm_topic_arn="arn:aws:sns:eu-central-1:123456789012:books-alarms",
    state_table="books-state",
    archive_bucket="books-archive",
    secret_prefix="qonto/",
    kms_key_arn="",
    schedule="rate(1 hour)",
    reconcile_schedule="cron(30 2 * * ? *)",
    stalled_after_hours=3,
    runbook_url="docs/runbook.md",
    webhook_url="https://webhooks.example/webhooks/<connection>",
)
EXPRESSIONS = ["rate(1 minute)", "rate(5 minutes)", "rate(1 hour)", "rate(30 days)", "cron(0 6 * * ? *)"]


def validate(service: str, operation: str, request: Any) -> None:
    """As botocore does before it sends anything."""
    model = ServiceModel(Loader().load_service_model(service, "service-2"))
    shape = model.operation_model(operation).input_shape
    assert shape
    validate_parameters(request, shape)


@pytest.mark.parametrize("name", ["a", "x" * 64])
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_requests_are_valid(name: str, expression: str) -> None:
    """The SDK would send them, for the longest names and every kind of schedule."""
    connection, stack = ConnectionName(name), replace(STACK, name="s" * 128)
    schedule = schedule_request(stack, connection, expression)
    validate("scheduler", "CreateSchedule", schedule)
    validate("scheduler", "UpdateSchedule", schedule)
    validate("scheduler", "CreateSchedule", reconcile_schedule_request(stack, connection))
    alarm = alarm_request(stack, connection, stalled_after_hours(stack, expression))
    validate("cloudwatch", "PutMetricAlarm", alarm)
    assert alarm["Period"] * alarm["EvaluationPeriods"] <= 604_800


def test_the_function_takes_the_event() -> None:
    """What the schedule sends is a run of that connection, and of no other."""
    target: Any = schedule_request(STACK, ACME, "rate(1 hour)")["Target"]
    assert parse_sync_event(json.loads(target["Input"])) == SyncRequest(ACME)
    target = reconcile_schedule_request(STACK, ACME)["Target"]
    assert parse_sync_event(json.loads(target["Input"])) == ReconcileRequest(ACME)


def test_a_schedule_delivers_once_and_keeps_what_it_could_not() -> None:
    """No retries, since the next run resumes; an event that was not delivered goes to the failure queue."""
    target: Any = schedule_request(STACK, ACME, "rate(1 hour)")["Target"]
    assert target["Arn"] == STACK.sync_function_arn
    assert target["RoleArn"] == STACK.schedule_role_arn
    assert target["RetryPolicy"] == {"MaximumRetryAttempts": 0}
    assert target["DeadLetterConfig"] == {"Arn": STACK.sync_failure_queue_arn}


@pytest.mark.parametrize(
    ("expression", "minutes"),
    [
        ("rate(1 hour)", 15),
        ("rate(1 day)", 15),
        ("rate(16 minutes)", 15),
        ("rate(15 minutes)", 14),
        ("rate(2 minutes)", 1),
        ("rate(1 minute)", 0),
        ("rate(0 minutes)", 0),
        ("cron(0 6 * * ? *)", 15),
    ],
)
def test_runs_are_spread_over_less_than_a_period(expression: str, minutes: int) -> None:
    """A thousand connections do not start in one second, and none starts after its next run is due."""
    assert latest_start(expression) == minutes
    window = schedule_request(STACK, ACME, expression)["FlexibleTimeWindow"]
    assert window == ({"Mode": "FLEXIBLE", "MaximumWindowInMinutes": minutes} if minutes else {"Mode": "OFF"})


@pytest.mark.parametrize(
    ("expression", "hours"),
    [
        ("rate(1 minute)", 3),
        ("rate(1 hour)", 3),
        ("rate(61 minutes)", 4),
        ("rate(1 day)", 72),
        ("rate(30 days)", 168),
        ("cron(0 6 * * ? *)", 3),
    ],
)
def test_an_alarm_waits_for_three_runs(expression: str, hours: int) -> None:
    """A slow schedule does not ring between its runs, as far as a week."""
    assert stalled_after_hours(STACK, expression) == hours
