"""Names for plain values, so that the type checker tells an invoice's id from an attachment's."""

from __future__ import annotations

import re
from typing import NewType, TypeGuard
from urllib.parse import quote

ConnectionName = NewType("ConnectionName", str)
InvoiceId = NewType("InvoiceId", str)
AttachmentId = NewType("AttachmentId", str)
RunId = NewType("RunId", str)
ETag = NewType("ETag", str)
Sha256 = NewType("Sha256", str)
"""64 hexadecimal digits."""

CONNECTION_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""A connection's name is part of S3 keys, of a secret's name and of a webhook's path."""

LONGEST_ID = 200
"""Characters. A longer id would not fit an S3 key or a DynamoDB key."""

UNIDENTIFIED_PREFIX = "unidentified-"
"""Begins the ids that we give to entries of the list that have no usable id; see `Invoice.unidentified`."""


def is_usable_id(value: object) -> TypeGuard[str]:
    """Whether this can be part of a key: a text of 1 to `LONGEST_ID` characters, all of which UTF-8 can encode."""
    return isinstance(value, str) and 0 < len(value) <= LONGEST_ID and encodable(value) == value


def is_identified(invoice_id: InvoiceId) -> bool:
    """Whether Qonto gave this id, so that the invoice can be requested by it."""
    return not invoice_id.startswith(UNIDENTIFIED_PREFIX)


def encodable(text: str) -> str:
    """The text with each lone surrogate, which JSON can express and UTF-8 cannot, replaced by `?`."""
    return text.encode(errors="replace").decode()


def path_segment(source_id: str) -> str:
    """The id percent-encoded as one segment of a path, dots included, because `..` would be the parent folder."""
    return quote(source_id, safe="").replace(".", "%2E")
