"""The values that the use cases speak in. Frozen, slotted, without behaviour beyond their own invariants."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NewType, TypeGuard, override

from qonto_sync.times import from_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta
    from typing import Any

ConnectionName = NewType("ConnectionName", str)
InvoiceId = NewType("InvoiceId", str)
AttachmentId = NewType("AttachmentId", str)
RunId = NewType("RunId", str)
ETag = NewType("ETag", str)
Sha256 = NewType("Sha256", str)
"""64 hexadecimal digits."""

LONGEST_ID = 200
"""Characters. A key or a ledger row made of a longer id would not fit."""

_LONGEST_TEXT = 200
_UNIDENTIFIED = "unidentified-"

NO_USABLE_ID = "Qonto listed an entry without a usable id"
"""What is wrong with an unidentified invoice, now and whenever it is looked at."""


def is_usable_id(value: object) -> TypeGuard[str]:
    """Whether something can be filed under this: a text of 1 to `LONGEST_ID` characters, all of which UTF-8 has."""
    return isinstance(value, str) and 0 < len(value) <= LONGEST_ID and _in_utf8(value) == value


def is_identified(invoice_id: InvoiceId) -> bool:
    """Whether the id is the source's own, so that it can be asked for this invoice; see `Invoice.unidentified`."""
    return not invoice_id.startswith(_UNIDENTIFIED)


@dataclass(frozen=True, slots=True, order=True)
class Revision:
    """Orders the versions of one invoice: by the source's own `updated_at`, then by when it was asked for.

    Without an `updated_at` both are the time of the request: a later answer is at least as new.
    """

    updated_at: datetime
    requested_at: datetime


@dataclass(frozen=True, slots=True)
class Invoice:
    """One version of an invoice, exactly as the source sent it, with the few facts that we act on."""

    id: InvoiceId
    document: bytes
    """The invoice object's own JSON text: no field, value or spelling is ours."""
    digest: Sha256
    """Of the canonical JSON: equal for equal invoices, however they are spelled."""
    revision: Revision
    status: str | None
    number: str | None
    created_at: datetime | None
    changed_at: datetime
    """The latest moment at which this version can have been made; see `of`."""
    untold_until: datetime | None
    """Listed without an `updated_at`: until then its file may have changed and nothing here tells it. Else None."""
    attachment_id: AttachmentId | None
    fault: str | None = None
    """Why the source must change it before all of it can be archived; else None."""

    @property
    def is_draft(self) -> bool:
        """A draft may lack a PDF, and may be deleted."""
        return self.status == "draft"

    @staticmethod
    def of(
        fields: Mapping[str, Any], document: bytes, requested_at: datetime, *, listed_until: datetime | None = None
    ) -> Invoice:
        """Reads the facts out of a parsed invoice; what is missing or of a wrong type is None.

        Without an `updated_at` nobody knows when it was changed, but not after `listed_until`, the end of the window
        that it was listed in, nor after it was asked for.

        Raises:
            ValueError: there is no usable id, so that nothing could be filed under it.
        """
        invoice_id = fields.get("id")
        if not is_usable_id(invoice_id) or not is_identified(InvoiceId(invoice_id)):
            raise ValueError(f"an invoice id is a text of 1 to {LONGEST_ID} characters")
        created_at = from_text(fields.get("created_at"))
        updated_at = from_text(fields.get("updated_at"))
        changes = (created_at, from_text(fields.get("finalized_at")), updated_at or listed_until or requested_at)
        named = fields.get("attachment_id") or None
        attachment_id = AttachmentId(named) if is_usable_id(named) else None
        return Invoice(
            id=InvoiceId(invoice_id),
            document=document,
            digest=_digest(fields, document),
            revision=Revision(updated_at or requested_at, requested_at),
            status=_text(fields.get("status")),
            number=_text(fields.get("number")),
            created_at=created_at,
            changed_at=max(at for at in changes if at),
            untold_until=None if updated_at else listed_until,
            attachment_id=attachment_id,
            fault="the invoice names its attachment by no usable id" if named and not attachment_id else None,
        )

    @staticmethod
    def unidentified(document: bytes, requested_at: datetime) -> Invoice:
        """An entry of the list without a usable id, whatever it is: filed and counted under an id made of its bytes.

        The source can't be asked for it, so this is all that will ever be had of it.
        """
        digest = Sha256(hashlib.sha256(document).hexdigest())
        return Invoice(
            id=InvoiceId(f"{_UNIDENTIFIED}{digest[:32]}"),
            document=document,
            digest=digest,
            revision=Revision(requested_at, requested_at),
            status=None,
            number=None,
            created_at=None,
            changed_at=requested_at,
            untold_until=None,
            attachment_id=None,
            fault=NO_USABLE_ID,
        )


def _digest(fields: Mapping[str, Any], document: bytes) -> Sha256:
    try:
        canonical = json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()
    except (ValueError, RecursionError):
        # Too big or too deep for a canonical form: then another spelling is another version, and is archived as one.
        canonical = document
    return Sha256(hashlib.sha256(canonical).hexdigest())


