"""Imported e-invoices: XML in the syntax UBL, as other software exports them."""

from typing import Any
from xml.etree import ElementTree as ET

from local.qonto_simulator.invoices import Attachment

_UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
_PREFIXES = {
    "": f"{_UBL}Invoice-2",
    "cac": f"{_UBL}CommonAggregateComponents-2",
    "cbc": f"{_UBL}CommonBasicComponents-2",
}
_COMMERCIAL_INVOICE = "380"

for _prefix, _uri in _PREFIXES.items():
    ET.register_namespace(_prefix, _uri)


def render_e_invoice(attachment: Attachment) -> bytes:
    """Return the edition as a UBL invoice with parties, total and lines; it is not valid by the schema."""
    body: dict[str, Any] = dict(attachment.printed.body)
    currency = str(body["currency"])
    root = ET.Element(_name(":Invoice"))
    _add(root, "cbc:ID", body["number"])
    _add(root, "cbc:IssueDate", body["issue_date"])
    _add(root, "cbc:DueDate", body["due_date"])
    _add(root, "cbc:InvoiceTypeCode", _COMMERCIAL_INVOICE)
    _add(root, "cbc:Note", f"edition {attachment.edition}, {attachment.generated_at.isoformat()}")
    _add(root, "cbc:DocumentCurrencyCode", currency)
    _party(root, "cac:AccountingSupplierParty", body["organization"]["trade_name"])
    _party(root, "cac:AccountingCustomerParty", body["client"]["name"])
    total = _add(root, "cac:LegalMonetaryTotal")
    _add(total, "cbc:PayableAmount", body["total_amount"]["value"], currencyID=currency)
    for number, line in enumerate(body["items"] or (), start=1):
        entry = _add(root, "cac:InvoiceLine")
        _add(entry, "cbc:ID", str(number))
        _add(entry, "cbc:InvoicedQuantity", line["quantity"])
        _add(entry, "cbc:LineExtensionAmount", line["subtotal"]["value"], currencyID=currency)
        _add(_add(entry, "cac:Item"), "cbc:Name", line["title"])
    text: bytes = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    return text


def _party(root: ET.Element, role: str, name: str) -> None:
    _add(_add(_add(_add(root, role), "cac:Party"), "cac:PartyName"), "cbc:Name", name)


def _add(parent: ET.Element, name: str, text: str | None = None, **attributes: str) -> ET.Element:
    element = ET.SubElement(parent, _name(name), attributes)
    element.text = text
    return element


def _name(name: str) -> str:
    prefix, _, local = name.partition(":")
    return f"{{{_PREFIXES[prefix]}}}{local}"
