"""The fields that change together when something happens to an invoice."""

from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from local.qonto_simulator.composition import happens
from local.qonto_simulator.invoices import Invoice

_KNOWN_ANSWERS = ("approved", "approved", "approved", "declined", "pending")
# A value that is not documented, because enumerations grow.
_NEW_ANSWER = "disputed_by_recipient"


def payment(invoice: Invoice, at: datetime) -> dict[str, Any]:
    """Paid in full."""
    return {"status": "paid", "paid_at": at, "amount_paid": invoice.body["total_amount"]}


def partial_payment(invoice: Invoice) -> dict[str, Any]:
    """Paid in part: a status that the documentation does not know."""
    return {
        "status": "partially_paid",
        "amount_paid": {"value": "10.00", "currency": invoice.body["currency"]},
    }


def cancellation() -> dict[str, Any]:
    """Canceled, with one l."""
    return {"status": "canceled"}


def postponement(rng: Random, invoice: Invoice) -> dict[str, Any]:
    """A later due date, and new terms that say so."""
    due = date.fromisoformat(invoice.body["due_date"]) + timedelta(days=rng.randrange(7, 45))
    terms = f"{invoice.body['terms_and_conditions'].partition(' → ')[0]} → {due.isoformat()}"
    return {"due_date": due.isoformat(), "terms_and_conditions": terms}


def einvoicing_answer(rng: Random, invoice: Invoice, at: datetime) -> dict[str, Any]:
    """A status from the e-invoicing network."""
    known = happens(rng, 0.8)
    answer = rng.choice(_KNOWN_ANSWERS) if known else _NEW_ANSWER
    event = {
        "status_code": 205 if known else 299,
        "reason": None if known else "PRIX_CONTESTÉ",
        "reason_message": None if known else "Prix & quantité contestés",
        "timestamp": at,
    }
    return {
        "einvoicing_status": answer,
        "einvoicing_lifecycle_events": [*invoice.body["einvoicing_lifecycle_events"], event],
    }
