"""The inventory's rows and its CSV."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qonto_sync.domain.ids import AttachmentId, ETag, InvoiceId, Sha256
from qonto_sync.domain.inventory import COLUMNS, InventoryState, inventory_csv, inventory_row
from qonto_sync.domain.ledger import LedgerRow, Pending, PendingReason, StoredFile, StoredObject
from tests.fakes import CONNECTION, START

A = InvoiceId("a")
DOCUMENT = StoredObject("k/invoice.json", ETag('"1"'), Sha256("d" * 64), 10)
FILE = StoredFile(AttachmentId("f"), StoredObject("k/f.pdf", ETag('"2"'), Sha256("e" * 64), 27965), None)
ARCHIVED = LedgerRow(CONNECTION, A, document=DOCUMENT, file=FILE)
INVOICE: dict[str, Any] = {
    "id": "a",
    "number": "F-2026-001",
    "status": "paid",
    "invoice_type": "standard",
    "einvoicing_status": None,
    "issue_date": "2026-03-01",
    "due_date": "2026-03-31",
    "paid_at": "2026-03-05T09:00:00Z",
    "currency": "EUR",
    "total_amount": {"value": "1200.10", "currency": "EUR"},
    "vat_amount": {"value": "200.02", "currency": "EUR"},
    "client": {"id": "c", "name": "Müller, Söhne & Co", "vat_number": "DE123"},
    "credit_notes_ids": ["n1", "n2"],
    "created_at": "2026-03-01T12:00:00.123Z",
    "updated_at": "2026-03-05T09:00:01Z",
}


def cells(fields: Any, row: LedgerRow | None = ARCHIVED) -> dict[str, str]:
    """The row of an invoice, by column."""
    document = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    return dict(zip(COLUMNS, inventory_row(A, START, document, row).cells, strict=True))


def test_a_row_has_what_qonto_sent_and_what_is_archived() -> None:
    """Texts as they are, with the hashes that an auditor needs."""
    assert cells(INVOICE) == {
        "invoice_id": "a",
        "number": "F-2026-001",
        "status": "paid",
        "invoice_type": "standard",
        "einvoicing_status": "",
        "issue_date": "2026-03-01",
        "due_date": "2026-03-31",
        "paid_at": "2026-03-05T09:00:00Z",
        "currency": "EUR",
        "total_amount": "1200.10",
        "vat_amount": "200.02",
        "client_id": "c",
        "client_name": "Müller, Söhne & Co",
        "client_vat_number": "DE123",
        "credit_note_ids": "n1 n2",
        "created_at": "2026-03-01T12:00:00.123Z",
        "updated_at": "2026-03-05T09:00:01Z",
        "state": "archived",
        "reason": "",
        "document_key": "k/invoice.json",
        "document_sha256": "d" * 64,
        "file_key": "k/f.pdf",
        "file_sha256": "e" * 64,
        "file_size": "27965",
    }


@pytest.mark.parametrize(
    ("changes", "column", "text"),
    [
        ({"total_amount": {"value": 1.10}}, "total_amount", "1.1"),
        ({"total_amount": None}, "total_amount", ""),
        ({"total_amount": "12"}, "total_amount", ""),
        ({"client": {"first_name": "Ann", "last_name": "Lee"}}, "client_name", "Ann Lee"),
        ({"client": {"name": None, "last_name": "Lee"}}, "client_name", "Lee"),
        ({"client": []}, "client_name", ""),
        ({"credit_notes_ids": None}, "credit_note_ids", ""),
        ({"credit_notes_ids": ["n1", None, 7]}, "credit_note_ids", "n1  7"),
        ({"number": None}, "number", ""),
    ],
)
def test_what_is_missing_is_empty(changes: dict[str, Any], column: str, text: str) -> None:
    """And a number is as it was written."""
    assert cells({**INVOICE, **changes})[column] == text


def test_a_number_keeps_its_last_digits() -> None:
    """No float rounds it."""
    assert cells(b'{"total_amount": {"value": 1234567890123456.10}}')["total_amount"] == "1234567890123456.10"


@pytest.mark.parametrize("document", [b"", b"[]", b"\xff\xfe", b"[" * 9_000, b'{"number": "\\ud800"}'])
def test_what_cannot_be_read_has_a_row_all_the_same(document: bytes) -> None:
    """With its id and its objects."""
    row = inventory_row(A, None, document, ARCHIVED)
    assert dict(zip(COLUMNS, row.cells, strict=True))["document_sha256"] == "d" * 64
    assert inventory_csv([row]).count(b"\r\n") == 2


@pytest.mark.parametrize(
    ("row", "state", "reason"),
    [
        (None, InventoryState.PENDING, "not_read_yet"),
        (LedgerRow(CONNECTION, A, pending=Pending(PendingReason.FAILED, START, START, 1, "")), "pending", "failed"),
        (LedgerRow(CONNECTION, A, document=DOCUMENT, deleted_at_source=START), InventoryState.DELETED, ""),
        (ARCHIVED, InventoryState.ARCHIVED, ""),
    ],
)
def test_the_state_is_the_ledgers(row: LedgerRow | None, state: str, reason: str) -> None:
    """What is archived of a pending invoice is named, too."""
    found = cells(INVOICE, row)
    assert (found["state"], found["reason"]) == (state, reason)
    assert found["document_key"] == (row.document.key if row and row.document else "")


def test_rows_are_in_the_order_of_creation() -> None:
    """Then of ids; the same rows are the same bytes, whatever their order."""
    instants = (None, START, START + timedelta(milliseconds=1), START + timedelta(seconds=1))
    rows = [inventory_row(InvoiceId(id_), at, b"{}", None) for at in instants for id_ in ("a", "b")]
    text = inventory_csv(reversed(rows))
    assert text == inventory_csv(rows)
    listed = [line.split(",")[0] for line in text.decode().splitlines()[1:]]
    assert listed == ["a", "b"] * 4


@given(st.text(max_size=20), st.text(max_size=20))
def test_any_text_survives_the_csv(number: str, client: str) -> None:
    """Quotes, commas and line breaks, too."""
    content = inventory_csv(
        [inventory_row(A, START, json.dumps({"number": number, "client": {"name": client}}).encode(), None)]
    )
    (header, row) = csv.reader(io.StringIO(content.decode(), newline=""))
    found = dict(zip(header, row, strict=True))
    assert (found["number"], found["client_name"]) == (number, client)
