"""One run of the hourly sync: reads the window slice by slice, and commits the checkpoint after each.

A slice is read completely, each of its invoices is archived or recorded as pending in the ledger, and only then is the
checkpoint committed. A crash costs the reading of one slice at most: the ledger has what was archived.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from itertools import batched
from typing import TYPE_CHECKING

from qonto_sync.domain import retry_schedule
from qonto_sync.domain.checkpoint import Checkpoint
from qonto_sync.domain.errors import ClockSkew, DeadlineReached, IncompleteRead, InvalidSettings, Superseded
from qonto_sync.domain.messages import DelayedMessage, RetryMessage
from qonto_sync.domain.result import Backlog, RunOutcome, SyncResult, Tally
from qonto_sync.domain.times import to_text
from qonto_sync.domain.window import Reading, window_to_cover
from qonto_sync.usecases.slice_archiver import SliceArchiver

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from qonto_sync.domain.ids import RunId
    from qonto_sync.domain.invoice import InvoicePage
    from qonto_sync.domain.window import Window
    from qonto_sync.ports import Checkpoints, InvoiceSource
    from qonto_sync.usecases.run_context import RunContext

_log = logging.getLogger(__name__)

_READINGS = 3
"""How often a slice is read before it is cut, or the run gives up."""

_MOST_PAGES = 10_000
"""More than a run has time to read."""

_REQUEUE_BATCH = 100
"""Pending invoices that are handled between two checks of the deadline."""


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

    def __init__(
        self,
        run_id: RunId,
        context: RunContext,
        policy: SyncPolicy,
        *,
        source: InvoiceSource,
        checkpoints: Checkpoints,
    ) -> None:
        self._run_id = run_id
        self._context = context
        self._policy = policy
        self._source = source
        self._checkpoints = checkpoints
        self._tally = Tally()
        self._checkpoint: Checkpoint | None = None

    def execute(self) -> SyncResult:
        """Reads the window as far as time allows, then counts what is pending and requeues what is overdue.

        Raises:
            Fatal: the run cannot go on. The checkpoint is at the end of the last complete slice.
            Retriable: Qonto or AWS could not be reached in time. The checkpoint is there, too.
        """
        self._checkpoint = self._checkpoints.read(self._context.connection)
        window = self._window()
        # The start of the window's fresh end; the docstring of `window` gives the reason.
        self._fresh_from = window.end - self._policy.overlap
        _log.info("run_started", extra={"from": to_text(window.start), "to": to_text(window.end)})
        return SyncResult(
            outcome=self._run(window),
            connection=self._context.connection,
            run_id=self._run_id,
            window=window,
            tally=self._tally,
            checkpoint=self._checkpoint,
        )

    def _run(self, window: Window) -> RunOutcome:
        try:
            self._cover(window)
        except DeadlineReached:
            outcome = RunOutcome.PARTIAL
        except Superseded:
            return RunOutcome.SUPERSEDED
        except IncompleteRead:
            # Pending invoices do not depend on the list.
            self._requeue_overdue()
            raise
        else:
            outcome = RunOutcome.DRY_RUN if self._context.dry_run else RunOutcome.COMMITTED
        self._requeue_overdue()
        return outcome

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

    def _cover(self, window: Window) -> None:
        slices = [] if window.is_empty else [window]
        self._tally.slices_planned = len(slices)
        while slices:
            smaller = self._sync_slice(slices.pop())
            if smaller:
                older, newer = smaller
                slices += [newer, older]
                self._tally.slices_planned += self._is_committed(older)

    def _sync_slice(self, window: Window) -> tuple[Window, Window] | None:
        """Archives and commits the slice, or returns two smaller ones: it is too large, or does not certify."""
        halves = window.halves()
        slice_archiver = SliceArchiver(self._context, self._tally, in_flight=self._policy.in_flight)
        for attempt in range(1, _READINGS + 1):
            first = self._page(window, 1)
            if first.total_pages > 1 and (parts := window.cut_at(self._fresh_from)):
                return parts
            if halves and first.total_pages > self._policy.pages_per_slice:
                return halves
            if first.total_pages > _MOST_PAGES:
                raise IncompleteRead(
                    f"Qonto counts {first.total_count} invoices updated from {to_text(window.start)}"
                    f" to {to_text(window.end)}, on {first.total_pages} pages: more than can be read"
                )
            facts = {"from": to_text(window.start), "to": to_text(window.end), "total_count": first.total_count}
            _log.info("slice_planned", extra=facts)
            reading = Reading(first)
            slice_archiver.archive(reading, partial(self._page, window))
            if reading.is_complete:
                self._tally.add_reading(reading)
                self._commit(window)
                return None
            _log.warning("slice_not_certified", extra={**facts, "distinct": reading.distinct})
            if attempt == _READINGS and halves is None:
                raise IncompleteRead(
                    f"The list of invoices updated from {to_text(window.start)} to {to_text(window.end)}"
                    f" did not certify in {_READINGS} readings: {reading.distinct} distinct invoices seen,"
                    f" {first.total_count} counted by Qonto when the last reading began"
                )
        return halves

    def _page(self, window: Window, number: int) -> InvoicePage:
        if self._context.deadline.remaining() <= 0:
            raise DeadlineReached
        page = self._source.page(window, number)
        if page.clock_skew > self._policy.lag:
            raise ClockSkew(
                f"This machine's clock and Qonto's differ by {page.clock_skew.total_seconds():.0f} s,"
                f" more than the {self._policy.lag.total_seconds():.0f} s that LAG_SECONDS allows: set the clock"
            )
        return page

    def _is_committed(self, window: Window) -> bool:
        """Whether the slice has a commit of its own: one that ends where the fresh end begins is committed with it."""
        return window.end != self._fresh_from

    def _commit(self, window: Window) -> None:
        if self._context.dry_run or not self._is_committed(window):
            return
        before = self._checkpoint
        synced_until = max(window.end, before.synced_until) if before else window.end
        checkpoint = Checkpoint(synced_until, (before.version if before else 0) + 1, self._run_id)
        self._checkpoints.commit(self._context.connection, checkpoint)
        self._checkpoint = checkpoint
        self._tally.slices_committed += 1
        _log.info(
            "slice_committed",
            extra={"synced_until": to_text(synced_until), "version": checkpoint.version},
        )

    def _requeue_overdue(self) -> None:
        """Counts the pending invoices, and sends a message for each overdue one: its own was lost or gave up."""
        now = self._context.clock.now()
        backlog = Backlog(now)
        for batch in batched(self._context.ledger.pending(self._context.connection), _REQUEUE_BATCH, strict=False):
            for _, pending in batch:
                backlog.add(pending)
            if not self._context.dry_run:
                self._requeue(
                    RetryMessage(self._context.connection, id_, pending.reason)
                    for id_, pending in batch
                    if pending.due_at <= now - retry_schedule.OVERDUE_AFTER
                )
            if self._context.deadline.remaining() <= 0:
                return
        self._tally.backlog = backlog

    def _requeue(self, messages: Iterable[RetryMessage]) -> None:
        immediate = [DelayedMessage(message, delay_seconds=0) for message in messages]
        self._tally.requeued += len(immediate) - (self._context.queue.send(immediate) if immediate else 0)
