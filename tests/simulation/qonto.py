"""The port to Qonto: reads the organization over the network."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from qonto_sync.domain.errors import ItemError, NotFound, Retriable
from qonto_sync.domain.invoice import Attachment, FileKind, Invoice, InvoicePage
from qonto_sync.domain.reading import LAYOUTS
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


@dataclass(slots=True)
class Poison:
    """An invoice whose pages cannot be read for a while."""

    invoice_id: str
    error: Callable[[], Exception]
    until: datetime


@dataclass(frozen=True, slots=True)
class ApiVariations:
    """Behaviour of the list that Qonto does not document, so it differs between runs."""

    inclusive: bool
    """Whether the filter includes its bounds; if not, it also compares whole seconds only."""
    order_may_change: bool
    """Whether a response may have another order than the one before."""
    ties_by_page: bool = False
    """Whether invoices with equal `created_at` have an order that depends on the page, so that each reading of one
    layout misses the same one."""
    page_seconds: float = 0
    """How long a page takes."""
    poison: Poison | None = None
    phantom_at: datetime | None = None
    """When an invoice was changed that is counted and never listed; None: there is none."""
    truth_after_lie: timedelta = timedelta(hours=1)
    """For so long after a wrong 404 there is no other one for the same invoice."""
    hidden: str | None = None
    """An invoice that the list neither has nor counts until then; asked for by its id, it is there."""
    hidden_until: datetime = _LONG_AGO


class QontoPort:
    """`ports.InvoiceSource` and `ports.AttachmentFiles` in one."""

    def __init__(
        self,
        organization: Organization,
        variations: ApiVariations,
        network: Network,
        *,
        on_page: Callable[[Window, PageLayout, int, list[str], list[str]], None],
        on_failure: Callable[[Window], None],
        calls: dict[str, list[datetime]],
        lies: dict[str, datetime],
    ) -> None:
        """`on_page` is called with window and layout, page number, the ids of the whole list and those on the page.

        `on_failure` is called with the window of a page that cannot be read. `calls` gets the time of each request for
        an invoice, `lies` that of the last wrong 404.
        """
        self._organization = organization
        self._variations = variations
        self._network = network
        self._on_page = on_page
        self._on_failure = on_failure
        self._calls = calls
        self._lies = lies

    def page(self, window: Window, number: int, layout: PageLayout) -> InvoicePage:
        """See `ports.InvoiceSource`."""
        requested_at = self._now()
        if self._variations.page_seconds:
            self._network.scheduler.sleep(self._variations.page_seconds)
        found = self._listed(window, layout)
        per_page = _per_page(layout)
        if self._variations.ties_by_page:
            _swap_ties(found, (number - 1) * per_page)
        rows = found[(number - 1) * per_page : number * per_page]
        self._fail_if_poisoned(window, rows)
        self._on_page(window, layout, number, _ids(found), _ids(rows))
        has_totals = number == 1 or rows
        count = len(found) + self._phantoms(window)
        return InvoicePage(
            number,
            tuple(
                _invoice(version, requested_at, listed_until=window.filter_bounds[1] or requested_at)
                for version in rows
            ),
            total_count=count if has_totals else None,
            total_pages=-(-count // per_page) if has_totals else 0,
            clock_skew=timedelta(0),
        )

    def _listed(self, window: Window, layout: PageLayout) -> list[Version]:
        """The list, unless the call fails."""
        try:
            found: list[Version] = self._call("qonto.page", lambda: self._list(window, layout))
        except ItemError:
            self._on_failure(window)
            raise
        return found

    def _fail_if_poisoned(self, window: Window, rows: list[Version]) -> None:
        poison = self._variations.poison
        if poison and self._now() < poison.until and poison.invoice_id in _ids(rows):
            self._network.trace.add(self._now(), f"Qonto does not answer a page with {poison.invoice_id}")
            self._on_failure(window)
            raise poison.error()

    def _phantoms(self, window: Window) -> int:
        at = self._variations.phantom_at
        return at is not None and self._is_in(window, at, at)

    def invoice(self, invoice_id: InvoiceId) -> Invoice:
        """See `ports.InvoiceSource`."""
        requested_at = self._now()
        version = self._call("qonto.invoice", lambda: self._organization.live.get(invoice_id))
        self._calls[invoice_id].append(requested_at)
        if version is None or self._is_hidden(invoice_id):
            raise NotFound("Qonto answered 404 for the invoice")
        return _invoice(version, requested_at)

    def _is_hidden(self, invoice_id: InvoiceId) -> bool:
        """Whether this 404 is wrong."""
        now = self._now()
        if now - self._lies.get(invoice_id, _LONG_AGO) < self._variations.truth_after_lie:
            return False
        process = self._network.scheduler.current
        if not self._network.decisions.pick(process.name, "qonto.invoice, 404", Kind.FAULT, 2):
            return False
        self._network.trace.add(now, f"Qonto answers 404 for {invoice_id}, which exists")
        self._lies[invoice_id] = now
        return True

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
        found = sorted(
            (
                version
                for version in self._organization.live.values()
                if self._is_in(window, version.updated_at, version.created_at) and not self._is_unlisted(version)
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

    def _is_unlisted(self, version: Version) -> bool:
        return version.fields["id"] == self._variations.hidden and self._now() < self._variations.hidden_until

    def _is_in(self, window: Window, updated_at: datetime, created_at: datetime) -> bool:
        instants = ((updated_at, window.filter_bounds), (created_at, window.created_filter_bounds))
        return all(self._matches(at, start or _LONG_AGO, end or _NEVER) for at, (start, end) in instants)

    def _matches(self, instant: datetime, start: datetime, end: datetime) -> bool:
        return start <= instant <= end if self._variations.inclusive else start < whole_seconds(instant) < end

    def _now(self) -> datetime:
        return self._network.scheduler.now()

    def _call(self, name: str, read: Callable[[], Any]) -> Any:
        return self._network.call(name, read, {}, QONTO_FAULTS[name])


def _per_page(layout: PageLayout) -> int:
    """As Qonto's pages, but smaller; no two layouts of one direction have the same size."""
    sizes = {known.per_page: size for known, size in zip(LAYOUTS, (PER_PAGE, 2, 2, 4, 4, 3, 5, 5), strict=True)}
    return sizes.get(layout.per_page, layout.per_page)


def _swap_ties(found: list[Version], first: int) -> None:
    """Puts the last row of the page before in the place of this page's first, if their order is open."""
    if 0 < first < len(found) and found[first].created_at == found[first - 1].created_at:
        found[first], found[first - 1] = found[first - 1], found[first]


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
