"""A way to read a window that misses no invoice, and knows that it missed none. Pure.

Why a reading is complete. A window is *closed* when its end lies in the past. The set of its invoices then only
shrinks: an edit gives an invoice a later `updated_at`, which removes it, and no invoice can enter with an earlier one.
An invoice that left is in the next window. A reading is therefore complete when it has seen every invoice that *stays*
until the reading ends.

The certificate. A reading notes how many invoices the window has when it begins, and is complete when it has seen as
many distinct ones. Only invoices that were there at the beginning can be seen, so these are all of them. The order in
which they were listed does not matter, nor whether it changed between two pages.

The order. Pages are read from the last to the first, so that the certificate mostly succeeds although users go on
editing. The list is sorted by `created_at`, which never changes. Invoices that stay therefore keep their order, and the
index of each can only fall. Before page *p* is read, an invoice that stays was either seen already or lies in pages
1..*p*; it only moves to the front, so a page that is still to be read has it. Front to back, each edit would move one
invoice from an unread page into a page that was read. Back to front, only an invoice that itself leaves unseen costs
another reading.

The union. Where many invoices have equal `created_at`, a database may order them differently for each page, and always
lose the same one between the same two pages. A further reading therefore has another page size and the other direction,
and its invoices are added to those of the readings before, for as long as the count stays the same: a set that only
shrinks and has the same size is the same set, so all of them are in it. When the count has changed, an invoice that was
seen may have left, and would stand for one that is missing; then the union begins anew.

Late commits. One thing can still enter a closed window: a change that Qonto commits when its `updated_at` is past.
Usually the count grows then, and the reading does not certify. But if another invoice leaves between the same two
pages, the count stays the same, and a third invoice can be missed. Therefore the *fresh* end of a run's window, as
long as the overlap, is read apart from the rest. What is missed there is in the next run's window. In the rest nothing
is missed unless a commit is later than lag and overlap together. A window of one page is one atomic response and needs
no cut.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from qonto_sync.domain.times import whole_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from qonto_sync.domain.ids import InvoiceId
    from qonto_sync.domain.invoice import InvoicePage

LARGEST_PAGE = 100
"""Qonto's maximum."""


@dataclass(frozen=True, slots=True)
class PageLayout:
    """How a list is cut into pages."""

    per_page: int = LARGEST_PAGE
    newest_first: bool = False
    """Whether the list is sorted by `created_at` downwards."""

    @property
    def single_rows(self) -> PageLayout:
        """The layout of which each page has one row, in the same order."""
        return replace(self, per_page=1)


LAYOUTS = tuple(
    PageLayout(per_page, newest_first=index % 2 == 1)
    for index, per_page in enumerate((LARGEST_PAGE, 97, 89, 83, 79, 73, 71, 67))
)
"""The layouts of the first reading and of each further one.

No two of one direction have a page boundary in common before row 4 891.
"""


class Union:
    """The invoices of all readings of one window, for as long as its count stays the same."""

    def __init__(self) -> None:
        self.count: int | None = None
        self.ids: set[InvoiceId] = set()

    def begin(self, count: int) -> None:
        """Starts a reading of a window that has so many invoices now; those of another count are forgotten."""
        if count != self.count:
            self.count = count
            self.ids = set()

    def forget(self) -> None:
        """Starts anew, because the window was not closed."""
        self.count = None
        self.ids = set()


class Reading:
    """One reading of a window: yields its pages in the safe order, and certifies that no invoice is missing."""

    def __init__(self, first: InvoicePage, union: Union) -> None:
        """`first` tells the count, and was read a moment ago.

        If it is the only page, it is one atomic response, not read again. A number of 0 says that page 1 itself could
        not be read.
        """
        self._first = first
        self.count = first.total_count or 0
        """Qonto's count when the reading began."""
        self.is_atomic = first.total_pages <= 1 and first.number == 1
        """Whether one response had all of the window."""
        self._listed = 0
        self._created: set[datetime] = set()
        self._grew = False
        self._union = union
        union.begin(self.count)
        self._known_before = len(union.ids)
        self.total_count = self.count
        """Qonto's count in the last page that told one; after the reading that is page 1."""
        self.unreadable = 0
        """Rows that `fetch` could not return, not even alone; a row that moved meanwhile counts twice."""

    def pages(self, fetch: Callable[[int], Iterable[InvoicePage]]) -> Iterator[InvoicePage]:
        """Every page of the window, the last one first; page 1 is read again at the end.

        `fetch` returns the page of this number; or if it cannot be read, smaller pages that have its rows.
        """
        if self.is_atomic:
            yield self._collect(self._first)
            return
        for number in range(self._first.total_pages, 0, -1):
            for page in fetch(number):
                yield self._collect(page)

    @property
    def distinct(self) -> int:
        """How many distinct invoices were seen, also by the readings before that had the same count."""
        return len(self._union.ids)

    @property
    def found_more(self) -> bool:
        """Whether it saw invoices that the readings before did not see, of the same set."""
        return 0 < self._known_before < self.distinct

    @property
    def is_complete(self) -> bool:
        """The certificate: every invoice that was in the window when the reading began has been seen.

        A count that grew between two pages means that an invoice entered a window that should only shrink. A single
        page is one atomic response: an invoice that it lists twice counts twice, because Qonto counts it twice.
        """
        seen = self._listed if self.is_atomic else self.distinct
        return not self._grew and seen >= self.count

    @property
    def lacks_only_unreadable(self) -> bool:
        """Whether another reading is not expected to find more. This is no certificate: rows may have moved."""
        return self.unreadable > 0 and self.distinct + self.unreadable >= self.count

    @property
    def middle_creation(self) -> datetime | None:
        """A second after the earliest creation that was listed and up to the latest; None if there is none."""
        instants = sorted(self._created)
        return instants[len(instants) // 2] if len(instants) > 1 else None

    def _collect(self, page: InvoicePage) -> InvoicePage:
        self._created.update(whole_seconds(invoice.created_at) for invoice in page.invoices if invoice.created_at)
        ids = [invoice.id for invoice in page.invoices]
        self._union.ids.update(ids)
        self._listed += len(ids)
        if page.total_count is not None:
            if page.total_count > self.total_count:
                self._grew = True
                self._union.forget()
            self.total_count = page.total_count
        return page
