"""`qonto-sync export`."""

from __future__ import annotations

import calendar
import re
import shutil
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from operations.arguments import any_connection_name
from operations.aws import OperationFailed, WrongArgument
from operations.export.archive import ZipWriter
from operations.export.download import Wanted, download
from operations.export.names import file_names
from operations.export.selection import Period, select
from operations.export.tables import INVOICE_COLUMNS, LINE_COLUMNS, csv_bytes, line_items, write_workbook
from operations.options import STACK, ConnectionOption, FolderOption, StackOption, open_archive, show
from operations.page import render_page
from qonto_sync.domain.times import from_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from operations.archives import Archive
    from operations.export.selection import Selection

_MONTH: Final = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")
_EPOCH: Final = datetime(1980, 1, 1, tzinfo=UTC)
"""The first time that a ZIP can express."""


def export(
    *,
    month: Annotated[str, typer.Option(metavar="MONTH", help="Of issue, such as 2026-10.")] = "",
    first: Annotated[str, typer.Option("--from", metavar="DATE", help="The first day of issue.")] = "",
    last: Annotated[str, typer.Option("--to", metavar="DATE", help="The last day of issue.")] = "",
    status: Annotated[
        str, typer.Option(metavar="STATUS,…", help="Only these, such as paid,unpaid. Otherwise all but drafts.")
    ] = "",
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Named after the period if left out.")] = None,
    connection: ConnectionOption = "default",
    folder: FolderOption = None,
    stack: StackOption = STACK,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    uncertified: Annotated[
        bool, typer.Option("--uncertified", help="Export what there is, although it is not certified.")
    ] = False,
) -> None:
    """Export a period's invoices as one ZIP: files with readable names, tables, a page to look at, hashes.

    Example: `qonto-sync export --month 2026-10 --connection acme`
    """
    period = _period(month, first, last)
    name = any_connection_name(connection)
    span = month or f"{period.first}_{period.last}"
    target = output or Path(f"{name}-{span}.zip")
    if target.exists() and not force:
        raise WrongArgument(f"--output is {str(target)!r}, which exists: say --force to replace it, or another name")
    archive = open_archive(folder, stack, name)
    selection = select(archive, name, period, frozenset(filter(None, status.split(","))))
    if selection.doubts and not uncertified:
        doubts = "\n".join(f"  {doubt}" for doubt in selection.doubts)
        raise OperationFailed(f"Not all of it is certified:\n{doubts}\nExport what there is with --uncertified")
    if not selection.rows:
        raise OperationFailed(f"There is no invoice of {span}; {_STATUS_HINT}")
    try:
        show(_export(archive, selection, target, f"{name}, {span}"))
    except OSError as error:
        raise OperationFailed(f"{error.strerror}: {error.filename or target}") from error


_STATUS_HINT: Final = "drafts are left out unless --status names them"


def _export(archive: Archive, selection: Selection, target: Path, title: str) -> Iterator[str]:
    names = file_names(selection.rows)
    rows = [{**row, "file_name": names.get(row["file_key"], "")} for row in selection.rows]
    parts = target.with_name(f"{target.name}.parts")
    _fetch_all(archive, rows, parts)
    made_at = max(from_text(selection.as_of) or _EPOCH, _EPOCH)
    workbook = parts / "invoices.xlsx"
    write_workbook(workbook, rows, _lines(rows, parts), made_at=made_at)
    about = f"{len(rows)} invoices, as of {selection.as_of or 'an unknown time'}"
    page = render_page(rows, title=f"Invoices of {title}", about=about, link=names.get)
    partial = parts / target.name
    with ZipWriter(partial, made_at) as writer:
        for row in rows:
            if row["file_name"]:
                writer.add_file(row["file_name"], parts / row["file_sha256"])
        writer.add_bytes("invoices.csv", csv_bytes(INVOICE_COLUMNS, rows))
        writer.add_bytes("line_items.csv", csv_bytes(LINE_COLUMNS, _lines(rows, parts)))
        writer.add_file("invoices.xlsx", workbook)
        writer.add_bytes("index.html", page.encode())
        if selection.doubts:
            writer.add_bytes("UNCERTIFIED.txt", "".join(f"{doubt}\n" for doubt in selection.doubts).encode())
        writer.add_manifest()
    partial.replace(target)
    shutil.rmtree(parts)
    return _summary(rows, selection, target)


def _fetch_all(archive: Archive, rows: list[dict[str, str]], parts: Path) -> None:
    # What is the same is fetched once.
    wanted = {
        row[f"{kind}_sha256"]: Wanted(
            row[f"{kind}_key"], row[f"{kind}_sha256"], f"invoice {row['number'] or row['invoice_id']}"
        )
        for row in rows
        for kind in ("file", "document")
        if row[f"{kind}_key"]
    }
    columns = (TextColumn("fetching"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("objects", total=len(wanted))
        download(archive, list(wanted.values()), parts, lambda _size: progress.advance(task))


def _lines(rows: list[dict[str, str]], parts: Path) -> Iterator[Mapping[str, str]]:
    for row in rows:
        if row["document_key"]:
            yield from line_items(row, (parts / row["document_sha256"]).read_bytes())


def _summary(rows: list[dict[str, str]], selection: Selection, target: Path) -> Iterator[str]:
    files = sum(bool(row["file_name"]) for row in rows)
    yield f"{target}: {len(rows)} invoices, {files} files, {target.stat().st_size:,} bytes"
    if missing := [row for row in rows if not row["file_name"]]:
        numbers = ", ".join(row["number"] or row["invoice_id"] for row in missing[:5])
        yield f"  without a file: {len(missing)} ({numbers}{', …' if len(missing) > 5 else ''}); invoices.csv says why"  # noqa: PLR2004
    yield from (f"  uncertified: {doubt}" for doubt in selection.doubts)


def _period(month: str, first: str, last: str) -> Period:
    if bool(month) == bool(first or last):
        raise WrongArgument("Say either --month, or --from and --to")
    if month:
        found = _MONTH.fullmatch(month)
        if not found:
            raise WrongArgument(f"--month is {month!r}, but must be like 2026-10")
        days = calendar.monthrange(int(found[1]), int(found[2]))[1]
        return Period(f"{month}-01", f"{month}-{days}")
    for name, text in (("--from", first), ("--to", last)):
        try:
            date.fromisoformat(text)
        except ValueError as error:
            raise WrongArgument(f"{name} is {text!r}, but must be a date like 2026-10-31") from error
    if first > last:
        raise WrongArgument(f"--from is {first!r}, but must not be after --to, {last!r}")
    return Period(first, last)
