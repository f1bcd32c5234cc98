"""One run of a reconciliation: compares source, ledger and archive month by month, repairs, and certifies.

Each month is listed completely at the source, its ledger rows are read, and the bucket is listed once, in the order of
its keys. After the last month the certificate is written, which has the hashes of all inventories.

A pass takes several runs when one has no time for all months. Its progress is a record in the state table, replaced by
compare-and-swap: of two passes at once one goes on, and two certificates never follow the same one.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from itertools import batched, dropwhile, takewhile
from typing import TYPE_CHECKING, Final

from qonto_sync.domain import keys
from qonto_sync.domain.certificate import Pass, UncertifiedMonth, sha256_of
from qonto_sync.domain.errors import Conflict, DeadlineReached
from qonto_sync.domain.events import ReconcileRequest
from qonto_sync.domain.inventory import inventory_ids
from qonto_sync.domain.months import month_after, month_from_text, month_of
from qonto_sync.domain.reading import LAYOUTS
from qonto_sync.domain.result import ReconcileResult, RunOutcome, Tally
from qonto_sync.domain.times import to_text, whole_seconds
from qonto_sync.domain.window import EARLIEST, Window
from qonto_sync.usecases.month_reader import MonthReader
from qonto_sync.usecases.month_reconciler import Month, MonthReconciler, archived_ids, month_facts
from qonto_sync.usecases.page_reader import PageReader
from qonto_sync.usecases.publisher import Publisher

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from qonto_sync.domain.certificate import Certificate, MonthRecord
    from qonto_sync.domain.checkpoint import Checkpoint
    from qonto_sync.domain.ids import InvoiceId, RunId
    from qonto_sync.domain.ledger import LedgerRow
    from qonto_sync.domain.reconciliation import ListedObject
    from qonto_sync.ports import ArchiveStore, Checkpoints, Publication, Publications, Reconciliations
    from qonto_sync.usecases.run_context import RunContext
    from qonto_sync.usecases.window_run import RunPolicy

_log = logging.getLogger(__name__)

_KEYS_PER_READ: Final = 100


class ReconcileRun:
    """One run for one connection; made for it, and used once."""

    def __init__(
        self,
        run_id: RunId,
        context: RunContext,
        policy: RunPolicy,
        *,
        checkpoints: Checkpoints,
        archive: ArchiveStore,
        publications: Publications,
        reconciliations: Reconciliations,
        scrub_days: int,
        request: ReconcileRequest,
    ) -> None:
        """`scrub_days` is within how many days each file is asked for again."""
        self._run_id = run_id
        self._context = context
        self._policy = policy
        self._checkpoints = checkpoints
        self._archive = archive
        self._publications = publications
        self._reconciliations = reconciliations
        self._scrub_days = scrub_days
        self._request = request
        self._tally = Tally()
        self._done: list[MonthRecord] = []
        self._deleted_drafts = 0

    def execute(self) -> ReconcileResult:
        """Reconciles as many months as time allows. Nothing is compared before the first commit of the hourly run.

        Raises:
            Fatal, Retriable: Qonto or AWS cannot be used. The months before are published.
        """
        context, now = self._context, whole_seconds(self._context.clock.now())
        checkpoint = self._checkpoints.read(context.connection)
        context.source.pin(checkpoint)
        self._record = self._reconciliations.read(context.connection)
        self._pass = self._begun = self._resumed(now)
        self._reconciler = MonthReconciler(
            context,
            in_flight=self._policy.in_flight,
            proven_until=_proven_until(checkpoint),
            scrub_days=self._scrub_days,
            day=self._pass.started_at.toordinal(),
        )
        self._publisher = Publisher(
            context.connection,
            archive=self._archive,
            publications=self._publications,
            is_read=self._reconciler.is_read,
        )
        outcome, certificate = self._outcome(is_synced=checkpoint is not None)
        begun = self._begun
        goes_on = outcome is RunOutcome.PARTIAL and not context.dry_run and self._pass != begun
        return ReconcileResult(
            request=self._request,
            outcome=outcome,
            run_id=self._run_id,
            window=(begun.next_month, self._pass.until),
            months=tuple(self._done),
            found=self._pass.found - begun.found,
            repaired=self._pass.repaired - begun.repaired,
            gaps=len(self._pass.gaps),
            certificate=certificate,
            deleted_drafts=self._deleted_drafts,
            unexpected_errors=self._tally.unexpected_errors,
            goes_on_with=ReconcileRequest(context.connection, month=self._pass.next_month) if goes_on else None,
        )

    def _outcome(self, *, is_synced: bool) -> tuple[RunOutcome, Certificate | None]:
        try:
            if is_synced:
                self._begin()
                self._reconcile()
            if self._context.dry_run or not is_synced:
                return (RunOutcome.DRY_RUN if self._context.dry_run else RunOutcome.COMMITTED), None
            return RunOutcome.COMMITTED, self._certify()
        except DeadlineReached:
            return RunOutcome.PARTIAL, None
        except Conflict:
            # Another reconciliation wrote an inventory, the certificate or the record.
            return RunOutcome.SUPERSEDED, None

    def _resumed(self, now: datetime) -> Pass:
        """The pass in progress that the event continues, or a new one."""
        current, month, until = self._record.current, self._request.month, now - self._policy.lag
        if current and month == current.next_month:
            return current
        return Pass(started_at=now, until=until, next_month=month or month_of(until))

    def _begin(self) -> None:
        if self._request.month is None:
            first = replace(self._pass, next_month=self._first_month(self._pass.until))
            self._pass = self._begun = first

    def _first_month(self, until: datetime) -> datetime:
        """The month of the oldest invoice, at the source or in the archive."""
        listed = self._context.source.page(Window.of_creation(EARLIEST, until), 1, LAYOUTS[0].single_rows).invoices
        months = [month_of(invoice.created_at) for invoice in listed if invoice.created_at]
        folder = keys.invoices_folder(self._context.connection)
        # Invoices without a time of creation are in `0000/00`.
        oldest = next(self._archive.objects(folder, start_after=f"{folder}0000/01"), None)
        archived = month_from_text(oldest.key.removeprefix(folder)[:7].replace("/", "-")) if oldest else None
        return min([*months, *([archived] if archived else []), month_of(until)])

    def _reconcile(self) -> None:
        """Reconciles the months from the next one on, and publishes each."""
        month, until = self._pass.next_month, self._pass.until
        folder = keys.invoices_folder(self._context.connection)
        stream = self._archive.objects(folder, start_after=keys.month_folder(self._context.connection, month)[:-1])
        reader = MonthReader(PageReader(self._context, self._tally, lag=self._policy.lag))
        while month < until:
            if self._context.deadline.remaining() <= 0:
                raise DeadlineReached
            end = min(month_after(month), until)
            listing = reader.read(Window.of_creation(month, end))
            # The list has a second more at its bounds.
            invoices = {
                id_: found
                for id_, found in listing.invoices.items()
                if found.created_at and month <= found.created_at < end
            }
            objects, stream = self._objects(stream, month)
            there = self._publisher.published(month)
            # Of a deleted draft, nothing else may tell any more that it was archived.
            published = inventory_ids(there.content) if there else set()
            rows = self._rows(sorted(invoices.keys() | archived_ids(objects) | published))
            self._reconcile_month(Month(month, invoices, rows, objects, published, listing.uncertified), there)
            month = month_after(month)

    def _objects(
        self, stream: Iterator[ListedObject], month: datetime
    ) -> tuple[dict[str, ListedObject], Iterator[ListedObject]]:
        """The month's objects, and the stream of those after them."""
        folder = keys.month_folder(self._context.connection, month)
        rest = dropwhile(lambda found: found.key < folder, stream)
        later: list[ListedObject] = []

        def is_here(found: ListedObject) -> bool:
            if not found.key.startswith(folder):
                later.append(found)
            return not later

        here = {found.key: found for found in takewhile(is_here, rest)}
        return here, (found for part in (later, rest) for found in part)

    def _rows(self, ids: Sequence[InvoiceId]) -> dict[InvoiceId, LedgerRow]:
        rows: dict[InvoiceId, LedgerRow] = {}
        for batch in batched(ids, _KEYS_PER_READ, strict=False):
            rows |= self._context.ledger.rows(self._context.connection, batch)
        return rows

    def _reconcile_month(self, month: Month, there: Publication | None) -> None:
        try:
            self._reconciler.reconcile(month)
        except DeadlineReached:
            self._add(month)
            self._save()
            raise
        self._add(month)
        known = next((each for each in self._record.months if each.month == month.start), None)
        if known:
            known = self._publisher.recognized(known, there)
            self._keep(known)
        if month.uncertified:
            _log.warning("month_not_certified", extra={**month_facts(month), "detail": month.uncertified})
            self._pass = replace(self._pass, gaps=(*self._pass.gaps, UncertifiedMonth(month.start, month.uncertified)))
        else:
            self._publish(month, known, there)
        self._pass = replace(self._pass, next_month=month_after(month.start))
        self._save()

    def _publish(self, month: Month, known: MonthRecord | None, there: Publication | None) -> None:
        inventory = self._publisher.inventory(month)
        if not self._context.dry_run and (there is None or there.stored.sha256 != inventory.record.sha256):
            if known:
                # If this run stops after the write, the next one recognizes the inventory.
                self._keep(replace(known, intended=inventory.record.sha256))
            # Raises if another reconciliation was faster: what it published is not written over.
            self._save()
            self._publisher.publish(inventory, there)
        self._keep(inventory.record)
        self._done.append(inventory.record)
        _log.info("month_reconciled", extra=month_facts(month))

    def _keep(self, month: MonthRecord) -> None:
        others = [each for each in self._record.months if each.month != month.month]
        self._record = replace(self._record, months=tuple(sorted([*others, month], key=lambda each: each.month)))

    def _add(self, month: Month) -> None:
        self._deleted_drafts += month.deleted_drafts
        self._pass = replace(
            self._pass, found=self._pass.found + month.found, repaired=self._pass.repaired + month.repaired
        )

    def _save(self) -> None:
        if self._context.dry_run:
            return
        self._pass = replace(self._pass, breaks=(*self._pass.breaks, *self._publisher.breaks))
        self._publisher.breaks.clear()
        record = replace(self._record, current=self._pass)
        self._record = self._reconciliations.write(self._context.connection, record)

    def _certify(self) -> Certificate:
        now = whole_seconds(self._context.clock.now())
        organization_id = self._context.source.organization_id
        there = self._publisher.last_certificate()
        # Raises if another reconciliation was faster. One that is faster from now on finds another certificate there.
        self._save()
        certificate = self._publisher.certify(self._record, self._pass, there, organization_id=organization_id, now=now)
        record = replace(
            self._record,
            certificate_version=certificate.version,
            certificate_sha256=sha256_of(certificate.to_bytes()),
            certified_at=now,
            current=None,
        )
        self._record = self._reconciliations.write(self._context.connection, record)
        self._checkpoints.note_certificate(self._context.connection, now)
        _log.info("certified", extra={"version": certificate.version, "until": to_text(self._pass.until)})
        return certificate


def _proven_until(checkpoint: Checkpoint | None) -> datetime:
    """What changed later, the hourly run has yet to read."""
    if checkpoint is None or checkpoint.resume_from is None:
        return EARLIEST
    return min(checkpoint.resume_from, checkpoint.synced_until)
