"""The records of the world: an invoice and its attachment, each at one moment."""

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from local.qonto_simulator.serialization import to_json
from local.qonto_simulator.timestamps import with_offset, zulu

PDF = "application/pdf"
XML = "application/xml"
_FILE_TYPES = (PDF, XML, "image/jpeg", "image/png", "image/webp")
"""What can be made; Qonto does not accept WebP."""


def identifier(*parts: object) -> str:
    """Return the same UUID for the same parts, in every process."""
    digest = hashlib.sha256(":".join(map(str, parts)).encode()).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that a user added to an imported invoice, under the user's own name.

    Its bytes are `before`, as some programs write it before a PDF's header, and then a valid file.
    """

    file_name: str
    content_type: str
    before: bytes = b""

    def __post_init__(self) -> None:
        if self.content_type not in _FILE_TYPES:
            raise ValueError(f"the content_type of an upload is one of {', '.join(_FILE_TYPES)}")


@dataclass(frozen=True, slots=True)
class Invoice:
    """One version of an invoice; a change makes a new one.

    `body` holds the fields in the order served; those that the record itself knows (`id`, `attachment_id`,
    `created_at`, `updated_at`) only keep their place in it.
    """

    id: str
    created_at: datetime
    updated_at: datetime
    body: Mapping[str, Any]
    attachment_id: str | None = None
    upload: Upload | None = None
    offset_notation: bool = False

    @property
    def status(self) -> str:
        """The status, known or unknown to the documentation."""
        return str(self.body["status"])

    @property
    def is_draft(self) -> bool:
        """Whether it can still be finalized or deleted."""
        return self.status == "draft"

    @property
    def is_imported(self) -> bool:
        """Whether `exclude_imported` hides it."""
        return bool(self.body["invoice_type"] == "imported")

    @property
    def due_date(self) -> str | None:
        """The day as text, which orders as days do."""
        day = self.body["due_date"]
        return None if day is None else str(day)

    def document(self, *, with_updated_at: bool) -> bytes:
        """Return the JSON text of the invoice object."""
        own = {
            "id": self.id,
            "attachment_id": self.attachment_id,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        }
        served = {name: own.get(name, value) for name, value in self.body.items()}
        if not with_updated_at:
            del served["updated_at"]
        return to_json(served, with_offset if self.offset_notation else zulu).encode()


@dataclass(frozen=True, slots=True)
class Attachment:
    """One edition of an invoice's file: what was printed, and when. The id outlives the edition."""

    id: str
    created_at: datetime
    generated_at: datetime
    edition: int
    printed: Invoice

    @property
    def file_name(self) -> str:
        """The user's name for an upload, else the invoice's number."""
        upload = self.printed.upload
        return upload.file_name if upload else f"{self.printed.body['number']}.pdf"

    @property
    def content_type(self) -> str:
        """The media type of the file."""
        upload = self.printed.upload
        return upload.content_type if upload else PDF
