"""S3 keys, DynamoDB keys and file names. Keys are made of ids, never of names that users choose."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from datetime import UTC
from typing import TYPE_CHECKING
from urllib.parse import quote

from qonto_sync.domain.ids import path_segment

if TYPE_CHECKING:
    from datetime import datetime

    from qonto_sync.domain.ids import AttachmentId, ConnectionName, InvoiceId
    from qonto_sync.domain.invoice import FileKind, Invoice

_LONGEST_SEGMENT = 240
"""Bytes. Two segments fit into an S3 key (1024), and one with its extension into a file name on disk (255)."""

_LONGEST_FILE_NAME = 240
"""Bytes. Percent-encoded it is three times as long."""


def invoice_folder(connection: ConnectionName, invoice: Invoice) -> str:
    """`<connection>/client_invoices/<yyyy>/<mm>/<invoice id>`, by the creation date, which never changes."""
    created_at = invoice.created_at and invoice.created_at.astimezone(UTC)
    month = f"{created_at.year:04}/{created_at.month:02}" if created_at else "0000/00"
    return f"{connection}/client_invoices/{month}/{_segment(invoice.id)}"


def month_folder(connection: ConnectionName, month: datetime) -> str:
    """`<connection>/client_invoices/<yyyy>/<mm>/`: where the invoices created in this month are."""
    return f"{invoices_folder(connection)}{month.year:04}/{month.month:02}/"


def invoices_folder(connection: ConnectionName) -> str:
    """`<connection>/client_invoices/`: where all invoices are."""
    return f"{connection}/client_invoices/"


def inventory_key(connection: ConnectionName, month: datetime) -> str:
    """The key of a month's inventory."""
    return f"{connection}/inventory/{month.year:04}/{month.month:02}.csv"


def certificate_key(connection: ConnectionName) -> str:
    """The key of the certificate."""
    return f"{connection}/inventory/certificate.json"


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


def gap_key(connection: ConnectionName, gap_id: str) -> str:
    """The `pk` of a gap."""
    return f"gap#{connection}#{gap_id}"


def reconciliation_key(connection: ConnectionName) -> str:
    """The `pk` of what is known of a connection's reconciliations."""
    return f"reconciliation#{connection}"


def refresh_key(connection: ConnectionName) -> str:
    """The `pk` of the lease to refresh a connection's token."""
    return f"refresh#{connection}"


def _segment(source_id: str) -> str:
    """The id as one segment of a key: a UUID as it is, any other id percent-encoded, so that it forms no path.

    Two ids never share a segment: only the hash that replaces a long id contains a `!`.
    """
    segment = path_segment(source_id)
    return segment if len(segment) <= _LONGEST_SEGMENT else f"sha256!{hashlib.sha256(source_id.encode()).hexdigest()}"


def content_disposition(name: str | None, fallback: str) -> str:
    """A `Content-Disposition` value (RFC 6266) with a file name for people that cannot break a header or a path.

    It is printable ASCII, and at most 1 KB: S3 accepts 2 KB for all user headers of an object.
    """
    cleaned = _file_name(name or "")
    stem, dot, extension = cleaned.rpartition(".")
    if dot:
        cleaned = f"{_cut(stem, _LONGEST_FILE_NAME - len(f'.{extension}'.encode()))}.{extension}"
    cleaned = _cut(cleaned, _LONGEST_FILE_NAME) or fallback
    # NFKD can produce a slash or a quote from another character.
    plain = _file_name(unicodedata.normalize("NFKD", cleaned).encode("ascii", "ignore").decode()) or fallback
    return f"inline; filename=\"{plain[:_LONGEST_FILE_NAME]}\"; filename*=UTF-8''{quote(cleaned, safe='')}"


def _cut(text: str, max_bytes: int) -> str:
    return text.encode()[:max_bytes].decode(errors="ignore")


def _file_name(name: str) -> str:
    """The name without invisible characters, and with those that headers, paths or shells treat specially replaced."""
    printable = "".join(c for c in name if unicodedata.category(c)[0] not in "CZ" or c == " ")
    return re.sub(r'[/\\:*?"<>|]+', "_", printable).strip(" ._")
