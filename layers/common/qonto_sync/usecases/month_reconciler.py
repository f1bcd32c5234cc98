"""Compares one month's invoices at the source, in the ledger and in the archive, and repairs what differs.

A difference is looked at again before it counts, because another run may have archived the invoice meanwhile. Then the
same use case repairs it that every run archives with. So a reconciliation never races another writer.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote

from qonto_sync.domain.errors import DeadlineReached, RowChanged
from qonto_sync.domain.ids import InvoiceId, is_usable_id
from qonto_sync.domain.ledger import PendingReason
from qonto_sync.domain.months import month_text
from qonto_sync.domain.reconciliation import Difference, difference, is_due, is_intact
from qonto_sync.usecases.bounded_tasks import BoundedTasks

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from qonto_sync.domain.invoice import Invoice
    from qonto_sync.domain.ledger import LedgerRow
    from qonto_sync.domain.reconciliation import ListedObject
    from qonto_sync.domain.result import InvoiceResult
    from qonto_sync.usecases.run_context import RunContext

_log = logging.getLogger(__name__)

_NEGLECTED_AFTER: Final = timedelta(days=1)
"""So long after it was due, the hourly run has asked for pending work many times, if it knows of it."""


@dataclass(slots=True)
class Month:
    """A month's invoices, as each side knows them."""

    start: datetime
    invoices: Mapping[InvoiceId, Invoice]
    """What the source lists."""
    rows: dict[InvoiceId, LedgerRow]
    """Of all of them."""
    objects: Mapping[str, ListedObject]
    """By key."""
    published: Collection[InvoiceId]
    """What the inventory before has."""
    uncertified: str | None
    """Why the source may have more; None if it has not."""
    found: Counter[Difference] = field(default_factory=Counter)
    repaired: int = 0
    deleted_drafts: int = 0
    """Of what was found: drafts that the source does not have any more, as anybody may delete them there."""

    @property
    def ids(self) -> list[InvoiceId]:
        """All of them, in order."""
        return sorted(self.invoices.keys() | self.rows.keys() | archived_ids(self.objects) | set(self.published))


class _Step(NamedTuple):
    """What became of one invoice."""

    id: InvoiceId
    row: LedgerRow | None
    """As it is now."""
    kind: Difference | None
    """None: there was no difference, after all."""
    result: InvoiceResult | None = None
    """None: nothing was tried."""


class MonthReconciler:
    """Reconciles months, one after the other."""

    def __init__(
        self,
        context: RunContext,
        *,
        in_flight: int,
        proven_until: datetime,
        scrub_days: int,
        day: int,
    ) -> None:
        """What changed after `proven_until`, the hourly run has yet to read.

        Each file is asked for again once in `scrub_days`; `day` is the number of today.
        """
        self._context = context
        self._in_flight = in_flight
        self._proven_until = proven_until
        self._scrub_days = scrub_days
        self._turn = day % scrub_days
        self._neglected_since = context.clock.now() - _NEGLECTED_AFTER

    def is_read(self, invoice: Invoice, row: LedgerRow | None) -> bool:
        """Whether the hourly run has read this version."""
        return is_due(invoice, self._proven_until) or (row is not None and row.matches(invoice))

    def reconcile(self, month: Month) -> None:
        """Counts the differences, repairs them, and brings the month's rows up to date.

        Raises:
            DeadlineReached: before the end; what was counted and repaired until then is in the month.
        """
        changed: list[LedgerRow] = []
        collect = partial(self._collect, month, changed)
        try:
            with BoundedTasks[_Step](self._context.executor, self._in_flight, collect) as tasks:
                for id_ in month.ids:
                    work = self._work(id_, month)
                    if work and self._context.deadline.remaining() <= 0:
                        raise DeadlineReached
                    if work:
                        tasks.submit(work)
        finally:
            self._context.messages.send_due(changed)

    def _work(self, id_: InvoiceId, month: Month) -> partial[_Step] | None:
        invoice, row = month.invoices.get(id_), month.rows.get(id_)
        is_known = invoice is not None or month.uncertified is None
        if invoice and not is_due(invoice, self._proven_until):
            return None
        if is_known and self._difference(invoice, row, month.objects):
            return partial(self._repair, id_, invoice, month.objects)
        if invoice and row and self._is_turn(row) and not self._context.dry_run:
            return partial(self._scrub, invoice, row)
        return None

    def _repair(self, id_: InvoiceId, invoice: Invoice | None, listed: Mapping[str, ListedObject]) -> _Step:
        row = self._context.ledger.rows(self._context.connection, [id_]).get(id_)
        if invoice and row and row.is_newer_than(invoice):
            return _Step(id_, row, None)
        objects = self._context.archiver.objects_of(row) if row else listed
        kind = self._difference(invoice, row, objects)
        if kind is None:
            return _Step(id_, row, None)
        _log.warning("difference_found", extra={"invoice_id": id_, "kind": kind.value})
        if self._context.dry_run:
            return _Step(id_, row, kind)
        archiver = self._context.archiver
        if invoice is None:
            result = archiver.archive_latest(id_)
        elif row and not is_intact(row, objects):
            result = self._damage_recorded(archiver.repair(invoice, row))
        else:
            result = archiver.archive(invoice, row)
        return _Step(id_, result.row, kind, result)

    def _difference(
        self, invoice: Invoice | None, row: LedgerRow | None, objects: Mapping[str, ListedObject]
    ) -> Difference | None:
        return difference(invoice, row, objects, neglected_since=self._neglected_since)

    def _damage_recorded(self, result: InvoiceResult) -> InvoiceResult:
        """Says in the row of what could not be repaired that an object is damaged."""
        pending = result.row.pending
        if result.failure is None or pending is None:
            return result
        row = replace(result.row, pending=replace(pending, reason=PendingReason.DAMAGED))
        try:
            return replace(result, row=self._context.ledger.write(row))
        except RowChanged:
            return result

    def _is_turn(self, row: LedgerRow) -> bool:
        """Whether its file is to be asked for today; the invoices are spread over the days by a hash."""
        if row.pending or row.file is None:
            return False
        spread = sha256(row.invoice_id.encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(spread) % self._scrub_days == self._turn

    def _scrub(self, invoice: Invoice, row: LedgerRow) -> _Step:
        """Asks for the file again. Another content under an unchanged invoice is a difference."""
        result = self._context.archiver.archive(invoice, row)
        return _Step(invoice.id, result.row, Difference.STALE if result.file_written else None, result)

    def _collect(self, month: Month, changed: list[LedgerRow], step: _Step) -> None:
        if step.row:
            month.rows[step.id] = step.row
            if step.row.pending and step.result:
                changed.append(step.row)
        if step.kind:
            month.found[step.kind] += 1
            month.repaired += step.result is not None and step.result.failure is None
            is_draft = step.row is not None and step.row.status == "draft"
            month.deleted_drafts += step.kind is Difference.VANISHED and is_draft


def archived_ids(objects: Iterable[str]) -> set[InvoiceId]:
    """The invoices whose folders these keys are in."""
    segments = {key.split("/")[-2] for key in objects}
    return {InvoiceId(id_) for id_ in map(unquote, segments) if is_usable_id(id_)}


def month_facts(month: Month) -> dict[str, object]:
    """What a log record says of a month."""
    return {"month": month_text(month.start), "invoices": len(month.invoices), "found": month.found.total()}
