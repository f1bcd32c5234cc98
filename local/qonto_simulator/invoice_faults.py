"""Faults that stay with one invoice, until they are ended; and rows that are counted but do not exist."""

from collections.abc import Iterable
from datetime import datetime
from http import HTTPStatus
from threading import Lock
from typing import Any

from local.qonto_simulator.invoices import Invoice
from local.qonto_simulator.store import Predicate
from local.qonto_simulator.timestamps import whole_milliseconds

_ERRORS = {int(status) for status in HTTPStatus if status.is_client_error or status.is_server_error}


class InvoiceFaults:
    """Decides which invoices fail, and how. An id that does not exist has no effect."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._poisoned: dict[str, int] = {}
        self._hidden: dict[str, int | None] = {}
        self._lost_files: set[str] = set()
        self._phantoms: list[Invoice] = []

    def poison(self, invoice_id: str, status: int) -> None:
        """Let every list page that would contain the invoice answer with this status; its own GET still works."""
        if status not in _ERRORS:
            raise ValueError(f"{status} is no status of an error")
        with self._lock:
            self._poisoned[invoice_id] = status

    def hide(self, invoice_id: str, times: int | None = 1) -> None:
        """Let the next GETs of the invoice answer 404, so many times or for ever; it is still listed."""
        if times is not None and times < 1:
            raise ValueError("an invoice is hidden at least once")
        with self._lock:
            self._hidden[invoice_id] = times

    def lose_file(self, invoice_id: str) -> None:
        """Let the file host answer 404 for the invoice's file; the API still gives its URL."""
        with self._lock:
            self._lost_files.add(invoice_id)

    def restore(self, invoice_id: str) -> None:
        """End all faults of the invoice."""
        with self._lock:
            self._poisoned.pop(invoice_id, None)
            self._hidden.pop(invoice_id, None)
            self._lost_files.discard(invoice_id)

    def add_phantom(self, updated_at: datetime, *, created_at: datetime | None = None, count: int = 1) -> None:
        """Let lists count so many rows with these times, without ever listing them.

        Without `created_at`, both times are the same. Filters apply to a phantom as to an unpaid invoice that is not
        imported and has no due date.
        """
        created_at = updated_at if created_at is None else created_at
        if updated_at.tzinfo is None or created_at.tzinfo is None:
            raise ValueError("a phantom's times need an offset")
        if count < 1:
            raise ValueError("at least one phantom is added")
        phantom = Invoice(
            id="phantom",
            created_at=whole_milliseconds(created_at),
            updated_at=whole_milliseconds(updated_at),
            body={"status": "unpaid", "invoice_type": "standard", "due_date": None},
        )
        with self._lock:
            self._phantoms.extend([phantom] * count)

    def clear(self) -> None:
        """End the faults of all invoices, and remove the phantoms."""
        with self._lock:
            self._poisoned.clear()
            self._hidden.clear()
            self._lost_files.clear()
            self._phantoms.clear()

    def page_status(self, invoice_ids: Iterable[str]) -> int | None:
        """Return the status of a list page with these invoices: that of the first poisoned one, else None."""
        with self._lock:
            return next((self._poisoned[each] for each in invoice_ids if each in self._poisoned), None)

    def conceals(self, invoice_id: str) -> bool:
        """Return whether this GET of the invoice answers 404, and count it."""
        with self._lock:
            if invoice_id not in self._hidden:
                return False
            times = self._hidden[invoice_id]
            if times is not None and times > 1:
                self._hidden[invoice_id] = times - 1
            elif times is not None:
                del self._hidden[invoice_id]
            return True

    def has_lost_file(self, invoice_id: str) -> bool:
        """Return whether the file host answers 404 for the invoice's file."""
        with self._lock:
            return invoice_id in self._lost_files

    def phantoms(self, predicates: Iterable[Predicate]) -> int:
        """Return how many phantoms all predicates accept."""
        predicates = tuple(predicates)
        with self._lock:
            return sum(all(accepts(phantom) for accepts in predicates) for phantom in self._phantoms)

    def state(self) -> dict[str, Any]:
        """Return what is in effect now."""
        with self._lock:
            return {
                "poisoned": dict(self._poisoned),
                "hidden": dict(self._hidden),
                "lost_files": sorted(self._lost_files),
                "phantoms": len(self._phantoms),
            }
