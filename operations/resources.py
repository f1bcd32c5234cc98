"""What a connection consists of in AWS besides its secret: a schedule and an alarm. Pure: the requests, no calls."""

from __future__ import annotations

import json
import re
import shlex
from math import ceil
from typing import TYPE_CHECKING, Final

from operations.aws import OperationFailed
from qonto_sync.domain.secret import WEBHOOKS

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import PutMetricAlarmInputTypeDef
    from mypy_boto3_scheduler.type_defs import (
        CreateScheduleInputTypeDef,
        FlexibleTimeWindowTypeDef,
        TargetTypeDef,
    )

    from operations.stack import Stack
    from qonto_sync.domain.ids import ConnectionName

_RATE: Final = re.compile(r"rate\(([0-9]{1,9}) (minute|hour|day)s?\)")
_MINUTES: Final = {"minute": 1, "hour": 60, "day": 24 * 60}

_SPREAD: Final = 15
"""Minutes over which connections with the same schedule are spread: they share Lambda's concurrency."""

_SPREAD_OF_NIGHT: Final = 240
"""Minutes over which the reconciliations of all connections are spread."""

LONGEST_ALARM: Final = 7 * 24
"""Hours; CloudWatch's limit."""

_UP_TO_DATE: Final = 30 * 60
"""Seconds that a checkpoint may be behind. Less than the shortest time between two hourly runs, so that the first run
that gets no further counts."""


def secret_name(stack: Stack, connection: ConnectionName) -> str:
    """Where the connection's credentials are."""
    return f"{stack.secret_prefix}{connection}"


def webhook_secret_name(stack: Stack, connection: ConnectionName) -> str:
    """Where the secrets that sign the connection's webhooks are."""
    return f"{stack.secret_prefix}{WEBHOOKS}{connection}"


def callback_url(stack: Stack, connection: ConnectionName) -> str:
    """Where Qonto sends the connection's webhooks.

    Raises:
        OperationFailed: The stack takes in none; it has the command that lets it.
    """
    if stack.webhook_url is None:
        raise OperationFailed(
            f"Webhooks are not enabled in the stack {stack.name!r}, so nothing was changed. Enable them first:\n"
            f"  sam build && sam deploy --stack-name {shlex.quote(stack.name)} --region {stack.region}"
            " --parameter-overrides WebhookEnabled=true"
        )
    # As the stack's output has it, for people.
    return stack.webhook_url.replace("<connection>", connection)


def sync_event(connection: ConnectionName) -> str:
    """What the function is invoked with."""
    return json.dumps({"connection": connection})


def schedule_request(stack: Stack, connection: ConnectionName, expression: str) -> CreateScheduleInputTypeDef:
    """The schedule; the same fields create and update it."""
    return {
        "GroupName": stack.schedule_group,
        "Name": connection,
        "Description": f"Synchronizes the Qonto organization {connection}",
        "State": "ENABLED",
        "ScheduleExpression": expression,
        "FlexibleTimeWindow": _flexible_window(expression),
        "Target": _target(stack, sync_event(connection)),
    }


def reconcile_event(connection: ConnectionName) -> str:
    """What the function is invoked with to compare source, ledger and archive."""
    return json.dumps({"action": "reconcile", "connection": connection})


def reconcile_schedule_name(connection: ConnectionName) -> str:
    """No connection is called so: a name has no dot."""
    return f"{connection}.reconcile"


def reconcile_schedule_request(stack: Stack, connection: ConnectionName) -> CreateScheduleInputTypeDef:
    """The schedule of the reconciliation, by the stack's own expression, spread over the night."""
    return {
        "GroupName": stack.schedule_group,
        "Name": reconcile_schedule_name(connection),
        "Description": f"Reconciles the archive of the Qonto organization {connection}",
        "State": "ENABLED",
        "ScheduleExpression": stack.reconcile_schedule,
        "FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": _SPREAD_OF_NIGHT},
        "Target": _target(stack, reconcile_event(connection)),
    }


def _target(stack: Stack, event: str) -> TargetTypeDef:
    return {
        "Arn": stack.sync_function_arn,
        "RoleArn": stack.schedule_role_arn,
        "Input": event,
        # The next run does what is left.
        "RetryPolicy": {"MaximumRetryAttempts": 0},
        "DeadLetterConfig": {"Arn": stack.sync_failure_queue_arn},
    }


def alarm_name(stack: Stack, connection: ConnectionName) -> str:
    """Unique in the account, as the stack's name is."""
    return f"{stack.name}-stalled-{connection}"


def alarm_request(stack: Stack, connection: ConnectionName, hours: int) -> PutMetricAlarmInputTypeDef:
    """The alarm for a connection whose runs did not come near the present, or did not end, in each of so many hours."""
    return {
        "AlarmName": alarm_name(stack, connection),
        "AlarmDescription": f"The archive of the connection {connection} has not been up to date for {hours} hours."
        f" {stack.runbook_url}#stalled",
        "Namespace": "QontoSync",
        "MetricName": "CheckpointLag",
        "Dimensions": [{"Name": "service", "Value": stack.name}, {"Name": "connection", "Value": connection}],
        # Of several runs in an hour the best counts.
        "Statistic": "Minimum",
        "Period": 3600,
        "EvaluationPeriods": hours,
        "DatapointsToAlarm": hours,
        "Threshold": _UP_TO_DATE,
        "ComparisonOperator": "GreaterThanThreshold",
        # A run that fails, or does not start, emits no datapoint.
        "TreatMissingData": "breaching",
        "AlarmActions": [stack.alarm_topic_arn],
        "OKActions": [stack.alarm_topic_arn],
    }


def stalled_after_hours(stack: Stack, expression: str) -> int:
    """The default number of hours before the alarm rings: the stack's, or three runs of a slow rate."""
    three_runs = ceil(3 * (_period(expression) or 0) / 60)
    return min(max(stack.stalled_after_hours, three_runs), LONGEST_ALARM)


def latest_start(expression: str) -> int:
    """The flexible window in minutes: less than the period, if the expression gives it."""
    period = _period(expression)
    return _SPREAD if period is None else max(min(_SPREAD, period - 1), 0)


def _flexible_window(expression: str) -> FlexibleTimeWindowTypeDef:
    minutes = latest_start(expression)
    return {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": minutes} if minutes else {"Mode": "OFF"}


def _period(expression: str) -> int | None:
    """Minutes between two runs, if it is a rate."""
    rate = _RATE.fullmatch(expression)
    return int(rate[1]) * _MINUTES[rate[2]] if rate else None
