"""The output of a local run: progress bars, then the results."""

from __future__ import annotations

import json
import logging
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, override

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Screen:
    """The terminal. Made before the functions' own output is sent to their log."""

    def __init__(self) -> None:
        # This very stream: `sys.stdout` becomes the functions' log.
        self._console = Console(file=sys.stdout, highlight=False, soft_wrap=True)

    def say(self, text: str) -> None:
        """One line, or more, in rich's markup."""
        self._console.print(text)

    def fail(self, text: str) -> None:
        """The reason why it stops."""
        self._console.print(text, style="bold red", markup=False)

    def show_result(self, result: dict[str, Any]) -> None:
        """A function's result, as the Lambda console would show it, but one line per topic."""
        lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in result.items()]
        self._console.print("{\n" + ",\n".join(lines) + "\n}", markup=False, style="cyan")

    def show_latest(self, archive: Path, most: int = 3) -> None:
        """The last few invoices of an archive, by the month of their keys."""
        files = archive.glob("*/client_invoices/**/*")
        folders = sorted({path.parent for path in files if path.is_file()}, key=lambda path: path.parent)
        for folder in folders[-most:]:
            self._console.print(f"    {folder.relative_to(archive)}/")
            for path in sorted(folder.iterdir()):
                self._console.print(f"        {path.name}  [dim]{path.stat().st_size:,} bytes[/dim]")

    @contextmanager
    def bar(self, what: str) -> Iterator[Callable[[int, int], None]]:
        """A progress bar; yields the function that sets how many are done, of how many."""
        columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self._console, redirect_stdout=False, redirect_stderr=False) as progress:
            task = progress.add_task(what, total=None)
            yield lambda done, total: progress.update(task, completed=done, total=total)
            # With nothing to do it would stay at "0/?".
            progress.update(task, visible=progress.tasks[task].completed > 0)


class InvoiceCounter(logging.Handler):
    """Follows runs by their structured log: the same events that CloudWatch gets.

    A slice is planned in parts. A run that goes on plans those again in which the one before had no time left, and a
    part that is cut is planned again by its halves: a part that begins at the same time replaces the one before.
    """

    def __init__(self, advance: Callable[[int, int], None]) -> None:
        super().__init__(logging.DEBUG)
        self._advance = advance
        self._committed = 0
        self._done = 0
        self._parts: dict[str, int] = {}
        """The invoices of each part of the slice, by its beginning."""

    @override
    def emit(self, record: logging.LogRecord) -> None:
        facts = record.__dict__
        match record.getMessage():
            case "slice_planned":
                self._parts[facts["from"]] = facts["total_count"]
            case "invoice_archived" | "invoice_pending" | "invoice_failed":
                self._done += 1
            case "slice_committed" | "backfill_committed":
                # What was archived before is passed over without a word.
                self._committed = self._done = self._planned()
                self._parts.clear()
            case _:
                return
        self._advance(self._done, max(self._done, self._planned()))

    def _planned(self) -> int:
        return self._committed + sum(self._parts.values())
