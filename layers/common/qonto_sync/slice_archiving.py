"""Archive the invoices of one slice, over all its readings, many at once."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qonto_sync import schedule
from qonto_sync.concurrency import Tasks
from qonto_sync.errors import DeadlineReached
from qonto_sync.result import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

    from qonto_sync.archiving import InvoiceArchiver
    from qonto_sync.model import ConnectionName, Invoice, InvoiceId, InvoicePage, Sha256
    from qonto_sync.ports import Clock, Deadline, Ledger, RetryQueue
    from qonto_sync.result import Tally
    from qonto_sync.window import Reading


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

    def archive(self, reading: Reading, fetch: Callable[[int], InvoicePage]) -> None:
        """Archives one page while the next one is read.

        When this returns, each invoice met is archived or pending in the ledger. What is due soon is on the queue,
        also when it raises.

        Raises:
            DeadlineReached: before the end; what is in flight was let end.
        """
        done: list[Outcome] = []
        try:
            with Tasks[Outcome](self._executor, self._in_flight, done.append) as tasks:
                for page in reading.pages(fetch):
                    self._archive_page(tasks, page)
        finally:
            self._settle(done)

    def _archive_page(self, tasks: Tasks[Outcome], page: InvoicePage) -> None:
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
                tasks.submit(partial(self._archiver.archive, invoice, row))

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

    def _settle(self, done: list[Outcome]) -> None:
        """Counts what was done and puts what is due soon on the queue; the ledger has all of it already."""
        now = self._clock.now()
        for outcome in done:
            self._tally.add_outcome(outcome)
        self._queue.send(wake for outcome in done if (wake := schedule.wake_for(outcome.row, now)))
