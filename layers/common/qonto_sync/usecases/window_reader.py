"""Reads windows completely, archives what they list, and isolates what cannot be read.

A reading that does not certify is repeated with other pages; then the window is cut. A page that Qonto does not answer
counts as the page's own fault only if Qonto answers another request right after it; then the window is cut around it,
down to one second, and in one second its rows are asked for one by one. So all that can be read is archived, and the
windows that are left are as small as they can be.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from qonto_sync.domain.gap import GapReason
from qonto_sync.domain.invoice import InvoicePage
from qonto_sync.domain.reading import LAYOUTS, Reading, Union
from qonto_sync.usecases.page_reader import PageReader, PageUnreadable, window_facts
from qonto_sync.usecases.slice_archiver import SliceArchiver

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from qonto_sync.domain.reading import PageLayout
    from qonto_sync.domain.result import Tally
    from qonto_sync.domain.window import Window
    from qonto_sync.usecases.run_context import RunContext

_log = logging.getLogger(__name__)

_FRUITLESS_READINGS: Final = 3
"""So many readings in a row that find nothing new end the reading of a window: it is cut, or a gap."""

_MOST_CUTS: Final = 200
"""How often a run cuts windows because of what cannot be read, and cuts seconds; about 25 lead from a year to a second.
Then its gaps are larger, and a later run goes on cutting."""

_MOST_PAGES: Final = 10_000
"""More than a run has time to read."""

_MOST_UNREADABLE_ROWS: Final = 20
"""After so many rows that cannot be read alone, the rest of a window of one second is not tried. Each costs seconds."""

_ROWS_FOR_COUNT: Final = 3
"""How many rows are asked for to learn how many there are."""


class Complete(NamedTuple):
    """Every invoice of the window is archived or pending."""


class Cut(NamedTuple):
    """The window is to be read in two parts."""

    older: Window
    newer: Window


class Incomplete(NamedTuple):
    """All that can be read is archived or pending, but perhaps not all of the window's invoices."""

    reason: GapReason
    detail: str


