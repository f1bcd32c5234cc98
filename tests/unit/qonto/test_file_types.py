"""Types of files, by their first bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qonto_sync.domain.invoice import FileKind
from qonto_sync.qonto.file_types import HEAD_BYTES, file_kind

UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
CII = "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
INVOICE = f'<Invoice xmlns="{UBL}Invoice-2"><ID>1</ID></Invoice>'


@pytest.mark.parametrize(
    "text",
    [
        INVOICE,
        f'<?xml version="1.0" encoding="UTF-8"?>\n<!-- {"x" * 7_000} --><?style sheet?>{INVOICE}',
        f'<u:Invoice a="1" xmlns:u="{UBL}Invoice-2" xmlns:x="urn:other"/>',
        f'<CreditNote xmlns="{UBL}CreditNote-2">',
        f'<rsm:CrossIndustryInvoice xmlns:rsm="{CII}">',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_an_e_invoice_is_known_by_its_root_element(text: str, encoding: str) -> None:
    """In UBL or CII, whatever comes before it."""
    text = text.replace("UTF-8", "UTF-16") if encoding == "utf-16" else text
    assert file_kind(text.encode(encoding)[:HEAD_BYTES]) is FileKind.XML


def test_the_header_of_a_pdf_is_near_the_beginning() -> None:
    """Within 1 024 bytes."""
    assert file_kind(b" " * 1_019 + b"%PDF-1.7") is FileKind.PDF
    assert file_kind(b" " * 1_020 + b"%PDF-1.7") is None


@pytest.mark.parametrize(
    "text",
    [
        "<html><body>Log in</body></html>",
        '<html xmlns="http://www.w3.org/1999/xhtml">',
        '<svg xmlns="http://www.w3.org/2000/svg"/>',
        "<Invoice/>",
        f'<Invoice xmlns="{UBL}CreditNote-2"/>',
        f'<Order xmlns="{UBL}Invoice-2"/>',
        f'<!DOCTYPE Invoice [<!ENTITY a "b">]>{INVOICE}',
        f'<!DOCTYPE Invoice SYSTEM "file:///etc/passwd">{INVOICE}',
        f"<error>{INVOICE}</error>",
        f"{{}}{INVOICE}",
        f'<?xml version="1.0" encoding="no-such"?>{INVOICE}',
        f'<Invoice xmlns="{UBL}Invoice-2"',
        "<Invoice xmlns=",
        "",
    ],
)
def test_any_other_xml_is_refused(text: str) -> None:
    """Also an invoice inside something else, or with a document type."""
    assert file_kind(text.encode()) is None


@given(st.binary(max_size=200))
def test_whatever_a_file_begins_with(head: bytes) -> None:
    """There is an answer."""
    assert file_kind(b"<" + head) in {None, *FileKind}
    assert file_kind(b"<?xml " + head) in {None, *FileKind}
