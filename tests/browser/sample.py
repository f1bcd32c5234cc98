"""Rows of an inventory, always the same, as the simulator's invoices would have them."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Final

_CLIENTS: Final = (
    *("Atelier Dupré", "Mohaupt GmbH", "Nordwind Söhne KG", "Bentley Inc", "Efraín Fortuny", "Studio Ceravolo"),
    *("Inmobiliaria Ferrández", "Yves Thierry", "Schinnerl & Werner", "Blanchet SARL", "Øresund Aps", "Château Réal"),
)
_STATUSES: Final = ("paid", "paid", "paid", "unpaid", "unpaid", "canceled", "partially_paid")
_CURRENCIES: Final = ("EUR", "EUR", "EUR", "EUR", "EUR", "CHF", "GBP")


def sample_rows(count: int) -> list[dict[str, str]]:
    """So many invoices over 18 months."""
    drawn = random.Random(7)  # noqa: S311 - reproducible, and no secret
    return [_row(number, drawn, count) for number in range(count)]


def _row(number: int, drawn: random.Random, count: int) -> dict[str, str]:
    issued = date(2025, 6, 1) + timedelta(days=540 * number // count)
    status = drawn.choice(_STATUSES)
    invoice_id = f"{number:08x}-0000-4000-8000-000000000000"
    folder = f"default/client_invoices/{issued:%Y/%m}/{invoice_id}"
    is_pending = number % 97 == 50
    return {
        "invoice_id": invoice_id,
        "number": f"F-{issued.year}-{number + 1:04}",
        "status": status,
        "issue_date": issued.isoformat(),
        "due_date": (issued + timedelta(days=30)).isoformat(),
        "paid_at": f"{issued + timedelta(days=21)}T08:00:00Z" if status == "paid" else "",
        "currency": drawn.choice(_CURRENCIES),
        "total_amount": f"{drawn.randint(9_000, 900_000) / 100:.2f}",
        "client_name": drawn.choice(_CLIENTS),
        "created_at": f"{issued}T09:00:00Z",
        "state": "pending" if is_pending else "archived",
        "reason": "awaiting_attachment" if is_pending else "",
        "document_key": f"{folder}/invoice.json",
        "file_key": "" if is_pending else f"{folder}/{number}.pdf",
    }
