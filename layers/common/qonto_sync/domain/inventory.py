"""The inventory of a month: a CSV file with a row per invoice, for bookkeepers, importers and auditors. Pure."""

from __future__ import annotations

import csv
import io
import json
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from qonto_sync.domain.ids import InvoiceId, is_usable_id
from qonto_sync.domain.times import to_precise_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from qonto_sync.domain.ledger import LedgerRow

COLUMNS: Final = (
    "invoice_id",
    "number",
    "status",
    "invoice_type",
    "einvoicing_status",
    "issue_date",
    "due_date",
    "paid_at",
    "currency",
    "total_amount",
    "vat_amount",
    "client_id",
    "client_name",
    "client_vat_number",
    "credit_note_ids",
    "created_at",
    "updated_at",
    "state",
    "reason",
    "document_key",
    "document_sha256",
    "file_key",
    "file_sha256",
    "file_size",
)

_NOT_READ_YET: Final = "not_read_yet"
"""The reason of an invoice that changed so recently that the hourly run has yet to read it."""


class InventoryState(StrEnum):
    """What the archive has of an invoice."""

    ARCHIVED = "archived"
    PENDING = "pending"
    DELETED = "deleted"
    """Qonto deleted it; the archive has it as it was."""


@dataclass(frozen=True, slots=True)
class InventoryRow:
    """One invoice: its cells by column, and what the rows are sorted by."""

    invoice_id: InvoiceId
    created_at: datetime | None
    state: InventoryState
    cells: tuple[str, ...]


def inventory_row(
    invoice_id: InvoiceId, created_at: datetime | None, document: bytes, row: LedgerRow | None, *, is_read: bool = True
) -> InventoryRow:
    """The row of an invoice with this JSON, of which the ledger says this.

    `is_read` is whether the hourly run has read this version.

    Texts and amounts are as Qonto sent them; what is null, missing or of another type is empty.
    """
    fields = _fields(document)
    client = _object(fields.get("client"))
    names = (
        client.get("name"),
        " ".join(filter(None, map(_text, (client.get("first_name"), client.get("last_name"))))),
    )
    credit_notes = fields.get("credit_notes_ids")
    state, reason = _state(row if is_read else None)
    values = {
        **{name: _text(fields.get(name)) for name in COLUMNS},
        "invoice_id": invoice_id,
        "total_amount": _text(_object(fields.get("total_amount")).get("value")),
        "vat_amount": _text(_object(fields.get("vat_amount")).get("value")),
        "client_id": _text(client.get("id")),
        "client_name": next(filter(None, map(_text, names)), ""),
        "client_vat_number": _text(client.get("vat_number")),
        "credit_note_ids": " ".join(map(_text, credit_notes)) if isinstance(credit_notes, list) else "",
        "state": state.value,
        "reason": reason,
        **_objects(row),
    }
    return InventoryRow(invoice_id, created_at, state, tuple(values[name] for name in COLUMNS))


def inventory_csv(rows: Iterable[InventoryRow]) -> bytes:
    """The file: RFC 4180 in UTF-8 without a mark, with a header, by time of creation and id.

    The same rows are always the same bytes.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows(row.cells for row in sorted(rows, key=_order))
    return text.getvalue().encode("utf-8", "replace")


def inventory_ids(inventory: bytes) -> set[InvoiceId]:
    """The invoices of an inventory, as far as it can be read: somebody may have changed it."""
    with suppress(csv.Error):
        rows = list(csv.DictReader(io.StringIO(inventory.decode("utf-8", "replace"), newline="")))
        return {InvoiceId(id_) for row in rows if is_usable_id(id_ := row.get("invoice_id"))}
    return set()


def _order(row: InventoryRow) -> tuple[str, str]:
    return to_precise_text(row.created_at) if row.created_at else "", row.invoice_id


def _fields(document: bytes) -> dict[str, Any]:
    try:
        # Numbers as they are written, so that none is rounded.
        found = json.loads(document.decode("utf-8", "replace"), parse_float=str, parse_int=str, strict=False)
    except (ValueError, RecursionError):
        return {}
    return _object(found)


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _state(row: LedgerRow | None) -> tuple[InventoryState, str]:
    if row is None:
        return InventoryState.PENDING, _NOT_READ_YET
    if row.pending:
        return InventoryState.PENDING, row.pending.reason.value
    return (InventoryState.DELETED if row.deleted_at_source else InventoryState.ARCHIVED), ""


def _objects(row: LedgerRow | None) -> dict[str, str]:
    """Which objects the archive has of it: those that the ledger names, also of a pending invoice."""
    document, file = (row.document, row.file.object if row.file else None) if row else (None, None)
    return {
        "document_key": document.key if document else "",
        "document_sha256": document.sha256 if document else "",
        "file_key": file.key if file else "",
        "file_sha256": file.sha256 if file else "",
        "file_size": str(file.size) if file else "",
    }
