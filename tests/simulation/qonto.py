"""The port to Qonto: reads the organization over the network."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from qonto_sync.domain.errors import NotFound, Retriable
from qonto_sync.domain.invoice import Attachment, FileKind, Invoice, InvoicePage
from qonto_sync.domain.reading import LARGEST_PAGE
from qonto_sync.domain.times import whole_seconds
from tests.simulation.decisions import Kind
from tests.simulation.faults import QONTO_FAULTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from qonto_sync.domain.ids import AttachmentId, InvoiceId
    from qonto_sync.domain.reading import PageLayout
    from qonto_sync.domain.window import Window
    from tests.simulation.network import Network
    from tests.simulation.organization import Organization, Version

PER_PAGE = 3
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_NEVER = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ApiVariations:
    """Behaviour of the list that Qonto does not document, so it differs between runs."""

    inclusive: bool
    """Whether the filter includes its bounds; if not, it also compares whole seconds only."""
    counts_past_the_end: bool
    """Whether a page past the end has the totals."""
    order_may_change: bool
    """Whether a response may have another order than the one before."""


class QontoPort:
    """`ports.InvoiceSource` and `ports.AttachmentFiles` in one."""

    def __init__(
        self,
        organization: Organization,
        variations: ApiVariations,
        network: Network,
        on_page: Callable[[Window, int, list[str], list[str]], None],
    ) -> None:
        """`on_page` is called with the window, the page number, the ids of the whole list and those on the page."""
        self._organization = organization
        self._variations = variations
        self._network = network
        self._on_page = on_page

    def page(self, window: Window, number: int, layout: PageLayout) -> InvoicePage:
        """See `ports.InvoiceSource`."""
        requested_at = self._now()
        found: list[Version] = self._call("qonto.page", lambda: self._list(window, layout))
        per_page = _per_page(layout)
        rows = found[(number - 1) * per_page : number * per_page]
        if not self._variations.order_may_change:
            self._on_page(window, number, _ids(found), _ids(rows))
        has_totals = number == 1 or rows or self._variations.counts_past_the_end
        return InvoicePage(
            number,
            tuple(_invoice(version, requested_at, listed_until=window.filter_bounds[1]) for version in rows),
            total_count=len(found) if has_totals else None,
            total_pages=-(-len(found) // per_page) if has_totals else 0,
            clock_skew=timedelta(0),
        )

    def invoice(self, invoice_id: InvoiceId) -> Invoice:
        """See `ports.InvoiceSource`."""
        requested_at = self._now()
        version = self._call("qonto.invoice", lambda: self._organization.live.get(invoice_id))
        if version is None:
            raise NotFound("Qonto answered 404 for the invoice")
        return _invoice(version, requested_at)

    def attachment(self, attachment_id: AttachmentId) -> Attachment:
        """See `ports.InvoiceSource`."""
        content = self._call("qonto.attachment", lambda: self._organization.file(attachment_id))
        if content is None:
            raise Retriable("the attachment is not there (404)")
        return Attachment(attachment_id, f"https://files.example/{attachment_id}", None, None)

    @contextmanager
    def open(self, attachment: Attachment, if_none_match: str | None) -> Iterator[_Download | None]:
        """See `ports.AttachmentFiles`."""
        content: bytes = self._call("files.open", lambda: self._organization.file(attachment.id))
        download = _Download(content, self._network)
        yield None if download.etag == if_none_match else download

    def _list(self, window: Window, layout: PageLayout) -> list[Version]:
        start, end = window.filter_bounds
        created_from, created_to = window.created_filter_bounds
        found = sorted(
            (
                version
                for version in self._organization.live.values()
                if self._matches(version.updated_at, start, end)
                and self._matches(version.created_at, created_from or _LONG_AGO, created_to or _NEVER)
            ),
            key=lambda version: (version.created_at, version.fields["id"]),
            reverse=layout.newest_first,
        )
        if self._variations.order_may_change and len(found) > 1:
            process = self._network.scheduler.current
            swap = self._network.decisions.pick(process.name, "qonto.page", Kind.ORDER, len(found))
            if swap:
                self._network.trace.add(self._now(), f"Qonto lists {found[0].fields['id']} in another place")
                found.insert(swap, found.pop(0))
        return found

    def _matches(self, instant: datetime, start: datetime, end: datetime) -> bool:
        return start <= instant <= end if self._variations.inclusive else start < whole_seconds(instant) < end

    def _now(self) -> datetime:
        return self._network.scheduler.now()

    def _call(self, name: str, read: Callable[[], Any]) -> Any:
        return self._network.call(name, read, {}, QONTO_FAULTS[name])


def _per_page(layout: PageLayout) -> int:
    """As Qonto's pages, but smaller: the largest has three rows, the other ones two or one."""
    return min(layout.per_page, PER_PAGE if layout.per_page == LARGEST_PAGE else PER_PAGE - 1)


def _ids(versions: list[Version]) -> list[str]:
    return [version.fields["id"] for version in versions]


def _invoice(version: Version, requested_at: datetime, *, listed_until: datetime | None = None) -> Invoice:
    return Invoice.of(version.fields, version.document, requested_at, listed_until=listed_until)


class _Download:
    """A download in progress; its content is what the file was when the download began."""

    kind = FileKind.PDF

    def __init__(self, content: bytes, network: Network) -> None:
        self._content = content
        self._network = network
        self.etag: str | None = f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'

    def parts(self, size: int) -> Iterator[bytes]:
        """See `ports.Download`."""
        for first in range(0, len(self._content), size):
            self._network.call("files.part", lambda: None, {}, QONTO_FAULTS["files.part"])
            yield self._content[first : first + size]
