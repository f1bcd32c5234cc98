"""Which connections there are, and how far each one is."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from botocore.config import Config

from operations.progress import backfills, catching_up
from qonto_sync.domain.errors import InvalidEvent
from qonto_sync.domain.events import ReconcileRequest, parse_sync_event
from qonto_sync.domain.keys import checkpoint_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import boto3
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_scheduler.type_defs import GetScheduleOutputTypeDef

    from operations.progress import Item
    from operations.stack import Stack
    from qonto_sync.domain.events import RunRequest

_AT_ONCE: Final = 16
"""A thousand connections one after the other would take a minute."""


@dataclass(frozen=True, slots=True)
class Row:
    """One schedule of the group."""

    connection: str
    schedule: str
    state: str
    synced_until: str
    progress: tuple[str, ...] = ()
    """What the connection has yet to read, a line each."""


def rows(session: boto3.Session, stack: Stack) -> list[Row]:
    """Every schedule of the stack's group, by connection."""
    config = Config(max_pool_connections=_AT_ONCE)
    scheduler = session.client("scheduler", config=config)
    dynamodb = session.client("dynamodb", config=config)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = pool.map(lambda name: _row(scheduler, dynamodb, stack, name), _names(scheduler, stack.schedule_group))
        return sorted(filter(None, found), key=lambda row: row.connection)


def pending_items(session: boto3.Session, stack: Stack, connection: str) -> Iterator[Item]:
    """What is pending for the connection: the reasons of invoices, and gaps."""
    wanted = "pk, reason, pending_since"
    return _items(session.client("dynamodb"), stack.state_table, connection, ProjectionExpression=wanted)


def table(found: list[Row]) -> list[str]:
    """The rows as text, in columns."""
    lines = [("connection", "schedule", "state", "synced until"), *(astuple(row)[:-1] for row in found)]
    progress = [f"{row.connection}: {line}" for row in found for line in row.progress]
    return [*columns(lines), *([""] if progress else []), *progress]


def columns(lines: Sequence[Sequence[str]]) -> list[str]:
    """Texts below each other; the last column is as wide as it likes."""
    widths = [max(map(len, column)) for column in list(zip(*lines, strict=True))[:-1]]
    return [
        "  ".join([*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[-1]]) for line in lines
    ]


def _names(scheduler: EventBridgeSchedulerClient, group: str) -> Iterable[str]:
    for page in scheduler.get_paginator("list_schedules").paginate(GroupName=group):
        yield from (schedule["Name"] for schedule in page["Schedules"])


def _row(scheduler: EventBridgeSchedulerClient, dynamodb: DynamoDBClient, stack: Stack, name: str) -> Row | None:
    """The row of a schedule; None for one of a reconciliation."""
    # The list contains neither the expression nor the event.
    schedule = scheduler.get_schedule(GroupName=stack.schedule_group, Name=name)
    request = _request(schedule)
    if isinstance(request, ReconcileRequest):
        return None
    if request is None:
        return Row(name, schedule["ScheduleExpression"], schedule["State"], "never: its input names no connection")
    connection = request.connection
    item = dynamodb.get_item(TableName=stack.state_table, Key={"pk": {"S": checkpoint_key(connection)}}).get("Item", {})
    gaps = _items(dynamodb, stack.state_table, connection, FilterExpression="begins_with(pk, :gap)", gap="gap#")
    progress = [*catching_up(item, datetime.now(UTC)), *backfills(gaps)]
    synced_until = item.get("synced_until", {}).get("S", "never")
    return Row(connection, schedule["ScheduleExpression"], schedule["State"], synced_until, tuple(progress))


def _request(schedule: GetScheduleOutputTypeDef) -> RunRequest | None:
    """As the function reads the event; without one EventBridge Scheduler sends its own."""
    try:
        event = json.loads(schedule["Target"].get("Input", "{}"))
        return parse_sync_event(event)
    except (ValueError, InvalidEvent):
        return None


def _items(
    dynamodb: DynamoDBClient, table_name: str, connection: str, *, gap: str = "", **request: Any
) -> Iterator[Item]:
    values = {":connection": {"S": connection}} | ({":gap": {"S": gap}} if gap else {})
    pages = dynamodb.get_paginator("query").paginate(
        TableName=table_name,
        IndexName="pending",
        KeyConditionExpression="pending_for = :connection",
        ExpressionAttributeValues=values,
        **request,
    )
    return (item for page in pages for item in page["Items"])
