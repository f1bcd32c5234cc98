"""One run of the hourly sync: reads the window slice by slice, and commits the checkpoint after each.

A slice is read completely, each of its invoices is archived or recorded as pending in the ledger, what could not be
read is recorded as a gap, and only then is the checkpoint committed. A crash costs the reading of one slice at most:
the ledger has what was archived.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from qonto_sync.domain.checkpoint import Checkpoint
from qonto_sync.domain.errors import ClockSkew, DeadlineReached, InvalidSettings, ItemError, Retriable, Superseded
from qonto_sync.domain.gap import GapReason
from qonto_sync.domain.result import RunOutcome, SyncResult, Tally
from qonto_sync.domain.times import to_text
from qonto_sync.domain.window import window_to_cover
from qonto_sync.usecases.gap_work import NO_TIME, GapWork
from qonto_sync.usecases.pending_pass import requeue_overdue
from qonto_sync.usecases.window_reader import Cut, Incomplete, WindowReader

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from qonto_sync.domain.ids import RunId
    from qonto_sync.domain.window import Window
    from qonto_sync.ports import Checkpoints
    from qonto_sync.usecases.run_context import RunContext

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SyncPolicy:
    """The settings of a run; `Settings` describes them."""

    initial_sync_from: datetime
    overlap: timedelta
    lag: timedelta
    pages_per_slice: int
    in_flight: int
    """Invoices submitted to the executor and not finished: two pages keep all workers busy while one is read."""


class SyncRun:
    """One run for one connection; made for it, and used once."""

    def __init__(self, run_id: RunId, context: RunContext, policy: SyncPolicy, *, checkpoints: Checkpoints) -> None:
        self._run_id = run_id
        self._context = context
        self._policy = policy
        self._checkpoints = checkpoints
        self._tally = Tally()

    def execute(self) -> SyncResult:
        """Reads the window as far as time allows, then works on what is pending.

        Raises:
            Fatal: the run cannot go on. The checkpoint is at the end of the last complete slice.
            Retriable: Qonto or AWS could not be reached in time. The checkpoint is there, too.
        """
        self._checkpoint = before = self._checkpoints.read(self._context.connection)
        self._context.source.pin(before)
        window = self._window()
        # The start of the window's fresh end; the docstring of `domain.reading` gives the reason.
        self._fresh_from = window.end - self._policy.overlap
        self._read_until: datetime | None = None
        self._resume_from = window.start
        self._has_gap = False
        reader = WindowReader(
            self._context,
            self._tally,
            fresh_from=self._fresh_from,
            lag=self._policy.lag,
            pages_per_slice=self._policy.pages_per_slice,
            in_flight=self._policy.in_flight,
        )
        self._gaps = GapWork(self._context, reader, self._tally)
        _log.info("run_started", extra={"from": to_text(window.start), "to": to_text(window.end)})
        outcome = self._cover_and_report(reader, window, counted_before=before.committed_at if before else None)
        return SyncResult(
            outcome=outcome,
            connection=self._context.connection,
            run_id=self._run_id,
            window=window,
            tally=self._tally,
            checkpoint=self._checkpoint,
        )

    def _window(self) -> Window:
        now = self._context.clock.now()
        initial = self._policy.initial_sync_from
        if self._checkpoint is None and initial > now:
            raise InvalidSettings(
                f"INITIAL_SYNC_FROM is {to_text(initial)}, which is in the future: it is {to_text(now)}"
            )
        if self._checkpoint and self._checkpoint.synced_until > now:
            raise ClockSkew(
                f"The checkpoint of {self._context.connection!r} says that everything up to"
                f" {to_text(self._checkpoint.synced_until)} is archived, but it is {to_text(now)} here:"
                " this machine's clock is slow, or the checkpoint was edited"
            )
        return window_to_cover(self._checkpoint, initial, now, overlap=self._policy.overlap, lag=self._policy.lag)

    def _cover_and_report(self, reader: WindowReader, window: Window, *, counted_before: datetime | None) -> RunOutcome:
        """Covers the window; then requeues what is overdue and reads due gaps again, whatever became of the window."""
        unreachable: Retriable | None = None
        outcome = RunOutcome.DRY_RUN if self._context.dry_run else RunOutcome.COMMITTED
        try:
            self._cover(reader, window)
        except DeadlineReached:
            outcome = RunOutcome.PARTIAL
        except Superseded:
            outcome = RunOutcome.SUPERSEDED
        except Retriable as error:
            unreachable = error
        due = requeue_overdue(self._context, self._tally, self._gaps, counted_before=counted_before)
        if unreachable:
            raise unreachable
        if not self._context.dry_run:
            self._gaps.read_again(due)
        self._tally.gaps = self._gaps.open_count
        return outcome

    def _cover(self, reader: WindowReader, window: Window) -> None:
        slices = [] if window.is_empty else [window]
        self._tally.slices_planned = len(slices)
        while slices:
            current = slices.pop()
            try:
                outcome = reader.read(current)
            except DeadlineReached:
                self._stop_at(current, has_answer=reader.begun == current or current != window)
                raise
            if isinstance(outcome, Cut):
                slices += [outcome.newer, outcome.older]
                self._tally.slices_planned += self._has_commit(outcome.older)
                continue
            if isinstance(outcome, Incomplete):
                self._record_gap(current, outcome.reason, outcome.detail)
            if current.created_to is None:
                self._read_until = current.end
            if self._has_commit(current):
                self._commit(current.end)

    def _has_commit(self, window: Window) -> bool:
        """Whether the checkpoint is committed when this slice was read.

        One that ends where the fresh end begins is committed with it, and a part of a second with the last part.
        """
        return window.end != self._fresh_from and window.created_to is None

    def _stop_at(self, current: Window, *, has_answer: bool) -> None:
        """Keeps what was read when the deadline came in this slice; the next run goes on after it.

        A part of a second cannot be committed, so the rest of the second becomes a gap. So does the slice that a whole
        run came to without reading another or writing an object: the next run would not get further either.
        """
        if current.created_from:
            self._record_gap(replace(current, created_to=None), GapReason.UNFINISHED, NO_TIME)
        elif self._read_until:
            if self._moves(self._read_until):
                self._commit(self._read_until)
            return
        elif self._tally.written or not has_answer:
            return
        else:
            rest = [replace(current, created_from=current.created_to, created_to=None)] if current.created_to else []
            for part in [*(current.halves() or [current]), *rest]:
                self._record_gap(part, GapReason.UNFINISHED, NO_TIME)
        self._commit(current.end)

    def _record_gap(self, window: Window, reason: GapReason, detail: str) -> None:
        self._gaps.record(window, reason, detail)
        self._has_gap = True

    def _moves(self, end: datetime) -> bool:
        """Whether a commit of what was read until then would move the checkpoint."""
        before = self._checkpoint
        if before is None or before.resume_from is None or before.synced_until < end:
            return True
        return before.resume_from < min(end, self._fresh_from)

    def _commit(self, end: datetime) -> None:
        """Moves the checkpoint to the end of a slice. Reading goes on there, but never later than at the fresh end.

        A window without invoices is read again: with another organization's key it would look the same.
        """
        if self._context.dry_run:
            return
        before = self._checkpoint
        if self._is_proven():
            self._resume_from = min(end, self._fresh_from)
        resume_from = self._resume_from
        checkpoint = Checkpoint(
            synced_until=max(end, before.synced_until) if before else end,
            version=before.version + 1 if before else 1,
            run_id=self._run_id,
            resume_from=max(resume_from, before.resume_from or resume_from) if before else resume_from,
            organization_id=self._context.source.organization_id,
        )
        self._checkpoints.commit(self._context.connection, checkpoint)
        self._checkpoint = checkpoint
        self._tally.slices_committed += 1
        _log.info(
            "slice_committed",
            extra={"synced_until": to_text(checkpoint.synced_until), "version": checkpoint.version},
        )

    def _is_proven(self) -> bool:
        """Whether what this run reads is this organization's: Qonto listed an invoice of it.

        A run that has more to do than to read one empty window asks for one of any time: without a move the next run
        would do the same again.
        """
        if self._tally.listed or (self._tally.slices_planned == 1 and not self._has_gap):
            return self._tally.listed > 0
        try:
            return self._context.source.is_shown()
        except ItemError:
            return False
