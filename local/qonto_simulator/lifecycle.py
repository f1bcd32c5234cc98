"""What can happen to an invoice, at a given moment: the only code that changes the store."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from local.qonto_simulator.invoices import Attachment, Invoice, Upload, identifier
from local.qonto_simulator.store import Store
from local.qonto_simulator.timeline import Timeline
from local.qonto_simulator.timestamps import whole_milliseconds

PDF_DELAY = timedelta(seconds=10)

type Listener = Callable[[str, datetime, Callable[[], bytes]], None]
"""Receives the event, its time, and a function that returns the document of that time."""

# Fields that are printed. Paying or a new e-invoicing status leaves the PDF as it is.
_PRINTED = {
    "due_date",
    "items",
    "client",
    "terms_and_conditions",
    "header",
    "footer",
    "purchase_order",
    "number",
}


class Lifecycle:
    """Creates, edits, finalizes and deletes invoices, and has their PDFs printed some time later."""

    def __init__(self, store: Store, timeline: Timeline) -> None:
        self._store = store
        self._timeline = timeline
        self._numbers: Counter[str] = Counter()
        self.listeners: list[Listener] = []

    def create(
        self,
        at: datetime,
        invoice_id: str,
        body: Mapping[str, Any],
        *,
        upload: Upload | None = None,
        pdf_after: timedelta | None = PDF_DELAY,
        offset_notation: bool = False,
    ) -> None:
        """Add an invoice. An upload is there at once, a PDF after the delay, or never."""
        at = whole_milliseconds(at)
        number = body["number"] or self._next_number(at, draft=body["status"] == "draft")
        invoice = Invoice(
            id=invoice_id,
            created_at=at,
            updated_at=at,
            body={**body, "number": number},
            upload=upload,
            offset_notation=offset_notation,
        )
        self._store.put(invoice)
        self._tell("created", invoice)
        if upload is not None:
            self.print_file(at, invoice_id)
        elif pdf_after is not None:
            self._print_later(at + pdf_after, invoice_id)

    def edit(
        self,
        at: datetime,
        invoice_id: str,
        fields: Mapping[str, Any],
        *,
        touch: bool = True,
        pdf_after: timedelta = PDF_DELAY,
    ) -> None:
        """Change fields; a touched invoice whose paper changed gets a new PDF under the same attachment id."""
        invoice = self._store.invoices[invoice_id]
        changed = self._changed(at, invoice, fields, touch=touch)
        self._store.put(changed)
        if touch:
            self._tell("updated", changed)
        reprinted = touch and invoice.upload is None and invoice.attachment_id is not None
        if reprinted and not _PRINTED.isdisjoint(fields):
            self._print_later(at + pdf_after, invoice_id)

    def finalize(self, at: datetime, invoice_id: str, *, pdf_after: timedelta = PDF_DELAY) -> None:
        """Give a draft its number; until the final PDF is printed, the draft's is served."""
        invoice = self._store.invoices[invoice_id]
        if not invoice.is_draft:
            raise ValueError(f"only a draft can be finalized, {invoice_id} is {invoice.status}")
        at = whole_milliseconds(at)
        fields = {"number": self._next_number(at, draft=False), "status": "unpaid", "finalized_at": at}
        finalized = self._changed(at, invoice, fields, touch=True)
        self._store.put(finalized)
        self._tell("updated", finalized)
        self._print_later(at + pdf_after, invoice_id)

    def delete(self, invoice_id: str) -> None:
        """Remove a draft for ever."""
        invoice = self._store.invoices[invoice_id]
        if not invoice.is_draft:
            raise ValueError(f"only a draft can be deleted, {invoice_id} is {invoice.status}")
        self._store.remove(invoice_id)

    def print_file(self, at: datetime, invoice_id: str, *, touch: bool = False) -> None:
        """Make a new edition of the file from the invoice as it is now."""
        at = whole_milliseconds(at)
        invoice = self._store.invoices[invoice_id]
        attachment_id = invoice.attachment_id or identifier("attachment", invoice_id)
        invoice = dataclasses.replace(invoice, attachment_id=attachment_id)
        if touch:
            invoice = dataclasses.replace(invoice, updated_at=at)
        last = self._store.attachments.get(attachment_id)
        self._store.put(invoice)
        self._store.attachments[attachment_id] = Attachment(
            id=attachment_id,
            created_at=last.created_at if last else at,
            generated_at=at,
            edition=last.edition + 1 if last else 1,
            printed=invoice,
        )
        if touch:
            self._tell("updated", invoice)

    def _tell(self, event: str, invoice: Invoice) -> None:
        for listener in self.listeners:
            listener(event, invoice.updated_at, lambda: self._store.document(invoice.id))

    def _print_later(self, at: datetime, invoice_id: str) -> None:
        def print_if_still_there(moment: datetime) -> None:
            if invoice_id in self._store.invoices:
                self.print_file(moment, invoice_id)

        self._timeline.plan(at, print_if_still_there)

    def _changed(self, at: datetime, invoice: Invoice, fields: Mapping[str, Any], *, touch: bool) -> Invoice:
        changed = dataclasses.replace(invoice, body={**invoice.body, **fields})
        return dataclasses.replace(changed, updated_at=whole_milliseconds(at)) if touch else changed

    def _next_number(self, at: datetime, *, draft: bool) -> str:
        series = f"F-{at.year}-{{:03d}}{'-PROFORMA' if draft else ''}"
        self._numbers[series] += 1
        return series.format(self._numbers[series])
