"""Archive the invoices of one slice, over all its readings, many at once."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import batched
from typing import TYPE_CHECKING, NamedTuple

from qonto_sync import schedule
from qonto_sync.concurrency import Tasks
from qonto_sync.errors import DeadlineReached, ItemError, RowChanged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from concurrent.futures import Executor

    from qonto_sync.archiving import InvoiceArchiver
    from qonto_sync.model import ConnectionName, Invoice, InvoiceId, InvoicePage, LedgerRow, Sha256
    from qonto_sync.ports import Clock, Deadline, Ledger, RetryQueue
    from qonto_sync.result import Outcome, Tally
    from qonto_sync.window import Reading

_ROWS_PER_INSERT = 100
"""The most that DynamoDB takes in one transaction."""


class _Step(NamedTuple):
    """What became of one invoice so far."""

    invoice: Invoice
    outcome: Outcome | None
    """Its row has version 0 while the ledger does not have it; None when that can't be."""


class SliceArchiver:
    """What was met and done in one slice; made for it, and fed with each of its readings."""

    def __init__(
        self,
        connection: ConnectionName,
        *,
        ledger: Ledger,
        archiver: InvoiceArchiver,
        queue: RetryQueue,
        executor: Executor,
        in_flight: int,
        clock: Clock,
        deadline: Deadline,
        tally: Tally,
        dry_run: bool,
    ) -> None:
        self._connection = connection
        self._ledger = ledger
        self._archiver = archiver
        self._queue = queue
        self._executor = executor
        self._in_flight = in_flight
        self._clock = clock
        self._deadline = deadline
        self._tally = tally
        self._dry_run = dry_run
        self._met: dict[InvoiceId, Sha256] = {}
        # What follows is changed by the run's own thread only.
        self._done: list[Outcome] = []
        self._unwritten: list[_Step] = []
        """New invoices that lie in the archive and not yet in the ledger."""
        self._refused: list[Invoice] = []
        """New invoices whose rows could not be inserted."""

    def archive(self, reading: Reading, fetch: Callable[[int], InvoicePage]) -> None:
        """Archives one page while the next one is read.

        When this returns, each invoice met is archived or pending in the ledger. What is due soon is on the queue,
        also when it raises.

        Raises:
            DeadlineReached: before the end; what is in flight was let end.
        """
        try:
            with Tasks[list[_Step]](self._executor, self._in_flight, self._take) as tasks:
                for page in reading.pages(fetch):
                    self._archive_page(tasks, page)
                    self._insert_rows(tasks, at_least=_ROWS_PER_INSERT)
                tasks.drain()
                while self._unwritten or self._refused:
                    self._insert_rows(tasks)
                    self._archive_refused(tasks)
                    tasks.drain()
        finally:
            self._settle()

    def _archive_page(self, tasks: Tasks[list[_Step]], page: InvoicePage) -> None:
        fresh = self._not_met(page)
        rows = self._ledger.rows(self._connection, [invoice.id for invoice in fresh])
        for invoice in fresh:
            row = rows.get(invoice.id)
            self._tally.listed += 1
            if row and schedule.is_known(invoice, row):
                self._tally.add_unchanged(row)
            elif self._dry_run:
                self._tally.archived += 1
            elif self._deadline.remaining() <= 0:
                raise DeadlineReached
            else:
                tasks.submit(partial(self._archive, invoice, row))

    def _insert_rows(self, tasks: Tasks[list[_Step]], at_least: int = 1) -> None:
        """Has rows of new invoices written, many at once, as soon as there are so many of them."""
        while len(self._unwritten) >= at_least:
            some, self._unwritten = self._unwritten[:_ROWS_PER_INSERT], self._unwritten[_ROWS_PER_INSERT:]
            tasks.submit(partial(self._insert, some))

    def _archive_refused(self, tasks: Tasks[list[_Step]]) -> None:
        """Somebody else archives one of them as well, or an answer was lost: each for itself finds out."""
        refused, self._refused = self._refused, []
        for invoice in refused:
            tasks.submit(partial(self._archive_alone, invoice, None))

    def _archive(self, invoice: Invoice, row: LedgerRow | None) -> list[_Step]:
        return self._archive_alone(invoice, row) if row else [_Step(invoice, self._archiver.archive_new(invoice))]

    def _archive_alone(self, invoice: Invoice, row: LedgerRow | None) -> list[_Step]:
        return [_Step(invoice, self._archiver.archive(invoice, row))]

    def _insert(self, steps: Sequence[_Step]) -> list[_Step]:
        try:
            rows = self._ledger.insert([step.outcome.row for step in steps if step.outcome])
        except (RowChanged, ItemError):
            return [_Step(step.invoice, None) for step in steps]
        return [
            _Step(step.invoice, replace(step.outcome, row=row))
            for step, row in zip(steps, rows, strict=True)
            if step.outcome
        ]

    def _take(self, steps: Iterable[_Step]) -> None:
        for step in steps:
            if step.outcome is None:
                self._refused.append(step.invoice)
            elif step.outcome.row.version:
                self._done.append(step.outcome)
            else:
                self._unwritten.append(step)

    def _not_met(self, page: InvoicePage) -> list[Invoice]:
        """The invoices that this slice has not met in this version; they count as met now.

        Of one that the page lists twice it is the newest version, and the last of equally new ones.
        """
        newest: dict[InvoiceId, Invoice] = {}
        for invoice in page.invoices:
            if invoice.id not in newest or newest[invoice.id].revision <= invoice.revision:
                newest[invoice.id] = invoice
        fresh = {id_: invoice for id_, invoice in newest.items() if self._met.get(id_) != invoice.digest}
        self._met |= {id_: invoice.digest for id_, invoice in fresh.items()}
        return list(fresh.values())

    def _settle(self) -> None:
        """Counts what was done and puts what is due soon on the queue; the ledger has all of it already."""
        # Only after an error or at the deadline. What can't be written now, the next run archives once more.
        for some in batched(self._unwritten, _ROWS_PER_INSERT, strict=False):
            self._take(self._insert(some))
        now = self._clock.now()
        for outcome in self._done:
            self._tally.add_outcome(outcome)
        self._queue.send(wake for outcome in self._done if (wake := schedule.wake_for(outcome.row, now)))
        self._done, self._unwritten, self._refused = [], [], []
