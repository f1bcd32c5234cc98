"""Amounts, rates and days as people write them."""

from datetime import date
from decimal import Decimal
from typing import Any

from local.qonto_simulator.texts import Wording

_SYMBOLS = {"EUR": "€", "GBP": "£", "USD": "$"}


def amount(value: Any, currency: str, words: Wording) -> str:
    """Return an amount as its reader writes it: 1 234,50 €."""
    text = f"{Decimal(str(value)):,.2f}"
    text = text.replace(",", "\0").replace(".", words.decimal).replace("\0", words.thousands)
    symbol = _SYMBOLS.get(currency, f"{currency}\u00a0")
    return f"{symbol}{text}" if words.symbol_first else f"{text}\u00a0{symbol.rstrip()}"


def percentage(fraction: Any, words: Wording) -> str:
    """Return a rate as its reader writes it: 5,5 %."""
    text = f"{(Decimal(str(fraction)) * 100).normalize():f}"
    return f"{text.replace('.', words.decimal)}\u00a0%"


def day(text: Any, words: Wording) -> str:
    """Return a day as its reader writes it, or a dash."""
    return "\u2013" if text is None else date.fromisoformat(str(text)).strftime(words.date)
