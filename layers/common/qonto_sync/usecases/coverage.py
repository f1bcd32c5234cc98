"""Covers a window slice by slice, oldest first, and records after each how far it came.

A slice is read completely, each of its invoices is archived or recorded as pending in the ledger, what could not be
read is recorded as a gap, and only then is the progress committed. A crash costs the reading of one slice at most: the
ledger has what was archived.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING

from qonto_sync.domain.errors import DeadlineReached
from qonto_sync.domain.gap import GapReason
from qonto_sync.usecases.gap_work import NO_TIME
from qonto_sync.usecases.window_reader import Cut, Incomplete

if TYPE_CHECKING:
    from datetime import datetime

    from qonto_sync.domain.result import Tally
    from qonto_sync.domain.window import Window
    from qonto_sync.usecases.gap_work import GapWork
    from qonto_sync.usecases.window_reader import WindowReader


class Progress(ABC):
    """How far the window is covered, in a place that outlives the run."""

    has_moved: bool = False
    """Whether this run recorded more than the runs before it."""

    @abstractmethod
    def commit(self, end: datetime) -> None:
        """Records that the window is covered up to there. It is called again for what was committed before.

        Raises:
            Superseded: another run recorded its progress since this one read it.
        """

    @abstractmethod
    def would_move(self, end: datetime) -> bool:
        """Whether a commit up to there would record anything new."""


class Coverage:
    """The slices of one run."""

    def __init__(
        self, reader: WindowReader, gaps: GapWork, tally: Tally, progress: Progress, *, fresh_from: datetime
    ) -> None:
        """`fresh_from` is as `WindowReader` takes it."""
        self._reader = reader
        self._gaps = gaps
        self._tally = tally
        self._progress = progress
        self._fresh_from = fresh_from
        self._read_until: datetime | None = None

    def cover(self, window: Window) -> None:
        """Reads the window, cuts it where that is needed, and commits each slice.

        Raises:
            DeadlineReached: before the end; what was read until then is committed.
            Superseded, Retriable, Fatal: as `Progress.commit` and `WindowReader.read`.
        """
        slices = [] if window.is_empty else [window]
        self._tally.slices_planned = len(slices)
        while slices:
            current = slices.pop()
            try:
                outcome = self._reader.read(current)
            except DeadlineReached:
                self._stop_at(current, has_answer=self._reader.begun == current or current != window)
                raise
            if isinstance(outcome, Cut):
                slices += [outcome.newer, outcome.older]
                self._tally.slices_planned += self._has_commit(outcome.older)
                continue
            if isinstance(outcome, Incomplete):
                self._gaps.record(current, outcome.reason, outcome.detail)
            if current.created_to is None:
                self._read_until = current.end
            if self._has_commit(current):
                self._progress.commit(current.end)

    def _has_commit(self, window: Window) -> bool:
        """Whether the progress is committed when this slice was read.

        A slice that ends where the fresh end begins is committed with it, and a part of a second with the last part.
        """
        return window.end != self._fresh_from and window.created_to is None

    def _stop_at(self, current: Window, *, has_answer: bool) -> None:
        """Keeps what was read when the deadline came in this slice; the next run goes on after it.

        A part of a second cannot be committed, so the rest of the second becomes a gap. So does the slice that a whole
        run came to without reading another or writing an object: the next run would not get further either.
        """
        if current.created_from:
            self._gaps.record(replace(current, created_to=None), GapReason.UNFINISHED, NO_TIME)
        elif self._read_until:
            if self._progress.would_move(self._read_until):
                self._progress.commit(self._read_until)
            return
        elif self._tally.written or not has_answer:
            return
        else:
            rest = [replace(current, created_from=current.created_to, created_to=None)] if current.created_to else []
            for part in [*(current.halves() or [current]), *rest]:
                self._gaps.record(part, GapReason.UNFINISHED, NO_TIME)
        self._progress.commit(current.end)
