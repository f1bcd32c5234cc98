"""Instants: always UTC and aware; whole seconds and `Z` wherever they are written down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

ONE_SECOND = timedelta(seconds=1)


def whole_seconds(instant: datetime) -> datetime:
    """The instant in UTC, rounded down to the second."""
    return instant.astimezone(UTC).replace(microsecond=0)


def to_text(instant: datetime) -> str:
    """`2026-01-31T23:59:59Z`: what Qonto's filters take, and what sorts like time does."""
    return f"{_naive(instant).isoformat(timespec='seconds')}Z"


def to_precise_text(instant: datetime) -> str:
    """Like `to_text`, with microseconds: for instants that order two versions."""
    return f"{_naive(instant).isoformat(timespec='microseconds')}Z"


def from_text(text: object) -> datetime | None:
    """The instant that a source wrote in any ISO 8601 form (no offset means UTC), or None if it is none."""
    if not isinstance(text, str):
        return None
    try:
        instant = datetime.fromisoformat(text)
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _naive(instant: datetime) -> datetime:
    # Not by `strftime`, whose years before 1000 have fewer than four digits on Linux, so that nothing reads them again.
    return instant.astimezone(UTC).replace(tzinfo=None)
