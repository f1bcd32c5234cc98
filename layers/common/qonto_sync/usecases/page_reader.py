"""Reads single pages of Qonto's list, and tells a page that cannot be read from a Qonto that does not answer."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from qonto_sync.domain.errors import ClockSkew, DeadlineReached, ItemError, Misconfigured, Permanent, SyncError
from qonto_sync.domain.reading import LAYOUTS
from qonto_sync.domain.times import to_text
from qonto_sync.domain.window import BEFORE_ALL

if TYPE_CHECKING:
    from datetime import timedelta

    from qonto_sync.domain.invoice import InvoicePage
    from qonto_sync.domain.reading import PageLayout
    from qonto_sync.domain.result import Tally
    from qonto_sync.domain.window import Window
    from qonto_sync.usecases.run_context import RunContext

_log = logging.getLogger(__name__)


class PageUnreadable(Exception):
    """Qonto answers, but not for this page."""


class PageReader:
    """The pages that one run reads."""

    def __init__(self, context: RunContext, tally: Tally, *, lag: timedelta) -> None:
        """`lag` is how much the clocks may differ."""
        self._context = context
        self._tally = tally
        self._lag = lag

    def page(self, window: Window, number: int, layout: PageLayout) -> InvoicePage:
        """The page.

        Raises:
            PageUnreadable: Qonto answers something else, but not this page.
            DeadlineReached: no time is left for it.
            Retriable, Fatal: Qonto does not answer anything, or refuses all.
        """
        if self._context.deadline.remaining() <= 0:
            raise DeadlineReached
        failure: ItemError
        try:
            page = self._context.source.page(window, number, layout)
        except ItemError as error:
            failure = error
        except SyncError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, other pages go on
            _log.exception("page_unexpected_error", extra={**window_facts(window), "page": number})
            self._tally.unexpected_errors += 1
            failure = Permanent(f"unexpected {type(error).__name__}")
        else:
            if page.clock_skew > self._lag:
                raise ClockSkew(
                    f"This machine's clock and Qonto's differ by {page.clock_skew.total_seconds():.0f} s,"
                    f" more than the {self._lag.total_seconds():.0f} s that LAG_SECONDS allows: set the clock"
                )
            return page
        self._require_answers()
        _log.warning(
            "page_unreadable",
            extra={**window_facts(window), "page": number, "per_page": layout.per_page, "detail": str(failure)},
        )
        raise PageUnreadable(str(failure)) from failure

    def _require_answers(self) -> None:
        """Lists something else. An error then says that the failure before was not the page's own.

        Raises:
            Retriable, Misconfigured: Qonto does not answer this either.
        """
        try:
            self._context.source.page(BEFORE_ALL, 1, LAYOUTS[0])
        except Permanent as error:
            raise Misconfigured(f"{error}. Check QONTO_API_URL") from error


def window_facts(window: Window) -> dict[str, str]:
    """The window's bounds, for a log record."""
    facts = {"from": to_text(window.start), "to": to_text(window.end)}
    if window.created_from:
        facts["created_from"] = to_text(window.created_from)
    if window.created_to:
        facts["created_to"] = to_text(window.created_to)
    return facts
