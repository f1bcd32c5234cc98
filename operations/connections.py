"""The connections of one deployment: `make connection`, `make connection-remove`, `make connections`.

Each is a Qonto organization with a secret, a schedule and an alarm of its own. Its part of the archive, its checkpoint
and its ledger come into being with the first run.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from operations.arguments import connection_name, schedule_expression, stalled_after
from operations.aws import open_session, report
from operations.changes import check_secret, put_alarm, put_schedule, remove_alarm, remove_schedule
from operations.listing import rows, table
from operations.messages import added, removed
from operations.resources import (
    reconcile_schedule_name,
    reconcile_schedule_request,
    schedule_request,
    stalled_after_hours,
)
from operations.stack import find_stack

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return the exit status."""
    options = _parser().parse_args(arguments)
    return report(lambda: options.run(options))


def _add(options: argparse.Namespace) -> Iterable[str]:
    connection = connection_name(options.name)
    session = open_session()
    stack = find_stack(session, options.stack)
    expression = schedule_expression(options.schedule or stack.schedule)
    hours = stalled_after(options.stalled_after) or stalled_after_hours(stack, expression)
    check_secret(session, stack, connection)
    change = put_schedule(session, schedule_request(stack, connection, expression))
    put_schedule(session, reconcile_schedule_request(stack, connection))
    put_alarm(session, stack, connection, hours)
    return added(stack, connection, expression, hours, change)


def _remove(options: argparse.Namespace) -> Iterable[str]:
    connection = connection_name(options.name)
    session = open_session()
    stack = find_stack(session, options.stack)
    had_schedule = remove_schedule(session, stack, connection)
    remove_schedule(session, stack, reconcile_schedule_name(connection))
    had_alarm = remove_alarm(session, stack, connection)
    return removed(stack, connection, had_schedule=had_schedule, had_alarm=had_alarm)


def _list(options: argparse.Namespace) -> Iterable[str]:
    session = open_session()
    stack = find_stack(session, options.stack)
    return table(rows(session, stack))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m operations.connections", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="add | remove | list")
    for name, run, does in (
        ("add", _add, "synchronize an organization from now on; again: repair or change it"),
        ("remove", _remove, "stop synchronizing it; what is archived stays"),
        ("list", _list, "all of them, and how far each one is"),
    ):
        command = commands.add_parser(name, help=does, description=does)
        command.set_defaults(run=run)
        command.add_argument("--stack", default="qonto-sync", help="name of the CloudFormation stack")
        if run is not _list:
            command.add_argument("name", metavar="NAME", help="of the connection, such as acme")
        if run is _add:
            command.add_argument("--schedule", help="such as 'rate(1 hour)'; the stack's own if left out")
            command.add_argument(
                "--stalled-after", default="", metavar="HOURS", help="in which no run catches up before it rings"
            )
    return parser


if __name__ == "__main__":
    sys.exit(main())
