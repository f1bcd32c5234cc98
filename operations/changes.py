"""Adds and removes a connection. Both are idempotent."""

from __future__ import annotations

import shlex
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from operations.aws import OperationFailed, message_of
from operations.resources import alarm_name, alarm_request, secret_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    import boto3
    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_scheduler.type_defs import CreateScheduleInputTypeDef, GetScheduleOutputTypeDef

    from operations.stack import Stack
    from qonto_sync.domain.ids import ConnectionName


class Change(StrEnum):
    """What became of the schedule."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


def check_secret(session: boto3.Session, stack: Stack, connection: ConnectionName) -> None:
    """Makes sure that there are credentials, without reading them.

    Raises:
        OperationFailed: There are none; it has the command that stores them.
    """
    name = secret_name(stack, connection)
    quoted = f"--region {stack.region} --{{}} {shlex.quote(name)}"
    client = session.client("secretsmanager")
    try:
        described = client.describe_secret(SecretId=name)
    except client.exceptions.ResourceNotFoundException as error:
        raise OperationFailed(
            f"There is no secret {name!r} in {stack.region}, so nothing was changed. Store Qonto's credentials first:\n"
            f"  aws secretsmanager create-secret {quoted.format('name')} --secret-string file://secret.json"
        ) from error
    if "DeletedDate" in described:
        raise OperationFailed(
            f"The secret {name!r} is about to be deleted, so nothing was changed. Keep it first:\n"
            f"  aws secretsmanager restore-secret {quoted.format('secret-id')}"
        )


def put_schedule(session: boto3.Session, request: CreateScheduleInputTypeDef) -> Change:
    """Makes the schedule what the request says.

    Raises:
        OperationFailed: EventBridge Scheduler does not take it.
    """
    client = session.client("scheduler")
    found = _schedule(client, request)
    if found and _holds(found, request):
        return Change.UNCHANGED
    try:
        if found:
            client.update_schedule(**request)
            return Change.UPDATED
        client.create_schedule(**request)
    except client.exceptions.ValidationException as error:
        raise OperationFailed(
            f"EventBridge Scheduler does not take --schedule {request['ScheduleExpression']!r}, so nothing was changed:"
            f" {message_of(error)}"
        ) from error
    return Change.CREATED


def put_alarm(session: boto3.Session, stack: Stack, connection: ConnectionName, hours: int) -> None:
    """Makes the alarm what it should be; its state stays."""
    session.client("cloudwatch").put_metric_alarm(**alarm_request(stack, connection, hours))


def remove_schedule(session: boto3.Session, stack: Stack, name: str) -> bool:
    """Whether there was one of this name."""
    client = session.client("scheduler")
    try:
        client.delete_schedule(GroupName=stack.schedule_group, Name=name)
    except client.exceptions.ResourceNotFoundException:
        return False
    return True


def remove_alarm(session: boto3.Session, stack: Stack, connection: ConnectionName) -> bool:
    """Whether there was one."""
    client = session.client("cloudwatch")
    # Deleting an alarm that does not exist is no error.
    found = client.describe_alarms(AlarmNames=[alarm_name(stack, connection)])["MetricAlarms"]
    if found:
        client.delete_alarms(AlarmNames=[alarm_name(stack, connection)])
    return bool(found)


def _schedule(
    client: EventBridgeSchedulerClient, request: CreateScheduleInputTypeDef
) -> GetScheduleOutputTypeDef | None:
    try:
        return client.get_schedule(GroupName=request["GroupName"], Name=request["Name"])
    except client.exceptions.ResourceNotFoundException:
        return None


def _holds(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether all that is wanted was found; AWS fills in more."""
    return all(
        _holds(found.get(key, {}), value) if isinstance(value, dict) else found.get(key) == value
        for key, value in wanted.items()
    )
