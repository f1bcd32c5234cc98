"""`qonto-sync verify`: checks an archive by its certificates, in the bucket or in a copy of it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from operations.arguments import any_connection_name
from operations.aws import OperationFailed
from operations.options import (
    STACK,
    ConnectionOption,
    FolderOption,
    JsonOption,
    StackOption,
    open_archive,
    printable,
    show_json,
)
from operations.verify import verify as check

if TYPE_CHECKING:
    from operations.archives import Archive
    from operations.verify import Verdict

_MOST_SHOWN = 50


def verify(
    folder: FolderOption = None,
    connection: ConnectionOption = "default",
    stack: StackOption = STACK,
    *,
    as_json: JsonOption = False,
) -> None:
    """Check an archive by its certificates: the chain, each inventory's hash, each object's hash.

    It reads the bucket or a copy of it, and nothing else. Exit status 0 if all that was certified is as it was, 1 if
    not.

    Examples: `qonto-sync verify`, `qonto-sync verify --folder .local/simulated/archive`
    """
    verdict = _with_progress(open_archive(folder, stack, any_connection_name(connection)))
    if as_json:
        show_json(asdict(verdict))
    else:
        _print(verdict)
    if not verdict.is_good:
        raise OperationFailed(_complaint(verdict))


def _with_progress(archive: Archive) -> Verdict:
    columns = (TextColumn("checking"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("objects", total=None)
        return check(archive, lambda done, total: progress.update(task, completed=done, total=total))


def _print(verdict: Verdict) -> None:
    console = Console(highlight=False, markup=False, soft_wrap=True)
    for note in verdict.notes:
        console.print(f"Note: {printable(note)}")
    if verdict.is_good:
        console.print(f"As certified. {_summary(verdict)}")
        return
    table = Table("key", "what is wrong", box=None)
    for key, what in verdict.differences[:_MOST_SHOWN]:
        table.add_row(printable(key), what)
    console.print(table)


def _complaint(verdict: Verdict) -> str:
    left_out = len(verdict.differences) - _MOST_SHOWN
    more = f", of which {left_out} are not shown" if left_out > 0 else ""
    count = len(verdict.differences)
    return f"{count} {'difference' if count == 1 else 'differences'}{more}. {_summary(verdict)}"


def _summary(verdict: Verdict) -> str:
    if not verdict.version:
        return "Nothing could be checked."
    return (
        f"Certificate {verdict.version} of {printable(verdict.reconciled_at)}: {verdict.certificates} certificates,"
        f" {verdict.months} inventories and {verdict.objects} objects were checked"
    )
