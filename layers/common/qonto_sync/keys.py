"""Where things lie: S3 keys, DynamoDB keys, file names. Every name is made of ids, never of user-given names."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from datetime import UTC
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from qonto_sync.model import AttachmentId, ConnectionName, FileKind, Invoice, InvoiceId

CONNECTION_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""A connection's name is a part of a key, of a secret's name and of a path."""

WEBHOOK_SECRETS = "webhook_secrets"
"""In a connection's secret a list of texts, the newest first: what signs its webhooks."""

_LONGEST_SEGMENT = 240
"""Bytes. Two of these fit into a key of S3 (1024), and one with its extension into a name on a disk (255)."""

_LONGEST_FILE_NAME = 240
"""Bytes. Percent-encoded it is three times as long."""


def invoice_folder(connection: ConnectionName, invoice: Invoice) -> str:
    """`<connection>/client_invoices/<yyyy>/<mm>/<invoice id>`, by the creation date, which never changes."""
    created_at = invoice.created_at and invoice.created_at.astimezone(UTC)
    month = f"{created_at.year:04}/{created_at.month:02}" if created_at else "0000/00"
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


def refresh_key(connection: ConnectionName) -> str:
    """The `pk` of the intent to refresh a connection's token."""
    return f"refresh#{connection}"


def _segment(source_id: str) -> str:
    """The id as one key segment: UUIDs as they are; of a hostile id nothing that a path could be made of.

    Two ids never share a segment: the `!` of one that stands for a long id is in no other.
    """
    spelled = quote(source_id, safe="").replace(".", "%2E")
    return spelled if len(spelled) <= _LONGEST_SEGMENT else f"sha256!{hashlib.sha256(source_id.encode()).hexdigest()}"


def content_disposition(name: str | None, fallback: str) -> str:
    """A `Content-Disposition` value (RFC 6266) that names the file for a person and cannot break a header or a path.

    It is printable ASCII, and at most 1 KB: S3 takes 2 KB for all of an object's own headers.
    """
    cleaned = _file_name(name or "")
    stem, dot, extension = cleaned.rpartition(".")
    if dot:
        cleaned = f"{_cut(stem, _LONGEST_FILE_NAME - len(f'.{extension}'.encode()))}.{extension}"
    cleaned = _cut(cleaned, _LONGEST_FILE_NAME) or fallback
    # To decompose a letter can bring forth a slash or a quote.
    plain = _file_name(unicodedata.normalize("NFKD", cleaned).encode("ascii", "ignore").decode()) or fallback
    return f"inline; filename=\"{plain[:_LONGEST_FILE_NAME]}\"; filename*=UTF-8''{quote(cleaned, safe='')}"


def _cut(text: str, most: int) -> str:
    return text.encode()[:most].decode(errors="ignore")


def _file_name(name: str) -> str:
    """What of the name is neither invisible nor special to a header, a path or a shell's glob."""
    printable = "".join(c for c in name if unicodedata.category(c)[0] not in "CZ" or c == " ")
    return re.sub(r'[/\\:*?"<>|]+', "_", printable).strip(" ._")
