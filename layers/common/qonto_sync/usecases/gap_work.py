"""Records the gaps that a run finds, and reads those again that are due."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from qonto_sync.domain import retry_schedule
from qonto_sync.domain.errors import DeadlineReached, ItemError
from qonto_sync.domain.gap import Gap, GapReason
from qonto_sync.domain.window import joined
from qonto_sync.usecases.window_reader import Cut, Incomplete

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qonto_sync.domain.result import Tally
    from qonto_sync.domain.window import Window
    from qonto_sync.usecases.run_context import RunContext
    from qonto_sync.usecases.window_reader import WindowReader

_log = logging.getLogger(__name__)

NO_TIME = "the run had no time to read it"


class GapWork:
    """The gaps of one connection, as far as one run knows them."""

    def __init__(self, context: RunContext, reader: WindowReader, tally: Tally) -> None:
        self._context = context
        self._reader = reader
        self._tally = tally
        self._open: dict[str, Gap] = {}
        self._removed: set[str] = set()
        self._last: Gap | None = None

    @property
    def open_count(self) -> int:
        """How many gaps are left, of those that were noted or recorded."""
        return len(self._open)

    @property
    def has_recorded(self) -> bool:
        """Whether the run has met a gap."""
        return self._last is not None

    def note(self, gap: Gap) -> None:
        """Counts a recorded gap, also one of an earlier run. The index may still list one that was just removed."""
        if gap.id not in self._removed:
            self._open[gap.id] = gap

    def record(self, window: Window, reason: GapReason, detail: str) -> None:
        """Records a gap that this run found. One that adjoins the last one of the same kind is joined with it."""
        now = self._context.clock.now()
        gap = Gap(self._context.connection, window, reason, detail, now, retry_schedule.gap_due_at(1, now), attempts=1)
        last = self._last
        both = _joined(last, gap) if last else None
        if both is None or last is None:
            self._tally.gaps_recorded += self._write(gap)
            self._last = gap
        else:
            self._write(both)
            self.remove(last)
            self._last = both

    def keep(self, gap: Gap) -> None:
        """Writes a gap that stands for what the run itself has yet to read, over what an earlier run wrote of it."""
        if not self._context.dry_run and not self._context.gaps.record(gap):
            self._context.gaps.postpone(gap)
        self.note(gap)

    def read_again(self, due: Iterable[Gap]) -> None:
        """Reads these gaps again while there is time. One that certifies is removed, one that shrank is replaced.

        Raises:
            Fatal, Retriable: as `WindowReader.read`; the gap stays as it is.
        """
        for gap in due:
            if self._context.deadline.remaining() <= 0:
                return
            left = self._read(gap)
            # Another organization's list has nothing of this gap, and would close it.
            self._replace(gap, left if self._is_proven() else [self._later(gap, gap.window, gap.reason, gap.detail)])

    def _is_proven(self) -> bool:
        try:
            return self._context.source.is_shown()
        except ItemError:
            return False

    def _read(self, gap: Gap) -> list[Gap]:
        """Reads a gap, and returns what is left of it."""
        left: list[Gap] = []
        stack = [gap.window]
        try:
            while stack:
                outcome = self._reader.read(stack[-1], gap.attempts)
                window = stack.pop()
                if isinstance(outcome, Cut):
                    stack += [outcome.newer, outcome.older]
                elif isinstance(outcome, Incomplete):
                    _append(left, self._later(gap, window, outcome.reason, outcome.detail))
        except DeadlineReached:
            left += self._rest(gap, stack[::-1])
        return left

    def _rest(self, gap: Gap, windows: list[Window]) -> list[Gap]:
        """What a run had no time for: each part may fit into a run, so it is due in the next one, after others."""
        attempts = gap.attempts
        if windows == [gap.window]:
            windows = list(gap.window.halves() or windows)
            attempts += 1
        if windows == [gap.window]:
            return [self._later(gap, gap.window, GapReason.UNFINISHED, NO_TIME)]
        due = replace(
            gap, reason=GapReason.UNFINISHED, detail=NO_TIME, attempts=attempts, due_at=self._context.clock.now()
        )
        return [replace(due, window=window) for window in windows]

    def _later(self, gap: Gap, window: Window, reason: GapReason, detail: str) -> Gap:
        attempts = gap.attempts + 1
        due_at = retry_schedule.gap_due_at(attempts, self._context.clock.now())
        return replace(gap, window=window, reason=reason, detail=detail, attempts=attempts, due_at=due_at)

    def _replace(self, gap: Gap, left: list[Gap]) -> None:
        if [part.id for part in left] == [gap.id]:
            self._context.gaps.postpone(left[0])
            return
        for part in left:
            self._write(part)
        self.remove(gap)
        if left:
            _log.info("gap_narrowed", extra={"gap": gap.id, "parts": len(left)})
        else:
            _log.info("gap_closed", extra={"gap": gap.id})

    def _write(self, gap: Gap) -> bool:
        is_new = self._context.dry_run or self._context.gaps.record(gap)
        if is_new:
            _log.warning("gap_recorded", extra={"gap": gap.id, "reason": gap.reason.value, "detail": gap.detail})
        self.note(gap)
        return is_new

    def remove(self, gap: Gap) -> None:
        """Removes a gap of which everything was read."""
        if not self._context.dry_run:
            self._context.gaps.remove(gap)
        self._open.pop(gap.id, None)
        self._removed.add(gap.id)


def _append(gaps: list[Gap], gap: Gap) -> None:
    """Appends the gap, joined with the last one if they adjoin."""
    both = _joined(gaps[-1], gap) if gaps else None
    if both:
        gaps[-1] = both
    else:
        gaps.append(gap)


def _joined(first: Gap, second: Gap) -> Gap | None:
    """One gap for two that adjoin. Parts that a run has no time for stay apart, so that each can fit into a run."""
    if first.reason is not second.reason or first.reason is GapReason.UNFINISHED:
        return None
    window = joined(first.window, second.window)
    return replace(first, window=window, detail=second.detail) if window else None
