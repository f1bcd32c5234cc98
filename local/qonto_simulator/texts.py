"""The simulated company, its products, and its wording in five languages, from `texts.toml`."""

import tomllib
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

_TEXTS = tomllib.loads((Path(__file__).parent / "texts.toml").read_text())

ORGANIZATION: dict[str, Any] = {**_TEXTS["organization"], "tax_number": None}
PAYMENT_METHOD: dict[str, Any] = _TEXTS["payment_method"]

type Translated = dict[str, str]
"""A text by language."""


@dataclass(frozen=True, slots=True)
class Wording:
    """What is printed on invoices in one language, the texts in the API, and the form of numbers and days."""

    invoice: str
    draft: str
    issued: str
    due: str
    period: str
    billed_to: str
    order: str
    designation: str
    quantity: str
    unit_price: str
    vat: str
    amount: str
    discount: str
    subtotal: str
    vat_base: str
    total: str
    payment: str
    beneficiary: str
    exempt: str
    registered: str
    page: str
    generated: str
    header: str
    terms: str
    penalties: str
    early: str
    compensation: str
    footer: str
    thousands: str
    decimal: str
    date: str
    symbol_first: bool


@dataclass(frozen=True, slots=True)
class Product:
    """Something that is sold on an invoice line; the price is in euros, before tax."""

    price: Decimal
    unit: Translated
    quantities: tuple[Decimal, ...]
    title: Translated
    description: Translated


WORDINGS = {language: Wording(**texts) for language, texts in _TEXTS["wording"].items()}
PRODUCTS = tuple(
    Product(
        price=Decimal(texts["price"]),
        unit=_TEXTS["unit"][texts["unit"]],
        quantities=tuple(map(Decimal, _TEXTS["quantities"][texts["unit"]])),
        title=texts["title"],
        description=texts["description"],
    )
    for texts in _TEXTS["product"]
)


def wording(language: str) -> Wording:
    """The wording in this language, in English if there is none."""
    return WORDINGS.get(language, WORDINGS["en"])