def _text(value: object) -> str | None:
    """A text that fits a ledger row and a header, whatever was sent; None when it is no text, or empty."""
    return _in_utf8(value[:_LONGEST_TEXT]) or None if isinstance(value, str) else None


def _in_utf8(text: str) -> str:
    """The text without halves of characters, which JSON can write and UTF-8 can't."""
    return text.encode(errors="replace").decode()


@dataclass(frozen=True, slots=True)
class InvoicePage:
    """One answer of the list: `total_*` hold for the moment of this answer only."""

    number: int
    invoices: tuple[Invoice, ...]
    total_count: int
    total_pages: int
    clock_skew: timedelta
    """How far the source's clock is from ours beyond doubt; zero when it may be the same, or is not told."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """What the source says of a file. `url` is a credential for half an hour: never stored, sent or logged."""

    id: AttachmentId
    url: str
    file_name: str | None
    file_size: int | None

    @override
    def __repr__(self) -> str:
        """Without the URL, so that no log line or traceback shows it."""
        return f"Attachment(id={self.id!r})"


class FileKind(StrEnum):
    """The types of file that Qonto accepts and makes; the value is the extension."""

    PDF = "pdf"
    JPEG = "jpg"
    PNG = "png"

    @property
    def content_type(self) -> str:
        """The media type that the archive serves it with."""
        return {FileKind.PDF: "application/pdf", FileKind.JPEG: "image/jpeg", FileKind.PNG: "image/png"}[self]


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object in the archive: enough to know it again and to replace it by compare-and-swap."""

    key: str
    etag: ETag
    sha256: Sha256
    size: int


@dataclass(frozen=True, slots=True)
class StoredFile:
    """An archived attachment."""

    attachment_id: AttachmentId
    object: StoredObject
    source_etag: str | None
    """The file host's ETag, for a conditional request; None when it sent none."""


class PendingReason(StrEnum):
    """Why an invoice's archive is incomplete. `WEBHOOK` is only ever a message's reason."""

    AWAITING_ATTACHMENT = "awaiting_attachment"
    SETTLING = "settling"
    DOUBTED = "doubted"
    WRITING = "writing"
    FAILED = "failed"
    REJECTED = "rejected"
    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True)
class Pending:
    """The archive of this invoice is not complete; it is looked at again at `due_at`."""

    reason: PendingReason
    since: datetime
    due_at: datetime
    attempts: int
    """How many looks in a row ended with this reason."""
    detail: str
    """For a person: what happened, without content or credentials."""


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """What we know of one invoice's archive. Written last, and only if `version` is still the one that was read."""

    connection: ConnectionName
    invoice_id: InvoiceId
    version: int = 0
    """0: not written yet."""
    revision: Revision | None = None
    digest: Sha256 | None = None
    status: str | None = None
    document: StoredObject | None = None
    file: StoredFile | None = None
    pending: Pending | None = None
    writing_until: datetime | None = None
    """Until then a writer may be replacing an object, so that something else may lie there; see `fencing`."""
    deleted_at_source: datetime | None = None

    @property
    def objects(self) -> tuple[StoredObject, ...]:
        """What lies in the archive, according to this row."""
        return tuple(stored for stored in (self.document, self.file and self.file.object) if stored)

    def holds(self, invoice: Invoice) -> bool:
        """Whether exactly this invoice is what the archive has."""
        return self.digest == invoice.digest and self.deleted_at_source is None

    def is_newer_than(self, invoice: Invoice) -> bool:
        """Whether the archive has a later version, so that writing this one would be a step back."""
        return self.revision is not None and invoice.revision < self.revision


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Everything updated up to `synced_until` is archived, or recorded as pending."""

    synced_until: datetime
    version: int
    run_id: RunId


@dataclass(frozen=True, slots=True)
class RetryMessage:
    """A wake-up call for the retry worker; the ledger, not the message, is the truth."""

    connection: ConnectionName
    invoice_id: InvoiceId
    reason: PendingReason


@dataclass(frozen=True, slots=True)
class RefreshMessage:
    """A wake-up call that makes the retry worker see whether a refresh of the connection's token was interrupted."""

    connection: ConnectionName


@dataclass(frozen=True, slots=True)
class RefreshIntent:
    """Someone is about to use a connection's refresh token. Written only over the version that was read."""

    version: int
    """0: not written yet."""
    owner: str
    token: str
    """Which refresh token, as a short hash."""
    opened_at: datetime
    is_open: bool


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the token endpoint gave for a refresh token."""

    access_token: str
    expires_at: datetime
    refresh_token: str | None
    """The next one; None when the old one stays."""

    @override
    def __repr__(self) -> str:
        """Without the tokens, so that no log line or traceback shows them."""
        return f"Tokens(expires_at={self.expires_at!r})"
