"""Writes an invoice body from a random source: client, lines, totals, and the oddities of real data."""

import codecs
import dataclasses
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from local.qonto_simulator.amounts import Line, money, totals
from local.qonto_simulator.clients import CLIENTS, Client
from local.qonto_simulator.invoices import PDF, XML, Upload, identifier
from local.qonto_simulator.texts import ORGANIZATION, PAYMENT_METHOD, PRODUCTS, WORDINGS

# Files under names that users choose: hostile, long or ordinary.
_AWKWARD_UPLOADS = (
    Upload("../../etc/passwd.pdf", PDF),
    Upload("Rechnung Müller (2).jpg", "image/jpeg"),
    Upload("Facture “très” longue " + "numérotée à la main " * 11 + ".pdf", PDF),
    Upload('devis "signé" \x07 O\'Brien.pdf', PDF),
    Upload("scan 日本 €.png", "image/png"),
    Upload("IMG_20260214_101502.JPG", "image/jpeg"),
    Upload("100% réglée + acompte & solde.pdf", PDF),
    Upload("facture.pdf", PDF),
    Upload("Scan 0001.png", "image/png"),
    Upload("fattura;v=2?final#1.pdf", PDF),
    Upload("xrechnung_2026-0117.xml", XML),
    Upload("Export (comptabilité).pdf", PDF, codecs.BOM_UTF8 + b"\r\n"),
)
_TERM = timedelta(days=30)


def happens(rng: Random, share: float) -> bool:
    """Return whether this is one of that share of the cases."""
    return rng.random() < share


def compose(rng: Random, at: datetime, *, draft: bool = False, imported: bool = False) -> dict[str, Any]:
    """Return the body of an invoice as it is created at that moment; its number is not given yet."""
    client = rng.choice(CLIENTS)
    words = WORDINGS[client.language]
    lines = _lines(rng, client)
    if draft and happens(rng, 0.25):
        lines = []
    issued = at.date()
    body: dict[str, Any] = {
        "id": None,
        "organization_id": ORGANIZATION["id"],
        "attachment_id": None,
        "number": None,
        "purchase_order": f"PO-{rng.randrange(10_000):05d}" if happens(rng, 0.3) else None,
        "status": "draft" if draft else "unpaid",
        "invoice_url": f"https://pay.qonto.com/invoices/{identifier('url', rng.random())}",
        "contact_email": client.email,
        "terms_and_conditions": words.terms,
        "discount_conditions": words.early,
        "late_payment_penalties": words.penalties,
        "legal_fixed_compensation": words.compensation,
        "header": words.header,
        "footer": words.footer,
        "currency": client.currency,
        **totals(lines, client.currency),
        "amount_paid": money(Decimal(0), client.currency),
        "deposit_amount": None,
        "issue_date": issued.isoformat(),
        "due_date": (issued + _TERM).isoformat(),
        "performance_start_date": (issued - timedelta(days=rng.randrange(3, 30))).isoformat(),
        "performance_end_date": issued.isoformat(),
        "created_at": None,
        "updated_at": None,
        "finalized_at": None if draft else at,
        "paid_at": None,
        "stamp_duty_amount": None,
        # null, not an empty list, for a draft without lines: as seen live
        "items": [line.as_served(client.currency) for line in lines] or None,
        "client": client.as_served(),
        "payment_methods": [PAYMENT_METHOD],
        "credit_notes_ids": [],
        "organization": ORGANIZATION,
        "invoice_type": "imported" if imported else "standard",
        "discount": None,
        "einvoicing_status": None if draft or imported or client.country != "FR" else "submitted",
        "einvoicing_lifecycle_events": [],
        "welfare_fund": None,
        "withholding_tax": None,
        "payment_reporting": None,
    }
    _make_odd(rng, body)
    return body


def awkward_upload(rng: Random) -> Upload:
    """Return a file as users upload them."""
    return rng.choice(_AWKWARD_UPLOADS)


def _lines(rng: Random, client: Client) -> list[Line]:
    # A few invoices fill a second page.
    many = happens(rng, 0.04)
    count = rng.randrange(18, 26) if many else rng.choice((1, 1, 2, 2, 3, 4, 5))
    lines = []
    for _ in range(count):
        product = rng.choice(PRODUCTS)
        line = Line(
            title=product.title[client.language],
            description=product.description[client.language] if happens(rng, 0.7) else None,
            quantity=rng.choice(product.quantities),
            unit=product.unit[client.language],
            unit_price=product.price,
            vat_rate=client.vat_rate,
            vat_exemption_reason=client.vat_exemption_reason,
        )
        if happens(rng, 0.1):
            line = dataclasses.replace(line, discount_rate=Decimal("0.1"))
        lines.append(line)
    return lines


def _make_odd(rng: Random, body: dict[str, Any]) -> None:
    """Add fields that are not documented, and leave out some that are optional."""
    if happens(rng, 0.35):
        body["conversion"] = {"rate": Decimal("1.10"), "source": "ECB <daily>", "as_of": body["issue_date"]}
    if happens(rng, 0.15):
        body["custom_fields"] = [{"label": "Chantier", "value": "Pavillon 日本 “lumière & ombre” €"}]
    if happens(rng, 0.1):
        for name in ("deposit_amount", "welfare_fund", "payment_reporting"):
            del body[name]
