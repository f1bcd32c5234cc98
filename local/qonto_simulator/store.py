"""Everything that exists, in the order of the list endpoint. Has no clock and no lock."""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from local.qonto_simulator.invoices import Invoice

if TYPE_CHECKING:
    from datetime import datetime

    from local.qonto_simulator.invoices import Attachment

type Predicate = Callable[[Invoice], bool]


class Store:
    """Invoices and attachments by id; invoices also by `(created_at, id)`, kept sorted."""

    def __init__(self, *, with_updated_at: bool) -> None:
        self.invoices: dict[str, Invoice] = {}
        self.attachments: dict[str, Attachment] = {}
        self.deleted: list[str] = []
        self._order: list[tuple[datetime, str]] = []
        self._documents: dict[str, bytes] = {}
        self._with_updated_at = with_updated_at

    def put(self, invoice: Invoice) -> None:
        """Keep this version of the invoice, new or known."""
        if invoice.id not in self.invoices:
            insort(self._order, (invoice.created_at, invoice.id))
        self.invoices[invoice.id] = invoice
        self._documents.pop(invoice.id, None)

    def remove(self, invoice_id: str) -> None:
        """Remove the invoice and its file."""
        invoice = self.invoices.pop(invoice_id)
        del self._order[bisect_left(self._order, (invoice.created_at, invoice_id))]
        self._documents.pop(invoice_id, None)
        if invoice.attachment_id is not None:
            del self.attachments[invoice.attachment_id]
        self.deleted.append(invoice_id)

    def document(self, invoice_id: str) -> bytes:
        """Return the JSON text of the invoice, written once per version."""
        text = self._documents.get(invoice_id)
        if text is None:
            text = self.invoices[invoice_id].document(with_updated_at=self._with_updated_at)
            self._documents[invoice_id] = text
        return text

    def select(self, predicates: Iterable[Predicate]) -> list[Invoice]:
        """Return the invoices that all predicates accept, oldest first, ties by id."""
        matching = [self.invoices[invoice_id] for _, invoice_id in self._order]
        for predicate in predicates:
            matching = [invoice for invoice in matching if predicate(invoice)]
        return matching

    def oldest(self, count: int) -> list[str]:
        """Return the ids of the first invoices, oldest first."""
        return [invoice_id for _, invoice_id in self._order[:count]]

    def newest(self, count: int) -> list[Invoice]:
        """Return the last invoices, oldest first."""
        return [self.invoices[invoice_id] for _, invoice_id in self._order[-count:]]
