"""Archives the invoices of one slice concurrently, over all readings of the slice."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import batched
from typing import TYPE_CHECKING, NamedTuple

from qonto_sync.domain.errors import DeadlineReached, ItemError, RowChanged
from qonto_sync.usecases.bounded_tasks import BoundedTasks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from qonto_sync.domain.ids import InvoiceId, Sha256
    from qonto_sync.domain.invoice import Invoice, InvoicePage
    from qonto_sync.domain.ledger import LedgerRow
    from qonto_sync.domain.reading import Reading
    from qonto_sync.domain.result import InvoiceResult, Tally
    from qonto_sync.usecases.run_context import RunContext

_ROWS_PER_INSERT = 100
"""DynamoDB's limit for one transaction."""


class _Step(NamedTuple):
    """What became of one invoice so far."""

    invoice: Invoice
    result: InvoiceResult
    """Its row may still have to be inserted."""
    in_the_way: bool = False
    """Whether the row could not be inserted."""


class SliceArchiver:
    """The state of one slice: what was seen, and what was done. It is given each of the slice's readings."""

    def __init__(self, context: RunContext, tally: Tally, *, in_flight: int) -> None:
        self._context = context
        self._tally = tally
        self._in_flight = in_flight
        self._seen: dict[InvoiceId, Sha256] = {}
        # Only the run's own thread changes what follows.
        self._done: list[InvoiceResult] = []
        self._unwritten: list[_Step] = []
        """New invoices that are in the archive and not yet in the ledger."""
        self._not_inserted: list[_Step] = []
        """New invoices that are in the archive, and whose rows could not be inserted."""

    def archive(self, reading: Reading, fetch: Callable[[int], Iterable[InvoicePage]]) -> None:
        """Archives the invoices of one page while the next page is read. `fetch` is as `Reading.pages` takes it.

        When this returns, the ledger says of each invoice seen that it is archived or pending. Messages for what is due
        soon are sent, also when this raises.

        Raises:
            DeadlineReached: before the end of the reading; invoices in progress were finished.
        """
        try:
            with BoundedTasks[list[_Step]](self._context.executor, self._in_flight, self._collect) as tasks:
                for page in reading.pages(fetch):
                    self._archive_page(tasks, page)
                    self._insert_rows(tasks, at_least=_ROWS_PER_INSERT)
                tasks.drain()
                while self._unwritten or self._not_inserted:
                    self._insert_rows(tasks)
                    self._write_not_inserted(tasks)
                    tasks.drain()
        finally:
            self._flush()

    def _archive_page(self, tasks: BoundedTasks[list[_Step]], page: InvoicePage) -> None:
        unseen = self._unseen(page)
        rows = self._context.ledger.rows(self._context.connection, [invoice.id for invoice in unseen])
        for invoice in unseen:
            row = rows.get(invoice.id)
            self._tally.listed += 1
            if row and self._context.archiver.is_unchanged(invoice, row):
                self._tally.add_unchanged(row)
            elif self._context.dry_run:
                self._tally.archived += 1
            elif self._context.deadline.remaining() <= 0:
                raise DeadlineReached
            else:
                tasks.submit(partial(self._archive, invoice, row))

    def _insert_rows(self, tasks: BoundedTasks[list[_Step]], at_least: int = 1) -> None:
        """Inserts rows of new invoices in full batches; with `at_least=1` also the last, smaller batch."""
        while len(self._unwritten) >= at_least:
            batch, self._unwritten = self._unwritten[:_ROWS_PER_INSERT], self._unwritten[_ROWS_PER_INSERT:]
            tasks.submit(partial(self._insert, batch))

    def _write_not_inserted(self, tasks: BoundedTasks[list[_Step]]) -> None:
        """Writes these rows one by one: another writer archives the invoices, too, or a response was lost."""
        steps, self._not_inserted = self._not_inserted, []
        for batch in batched(steps, _ROWS_PER_INSERT, strict=False):
            rows = self._context.ledger.rows(self._context.connection, [step.invoice.id for step in batch])
            for step in batch:
                tasks.submit(partial(self._write, step, rows.get(step.invoice.id)))

    def _archive(self, invoice: Invoice, row: LedgerRow | None) -> list[_Step]:
        if row:
            return self._archive_and_write(invoice, row)
        return [_Step(invoice, self._context.archiver.archive_new(invoice))]

    def _archive_and_write(self, invoice: Invoice, row: LedgerRow | None) -> list[_Step]:
        return [_Step(invoice, self._context.archiver.archive(invoice, row))]

    def _write(self, step: _Step, row: LedgerRow | None) -> list[_Step]:
        """Archives the invoice over another writer's row, unless it is the row of the same version."""
        if row and self._context.archiver.is_unchanged(step.invoice, row):
            return [step._replace(result=replace(step.result, row=row), in_the_way=False)]
        if row is None:
            with suppress(RowChanged, ItemError):
                written = self._context.ledger.write(step.result.row)
                return [step._replace(result=replace(step.result, row=written), in_the_way=False)]
        return self._archive_and_write(step.invoice, row)

    def _insert(self, steps: Sequence[_Step]) -> list[_Step]:
        rows: Sequence[LedgerRow | None]
        try:
            rows = self._context.ledger.insert([step.result.row for step in steps])
        except ItemError:
            rows = [None] * len(steps)
        return [
            step._replace(result=replace(step.result, row=row)) if row else step._replace(in_the_way=True)
            for step, row in zip(steps, rows, strict=True)
        ]

    def _collect(self, steps: Iterable[_Step]) -> None:
        for step in steps:
            if step.in_the_way:
                self._not_inserted.append(step)
            elif step.result.row.is_written:
                self._done.append(step.result)
            else:
                self._unwritten.append(step)

    def _unseen(self, page: InvoicePage) -> list[Invoice]:
        """The invoices that this slice has not seen in this version; from now on they count as seen.

        Of an invoice that the page lists twice it is the newest version, and the last of equally new ones.
        """
        newest: dict[InvoiceId, Invoice] = {}
        for invoice in page.invoices:
            if invoice.id not in newest or newest[invoice.id].revision <= invoice.revision:
                newest[invoice.id] = invoice
        unseen = {id_: invoice for id_, invoice in newest.items() if self._seen.get(id_) != invoice.digest}
        self._seen |= {id_: invoice.digest for id_, invoice in unseen.items()}
        return list(unseen.values())

    def _flush(self) -> None:
        """Counts what was done, and sends messages for what is due soon; the ledger has all of it already."""
        # Rows are left only after an error or at the deadline. If they cannot be written now, the next run repeats
        # them.
        for batch in batched(self._unwritten, _ROWS_PER_INSERT, strict=False):
            self._collect(self._insert(batch))
        for result in self._done:
            self._tally.add_result(result)
        self._context.messages.send_due(result.row for result in self._done)
        self._done, self._unwritten, self._not_inserted = [], [], []
