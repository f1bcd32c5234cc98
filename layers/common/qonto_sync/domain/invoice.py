"""Invoices and attachments as Qonto describes them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, override

from qonto_sync.domain.ids import (
    LONGEST_ID,
    UNIDENTIFIED_PREFIX,
    AttachmentId,
    InvoiceId,
    Sha256,
    encodable,
    is_identified,
    is_usable_id,
)
from qonto_sync.domain.times import from_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta
    from typing import Any

_LONGEST_TEXT = 200

NO_USABLE_ID = "Qonto listed an entry without a usable id"
"""Why an unidentified invoice is pending."""


@dataclass(frozen=True, slots=True, order=True)
class Revision:
    """Orders the versions of one invoice: by Qonto's `updated_at`, then by the time of the request.

    Without an `updated_at` both are the time of the request: a later response is at least as new.
    """

    updated_at: datetime
    requested_at: datetime


@dataclass(frozen=True, slots=True)
class Invoice:
    """One version of an invoice: the bytes that Qonto sent, and the few facts that the sync acts on."""

    id: InvoiceId
    document: bytes
    """The invoice object's own JSON text, byte for byte."""
    digest: Sha256
    """Hash of the canonical JSON: equal for equal invoices, whatever their order of keys or white space."""
    revision: Revision
    organization_id: str | None
    status: str | None
    number: str | None
    created_at: datetime | None
    finalized_at: datetime | None
    changed_at: datetime
    """The latest moment at which this version can have been made; see `of`."""
    file_may_change_until: datetime | None
    """Set for an invoice that was listed without an `updated_at`: until then its file may change unnoticed."""
    attachment_id: AttachmentId | None
    is_listed: bool = False
    """Whether the list showed it, whose form of an invoice is the one to archive."""
    fault: str | None = None
    """What Qonto must correct before the invoice can be archived completely; None if nothing."""

    @property
    def is_draft(self) -> bool:
        """A draft may have no PDF, and only a draft can be deleted."""
        return self.status == "draft"

    @staticmethod
    def of(
        fields: Mapping[str, Any], document: bytes, requested_at: datetime, *, listed_until: datetime | None = None
    ) -> Invoice:
        """Builds the invoice from its parsed JSON; a missing fact or one of a wrong type becomes None.

        Without an `updated_at` the time of the last change is unknown. It is not later than `listed_until`, the end of
        the window that listed the invoice, nor than `requested_at`.

        Raises:
            ValueError: the invoice has no usable id, so it cannot be stored under one.
        """
        invoice_id = fields.get("id")
        if not is_usable_id(invoice_id) or not is_identified(InvoiceId(invoice_id)):
            raise ValueError(f"an invoice id is a text of 1 to {LONGEST_ID} characters")
        created_at = from_text(fields.get("created_at"))
        updated_at = from_text(fields.get("updated_at"))
        finalized_at = from_text(fields.get("finalized_at"))
        changes = (created_at, finalized_at, updated_at or listed_until or requested_at)
        named = fields.get("attachment_id") or None
        attachment_id = AttachmentId(named) if is_usable_id(named) else None
        return Invoice(
            id=InvoiceId(invoice_id),
            document=document,
            digest=_digest(fields, document),
            revision=Revision(updated_at or requested_at, requested_at),
            organization_id=_text(fields.get("organization_id")),
            status=_text(fields.get("status")),
            number=_text(fields.get("number")),
            created_at=created_at,
            finalized_at=finalized_at,
            changed_at=max(at for at in changes if at),
            file_may_change_until=None if updated_at else listed_until,
            attachment_id=attachment_id,
            is_listed=listed_until is not None,
            fault="the invoice names its attachment by no usable id" if named and not attachment_id else None,
        )

    @staticmethod
    def unidentified(document: bytes, requested_at: datetime) -> Invoice:
        """An entry of the list without a usable id, archived under an id made of its bytes.

        Qonto cannot be asked for it by id, so the list entry is all that can be archived.
        """
        digest = Sha256(hashlib.sha256(document).hexdigest())
        return Invoice(
            id=InvoiceId(f"{UNIDENTIFIED_PREFIX}{digest[:32]}"),
            document=document,
            digest=digest,
            revision=Revision(requested_at, requested_at),
            organization_id=None,
            status=None,
            number=None,
            created_at=None,
            finalized_at=None,
            changed_at=requested_at,
            file_may_change_until=None,
            attachment_id=None,
            is_listed=True,
            fault=NO_USABLE_ID,
        )


def _digest(fields: Mapping[str, Any], document: bytes) -> Sha256:
    try:
        canonical = json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()
    except (ValueError, RecursionError):
        # Too large or too deep for a canonical form: a different spelling then counts as a new version.
        canonical = document
    return Sha256(hashlib.sha256(canonical).hexdigest())


def _text(value: object) -> str | None:
    """A text that fits a ledger row and an HTTP header; None when the value is no text, or empty."""
    return encodable(value[:_LONGEST_TEXT]) or None if isinstance(value, str) else None


@dataclass(frozen=True, slots=True)
class InvoicePage:
    """One page of the list. The totals hold for the moment of this response only."""

    number: int
    invoices: tuple[Invoice, ...]
    total_count: int | None
    """None for a page past the end, which does not tell it."""
    total_pages: int
    clock_skew: timedelta
    """How far Qonto's clock is from ours at least; zero when they may agree, or Qonto sends no `Date`."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """What Qonto says of a file. `url` is a credential for 30 minutes: never stored, queued or logged."""

    id: AttachmentId
    url: str
    file_name: str | None
    file_size: int | None
    updated_at: datetime | None = None
    """When the file was made; None when Qonto does not say."""

    def is_outdated(self, invoice: Invoice) -> bool:
        """Whether this is still the draft's PDF: Qonto has its clients wait for one made after the finalization.

        Source: docs.qonto.com, guides/invoicing/factur-x.
        """
        return bool(self.updated_at and invoice.finalized_at and self.updated_at <= invoice.finalized_at)

    @override
    def __repr__(self) -> str:
        """Without the URL, so that no log line or traceback shows it."""
        return f"Attachment(id={self.id!r})"


class FileKind(StrEnum):
    """The types of file that Qonto accepts and makes; the value is the file name extension."""

    PDF = "pdf"
    JPEG = "jpg"
    PNG = "png"
    XML = "xml"
    """An imported e-invoice, in the syntax UBL or CII."""

    @property
    def content_type(self) -> str:
        """The media type that S3 serves the file with."""
        return {
            FileKind.PDF: "application/pdf",
            FileKind.JPEG: "image/jpeg",
            FileKind.PNG: "image/png",
            FileKind.XML: "application/xml",
        }[self]
