"""One run of a backfill: reads a time again that a person names. The checkpoint stays as it is.

What is still to be read is a gap in the state table, recorded before anything is read and made smaller with each slice.
A run that is interrupted is continued with the rest. If nothing continues it, the gap becomes due, and the hourly run
reads it like any other.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, override

from qonto_sync.domain.errors import InvalidEvent, ItemError
from qonto_sync.domain.gap import Gap, GapReason
from qonto_sync.domain.result import RunResult
from qonto_sync.domain.times import to_text, whole_seconds
from qonto_sync.usecases.coverage import Progress
from qonto_sync.usecases.window_run import WindowRun

if TYPE_CHECKING:
    from datetime import datetime

    from qonto_sync.domain.events import BackfillRequest
    from qonto_sync.domain.ids import RunId
    from qonto_sync.domain.window import Window
    from qonto_sync.ports import Checkpoints
    from qonto_sync.usecases.run_context import RunContext
    from qonto_sync.usecases.window_run import RunPolicy

_log = logging.getLogger(__name__)

_TAKEN_OVER_AFTER: Final = timedelta(minutes=30)
"""Without progress for so long, the backfill's invocation is over, and so is the start of the next one."""


class BackfillRun:
    """One run for one connection; made for it, and used once."""

    def __init__(
        self,
        run_id: RunId,
        context: RunContext,
        policy: RunPolicy,
        *,
        checkpoints: Checkpoints,
        request: BackfillRequest,
    ) -> None:
        self._run_id = run_id
        self._context = context
        self._policy = policy
        self._checkpoints = checkpoints
        self._request = request

    def execute(self) -> RunResult:
        """Reads the window as far as time allows.

        Raises:
            InvalidEvent: the window ends so late that Qonto may still list other invoices in it.
            Fatal, Retriable: as `WindowRun.cover`. What is still to be read is recorded.
        """
        context, request = self._context, self._request
        closed_until = whole_seconds(context.clock.now() - self._policy.lag)
        if request.window.end > closed_until:
            raise InvalidEvent(
                f"'to' is {to_text(request.window.end)}, but must be {to_text(closed_until)} or earlier: what changes"
                " later, the hourly run reads"
            )
        checkpoint = self._checkpoints.read(context.connection)
        context.source.pin(checkpoint)
        run = WindowRun(context, self._policy, request.window, closed_until=closed_until)
        progress = _Rest(context, run)
        _log.info("run_started", extra={"from": to_text(run.window.start), "to": to_text(run.window.end)})
        outcome, _ = run.cover(progress, counted_before=None)
        run.tally.gaps = run.gaps.open_count
        left = progress.window if run.goes_on(outcome, progress) else None
        return RunResult(
            request=request,
            outcome=outcome,
            run_id=self._run_id,
            window=request.window,
            tally=run.tally,
            checkpoint=checkpoint,
            goes_on_with=replace(request, window=left) if left else None,
        )


class _Rest(Progress):
    """The part of a backfill's window that is still to be read, as a gap."""

    def __init__(self, context: RunContext, run: WindowRun) -> None:
        self._context = context
        self._run = run
        self._gap: Gap | None = self._kept(run.window)

    @property
    def window(self) -> Window | None:
        """What is left; None when all of it was read, or recorded as gaps of its own."""
        return self._gap.window if self._gap else None

    @override
    def would_move(self, end: datetime) -> bool:
        return self._gap is not None and end > self._gap.window.start

    @override
    def commit(self, end: datetime) -> None:
        """Makes the gap smaller, or removes it. It stays if the list may be another organization's."""
        done = self._gap
        if self._context.dry_run or not done or not self.would_move(end) or not self._is_proven():
            return
        self._gap = self._kept(replace(done.window, start=end)) if end < done.window.end else None
        self._run.gaps.remove(done)
        self.has_moved = True
        self._run.tally.slices_committed += 1
        _log.info("backfill_committed", extra={"read_until": to_text(end)})

    def _kept(self, window: Window) -> Gap:
        now = self._context.clock.now()
        gap = Gap(
            self._context.connection,
            window,
            GapReason.BACKFILL,
            "a backfill was asked for, and has yet to read it",
            since=now,
            due_at=now + _TAKEN_OVER_AFTER,
            attempts=0,
        )
        self._run.gaps.keep(gap)
        return gap

    def _is_proven(self) -> bool:
        try:
            return self._run.tally.listed > 0 or self._context.source.is_shown()
        except ItemError:
            return False
