"""The port to the source: what a reader gets of the organization, over the network."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from qonto_sync.domain.errors import NotFound, Retriable
from qonto_sync.domain.invoice import Attachment, FileKind, Invoice, InvoicePage
from qonto_sync.domain.times import whole_seconds
from tests.simulation.decisions import Kind
from tests.simulation.faults import OF_SOURCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from qonto_sync.domain.ids import AttachmentId, InvoiceId
    from qonto_sync.domain.window import Window
    from tests.simulation.network import Network
    from tests.simulation.organization import Organization, Version

PER_PAGE = 3


@dataclass(frozen=True, slots=True)
class Habits:
    """What Qonto does not promise about its list."""

    inclusive: bool
    """Whether the bounds of the filter belong to the window; if not, it compares whole seconds only."""
    counts_past_the_end: bool
    """Whether a page past the end still tells the totals."""
    order_may_change: bool
    """Whether an answer may come in another order now and then."""


class QontoPort:
    """`ports.InvoiceSource` and `ports.AttachmentFiles` in one."""

    def __init__(
        self,
        organization: Organization,
        habits: Habits,
        network: Network,
        answered: Callable[[Window, int, list[str], list[str]], None],
    ) -> None:
        """`answered` is told the window, the number, what was listed and what of it was on the page."""
        self._organization = organization
        self._habits = habits
        self._network = network
        self._answered = answered

    def page(self, window: Window, number: int) -> InvoicePage:
        """See `ports.InvoiceSource`."""
        requested_at = self._now()
        found: list[Version] = self._call("qonto.page", lambda: self._list(window))
        rows = found[(number - 1) * PER_PAGE : number * PER_PAGE]
        if not self._habits.order_may_change:
            self._answered(window, number, _ids(found), _ids(rows))
        told = rows or self._habits.counts_past_the_end
        return InvoicePage(
            number,
            tuple(_invoice(version, requested_at, listed_until=window.filter_bounds[1]) for version in rows),
            total_count=len(found) if told else 0,
            total_pages=-(-len(found) // PER_PAGE) if told else 0,
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

    def _list(self, window: Window) -> list[Version]:
        start, end = window.filter_bounds
        found = sorted(
            (version for version in self._organization.live.values() if self._is_in(version.updated_at, start, end)),
            key=lambda version: (version.created_at, version.fields["id"]),
        )
        if self._habits.order_may_change and len(found) > 1:
            process = self._network.scheduler.current
            swap = self._network.decisions.pick(process.name, "qonto.page", Kind.ORDER, len(found))
            if swap:
                self._network.story.tell(self._now(), f"Qonto lists {found[0].fields['id']} in another place")
                found.insert(swap, found.pop(0))
        return found

    def _is_in(self, instant: datetime, start: datetime, end: datetime) -> bool:
        return start <= instant <= end if self._habits.inclusive else start < whole_seconds(instant) < end

    def _now(self) -> datetime:
        return self._network.scheduler.now()

    def _call(self, operation: str, read: Callable[[], Any]) -> Any:
        return self._network.call(operation, read, {}, OF_SOURCE[operation])


def _ids(versions: list[Version]) -> list[str]:
    return [version.fields["id"] for version in versions]


def _invoice(version: Version, requested_at: datetime, *, listed_until: datetime | None = None) -> Invoice:
    return Invoice.of(version.fields, version.document, requested_at, listed_until=listed_until)


class _Download:
    """A file on its way; what comes is what was there when it was opened."""

    kind = FileKind.PDF

    def __init__(self, content: bytes, network: Network) -> None:
        self._content = content
        self._network = network
        self.etag: str | None = f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'

    def parts(self, size: int) -> Iterator[bytes]:
        """See `ports.Download`."""
        for first in range(0, len(self._content), size):
            self._network.call("files.part", lambda: None, {}, OF_SOURCE["files.part"])
            yield self._content[first : first + size]
