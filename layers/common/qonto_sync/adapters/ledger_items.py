"""A ledger row as a DynamoDB item, and back. Attributes that say nothing are left out: the index is sparse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qonto_sync.keys import ledger_key
from qonto_sync.model import (
    AttachmentId,
    ConnectionName,
    ETag,
    InvoiceId,
    LedgerRow,
    Pending,
    PendingReason,
    Revision,
    Sha256,
    StoredFile,
    StoredObject,
)
from qonto_sync.times import from_text, to_precise_text, to_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

type Item = dict[str, Any]


def to_item(row: LedgerRow) -> Item:
    """Everything in the row; `due_at` in the form that the index sorts by."""
    pending = row.pending
    attributes: dict[str, Item | None] = {
        "pk": {"S": ledger_key(row.connection, row.invoice_id)},
        "connection": {"S": row.connection},
        "invoice_id": {"S": row.invoice_id},
        "version": {"N": str(row.version)},
        "revision": {"S": to_precise_text(row.revision.updated_at)} if row.revision else None,
        "requested_at": {"S": to_precise_text(row.revision.requested_at)} if row.revision else None,
        "digest": _text(row.digest),
        "status": _text(row.status),
        "document": _object(row.document) if row.document else None,
        "file": {
            "M": {
                "attachment_id": {"S": row.file.attachment_id},
                **_object(row.file.object)["M"],
                **({"source_etag": {"S": row.file.source_etag}} if row.file.source_etag else {}),
            }
        }
        if row.file
        else None,
        "pending_for": {"S": row.connection} if pending else None,
        "due_at": {"S": to_text(pending.due_at)} if pending else None,
        "reason": {"S": pending.reason.value} if pending else None,
        "pending_since": {"S": to_text(pending.since)} if pending else None,
        "attempts": {"N": str(pending.attempts)} if pending else None,
        "detail": {"S": pending.detail} if pending else None,
        "writing_until": {"S": to_text(row.writing_until)} if row.writing_until else None,
        "deleted_at_source": {"S": to_text(row.deleted_at_source)} if row.deleted_at_source else None,
    }
    return {name: value for name, value in attributes.items() if value is not None}


def from_item(item: Mapping[str, Any]) -> LedgerRow:
    """The row that `to_item` wrote, its pending times in whole seconds."""
    file = item["file"]["M"] if "file" in item else None
    return LedgerRow(
        connection=ConnectionName(item["connection"]["S"]),
        invoice_id=InvoiceId(item["invoice_id"]["S"]),
        version=int(item["version"]["N"]),
        revision=Revision(_instant(item["revision"]), _instant(item["requested_at"])) if "revision" in item else None,
        digest=Sha256(item["digest"]["S"]) if "digest" in item else None,
        status=item["status"]["S"] if "status" in item else None,
        document=_stored(item["document"]["M"]) if "document" in item else None,
        file=StoredFile(
            AttachmentId(file["attachment_id"]["S"]),
            _stored(file),
            file["source_etag"]["S"] if "source_etag" in file else None,
        )
        if file
        else None,
        pending=Pending(
            reason=PendingReason(item["reason"]["S"]),
            since=_instant(item["pending_since"]),
            due_at=_instant(item["due_at"]),
            attempts=int(item["attempts"]["N"]),
            detail=item["detail"]["S"],
        )
        if "due_at" in item
        else None,
        writing_until=_instant(item["writing_until"]) if "writing_until" in item else None,
        deleted_at_source=_instant(item["deleted_at_source"]) if "deleted_at_source" in item else None,
    )


def _text(value: str | None) -> Item | None:
    return {"S": value} if value else None


def _object(stored: StoredObject) -> Item:
    return {
        "M": {
            "key": {"S": stored.key},
            "etag": {"S": stored.etag},
            "sha256": {"S": stored.sha256},
            "size": {"N": str(stored.size)},
        }
    }


def _stored(fields: Mapping[str, Any]) -> StoredObject:
    return StoredObject(
        fields["key"]["S"], ETag(fields["etag"]["S"]), Sha256(fields["sha256"]["S"]), int(fields["size"]["N"])
    )


def _instant(attribute: Mapping[str, Any]) -> datetime:
    instant = from_text(attribute["S"])
    if instant is None:
        raise ValueError(f"{attribute['S']!r} is no time")
    return instant
