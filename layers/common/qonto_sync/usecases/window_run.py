"""What every run does with its window, whoever asked for it: covers it, and then looks after what is pending."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qonto_sync.domain.errors import DeadlineReached, Retriable, Superseded
from qonto_sync.domain.result import RunOutcome, Tally
from qonto_sync.usecases.coverage import Coverage
from qonto_sync.usecases.gap_work import GapWork
from qonto_sync.usecases.pending_pass import requeue_overdue
from qonto_sync.usecases.window_reader import WindowReader

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from qonto_sync.domain.gap import Gap
    from qonto_sync.domain.window import Window
    from qonto_sync.usecases.coverage import Progress
    from qonto_sync.usecases.run_context import RunContext


@dataclass(frozen=True, slots=True)
class RunPolicy:
    """The settings of a run; `Settings` describes them."""

    initial_sync_from: datetime
    overlap: timedelta
    lag: timedelta
    pages_per_slice: int
    in_flight: int
    """Invoices submitted to the executor and not finished: two pages keep all workers busy while one is read."""


class WindowRun:
    """One window, and the counts of the run that covers it."""

    def __init__(self, context: RunContext, policy: RunPolicy, window: Window, *, closed_until: datetime) -> None:
        """`closed_until` is the latest end that a window of this run can have."""
        self._context = context
        self.window = window
        self.tally = Tally()
        # The start of the time that is read apart; the docstring of `domain.reading` gives the reason.
        self.fresh_from = closed_until - policy.overlap
        self._reader = WindowReader(
            context,
            self.tally,
            fresh_from=self.fresh_from,
            lag=policy.lag,
            pages_per_slice=policy.pages_per_slice,
            in_flight=policy.in_flight,
        )
        self.gaps = GapWork(context, self._reader, self.tally)

    def cover(self, progress: Progress, *, counted_before: datetime | None) -> tuple[RunOutcome, list[Gap]]:
        """Covers the window as far as time allows, and returns how that ended and the gaps that are due.

        Whatever became of the window, all that is pending is counted, and messages are sent for what is overdue.
        `counted_before` is when an earlier run did that.

        Raises:
            Fatal: the run cannot go on. What was committed is complete.
            Retriable: Qonto or AWS could not be reached in time. Likewise.
        """
        unreachable: Retriable | None = None
        outcome = RunOutcome.DRY_RUN if self._context.dry_run else RunOutcome.COMMITTED
        coverage = Coverage(self._reader, self.gaps, self.tally, progress, fresh_from=self.fresh_from)
        try:
            coverage.cover(self.window)
        except DeadlineReached:
            outcome = RunOutcome.PARTIAL
        except Superseded:
            outcome = RunOutcome.SUPERSEDED
        except Retriable as error:
            unreachable = error
        due = requeue_overdue(self._context, self.tally, self.gaps, counted_before=counted_before)
        if unreachable:
            raise unreachable
        return outcome, due

    def goes_on(self, outcome: RunOutcome, progress: Progress) -> bool:
        """Whether another run is to go on at once: this one had no time for all of it, and got further.

        A run that got no further would be followed by others that do not either; the schedule starts the next one.
        """
        return outcome is RunOutcome.PARTIAL and (progress.has_moved or self.tally.written > 0)
