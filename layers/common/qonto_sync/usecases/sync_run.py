"""One run of the hourly sync: covers the time from the checkpoint to the present, then reads due gaps again."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from qonto_sync.domain.errors import ClockSkew, InvalidSettings
from qonto_sync.domain.events import SyncRequest
from qonto_sync.domain.result import RunResult
from qonto_sync.domain.times import to_text
from qonto_sync.domain.window import window_to_cover
from qonto_sync.usecases.checkpoint_progress import CheckpointProgress
from qonto_sync.usecases.window_run import WindowRun

if TYPE_CHECKING:
    from qonto_sync.domain.checkpoint import Checkpoint
    from qonto_sync.domain.ids import RunId
    from qonto_sync.domain.window import Window
    from qonto_sync.ports import Checkpoints
    from qonto_sync.usecases.run_context import RunContext
    from qonto_sync.usecases.window_run import RunPolicy

_log = logging.getLogger(__name__)


class SyncRun:
    """One run for one connection; made for it, and used once."""

    def __init__(self, run_id: RunId, context: RunContext, policy: RunPolicy, *, checkpoints: Checkpoints) -> None:
        self._run_id = run_id
        self._context = context
        self._policy = policy
        self._checkpoints = checkpoints

    def execute(self) -> RunResult:
        """Reads the window as far as time allows, then works on what is pending.

        Raises:
            Fatal, Retriable: as `WindowRun.cover`. The checkpoint is at the end of the last complete slice.
        """
        context = self._context
        begun_at = context.clock.now()
        before = self._checkpoints.read(context.connection)
        context.source.pin(before)
        window = self._window(before)
        run = WindowRun(context, self._policy, window, closed_until=window.end)
        progress = CheckpointProgress(
            self._run_id,
            context,
            tally=run.tally,
            gaps=run.gaps,
            checkpoints=self._checkpoints,
            checkpoint=before,
            resume_from=window.start,
            fresh_from=run.fresh_from,
        )
        _log.info("run_started", extra={"from": to_text(window.start), "to": to_text(window.end)})
        outcome, due = run.cover(progress, counted_before=before.committed_at if before else None)
        if not context.dry_run:
            run.gaps.read_again(due)
        run.tally.gaps = run.gaps.open_count
        return RunResult(
            request=SyncRequest(context.connection, dry_run=context.dry_run),
            outcome=outcome,
            run_id=self._run_id,
            window=window,
            tally=run.tally,
            checkpoint=progress.checkpoint,
            certificate_age=begun_at - before.uncertified_since if before and before.uncertified_since else None,
            goes_on_with=SyncRequest(context.connection) if run.goes_on(outcome, progress) else None,
        )

    def _window(self, checkpoint: Checkpoint | None) -> Window:
        now = self._context.clock.now()
        initial = self._policy.initial_sync_from
        if checkpoint is None and initial > now:
            raise InvalidSettings(
                f"INITIAL_SYNC_FROM is {to_text(initial)}, which is in the future: it is {to_text(now)}"
            )
        if checkpoint and checkpoint.synced_until > now:
            raise ClockSkew(
                f"The checkpoint of {self._context.connection!r} says that everything up to"
                f" {to_text(checkpoint.synced_until)} is archived, but it is {to_text(now)} here:"
                " this machine's clock is slow, or the checkpoint was edited"
            )
        return window_to_cover(checkpoint, initial, now, overlap=self._policy.overlap, lag=self._policy.lag)
