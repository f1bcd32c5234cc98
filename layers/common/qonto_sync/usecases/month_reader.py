"""Lists all invoices that were created in a month, and certifies that none is missing.

The window is one of creation: an edit does not leave it, and once the month is over nothing enters. What is listed is
kept in memory, without being archived.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from qonto_sync.domain.reading import LAYOUTS, Reading, Union
from qonto_sync.usecases.page_reader import PageUnreadable

if TYPE_CHECKING:
    from qonto_sync.domain.ids import InvoiceId
    from qonto_sync.domain.invoice import Invoice, InvoicePage
    from qonto_sync.domain.reading import PageLayout
    from qonto_sync.domain.window import Window
    from qonto_sync.usecases.page_reader import PageReader

_FRUITLESS_READINGS: Final = 3
"""So many readings in a row that find nothing new end the reading of a window: it is cut, or not certified."""

_MOST_CUTS: Final = 30
"""How often the window of one month is cut because of what cannot be read."""


@dataclass(slots=True)
class Listing:
    """The invoices of a month, as Qonto listed them last."""

    invoices: dict[InvoiceId, Invoice] = field(default_factory=dict)
    uncertified: str | None = None
    """Why there may be others; None if there are none."""


class MonthReader:
    """Reads months one by one."""

    def __init__(self, pages: PageReader) -> None:
        self._pages = pages

    def read(self, window: Window) -> Listing:
        """The invoices of this window of creation.

        Raises:
            DeadlineReached, Retriable, Fatal: as `PageReader.page`.
        """
        listing = Listing()
        waiting, cuts = [window], 0
        while waiting:
            part = waiting.pop()
            fault = self._read(part, listing)
            halves = part.halves_by_creation() if fault and cuts < _MOST_CUTS else None
            if halves:
                waiting += halves
                cuts += 1
            elif fault:
                listing.uncertified = fault
        return listing

    def _read(self, window: Window, listing: Listing) -> str | None:
        """Lists the window until a reading certifies; returns why none does, or None."""
        union = Union()
        fruitless = 0
        fault = None
        for layout in LAYOUTS:
            try:
                reading = Reading(self._pages.page(window, 1, layout), union)
                for page in reading.pages(partial(self._fetch, window, layout)):
                    listing.invoices.update((invoice.id, invoice) for invoice in page.invoices)
            except PageUnreadable as unreadable:
                return str(unreadable)
            if reading.is_complete:
                return None
            fault = f"Qonto counts {reading.count} invoices, and lists {reading.distinct} of them"
            fruitless = 0 if reading.found_more else fruitless + 1
            if fruitless == _FRUITLESS_READINGS:
                break
        return fault

    def _fetch(self, window: Window, layout: PageLayout, number: int) -> list[InvoicePage]:
        return [self._pages.page(window, number, layout)]
