"""One run of the hourly sync: cover the window slice by slice, and move the checkpoint after each.

A slice is read completely, each invoice in it is archived or recorded as pending in the ledger, and only then is
the checkpoint committed. A crash at any moment costs one slice's reading: what it archived is in the ledger.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from itertools import batched
from typing import TYPE_CHECKING

from qonto_sync import schedule
from qonto_sync.errors import ClockSkew, DeadlineReached, IncompleteRead, InvalidSettings, Superseded
from qonto_sync.model import Checkpoint, RetryMessage
from qonto_sync.ports import Wake
from qonto_sync.result import Backlog, RunOutcome, SyncResult, Tally
from qonto_sync.slice_archiving import SliceArchiver
from qonto_sync.times import to_text
from qonto_sync.window import Reading, window_to_cover

if TYPE_CHECKING:
    from collections.abc import Iterable
    from concurrent.futures import Executor
    from datetime import datetime, timedelta

    from qonto_sync.archiving import InvoiceArchiver
    from qonto_sync.model import ConnectionName, InvoicePage, RunId
    from qonto_sync.ports import Checkpoints, Clock, Deadline, InvoiceSource, Ledger, RetryQueue
    from qonto_sync.result import Requests
    from qonto_sync.window import Window

_log = logging.getLogger(__name__)

_READINGS = 3
"""How often a slice is read before it is cut, or the run gives up on it."""

_MOST_PAGES = 10_000
"""More than a run has time to read, and more invoices than were ever updated in one second."""

_LOOK_BATCH = 100
"""Pending invoices looked over between two looks at the clock."""


@dataclass(frozen=True, slots=True)
class SyncPolicy:
    """The knobs of a run; the settings say what they are."""

    initial_sync_from: datetime
    overlap: timedelta
    lag: timedelta
    pages_per_slice: int
    in_flight: int
    """Invoices handed to the executor and not finished: two pages keep all workers busy while one is read."""


class SyncRun:
    """One run for one connection; made for it, and used once."""

    def __init__(
        self,
        connection: ConnectionName,
        run_id: RunId,
        *,
        policy: SyncPolicy,
        source: InvoiceSource,
        ledger: Ledger,
        checkpoints: Checkpoints,
        archiver: InvoiceArchiver,
        queue: RetryQueue,
        executor: Executor,
        clock: Clock,
        deadline: Deadline,
        requests: Requests,
        memory_mb: int,
        dry_run: bool = False,
    ) -> None:
        self._connection = connection
        self._run_id = run_id
        self._policy = policy
        self._source = source
        self._ledger = ledger
        self._checkpoints = checkpoints
        self._archiver = archiver
        self._queue = queue
        self._executor = executor
        self._clock = clock
        self._deadline = deadline
        self._requests = requests
        self._memory_mb = memory_mb
        self._dry_run = dry_run
        self._tally = Tally()
        self._checkpoint: Checkpoint | None = None

    def execute(self) -> SyncResult:
        """Covers the window as far as time allows, then looks over what is pending.

        Raises:
            Fatal: the run can't go on. The checkpoint stands at the last slice that is complete.
            Retriable: Qonto or AWS could not be reached in time. The same holds.
        """
        started = self._clock.monotonic()
        self._checkpoint = self._checkpoints.read(self._connection)
        window = self._window()
        # Where the fresh end of the window begins; the docstring of `window` has the reason.
        self._fresh_from = window.end - self._policy.overlap
        _log.info("run_started", extra={"from": to_text(window.start), "to": to_text(window.end)})
        outcome = self._run(window)
        result = SyncResult(
            outcome=outcome,
            connection=self._connection,
            run_id=self._run_id,
            window=window,
            tally=self._tally,
            checkpoint=self._checkpoint,
            duration_ms=round((self._clock.monotonic() - started) * 1000),
            memory_mb=self._memory_mb,
            requests=self._requests,
        )
        _log.info("run_finished", extra={"result": result.as_dict()})
        return result

    def _run(self, window: Window) -> RunOutcome:
        try:
            self._cover(window)
        except DeadlineReached:
            outcome = RunOutcome.PARTIAL
        except Superseded:
            return RunOutcome.SUPERSEDED
        except IncompleteRead:
            # Reading is stuck; what is pending need not be.
            self._look_over_backlog()
            raise
        else:
            outcome = RunOutcome.DRY_RUN if self._dry_run else RunOutcome.COMMITTED
        self._look_over_backlog()
        return outcome

    def _window(self) -> Window:
        now = self._clock.now()
        initial = self._policy.initial_sync_from
        if self._checkpoint is None and initial > now:
            raise InvalidSettings(
                f"INITIAL_SYNC_FROM is {to_text(initial)}, which is in the future: it is {to_text(now)}"
            )
        if self._checkpoint and self._checkpoint.synced_until > now:
            raise ClockSkew(
                f"The checkpoint of {self._connection!r} says that everything up to"
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
        """Archives and commits the slice, or gives two smaller ones: it is too big, or cannot be certified."""
        halves = window.halves()
        slice_archiver = self._slice_archiver()
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
                    f" did not add up in {_READINGS} readings: {reading.distinct} different invoices seen,"
                    f" {first.total_count} counted by Qonto when the last reading began"
                )
        return halves

    def _slice_archiver(self) -> SliceArchiver:
        return SliceArchiver(
            self._connection,
            ledger=self._ledger,
            archiver=self._archiver,
            queue=self._queue,
            executor=self._executor,
            in_flight=self._policy.in_flight,
            clock=self._clock,
            deadline=self._deadline,
            tally=self._tally,
            dry_run=self._dry_run,
        )

    def _page(self, window: Window, number: int) -> InvoicePage:
        if self._deadline.remaining() <= 0:
            raise DeadlineReached
        page = self._source.page(window, number)
        if page.clock_skew > self._policy.lag:
            raise ClockSkew(
                f"This machine's clock and Qonto's differ by {page.clock_skew.total_seconds():.0f} s,"
                f" more than the {self._policy.lag.total_seconds():.0f} s that LAG_SECONDS allows: set the clock"
            )
        return page

    def _is_committed(self, window: Window) -> bool:
        """Whether the slice is committed on its own: what ends where the fresh part begins is, with that part."""
        return window.end != self._fresh_from

    def _commit(self, window: Window) -> None:
        if self._dry_run or not self._is_committed(window):
            return
        before = self._checkpoint
        synced_until = max(window.end, before.synced_until) if before else window.end
        checkpoint = Checkpoint(synced_until, (before.version if before else 0) + 1, self._run_id)
        self._checkpoints.commit(self._connection, checkpoint)
        self._checkpoint = checkpoint
        self._tally.slices_committed += 1
        _log.info(
            "slice_committed",
            extra={"synced_until": to_text(synced_until), "version": checkpoint.version},
        )

    def _look_over_backlog(self) -> None:
        """Counts what is pending, and wakes what is overdue: its message was lost, or gave up."""
        now = self._clock.now()
        backlog = Backlog(now)
        for batch in batched(self._ledger.pending(self._connection), _LOOK_BATCH, strict=False):
            for _, pending in batch:
                backlog.add(pending)
            if not self._dry_run:
                self._wake(
                    RetryMessage(self._connection, id_, pending.reason)
                    for id_, pending in batch
                    if pending.due_at <= now - schedule.OVERDUE_AFTER
                )
            if self._deadline.remaining() <= 0:
                return
        self._tally.backlog = backlog

    def _wake(self, messages: Iterable[RetryMessage]) -> None:
        wakes = [Wake(message, delay_seconds=0) for message in messages]
        self._tally.woken += len(wakes) - (self._queue.send(wakes) if wakes else 0)
