"""The truth at the source: every version of every invoice and of every file."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an invoice, as readers get it."""

    number: int
    """1 is the first."""
    fields: dict[str, Any]
    document: bytes
    updated_at: datetime
    """What the list filters by, also when the document does not tell it."""
    created_at: datetime
    visible_at: datetime
    """When readers got to see it; a change that kept its `updated_at` counts as visible since that was."""

    @property
    def attachment_id(self) -> str | None:
        """The PDF that this version names."""
        attachment_id: str | None = self.fields["attachment_id"]
        return attachment_id

    @property
    def is_draft(self) -> bool:
        """Whether it may lack a PDF, and be deleted."""
        return bool(self.fields["status"] == "draft")


@dataclass(slots=True)
class Organization:
    """What readers see is the last version of each."""

    invoices: dict[str, list[Version]] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    files: dict[str, list[bytes]] = field(default_factory=dict)

    @property
    def live(self) -> dict[str, Version]:
        """The invoices that are there now."""
        return {id_: versions[-1] for id_, versions in self.invoices.items() if id_ not in self.deleted}

    def put(self, invoice_id: str, fields: dict[str, Any], updated_at: datetime, visible_at: datetime) -> Version:
        """Makes a version visible."""
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
        """What a download gives now."""
        versions = self.files.get(attachment_id)
        return versions[-1] if versions else None

    def render(self, attachment_id: str, size: int, *, repeats: bool) -> None:
        """Makes the PDF, or makes it anew; if it repeats, every other time with the same bytes."""
        versions = self.files.setdefault(attachment_id, [])
        number = len(versions) % 2 if repeats else len(versions)
        versions.append(f"%PDF-1.7 {attachment_id} r{number + 1} ".encode().ljust(size, b"."))
