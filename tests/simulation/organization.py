"""The data at Qonto: every version of every invoice and of every file. It is what the archive is compared with."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an invoice, as the API returns it."""

    number: int
    """Counted from 1."""
    fields: dict[str, Any]
    document: bytes
    updated_at: datetime
    """What the list filters by, even if the document has no `updated_at`."""
    created_at: datetime
    visible_at: datetime
    """When the API first returned it. A version with the `updated_at` of the one before has its `visible_at`, too."""

    @property
    def attachment_id(self) -> str | None:
        """The PDF that this version names."""
        attachment_id: str | None = self.fields["attachment_id"]
        return attachment_id

    @property
    def is_draft(self) -> bool:
        """Drafts need no PDF, and can be deleted."""
        return bool(self.fields["status"] == "draft")


@dataclass(slots=True)
class Organization:
    """Invoices and files by id, each with all its versions; the API returns the last one."""

    invoices: dict[str, list[Version]] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    files: dict[str, list[bytes]] = field(default_factory=dict)

    @property
    def live(self) -> dict[str, Version]:
        """The last version of each invoice that is not deleted."""
        return {id_: versions[-1] for id_, versions in self.invoices.items() if id_ not in self.deleted}

    def put(self, invoice_id: str, fields: dict[str, Any], updated_at: datetime, visible_at: datetime) -> Version:
        """Adds a version."""
        versions = self.invoices.setdefault(invoice_id, [])
        before = versions[-1] if versions else None
        version = Version(
            number=len(versions) + 1,
            fields=fields,
            document=json.dumps(fields).encode(),
            updated_at=updated_at,
            created_at=before.created_at if before else updated_at,
            visible_at=visible_at,
        )
        versions.append(version)
        return version

    def file(self, attachment_id: str) -> bytes | None:
        """The content that a download returns now."""
        versions = self.files.get(attachment_id)
        return versions[-1] if versions else None

    def render(self, attachment_id: str, size: int, *, repeats: bool) -> None:
        """Generates a version of the PDF; if it repeats, every other version has the same bytes."""
        versions = self.files.setdefault(attachment_id, [])
        number = len(versions) % 2 if repeats else len(versions)
        versions.append(f"%PDF-1.7 {attachment_id} r{number + 1} ".encode().ljust(size, b"."))
