"""`qonto-sync status`: how far each connection is, what is pending, and what to do next."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from operations.archives import AT_ONCE, Bucket
from operations.aws import OperationFailed, open_session
from operations.certificates import parse_certificate
from operations.health import Health, backlog_of, next_step
from operations.listing import pending_items, rows
from operations.options import STACK, JsonOption, StackOption, show_json
from operations.progress import duration
from operations.stack import find_stack
from qonto_sync.domain.times import from_text, to_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    import boto3

    from operations.listing import Row
    from operations.stack import Stack

Wanted = Annotated[str, typer.Option("--connection", metavar="NAME", help="Only this one.")]


def status(connection: Wanted = "", stack: StackOption = STACK, *, as_json: JsonOption = False) -> None:
    """Show how far each connection is, what is pending and why, the last certificate, and what to do next.

    Examples: `qonto-sync status`, `qonto-sync status --connection acme --json`
    """
    session = open_session()
    deployed = find_stack(session, stack)
    found = [row for row in rows(session, deployed) if connection in ("", row.connection)]
    if connection and not found:
        raise OperationFailed(f"There is no schedule of a connection {connection!r} in the stack {stack!r}")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        connections = list(pool.map(lambda row: _health(session, deployed, row), found))
    now = datetime.now(UTC)
    if as_json:
        show_json([_document(health, now) for health in connections])
        return
    console = Console(highlight=False, markup=False)
    for health in connections:
        console.print(health.connection, style="bold")
        table = Table(box=None, show_header=False, pad_edge=True, padding=(0, 2, 0, 2))
        for name, text in _facts(health, now):
            table.add_row(name, text)
        console.print(table)
        console.print()


def _health(session: boto3.Session, stack: Stack, row: Row) -> Health:
    content = Bucket(session, stack.archive_bucket, row.connection).certificate()
    certificate = parse_certificate(content) if content else None
    return Health(
        connection=row.connection,
        schedule=row.schedule,
        is_enabled=row.state == "ENABLED",
        synced_until=from_text(row.synced_until),
        progress=row.progress,
        backlog=backlog_of(pending_items(session, stack, row.connection)),
        certificate=certificate.fields if certificate else None,
    )


def _facts(health: Health, now: datetime) -> Iterator[tuple[str, str]]:
    yield "schedule", f"{health.schedule}{'' if health.is_enabled else ', switched off'}"
    behind = f", {duration(now - health.synced_until)} ago" if health.synced_until else ""
    yield "synced until", f"{to_text(health.synced_until)}{behind}" if health.synced_until else "never"
    yield from (("to read", line) for line in health.progress)
    backlog = health.backlog
    reasons = ", ".join(f"{count} {reason}" for reason, count in backlog.pending.items())
    oldest = f", the oldest for {duration(now - backlog.oldest_since)}" if backlog.oldest_since else ""
    yield "pending", f"{sum(backlog.pending.values())}: {reasons}{oldest}" if reasons else "nothing"
    if backlog.gaps:
        yield "gaps", str(backlog.gaps)
    yield "certificate", _certificate(health, now)
    yield "next", next_step(health, now) or "nothing to do"


def _certificate(health: Health, now: datetime) -> str:
    if health.certificate is None or health.certified_at is None:
        return "none"
    version, gaps = health.certificate["version"], len(health.certificate["gaps"])
    found = f"{health.differences} differences" if health.differences else "no differences"
    missing = f", {gaps} months could not be compared" if gaps else ""
    return f"version {version}, {duration(now - health.certified_at)} ago: {found}{missing}"


def _document(health: Health, now: datetime) -> dict[str, Any]:
    return {
        "connection": health.connection,
        "schedule": health.schedule,
        "enabled": health.is_enabled,
        "synced_until": to_text(health.synced_until) if health.synced_until else None,
        "to_read": list(health.progress),
        "pending": health.backlog.pending,
        "oldest_since": to_text(health.backlog.oldest_since) if health.backlog.oldest_since else None,
        "gaps": health.backlog.gaps,
        "certificate": {
            "version": health.certificate["version"],
            "reconciled_at": health.certificate.get("reconciled_at"),
            "differences": health.differences,
            "gaps": health.certificate["gaps"],
        }
        if health.certificate
        else None,
        "next": next_step(health, now) or None,
    }
