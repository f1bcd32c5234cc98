"""The progress of an hourly run: the connection's checkpoint, moved by compare-and-swap."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, override

from qonto_sync.domain.checkpoint import CatchUp, Checkpoint
from qonto_sync.domain.errors import ItemError
from qonto_sync.domain.times import to_text, whole_seconds
from qonto_sync.usecases.coverage import Progress

if TYPE_CHECKING:
    from datetime import datetime

    from qonto_sync.domain.ids import RunId
    from qonto_sync.domain.result import Tally
    from qonto_sync.ports import Checkpoints
    from qonto_sync.usecases.gap_work import GapWork
    from qonto_sync.usecases.run_context import RunContext

_log = logging.getLogger(__name__)


class CheckpointProgress(Progress):
    """The checkpoint as this run read it, or as it committed it last."""

    def __init__(
        self,
        run_id: RunId,
        context: RunContext,
        *,
        tally: Tally,
        gaps: GapWork,
        checkpoints: Checkpoints,
        checkpoint: Checkpoint | None,
        resume_from: datetime,
        fresh_from: datetime,
    ) -> None:
        """`resume_from` is where the run begins to read, and the next one, too, while nothing is proven."""
        self._run_id = run_id
        self._context = context
        self._tally = tally
        self._gaps = gaps
        self._checkpoints = checkpoints
        self._resume_from = resume_from
        self._fresh_from = fresh_from
        self._catch_up = CatchUp(resume_from, whole_seconds(context.clock.now()))
        self.checkpoint = checkpoint

    @override
    def would_move(self, end: datetime) -> bool:
        before = self.checkpoint
        if before is None or before.resume_from is None or before.synced_until < end:
            return True
        return before.resume_from < min(end, self._fresh_from)

    @override
    def commit(self, end: datetime) -> None:
        """Moves the checkpoint to the end of a slice. Reading goes on there, but never later than at the fresh end.

        A window without invoices is read again: with another organization's key it would look the same.
        """
        if self._context.dry_run:
            return
        before = self.checkpoint
        if self._is_proven():
            self._resume_from = min(end, self._fresh_from)
        resume_from = self._resume_from
        synced_until = max(end, before.synced_until) if before else end
        checkpoint = Checkpoint(
            synced_until=synced_until,
            version=before.version + 1 if before else 1,
            run_id=self._run_id,
            resume_from=max(resume_from, before.resume_from or resume_from) if before else resume_from,
            organization_id=self._context.source.organization_id,
            catch_up=self._caught_up(before, synced_until),
        )
        self._checkpoints.commit(self._context.connection, checkpoint)
        self.has_moved |= before is None or _is_further(checkpoint, before)
        self.checkpoint = checkpoint
        self._tally.slices_committed += 1
        _log.info(
            "slice_committed",
            extra={"synced_until": to_text(checkpoint.synced_until), "version": checkpoint.version},
        )

    def _caught_up(self, before: Checkpoint | None, synced_until: datetime) -> CatchUp:
        """From where this run and those before it are catching up; from the present if this one has."""
        if synced_until >= self._fresh_from:
            return CatchUp(synced_until, whole_seconds(self._context.clock.now()))
        earlier = before.catch_up if before else None
        return earlier if before and earlier and earlier.start < before.synced_until else self._catch_up

    def _is_proven(self) -> bool:
        """Whether what this run reads is this organization's: Qonto listed an invoice of it.

        A run that has more to do than to read one empty window asks for one of any time: without a move the next run
        would do the same again.
        """
        if self._tally.listed or (self._tally.slices_planned == 1 and not self._gaps.has_recorded):
            return self._tally.listed > 0
        try:
            return self._context.source.is_shown()
        except ItemError:
            return False


def _is_further(checkpoint: Checkpoint, before: Checkpoint) -> bool:
    moved_on = checkpoint.resume_from and before.resume_from and checkpoint.resume_from > before.resume_from
    return bool(moved_on) or checkpoint.synced_until > before.synced_until
