"""Which type of file it is, by its first bytes. What the host calls it does not count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from xml.parsers import expat

from qonto_sync.domain.invoice import FileKind

if TYPE_CHECKING:
    from typing import NoReturn

HEAD_BYTES: Final = 16 * 1024
"""How much of a file `file_kind` needs: an XML file's comments and name spaces come before its root element ends."""

_PDF_HEADER: Final = b"%PDF-"
_PDF_HEADER_WITHIN: Final = 1_024
"""Readers look for the header in so many bytes; ISO 32000-1, annex H."""

_MAGIC: Final = {b"\xff\xd8\xff": FileKind.JPEG, b"\x89PNG\r\n\x1a\n": FileKind.PNG}
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_MARKUP: Final = (b"<", b"{", b"[")
"""Begins an HTML or JSON page, which may mention a PDF."""

_E_INVOICES: Final = frozenset(
    {
        "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2 Invoice",
        "urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2 CreditNote",
        "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100 CrossIndustryInvoice",
    }
)
"""Root elements of UBL and CII, the two syntaxes of EN 16931."""


def file_kind(head: bytes) -> FileKind | None:
    """The type of the file that begins so; None if it is none that Qonto accepts."""
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return kind
    if _is_pdf(head):
        return FileKind.PDF
    return FileKind.XML if _root_element(head) in _E_INVOICES else None


def _is_pdf(head: bytes) -> bool:
    """Whether a PDF header is near the beginning; a blank line, a form's header and the like may come before it."""
    before, header, _ = head[:_PDF_HEADER_WITHIN].partition(_PDF_HEADER)
    return bool(header) and not before.removeprefix(_BYTE_ORDER_MARK).lstrip().startswith(_MARKUP)


class _Stop(Exception):
    def __init__(self, root: str | None) -> None:
        super().__init__()
        self.root = root


def _root_element(head: bytes) -> str | None:
    """Name space and name of an XML text's root element; None if it is no XML, or has a document type."""

    def found(name: str, _attributes: object) -> NoReturn:
        raise _Stop(name)

    def refuse(*_declaration: object) -> NoReturn:
        # Entities are declared in a document type; an invoice has none.
        raise _Stop(None)

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = found
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(head, False)  # noqa: FBT003 - it takes no keyword
    except _Stop as stop:
        return stop.root
    except (expat.ExpatError, ValueError, LookupError):
        return None
    return None
