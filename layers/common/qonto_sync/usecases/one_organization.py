"""Keeps the invoices of two organizations apart.

A secret may get another organization's key by mistake. Its invoices would then lie in this connection's archive, and
the connection's own changes of that time would be passed over: the other organization's list does not have them. So the
first commit pins the organization in the checkpoint, and an invoice of another one stops whatever meets it.

An answer without invoices proves nothing about whose it is. Whoever draws a conclusion from one asks `is_shown` first.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, override

from qonto_sync.domain.errors import WrongOrganization
from qonto_sync.domain.reading import LAYOUTS
from qonto_sync.domain.times import whole_seconds
from qonto_sync.domain.window import EARLIEST, Window
from qonto_sync.ports import InvoiceSource

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qonto_sync.domain.checkpoint import Checkpoint
    from qonto_sync.domain.ids import AttachmentId, ConnectionName, InvoiceId
    from qonto_sync.domain.invoice import Attachment, Invoice, InvoicePage
    from qonto_sync.domain.reading import PageLayout
    from qonto_sync.ports import Checkpoints, Clock

_RECENT: Final = (timedelta(days=30), timedelta(days=365))
"""Where an invoice of the organization is looked for first: Qonto may refuse windows with too many invoices."""


class OneOrganization(InvoiceSource):
    """A source whose invoices all belong to the organization that the connection's checkpoint names.

    Without such a checkpoint they belong to the organization of the first one. Invoices that name none pass. Any method
    may raise `WrongOrganization`.
    """

    def __init__(
        self, connection: ConnectionName, source: InvoiceSource, *, checkpoints: Checkpoints, clock: Clock
    ) -> None:
        self._connection = connection
        self._source = source
        self._checkpoints = checkpoints
        self._clock = clock
        self._is_pinned = False
        self._organization_id: str | None = None
        self._is_shown = False

    @property
    def organization_id(self) -> str | None:
        """The organization, as the checkpoint or the first invoice named it; None if neither did."""
        self._require_pin()
        return self._organization_id

    def pin(self, checkpoint: Checkpoint | None) -> None:
        """Takes the organization from this checkpoint. Otherwise it is read when it is needed."""
        self._is_pinned = True
        self._organization_id = checkpoint.organization_id if checkpoint else None

    def is_shown(self) -> bool:
        """Whether Qonto has listed an invoice to these credentials, so that its other answers count, too.

        If it has not, it is asked for one of any time. Always true as long as no organization is known.

        Raises:
            WrongOrganization: the invoice is another organization's.
            ItemError: the list cannot be read.
        """
        if self._is_shown or self.organization_id is None:
            return True
        now = whole_seconds(self._clock.now())
        for start in (*(now - span for span in _RECENT), EARLIEST):
            if self.page(Window(start, now), 1, LAYOUTS[0].single_rows).invoices:
                return True
        return False

    @override
    def page(self, window: Window, number: int, layout: PageLayout) -> InvoicePage:
        page = self._source.page(window, number, layout)
        self._check(page.invoices)
        return page

    @override
    def invoice(self, invoice_id: InvoiceId) -> Invoice:
        invoice = self._source.invoice(invoice_id)
        self._check([invoice])
        return invoice

    @override
    def attachment(self, attachment_id: AttachmentId) -> Attachment:
        return self._source.attachment(attachment_id)

    def _check(self, invoices: Iterable[Invoice]) -> None:
        for invoice in invoices:
            found, expected = invoice.organization_id, self.organization_id
            if found and expected and found != expected:
                raise WrongOrganization(
                    f"The credentials of {self._connection!r} are those of the organization {found!r}, but its archive"
                    f" has the invoices of {expected!r}. Store that organization's key in the secret; another"
                    " organization needs a connection of its own"
                )
            self._organization_id = expected or found
            self._is_shown = True

    def _require_pin(self) -> None:
        if not self._is_pinned:
            self.pin(self._checkpoints.read(self._connection))