class WindowReader:
    """Reads the windows of one run."""

    def __init__(
        self,
        context: RunContext,
        tally: Tally,
        *,
        fresh_from: datetime,
        lag: timedelta,
        pages_per_slice: int,
        in_flight: int,
    ) -> None:
        """`fresh_from` is where the fresh end of the run's window begins; `domain.reading` says why it is read apart.

        `lag` is how much the clocks may differ. `in_flight` is how many invoices are submitted and not finished.
        """
        self._context = context
        self._tally = tally
        self._source = PageReader(context, tally, lag=lag)
        self._fresh_from = fresh_from
        self._pages_per_slice = pages_per_slice
        self._in_flight = in_flight
        self._cuts_left = _MOST_CUTS
        self.begun: Window | None = None
        """The window whose reading was begun last: Qonto has told how many invoices it has, and it was not cut."""

    def read(self, window: Window, attempt: int = 0) -> Complete | Cut | Incomplete:
        """Reads the window and archives its invoices, unless it is to be cut first.

        `attempt` counts the earlier attempts at a gap: each begins with another layout, in case that there is only time
        for one, which always misses the same invoice.

        Raises:
            DeadlineReached: before the end; what was archived is in the ledger.
            Retriable: Qonto does not answer anything, or the ledger cannot be written.
            Fatal: going on could only repeat the error.
        """
        archiver = SliceArchiver(self._context, self._tally, in_flight=self._in_flight)
        union = Union()
        fruitless = 0
        start = attempt % len(LAYOUTS)
        layouts = LAYOUTS[start:] + LAYOUTS[:start]
        for layout in layouts:
            try:
                first = self._first_page(window, layout)
                if parts := self._parts(window, first):
                    return Cut(*parts)
                if first.total_pages > _MOST_PAGES:
                    detail = f"Qonto counts {first.total_count} invoices: more than can be read"
                    return Incomplete(GapReason.UNCERTIFIED, detail)
                self.begun = window
                reading = Reading(first, union)
                _log.info("slice_planned", extra={**window_facts(window), "total_count": reading.count})
                archiver.archive(reading, partial(self._pages, window, layout, reading))
            except PageUnreadable as unreadable:
                return self._narrowed(window, GapReason.UNREADABLE, str(unreadable))
            if reading.is_complete:
                self._tally.add_reading(reading)
                return Complete()
            facts = {"total_count": reading.count, "distinct": reading.distinct}
            _log.warning("slice_not_certified", extra={**window_facts(window), **facts})
            fruitless = 0 if reading.found_more else fruitless + 1
            if reading.lacks_only_unreadable or fruitless == _FRUITLESS_READINGS or layout is layouts[-1]:
                return self._uncertified(window, reading)
        raise AssertionError("unreachable: the last reading returns")

    def _uncertified(self, window: Window, reading: Reading) -> Cut | Incomplete:
        if reading.unreadable:
            detail = f"{reading.unreadable} of {reading.count} rows cannot be read, not even alone"
            return Incomplete(GapReason.UNREADABLE, detail)
        detail = f"Qonto counts {reading.count} invoices, and lists {reading.distinct} of them"
        if not window.is_one_second:
            return self._narrowed(window, GapReason.UNCERTIFIED, detail)
        # A single response has all rows of its window, and rows of one creation cannot be told apart: a smaller window
        # would only be the same gap.
        middle = None if reading.is_atomic else reading.middle_creation
        parts = window.cut_at_creation(middle) if middle else None
        return Cut(*parts) if parts and self._may_cut(window) else Incomplete(GapReason.UNCERTIFIED, detail)

    def _parts(self, window: Window, first: InvoicePage) -> tuple[Window, Window] | None:
        """The window's parts if it has a fresh end beside something else, or too many pages for one reading."""
        if first.total_pages > 1 and (parts := window.cut_at(self._fresh_from)):
            return parts
        if first.total_pages <= self._pages_per_slice:
            return None
        return self._halves(window) if window.is_one_second else window.halves()

    def _narrowed(self, window: Window, reason: GapReason, detail: str) -> Cut | Incomplete:
        """The window's halves, one of which may be readable; or a gap if there are none."""
        halves = self._halves(window)
        return Cut(*halves) if halves else Incomplete(reason, detail)

    def _halves(self, window: Window) -> tuple[Window, Window] | None:
        halves = window.halves()
        return halves if halves and self._may_cut(window) else None

    def _may_cut(self, window: Window) -> bool:
        """Whether the run may cut one more window whose parts need not have fewer invoices; if so, it is counted."""
        if self._cuts_left == 0 or (window.is_one_second and not self._is_told_apart(window)):
            return False
        self._cuts_left -= 1
        return True

    def _is_told_apart(self, window: Window) -> bool:
        """Whether the filter on `created_at` tells the invoices of a second apart and keeps all of them.

        It may be ignored, or drop invoices without a `created_at`: then the parts count more or fewer than the whole.
        It is asked before the first cut of a second. The whole is counted last: it can only shrink meanwhile.
        """
        halves = window.halves()
        if halves is None or window.created_from or window.created_to:
            return True
        older, newer, whole = (self._count(part) for part in (*halves, window))
        if older is None or newer is None or whole is None:
            return True
        return whole <= older + newer < 2 * max(whole, 1)

    def _count(self, window: Window) -> int | None:
        """How many invoices the window has; None if Qonto does not answer for it."""
        try:
            return self._source.page(window, 1, LAYOUTS[0]).total_count
        except PageUnreadable:
            return None

    def _first_page(self, window: Window, layout: PageLayout) -> InvoicePage:
        """Page 1; if it cannot be read, and the window is one second, a page without rows that tells the count."""
        try:
            page = self._source.page(window, 1, layout)
            # Fewer rows than a page must have contradict the count, and smaller windows may have the same count.
            is_short = len(page.invoices) * page.total_pages < (page.total_count or 0)
            return replace(page, total_pages=1) if is_short else page
        except PageUnreadable:
            if not window.is_one_second:
                raise
            for number in range(1, _ROWS_FOR_COUNT + 1):
                count = self._count_by_row(window, number, layout)
                if count is not None:
                    return InvoicePage(0, (), count, -(-count // layout.per_page), timedelta(0))
            raise

    def _count_by_row(self, window: Window, number: int, layout: PageLayout) -> int | None:
        """The count that a row's page tells; one past the end says that there are only the rows before it."""
        try:
            page = self._source.page(window, number, layout.single_rows)
        except PageUnreadable:
            return None
        return page.total_count if page.total_count is not None else number - 1

    def _pages(self, window: Window, layout: PageLayout, reading: Reading, number: int) -> Iterator[InvoicePage]:
        """The page; if it cannot be read, and the window is one second, those of its rows that can."""
        try:
            yield self._source.page(window, number, layout)
        except PageUnreadable:
            if not window.is_one_second:
                raise
        else:
            return
        last = min(number * layout.per_page, reading.count)
        for row in range(last, (number - 1) * layout.per_page, -1):
            try:
                yield self._source.page(window, row, layout.single_rows)
            except PageUnreadable:
                reading.unreadable += 1
                if reading.unreadable > _MOST_UNREADABLE_ROWS:
                    raise
