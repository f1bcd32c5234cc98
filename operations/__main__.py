"""`python -m operations verify`: checks an archive by its certificates, in the bucket or in a copy of it.

Exit status: 0 if all that was certified is as it was, 1 if not or if it cannot be read, 2 for wrong arguments.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from operations.archives import Bucket, Folder
from operations.arguments import any_connection_name
from operations.aws import OperationFailed, WrongArgument, open_session, report
from operations.stack import find_stack
from operations.verify import verify

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from operations.archives import Archive
    from operations.verify import Verdict

_MOST_SHOWN = 50


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return the exit status."""
    options = _parser().parse_args(arguments)
    return report(lambda: _verify(options))


def _verify(options: argparse.Namespace) -> Iterable[str]:
    connection = any_connection_name(options.connection)
    archive = _archive(options, connection)
    console = Console(highlight=False, soft_wrap=True)
    columns = (TextColumn("checking"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("objects", total=None)
        verdict = verify(archive, lambda done, total: progress.update(task, completed=done, total=total))
    for note in verdict.notes:
        console.print(f"Note: {note}", markup=False)
    if not verdict.is_good:
        console.print(_table(verdict))
        left_out = len(verdict.differences) - _MOST_SHOWN
        more = f", of which {left_out} are not shown" if left_out > 0 else ""
        raise OperationFailed(f"{len(verdict.differences)} differences{more}. {_summary(verdict)}")
    yield f"As certified. {_summary(verdict)}"


def _archive(options: argparse.Namespace, connection: str) -> Archive:
    if options.folder is None:
        session = open_session()
        return Bucket(session, find_stack(session, options.stack).archive_bucket, connection)
    if not options.folder.is_dir():
        raise WrongArgument(f"--folder is {str(options.folder)!r}, which is no folder")
    return Folder(options.folder, connection)


def _summary(verdict: Verdict) -> str:
    if not verdict.version:
        return "Nothing could be checked."
    return (
        f"Certificate {verdict.version} of {verdict.reconciled_at}: {verdict.certificates} certificates,"
        f" {verdict.months} inventories and {verdict.objects} objects were checked"
    )


def _table(verdict: Verdict) -> Table:
    table = Table("key", "what is wrong", box=None)
    for key, what in verdict.differences[:_MOST_SHOWN]:
        table.add_row(key, what)
    return table


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m operations", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="verify")
    command = commands.add_parser("verify", help="check an archive by its certificates", description=__doc__)
    place = command.add_mutually_exclusive_group(required=True)
    place.add_argument("--folder", type=Path, metavar="PATH", help="a copy of the bucket, such as the local archive")
    place.add_argument("--stack", metavar="NAME", help="the bucket of this CloudFormation stack")
    command.add_argument("--connection", default="default", metavar="NAME", help="which part of it (default: default)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
