"""The connections of one deployment: `qonto-sync connection add`, `remove`, `list`.

Each is a Qonto organization with a secret, a schedule and an alarm of its own. Its part of the archive, its checkpoint
and its ledger come into being with the first run.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from operations.arguments import connection_name, schedule_expression, stalled_after
from operations.aws import open_session
from operations.changes import check_secret, put_alarm, put_schedule, remove_alarm, remove_schedule
from operations.listing import rows, table
from operations.messages import added, removed
from operations.options import STACK, JsonOption, NameArgument, StackOption, show, show_json
from operations.resources import (
    reconcile_schedule_name,
    reconcile_schedule_request,
    schedule_request,
    stalled_after_hours,
)
from operations.stack import find_stack

app = typer.Typer(no_args_is_help=True, help="Add, remove and list the Qonto organizations of a deployed stack.")


@app.command()
def add(
    name: NameArgument,
    schedule: Annotated[
        str, typer.Option(metavar="EXPRESSION", help="Such as 'rate(1 hour)'; the stack's own if left out.")
    ] = "",
    stalled_after_text: Annotated[
        str, typer.Option("--stalled-after", metavar="HOURS", help="In which no run catches up before it rings.")
    ] = "",
    stack: StackOption = STACK,
) -> None:
    """Synchronize an organization from now on. Again: repair or change its schedule and its alarm.

    Example: `qonto-sync connection add acme --schedule 'rate(6 hours)'`
    """
    connection = connection_name(name)
    session = open_session()
    deployed = find_stack(session, stack)
    expression = schedule_expression(schedule or deployed.schedule)
    hours = stalled_after(stalled_after_text) or stalled_after_hours(deployed, expression)
    check_secret(session, deployed, connection)
    change = put_schedule(session, schedule_request(deployed, connection, expression))
    put_schedule(session, reconcile_schedule_request(deployed, connection))
    put_alarm(session, deployed, connection, hours)
    show(added(deployed, connection, expression, hours, change))


@app.command()
def remove(name: NameArgument, stack: StackOption = STACK) -> None:
    """Stop synchronizing an organization; what is archived stays.

    Example: `qonto-sync connection remove acme`
    """
    connection = connection_name(name)
    session = open_session()
    deployed = find_stack(session, stack)
    had_schedule = remove_schedule(session, deployed, connection)
    remove_schedule(session, deployed, reconcile_schedule_name(connection))
    had_alarm = remove_alarm(session, deployed, connection)
    show(removed(deployed, connection, had_schedule=had_schedule, had_alarm=had_alarm))


@app.command("list")
def list_(stack: StackOption = STACK, *, as_json: JsonOption = False) -> None:
    """List all organizations, their schedules, and how far each one is.

    Example: `qonto-sync connection list`
    """
    session = open_session()
    found = rows(session, find_stack(session, stack))
    if as_json:
        show_json([asdict(row) for row in found])
    else:
        show(table(found))
