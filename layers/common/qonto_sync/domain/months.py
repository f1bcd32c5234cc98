"""Calendar months in UTC, each named by its first instant. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

_TEXT: Final = re.compile(r"(\d{4})-(0[1-9]|1[0-2])", re.ASCII)
_DECEMBER: Final = 12


def month_of(instant: datetime) -> datetime:
    """The month that contains the instant."""
    return instant.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def month_after(month: datetime) -> datetime:
    """The next month."""
    if month.month == _DECEMBER:
        return month.replace(year=month.year + 1, month=1)
    return month.replace(month=month.month + 1)


def month_text(month: datetime) -> str:
    """`2026-11`."""
    return f"{month.year:04}-{month.month:02}"


def month_from_text(text: object) -> datetime | None:
    """The month that `month_text` wrote; None when the value is none."""
    found = _TEXT.fullmatch(text) if isinstance(text, str) else None
    return datetime(int(found[1]), int(found[2]), 1, tzinfo=UTC) if found and int(found[1]) else None
