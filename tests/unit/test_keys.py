"""Names of objects and rows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qonto_sync.keys import checkpoint_key, content_disposition, document_key, file_key, invoice_folder, ledger_key
from qonto_sync.model import AttachmentId, ConnectionName, FileKind, Invoice, InvoiceId

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def folder(**fields: Any) -> str:
    """Where an invoice with these fields lies."""
    return invoice_folder(ConnectionName("acme"), Invoice.of({"id": "1f-2", **fields}, b"", NOW))


def test_an_invoice_lies_under_its_month_of_creation() -> None:
    """In UTC, whatever the offset it is written with."""
    assert folder(created_at="2026-01-01T00:30:00+01:00") == "acme/client_invoices/2025/12/1f-2"


@pytest.mark.parametrize("created_at", [None, 7, "soon", "99999-01-01T00:00:00Z"])
def test_without_a_creation_date_there_is_a_place_too(created_at: Any) -> None:
    """An odd invoice is archived like any other."""
    assert folder(created_at=created_at) == "acme/client_invoices/0000/00/1f-2"


def test_objects_of_an_invoice() -> None:
    """The JSON has a fixed name, a file that of its id."""
    assert document_key("f") == "f/invoice.json"
    assert file_key("f", AttachmentId("77-a"), FileKind.JPEG) == "f/77-a.jpg"


@given(st.text(min_size=1, max_size=200).filter(lambda text: text.isprintable()))
def test_no_id_leads_out_of_its_folder(source_id: str) -> None:
    """Whatever an id is made of, it is one segment of the key."""
    key = invoice_folder(ConnectionName("acme"), Invoice.of({"id": source_id, "created_at": None}, b"", NOW))
    segment = key.removeprefix("acme/client_invoices/0000/00/")
    assert "/" not in segment
    assert segment.strip(".")
    assert segment.isascii()


def test_rows_of_different_connections_never_meet() -> None:
    """A connection's name has no `#`."""
    assert checkpoint_key(ConnectionName("acme")) == "checkpoint#acme"
    assert ledger_key(ConnectionName("acme"), InvoiceId("a#b")) == "invoice#acme#a#b"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("F-2026-001.pdf", "inline; filename=\"F-2026-001.pdf\"; filename*=UTF-8''F-2026-001.pdf"),
        ("../../etc/passwd", "inline; filename=\"etc_passwd\"; filename*=UTF-8''etc_passwd"),
        (
            "Rechnung Müller.jpg",
            "inline; filename=\"Rechnung Muller.jpg\"; filename*=UTF-8''Rechnung%20M%C3%BCller.jpg",
        ),
        (
            'a"; x="b\r\nSet: 1.pdf',
            "inline; filename=\"a_; x=_bSet_ 1.pdf\"; filename*=UTF-8''a_%3B%20x%3D_bSet_%201.pdf",
        ),
        ("\u202egpj.exe", "inline; filename=\"gpj.exe\"; filename*=UTF-8''gpj.exe"),
        ("請求書", "inline; filename=\"invoice.pdf\"; filename*=UTF-8''%E8%AB%8B%E6%B1%82%E6%9B%B8"),
        ("", "inline; filename=\"invoice.pdf\"; filename*=UTF-8''invoice.pdf"),
        (None, "inline; filename=\"invoice.pdf\"; filename*=UTF-8''invoice.pdf"),
    ],
)
def test_file_names_are_readable_and_harmless(name: str | None, expected: str) -> None:
    """A user gave them: no path, no header, no direction marks."""
    assert content_disposition(name, "invoice.pdf") == expected


@given(st.text(max_size=400))
def test_no_file_name_breaks_the_header(name: str) -> None:
    """Printable ASCII, quotes only where they belong, of bounded length."""
    header = content_disposition(name, "invoice.pdf")
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2
    assert len(header) < 2_000
