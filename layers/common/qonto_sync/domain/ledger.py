"""The ledger: what the archive has of each invoice, and what is still to be done for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from qonto_sync.domain.ids import AttachmentId, ConnectionName, ETag, InvoiceId, Sha256
    from qonto_sync.domain.invoice import Invoice, Revision


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object in the archive: enough to recognize it, and to replace it by compare-and-swap."""

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
    """Why an invoice's archive is incomplete."""

    AWAITING_ATTACHMENT = "awaiting_attachment"
    """The invoice has no file yet."""
    SETTLING = "settling"
    """All is archived, but the file is so new that Qonto may make it again."""
    STALE_READ = "stale_read"
    """Qonto returned an older version than the archived one; it is asked once more."""
    WRITE_INTENT = "write_intent"
    """A writer recorded that it is replacing an object, and has not finished."""
    FAILED = "failed"
    """An attempt failed in a way that may pass."""
    NOT_FOUND = "not_found"
    """Qonto answered 404 once; when it does so again, the invoice counts as deleted."""
    REJECTED = "rejected"
    """An attempt failed in a way that only Qonto can correct."""
    DAMAGED = "damaged"
    """An archived object was changed or removed, and the source did not give it again."""


@dataclass(frozen=True, slots=True)
class Pending:
    """The archive of this invoice is incomplete; the next attempt is due at `due_at`."""

    reason: PendingReason
    since: datetime
    due_at: datetime
    attempts: int
    """How many attempts in a row ended with this reason."""
    detail: str
    """For a person: what happened, without content or credentials."""
    message_until: datetime | None = None
    """Until then a message for this attempt may be on its way, so that no other is sent; None if none was sent."""


NO_VERSION: Final = -1


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """What the ledger says of one invoice. It is written last, and only over the version that was read."""

    connection: ConnectionName
    invoice_id: InvoiceId
    version: int = 0
    """0: the row is not in the table yet; `NO_VERSION`: it is there, without a version that can be read."""
    revision: Revision | None = None
    digest: Sha256 | None = None
    status: str | None = None
    document: StoredObject | None = None
    file: StoredFile | None = None
    pending: Pending | None = None
    intent_expires_at: datetime | None = None
    """Until then a writer may be replacing an object, so S3 may differ from this row; see `write_intent`."""
    deleted_at_source: datetime | None = None

    @property
    def is_written(self) -> bool:
        """Whether the row is in the table."""
        return self.version != 0

    @property
    def is_damaged(self) -> bool:
        """Whether a reconciliation found an object changed or removed, and it is not repaired yet."""
        return self.pending is not None and self.pending.reason is PendingReason.DAMAGED

    @property
    def objects(self) -> tuple[StoredObject, ...]:
        """The objects in the archive, according to this row."""
        return tuple(stored for stored in (self.document, self.file and self.file.object) if stored)

    def matches(self, invoice: Invoice) -> bool:
        """Whether the archive has exactly this version of the invoice."""
        return self.digest == invoice.digest and self.deleted_at_source is None

    def is_newer_than(self, invoice: Invoice) -> bool:
        """Whether the archive has a later version, so that it must not be replaced by this one."""
        return self.revision is not None and invoice.revision < self.revision
