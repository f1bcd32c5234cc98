"""Windows, slices, and the reading of a slice that loses nothing. Pure.

Why a reading is complete. A window is *closed* when its end lies in the past: then its set of invoices only shrinks,
for an edit gives an invoice a later `updated_at` and takes it out, and nothing new gets one in the past. What left is
in the next window; so a reading is complete when it has seen every invoice that *stays* until its end.

The certificate. A reading counts how many invoices the slice has when it begins, and is complete when it has seen as
many different ones. They can only be those that were there at the beginning, so they are all of those; in which order
they were listed, and whether that changed between two pages, does not matter.

The order. Pages are read from the last to the first, so that the certificate is had at once although users go on
editing. The list is sorted by `created_at`, which never changes: the invoices that stay keep their order, and each
one's index can only fall. Before page *p* is read, an invoice that stays was either seen already or lies in pages
1..*p*; as it only moves towards the front, a page that is still to come has it. Read front to back, each edit would
let one slip from an unread page into a read one. Back to front, only an invoice that itself leaves unseen costs
another reading.

Late commits. One thing can still enter a closed window: a change that the source commits when its `updated_at` is
past. Mostly it makes the count grow, and the reading does not certify; but if another invoice leaves between the same
two pages, the count stays, and a third one may slip by. So the *fresh* end of a run's window, as long as the overlap,
is read apart from the rest: what slips there is in the next run's window, and in the rest nothing slips unless a commit
is later than lag and overlap together. A slice of one page is one atomic answer and needs no cut.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qonto_sync.times import ONE_SECOND, whole_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime, timedelta

    from qonto_sync.model import Checkpoint, InvoiceId, InvoicePage


@dataclass(frozen=True, slots=True)
class Window:
    """`[start, end]` on `updated_at`, in whole seconds."""

    start: datetime
    end: datetime

    @property
    def is_empty(self) -> bool:
        """Whether no time has passed in it, so that there is nothing to read."""
        return self.end <= self.start

    @property
    def filter_bounds(self) -> tuple[datetime, datetime]:
        """What to ask for, so that every invoice of this window is in the answer.

        Whether the source includes its bounds, and how finely it compares, is not known. A second more on
        either side covers every reading of them.
        """
        return self.start - ONE_SECOND, self.end + ONE_SECOND

    def halves(self) -> tuple[Window, Window] | None:
        """The older and the newer half, meeting in one instant; None when a second is all there is."""
        return self.cut_at(whole_seconds(self.start + (self.end - self.start) / 2))

    def cut_at(self, instant: datetime) -> tuple[Window, Window] | None:
        """The part before and the part after it, meeting in that instant; None when it is not inside."""
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
    """What a run that starts now has to read; it never ends before the checkpoint, whatever the clock says.

    The overlap catches what was committed late at the source; the lag keeps the window closed.
    """
    end = whole_seconds(now - lag)
    if checkpoint is None:
        return Window(whole_seconds(initial), end)
    return Window(checkpoint.synced_until - overlap, max(end, checkpoint.synced_until))


class Reading:
    """One reading of a slice: gives its pages in the safe order, and certifies that nothing was missed."""

    def __init__(self, first: InvoicePage) -> None:
        """`first` is page 1, read a moment ago; if it is the only one, it is one atomic answer and enough."""
        self._first = first
        self._seen: set[InvoiceId] = set()
        self._listed = 0
        self._grew = False
        self.total_count = first.total_count
        """What the source counted at the last page that was read; in the end that is page 1."""

    def pages(self, fetch: Callable[[int], InvoicePage]) -> Iterator[InvoicePage]:
        """Every page of the slice, the last one first; page 1 is read again at the end."""
        if self._first.total_pages <= 1:
            yield self._take(self._first)
            return
        for number in range(self._first.total_pages, 0, -1):
            yield self._take(fetch(number))

    @property
    def distinct(self) -> int:
        """How many different invoices were seen."""
        return len(self._seen)

    @property
    def is_complete(self) -> bool:
        """The certificate: all that was in the slice when the reading began has been seen.

        A count that rose between two pages means that something entered a window that only shrinks. On a single page,
        which is one atomic answer, what is listed twice counts twice: the source has it twice.
        """
        seen = self._listed if self._first.total_pages <= 1 else self.distinct
        return not self._grew and seen >= self._first.total_count

    def _take(self, page: InvoicePage) -> InvoicePage:
        self._seen.update(invoice.id for invoice in page.invoices)
        self._listed += len(page.invoices)
        self._grew = self._grew or page.total_count > self.total_count
        self.total_count = page.total_count
        return page
