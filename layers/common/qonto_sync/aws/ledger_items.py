"""A ledger row as a DynamoDB item, and back."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from qonto_sync.aws.state_table import from_item, to_item, version_of
from qonto_sync.domain.ids import AttachmentId, ConnectionName, ETag, InvoiceId, Sha256
from qonto_sync.domain.invoice import Revision
from qonto_sync.domain.keys import ledger_key
from qonto_sync.domain.ledger import NO_VERSION, LedgerRow, Pending, PendingReason, StoredFile, StoredObject
from qonto_sync.domain.times import from_text, required_instant, to_precise_text, to_text
from qonto_sync.domain.window import EARLIEST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qonto_sync.aws.state_table import Item

_log = logging.getLogger(__name__)

type Fields = dict[str, Any]


def row_to_item(row: LedgerRow) -> Item:
    """The row as an item. What is None or empty has no attribute; only a pending row has those of the index."""
    revision, pending = row.revision, row.pending
    return to_item(
        {
            "pk": ledger_key(row.connection, row.invoice_id),
            "connection": row.connection,
            "invoice_id": row.invoice_id,
            "version": row.version,
            "revision": to_precise_text(revision.updated_at) if revision else None,
            "requested_at": to_precise_text(revision.requested_at) if revision else None,
            "digest": row.digest or None,
            "status": row.status or None,
            "document": _object_fields(row.document) if row.document else None,
            "file": _file_fields(row.file) if row.file else None,
            "pending_for": row.connection if pending else None,
            "due_at": to_text(pending.due_at) if pending else None,
            "reason": pending.reason.value if pending else None,
            "pending_since": to_text(pending.since) if pending else None,
            "attempts": pending.attempts if pending else None,
            "detail": pending.detail if pending else None,
            "message_until": to_text(pending.message_until) if pending and pending.message_until else None,
            "intent_expires_at": to_text(row.intent_expires_at) if row.intent_expires_at else None,
            "deleted_at_source": to_text(row.deleted_at_source) if row.deleted_at_source else None,
        }
    )


def row_from_item(item: Mapping[str, Any]) -> LedgerRow:
    """The row that `row_to_item` wrote, its pending times in whole seconds.

    An item that another version of this code or a person wrote may have no such form. Then the row knows nothing but
    that the invoice is pending: archiving it anew repairs the row.
    """
    fields = from_item(item)
    _, connection, invoice_id = fields["pk"].split("#", 2)
    names = ConnectionName(connection), InvoiceId(invoice_id)
    try:
        return _row(*names, fields)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        _log.warning("row_unreadable", extra={"invoice_id": invoice_id, "detail": f"{type(error).__name__}: {error}"})
        return LedgerRow(
            *names,
            version=version_of(fields),
            pending=_unreadable(fields),
            intent_expires_at=from_text(fields.get("intent_expires_at")),
        )


def _row(connection: ConnectionName, invoice_id: InvoiceId, fields: Fields) -> LedgerRow:
    return LedgerRow(
        connection=connection,
        invoice_id=invoice_id,
        version=_required_version(fields),
        revision=Revision(required_instant(fields["revision"]), required_instant(fields["requested_at"]))
        if "revision" in fields
        else None,
        digest=Sha256(fields["digest"]) if "digest" in fields else None,
        status=fields.get("status"),
        document=_object(fields["document"]) if "document" in fields else None,
        file=_file(fields["file"]) if "file" in fields else None,
        pending=_pending(fields) if "due_at" in fields else None,
        intent_expires_at=required_instant(fields["intent_expires_at"]) if "intent_expires_at" in fields else None,
        deleted_at_source=required_instant(fields["deleted_at_source"]) if "deleted_at_source" in fields else None,
    )


def _object_fields(stored: StoredObject) -> Fields:
    return {"key": stored.key, "etag": stored.etag, "sha256": stored.sha256, "size": stored.size}


def _file_fields(file: StoredFile) -> Fields:
    source_etag = {"source_etag": file.source_etag} if file.source_etag else {}
    return {"attachment_id": file.attachment_id, **_object_fields(file.object), **source_etag}


def _object(fields: Fields) -> StoredObject:
    return StoredObject(fields["key"], ETag(fields["etag"]), Sha256(fields["sha256"]), int(fields["size"]))


def _file(fields: Fields) -> StoredFile:
    return StoredFile(AttachmentId(fields["attachment_id"]), _object(fields), fields.get("source_etag"))


def _pending(fields: Fields) -> Pending:
    return Pending(
        reason=PendingReason(fields["reason"]),
        since=required_instant(fields["pending_since"]),
        due_at=required_instant(fields["due_at"]),
        attempts=int(fields["attempts"]),
        detail=fields["detail"],
        message_until=required_instant(fields["message_until"]) if "message_until" in fields else None,
    )


def _unreadable(fields: Fields) -> Pending:
    """Since when, and until when a message is on its way, as far as the item tells."""
    written_at = from_text(fields.get("written_at")) or EARLIEST
    return Pending(
        PendingReason.FAILED,
        since=from_text(fields.get("pending_since")) or written_at,
        due_at=from_text(fields.get("due_at")) or written_at,
        attempts=0,
        detail="the ledger's row could not be read, and is made anew",
        message_until=from_text(fields.get("message_until")),
    )


def _required_version(fields: Fields) -> int:
    version = version_of(fields)
    if version == NO_VERSION:
        raise ValueError(f"version {fields.get('version')!r} is no number")
    return version
