"""Names of objects and rows."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qonto_sync.domain.ids import AttachmentId, ConnectionName, InvoiceId, is_identified, is_usable_id
from qonto_sync.domain.invoice import FileKind, Invoice
from qonto_sync.domain.keys import (
    checkpoint_key,
    content_disposition,
    document_key,
    file_key,
    invoice_folder,
    ledger_key,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def folder(**fields: Any) -> str:
    """The folder of an invoice with these fields."""
    return invoice_folder(ConnectionName("acme"), Invoice.of({"id": "1f-2", **fields}, b"", NOW))


def test_an_invoice_lies_under_its_month_of_creation() -> None:
    """In UTC, whatever its offset."""
    assert folder(created_at="2026-01-01T00:30:00+01:00") == "acme/client_invoices/2025/12/1f-2"
    assert folder(created_at="0001-01-01T00:00:00Z") == "acme/client_invoices/0001/01/1f-2"


@pytest.mark.parametrize(
    "created_at",
    [None, 7, "soon", "99999-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "\ud800"],
)
def test_without_a_creation_date_there_is_a_place_too(created_at: Any) -> None:
    """An odd invoice is archived like any other."""
    assert folder(created_at=created_at) == "acme/client_invoices/0000/00/1f-2"


def test_objects_of_an_invoice() -> None:
    """The JSON has a fixed name, a file that of its id."""
    assert document_key("f") == "f/invoice.json"
    assert file_key("f", AttachmentId("77-a"), FileKind.JPEG) == "f/77-a.jpg"


hostile_ids = (
    st.text(min_size=1, max_size=200)
    | st.text("./%!#\0\n ~\U0001f600sha256", min_size=1, max_size=200)
    | st.sampled_from([".", "..", "../..", "a/b", "/", "\0", "#", "\r\n", "%2E", "\U0001f600" * 200, "." * 200])
).filter(is_usable_id)
LONGEST_CONNECTION = ConnectionName("c" * 64)


def keys_of(source_id: str) -> tuple[str, str]:
    """Where an invoice with this id and an attachment with this id lie."""
    invoice = Invoice.of({"id": source_id, "created_at": None}, b"", NOW)
    place = invoice_folder(LONGEST_CONNECTION, invoice)
    return document_key(place), file_key(place, AttachmentId(source_id), FileKind.PDF)


@given(hostile_ids.filter(lambda source_id: is_identified(InvoiceId(source_id))))
def test_no_id_leads_out_of_its_folder(source_id: str) -> None:
    """Whatever an id is made of, it is one segment of a key that S3 takes."""
    for key in keys_of(source_id):
        connection, kind, year, month, segment, name = key.split("/")
        assert (connection, kind, year, month) == (LONGEST_CONNECTION, "client_invoices", "0000", "00")
        assert segment.strip(".")
        assert key.isascii()
        assert key.isprintable()
        assert len(key) <= 1024
        assert max(len(segment), len(name)) <= 255
    assert len(ledger_key(LONGEST_CONNECTION, InvoiceId(source_id)).encode()) <= 2048


@given(hostile_ids, hostile_ids)
def test_two_ids_never_share_a_place(one: str, other: str) -> None:
    """Long ones included, of which the key has a digest only."""
    assert (one == other) == (keys_of(one) == keys_of(other))


def test_an_id_that_looks_like_the_stand_in_of_a_long_one_is_another() -> None:
    """The stand-in has a character that is spelled out in any id."""
    long = "\U0001f600" * 200
    stand_in = keys_of(long)[0].split("/")[4]
    assert stand_in == f"sha256!{hashlib.sha256(long.encode()).hexdigest()}"
    assert keys_of(stand_in)[0].split("/")[4] == stand_in.replace("!", "%21")


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
        (
            "a\uff02; b=\uff02\uff3c.pdf",
            "inline; filename=\"a_; b=_.pdf\"; filename*=UTF-8''a%EF%BC%82%3B%20b%3D%EF%BC%82%EF%BC%BC.pdf",
        ),
        ("\u2100.pdf", "inline; filename=\"a_c.pdf\"; filename*=UTF-8''%E2%84%80.pdf"),
        ("", "inline; filename=\"invoice.pdf\"; filename*=UTF-8''invoice.pdf"),
        (None, "inline; filename=\"invoice.pdf\"; filename*=UTF-8''invoice.pdf"),
    ],
)
def test_file_names_are_readable_and_harmless(name: str | None, expected: str) -> None:
    """A user gave them: no path, no header, no direction marks."""
    assert content_disposition(name, "invoice.pdf") == expected


@given(
    st.one_of(
        st.text(max_size=400),
        st.text("\uff02\uff3c\u2100\u33c2\U0001f600.\ud800\r\n ", min_size=100, max_size=1_000),
        st.text(max_size=9).map(lambda extension: f"{'x' * 300}.{extension * 100}"),
    )
)
@example("\u33c2" * 100)
@example(" " * 1_000 + "x")
@example("x" + " " * 1_000 + "x")
def test_no_file_name_breaks_the_header(name: str) -> None:
    """Printable ASCII, quotes only where they belong, of bounded length: S3 takes 2 KB for all its own headers."""
    header = content_disposition(name, "invoice.pdf")
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2
    assert "\\" not in header
    assert len(header) <= 1_024
