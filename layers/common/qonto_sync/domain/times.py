"""Instants are aware and in UTC; as text they have whole seconds and end with `Z`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

ONE_SECOND = timedelta(seconds=1)


def whole_seconds(instant: datetime) -> datetime:
    """The instant in UTC, rounded down to the second."""
    return instant.astimezone(UTC).replace(microsecond=0)


def to_text(instant: datetime) -> str:
    """`2026-01-31T23:59:59Z`: the form that Qonto's filters accept, and that sorts by time."""
    return f"{_naive(instant).isoformat(timespec='seconds')}Z"


def to_precise_text(instant: datetime) -> str:
    """Like `to_text`, with microseconds, for instants that order two versions."""
    return f"{_naive(instant).isoformat(timespec='microseconds')}Z"


def from_text(text: object) -> datetime | None:
    """The instant in any ISO 8601 form (no offset means UTC); None when the value is none."""
    if not isinstance(text, str):
        return None
    try:
        instant = datetime.fromisoformat(text)
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def required_instant(text: object) -> datetime:
    """The instant, as `from_text` reads it.

    Raises:
        ValueError: There is none.
    """
    instant = from_text(text)
    if instant is None:
        raise ValueError(f"{text!r} is no time")
    return instant


def _naive(instant: datetime) -> datetime:
    # `strftime` writes years before 1000 with fewer than four digits on Linux, which nothing parses.
    return instant.astimezone(UTC).replace(tzinfo=None)
