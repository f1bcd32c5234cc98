"""Where things lie: S3 keys, DynamoDB keys, file names. Every name is made of ids, never of user-given names."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from qonto_sync.model import AttachmentId, ConnectionName, FileKind, Invoice, InvoiceId

CONNECTION_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""A connection's name is a part of a key, of a secret's name and of a path."""

_LONGEST_FILE_NAME = 120


def invoice_folder(connection: ConnectionName, invoice: Invoice) -> str:
    """`<connection>/client_invoices/<yyyy>/<mm>/<invoice id>`, by the creation date, which never changes."""
    month = invoice.created_at.astimezone(UTC).strftime("%Y/%m") if invoice.created_at else "0000/00"
    return f"{connection}/client_invoices/{month}/{_segment(invoice.id)}"


def document_key(folder: str) -> str:
    """The key of the invoice's JSON."""
    return f"{folder}/invoice.json"


def file_key(folder: str, attachment_id: AttachmentId, kind: FileKind) -> str:
    """The key of the invoice's file."""
    return f"{folder}/{_segment(attachment_id)}.{kind}"


def checkpoint_key(connection: ConnectionName) -> str:
    """The `pk` of a connection's checkpoint."""
    return f"checkpoint#{connection}"


def ledger_key(connection: ConnectionName, invoice_id: InvoiceId) -> str:
    """The `pk` of an invoice's ledger row. A connection's name has no `#`, so two never collide."""
    return f"invoice#{connection}#{invoice_id}"


def _segment(source_id: str) -> str:
    """The id as one key segment: UUIDs as they are; of a hostile id nothing that a path could be made of."""
    return quote(source_id, safe="").replace(".", "%2E")


def content_disposition(name: str | None, fallback: str) -> str:
    """A `Content-Disposition` value (RFC 6266) that names the file for a person and cannot break a header or a path."""
    printable = "".join(c for c in name or "" if unicodedata.category(c)[0] not in "CZ" or c == " ")
    cleaned = re.sub(r'[/\\:*?"<>|]+', "_", printable).strip(" ._")
    stem, dot, extension = cleaned.rpartition(".")
    if dot:
        cleaned = f"{stem[: _LONGEST_FILE_NAME - len(extension) - 1]}.{extension}"
    cleaned = cleaned[:_LONGEST_FILE_NAME] or fallback
    plain = unicodedata.normalize("NFKD", cleaned).encode("ascii", "ignore").decode().strip() or fallback
    return f"inline; filename=\"{plain}\"; filename*=UTF-8''{quote(cleaned, safe='')}"
