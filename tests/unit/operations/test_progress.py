"""The lines about what is still to be read."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from operations.progress import backfills, catching_up
from qonto_sync.domain.times import to_text
from tests.fakes import START

HOUR = timedelta(hours=1)


def checkpoint(**instants: Any) -> dict[str, Any]:
    """An item with these instants."""
    return {name: {"S": to_text(instant)} for name, instant in instants.items()}


def test_a_catch_up_tells_share_rate_and_time_left() -> None:
    """Half of 100 days read within ten minutes leave ten."""
    item = checkpoint(
        catch_up_from=START - timedelta(days=100),
        synced_until=START - timedelta(days=50),
        catch_up_since=START - timedelta(minutes=10),
        updated_at=START,
    )
    assert list(catching_up(item, START)) == [
        "catches up: 50% of the time from 2025-11-21T12:00:00Z to now is read, 5 days a minute, 10 min left"
    ]


@pytest.mark.parametrize(
    ("elapsed", "left"), [(timedelta(seconds=9), "less than a minute"), (HOUR, "1 h 0 min"), (1.5 * HOUR, "1 h 30 min")]
)
def test_the_time_left_is_in_minutes(elapsed: timedelta, left: str) -> None:
    """And in hours."""
    item = checkpoint(
        catch_up_from=START - timedelta(days=2),
        synced_until=START - timedelta(days=1),
        catch_up_since=START - elapsed,
        updated_at=START,
    )
    assert next(catching_up(item, START)).endswith(f", {left} left")


@pytest.mark.parametrize(
    "item",
    [
        {},
        checkpoint(synced_until=START, updated_at=START),
        checkpoint(synced_until=START, updated_at=START, catch_up_from=START, catch_up_since=START),
        {"synced_until": {"S": "soon"}, "updated_at": {"N": "7"}},
    ],
)
def test_what_is_not_behind_has_no_line(item: dict[str, Any]) -> None:
    """Nor has what an older version, or a person, wrote."""
    assert list(catching_up(item, START + HOUR)) == []


def test_an_instant_costs_no_division_by_zero() -> None:
    """The first commit may come within the second."""
    item = checkpoint(
        catch_up_from=START - timedelta(days=1), synced_until=START, catch_up_since=START, updated_at=START
    )
    assert len(list(catching_up(item, START))) == 1


def test_a_backfill_tells_what_is_left() -> None:
    """Other gaps are not counted here."""
    window = {"updated_from": {"S": "2019-03-01T00:00:00Z"}, "updated_to": {"S": "2020-01-01T00:00:00Z"}}
    gaps = [{**window, "reason": {"S": reason}} for reason in ("unreadable", "backfill")]
    assert list(backfills(gaps)) == ["backfill: 2019-03-01T00:00:00Z to 2020-01-01T00:00:00Z is still to be read"]
