"""Runs by hand: `qonto-sync sync`, `backfill`, `reconcile`, `retry`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from operations.arguments import any_connection_name
from operations.aws import WrongArgument, open_session
from operations.invocations import checked, invoke_and_leave, invoke_and_wait, send_retry
from operations.options import STACK, ConnectionOption, JsonOption, StackOption, show, show_json
from operations.stack import find_stack
from qonto_sync.domain.ids import is_usable_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from operations.invocations import Event, Result

DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Report what a run would do, and write nothing.")]
NoWaitOption = Annotated[bool, typer.Option("--no-wait", help="Start it, and do not wait for its result.")]


def sync(
    connection: ConnectionOption = "default",
    stack: StackOption = STACK,
    *,
    dry_run: DryRunOption = False,
    no_wait: NoWaitOption = False,
    as_json: JsonOption = False,
) -> None:
    """Archive now what changed since the last run, in as many runs as it takes.

    Example: `qonto-sync sync --connection acme`
    """
    event = {"action": "sync", "connection": connection, "dry_run": dry_run}
    _run(event, stack, no_wait=no_wait, as_json=as_json)


def backfill(
    start: Annotated[str, typer.Option("--from", metavar="DATE", help="Such as 2019-01-01, or a time in UTC.")],
    end: Annotated[str, typer.Option("--to", metavar="DATE", help="The first moment that is not read any more.")],
    connection: ConnectionOption = "default",
    stack: StackOption = STACK,
    *,
    dry_run: DryRunOption = False,
    no_wait: NoWaitOption = False,
    as_json: JsonOption = False,
) -> None:
    """Read the invoices again that were last changed in this time; what is archived is skipped.

    Example: `qonto-sync backfill --from 2019-01-01 --to 2020-01-01`
    """
    window = {"from": _instant(start), "to": _instant(end)}
    event = {"action": "backfill", "connection": connection, **window, "dry_run": dry_run}
    _run(event, stack, no_wait=no_wait, as_json=as_json)


def reconcile(
    month: Annotated[str, typer.Option(metavar="MONTH", help="Begin with it, such as 2026-11.")] = "",
    connection: ConnectionOption = "default",
    stack: StackOption = STACK,
    *,
    dry_run: DryRunOption = False,
    no_wait: NoWaitOption = False,
    as_json: JsonOption = False,
) -> None:
    """Compare source, ledger and archive, repair what differs, and certify it.

    Example: `qonto-sync reconcile --dry-run`
    """
    event = {"action": "reconcile", "connection": connection, "dry_run": dry_run}
    _run(event | ({"month": month} if month else {}), stack, no_wait=no_wait, as_json=as_json)


def retry(
    invoice_id: Annotated[str, typer.Argument(metavar="ID", help="The invoice's id.")],
    connection: ConnectionOption = "default",
    stack: StackOption = STACK,
) -> None:
    """Archive one invoice again, as it is at Qonto now.

    Example: `qonto-sync retry 018f1c2e-… --connection acme`
    """
    name = any_connection_name(connection)
    if not is_usable_id(invoice_id):
        raise WrongArgument(f"ID is {invoice_id!r}, but must be the id of an invoice")
    session = open_session()
    send_retry(session, find_stack(session, stack), name, invoice_id)
    show(
        [f"Asked for invoice {invoice_id}: it is archived within a minute. `qonto-sync status` tells if it is pending"]
    )


def _run(event: Event, stack: str, *, no_wait: bool, as_json: bool) -> None:
    any_connection_name(event["connection"])
    checked(event)
    session = open_session()
    deployed = find_stack(session, stack)
    if no_wait:
        invoke_and_leave(session, deployed, event)
        show([f"Started: {event['action']} of {event['connection']}. `qonto-sync status` shows how far it is"])
        return
    result: Result = {}
    with Console(stderr=True).status(f"{event['action']} of {event['connection']} runs (Ctrl-C does not stop it)"):
        for result in invoke_and_wait(session, deployed, event):
            if not as_json:
                show(summary(result))
    if as_json:
        show_json(result)


def summary(result: Result) -> Iterator[str]:
    """A run's result in a few lines: what happened, and what is left."""
    yield f"{result.get('action', 'sync')} of {result.get('connection', '?')}: {result.get('outcome', '?')}"
    for key in ("window", "invoices", "found", "repaired", "backlog", "gaps", "certificate", "checkpoint"):
        value = result.get(key)
        if value:
            yield f"  {key}: {_text(value)}"


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_text(each)}" for key, each in value.items() if each not in (0, None, {}, [])) or "-"
    return str(value)


def _instant(text: str) -> str:
    """A date begins at midnight, in UTC."""
    return f"{text}T00:00:00Z" if len(text) == len("2019-01-01") else text
