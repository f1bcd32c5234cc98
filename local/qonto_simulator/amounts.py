"""Lines and totals: decimal strings and cents that add up to the cent."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

_CENT = Decimal("0.01")


def cents(value: Decimal) -> Decimal:
    """Return the value rounded half up to two digits."""
    return value.quantize(_CENT, ROUND_HALF_UP)


def money(value: Decimal, currency: str) -> dict[str, str]:
    """Return an amount in the API's form."""
    return {"value": str(cents(value)), "currency": currency}


def in_cents(value: Decimal) -> int:
    """Return the amount as an integer of cents."""
    return int(cents(value) * 100)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an invoice."""

    title: str
    description: str | None
    quantity: Decimal
    unit: str
    unit_price: Decimal
    vat_rate: Decimal
    vat_exemption_reason: str | None = None
    discount_rate: Decimal = Decimal(0)

    @property
    def discount(self) -> Decimal:
        """What is taken off before tax."""
        return cents(self.quantity * self.unit_price * self.discount_rate)

    @property
    def subtotal(self) -> Decimal:
        """What the line costs before tax."""
        return cents(self.quantity * self.unit_price) - self.discount

    @property
    def vat(self) -> Decimal:
        """The tax on the line."""
        return cents(self.subtotal * self.vat_rate)

    def as_served(self, currency: str) -> dict[str, Any]:
        """Return the line as an object of `items`."""
        total = self.subtotal + self.vat
        return {
            "title": self.title,
            "description": self.description,
            "quantity": str(self.quantity),
            "unit": self.unit,
            "unit_price": money(self.unit_price, currency),
            "unit_price_cents": in_cents(self.unit_price),
            "vat_rate": str(self.vat_rate),
            "vat_exemption_reason": self.vat_exemption_reason,
            "discount": self._discount_as_served(currency),
            "total_vat": money(self.vat, currency),
            "total_vat_cents": in_cents(self.vat),
            "total_amount": money(total, currency),
            "total_amount_cents": in_cents(total),
            "subtotal": money(self.subtotal, currency),
            "subtotal_cents": in_cents(self.subtotal),
        }

    def _discount_as_served(self, currency: str) -> dict[str, Any] | None:
        if not self.discount_rate:
            return None
        return {
            "type": "percentage",
            "value": str(self.discount_rate),
            "amount": money(self.discount, currency),
        }


def totals(lines: Iterable[Line], currency: str) -> dict[str, Any]:
    """Return the invoice's own amounts for its lines."""
    lines = tuple(lines)
    vat = sum((line.vat for line in lines), Decimal(0))
    total = sum((line.subtotal for line in lines), vat)
    return {
        "total_amount": money(total, currency),
        "total_amount_cents": in_cents(total),
        "vat_amount": money(vat, currency),
        "vat_amount_cents": in_cents(vat),
    }


def by_vat_rate(items: Iterable[Mapping[str, Any]]) -> list[tuple[str, Decimal, Decimal]]:
    """Return each VAT rate of the served lines with its base and its tax."""
    sums: dict[str, tuple[Decimal, Decimal]] = {}
    for item in items:
        base, vat = sums.get(item["vat_rate"], (Decimal(0), Decimal(0)))
        sums[item["vat_rate"]] = (
            base + Decimal(item["subtotal"]["value"]),
            vat + Decimal(item["total_vat"]["value"]),
        )
    return [(rate, base, vat) for rate, (base, vat) in sorted(sums.items())]
