"""Windows, slices, and a way to read a slice that misses no invoice. Pure.

Why a reading is complete. A window is *closed* when its end lies in the past. The set of its invoices then only
shrinks: an edit gives an invoice a later `updated_at`, which removes it, and no invoice can enter with an earlier one.
An invoice that left is in the next window. A reading is therefore complete when it has seen every invoice that *stays*
until the reading ends.

The certificate. A reading notes how many invoices the slice has when it begins, and is complete when it has seen as
many distinct ones. Only invoices that were there at the beginning can be seen, so these are all of them. The order in
which they were listed does not matter, nor whether it changed between two pages.

The order. Pages are read from the last to the first, so that the certificate mostly succeeds although users go on
editing. The list is sorted by `created_at`, which never changes. Invoices that stay therefore keep their order, and the
index of each can only fall. Before page *p* is read, an invoice that stays was either seen already or lies in pages
1..*p*; it only moves to the front, so a page that is still to be read has it. Front to back, each edit would move one
invoice from an unread page into a page that was read. Back to front, only an invoice that itself leaves unseen costs
another reading.

Late commits. One thing can still enter a closed window: a change that Qonto commits when its `updated_at` is past.
Usually the count grows then, and the reading does not certify. But if another invoice leaves between the same two
pages, the count stays the same, and a third invoice can be missed. Therefore the *fresh* end of a run's window, as
long as the overlap, is read apart from the rest. What is missed there is in the next run's window. In the rest nothing
is missed unless a commit is later than lag and overlap together. A slice of one page is one atomic response and needs
no cut.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qonto_sync.domain.times import ONE_SECOND, whole_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime, timedelta

    from qonto_sync.domain.checkpoint import Checkpoint
    from qonto_sync.domain.ids import InvoiceId
    from qonto_sync.domain.invoice import InvoicePage


@dataclass(frozen=True, slots=True)
class Window:
    """`[start, end]` on `updated_at`, in whole seconds."""

    start: datetime
    end: datetime

    @property
    def is_empty(self) -> bool:
        """Whether it contains no time, so that there is nothing to read."""
        return self.end <= self.start

    @property
    def filter_bounds(self) -> tuple[datetime, datetime]:
        """The bounds to filter by, so that the list contains every invoice of this window.

        Whether Qonto includes its bounds, and how precisely it compares, is unknown. One second more on either side
        covers every case.
        """
        return self.start - ONE_SECOND, self.end + ONE_SECOND

    def halves(self) -> tuple[Window, Window] | None:
        """The older and the newer half, meeting in one instant; None when the window is one second."""
        return self.cut_at(whole_seconds(self.start + (self.end - self.start) / 2))

    def cut_at(self, instant: datetime) -> tuple[Window, Window] | None:
        """The parts before and after the instant, meeting in it; None when it is not inside the window."""
        if not self.start < instant < self.end:
            return None
        return Window(self.start, instant), Window(instant, self.end)


def window_to_cover(
    checkpoint: Checkpoint | None,
    initial: datetime,
    now: datetime,
    *,
    overlap: timedelta,
    lag: timedelta,
) -> Window:
    """The window that a run reads which starts now. It never ends before the checkpoint, whatever the clock says.

    The overlap reads again what Qonto may have committed late; the lag keeps the window closed.
    """
    end = whole_seconds(now - lag)
    if checkpoint is None:
        return Window(whole_seconds(initial), end)
    return Window(checkpoint.synced_until - overlap, max(end, checkpoint.synced_until))


class Reading:
    """One reading of a slice: yields its pages in the safe order, and certifies that no invoice is missing."""

    def __init__(self, first: InvoicePage) -> None:
        """`first` is page 1, read a moment ago; if it is the only page, it is one atomic response, not read again."""
        self._first = first
        self._seen: set[InvoiceId] = set()
        self._listed = 0
        self._grew = False
        self.total_count = first.total_count
        """Qonto's count in the last page that was read; after the reading that is page 1."""

    def pages(self, fetch: Callable[[int], InvoicePage]) -> Iterator[InvoicePage]:
        """Every page of the slice, the last one first; page 1 is read again at the end."""
        if self._first.total_pages <= 1:
            yield self._collect(self._first)
            return
        for number in range(self._first.total_pages, 0, -1):
            yield self._collect(fetch(number))

    @property
    def distinct(self) -> int:
        """How many distinct invoices were seen."""
        return len(self._seen)

    @property
    def is_complete(self) -> bool:
        """The certificate: every invoice that was in the slice when the reading began has been seen.

        A count that grew between two pages means that an invoice entered a window that should only shrink. A single
        page is one atomic response: an invoice that it lists twice counts twice, because Qonto counts it twice.
        """
        seen = self._listed if self._first.total_pages <= 1 else self.distinct
        return not self._grew and seen >= self._first.total_count

    def _collect(self, page: InvoicePage) -> InvoicePage:
        self._seen.update(invoice.id for invoice in page.invoices)
        self._listed += len(page.invoices)
        self._grew = self._grew or page.total_count > self.total_count
        self.total_count = page.total_count
        return page
