"""Months and their names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from qonto_sync.domain.months import month_after, month_from_text, month_of, month_text

DECEMBER = datetime(2025, 12, 1, tzinfo=UTC)


def test_a_month_is_its_first_instant_in_utc() -> None:
    """Whatever the offset."""
    east = timezone(timedelta(hours=14))
    assert month_of(datetime(2026, 1, 1, 5, tzinfo=east)) == DECEMBER
    assert month_of(datetime(2025, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)) == DECEMBER


def test_months_follow_one_another() -> None:
    """Also over the turn of the year."""
    assert month_after(DECEMBER) == datetime(2026, 1, 1, tzinfo=UTC)
    assert month_after(month_after(DECEMBER)) == datetime(2026, 2, 1, tzinfo=UTC)


def test_a_month_is_read_as_it_is_written() -> None:
    """With four digits and two."""
    assert month_text(DECEMBER) == "2025-12"
    assert month_from_text("2025-12") == DECEMBER


@pytest.mark.parametrize(
    "text", ["2025-13", "2025-00", "2025-1", "25-12", "2025-12-01", "0000-01", "", None, 7, "٢٠٢٥-12"]
)
def test_what_is_no_month_is_none(text: object) -> None:
    """Nothing is guessed."""
    assert month_from_text(text) is None
