"""The options that several commands have, and how they print."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from operations.archives import Bucket, Folder
from operations.aws import WrongArgument, open_session
from operations.stack import find_stack

if TYPE_CHECKING:
    from collections.abc import Iterable

    from operations.archives import Archive
    from qonto_sync.domain.ids import ConnectionName

StackOption = Annotated[
    str,
    typer.Option("--stack", metavar="NAME", envvar="QONTO_SYNC_STACK", help="Name of the CloudFormation stack."),
]
STACK = "qonto-sync"
"""The stack's name, if nothing else is said."""

ConnectionOption = Annotated[str, typer.Option("--connection", metavar="NAME", help="Which organization.")]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Of the connection, such as acme.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print a JSON document, for scripts.")]
FolderOption = Annotated[
    Path | None,
    typer.Option("--folder", metavar="PATH", help="A copy of the bucket, such as the local archive, not a stack."),
]
type Json = dict[str, Any] | list[Any]


def open_archive(folder: Path | None, stack: str, connection: ConnectionName) -> Archive:
    """The connection's archive: in a folder if one is given, else in the stack's bucket.

    Raises:
        WrongArgument: There is no such folder.
        OperationFailed: There is no such stack.
    """
    if folder is None:
        session = open_session()
        return Bucket(session, find_stack(session, stack).archive_bucket, connection)
    if not folder.is_dir():
        raise WrongArgument(f"--folder is {str(folder)!r}, which is no folder")
    return Folder(folder, connection)


def printable(text: str) -> str:
    """The text as a terminal may show it: texts from outside may have characters that control one."""
    return text if text.isprintable() else repr(text)


def show(lines: Iterable[str]) -> None:
    """Prints the output of an operation that succeeded: all of it, or nothing and its error."""
    print("\n".join(list(lines)))


def show_json(document: Json) -> None:
    """Prints a document for a script."""
    print(json.dumps(document, indent=2, ensure_ascii=False))
