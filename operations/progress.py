"""What a connection has yet to read, for a person who waits for it. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from qonto_sync.domain.gap import GapReason
from qonto_sync.domain.times import from_text, to_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

type Item = Mapping[str, Any]
"""An item of the state table, as DynamoDB returns it."""

_ONE_DAY: Final = timedelta(days=1)
_MANY_HOURS: Final = 72


def catching_up(checkpoint: Item, now: datetime) -> Iterator[str]:
    """A line if the connection is behind the present: how much of the time is read, how fast, and how long it takes.

    The rate is that of the runs until the last commit. It says little when invoices lie close together in one year and
    far apart in another.
    """
    names = ("synced_until", "updated_at", "catch_up_from", "catch_up_since")
    read_until, committed_at, start, since = (from_text(checkpoint.get(name, {}).get("S")) for name in names)
    if not (read_until and committed_at and start and since) or start >= read_until:
        return
    share = (read_until - start) / max(now - start, _ONE_DAY / 86_400)
    elapsed, done = committed_at - since, read_until - start
    left = elapsed * ((now - read_until) / done)
    days = done / _ONE_DAY / max(elapsed / timedelta(minutes=1), 1 / 60)
    yield (
        f"catches up: {share:.0%} of the time from {to_text(start)} to now is read, {days:,.0f} days a minute,"
        f" {duration(left)} left"
    )


def backfills(gaps: Iterable[Item]) -> Iterator[str]:
    """A line for each backfill that is not finished."""
    for gap in gaps:
        if gap.get("reason", {}).get("S") == GapReason.BACKFILL:
            yield f"backfill: {gap['updated_from']['S']} to {gap['updated_to']['S']} is still to be read"


def duration(span: timedelta) -> str:
    """For a person: days, or hours and minutes."""
    minutes = round(max(span, timedelta()) / timedelta(minutes=1))
    if minutes < 1:
        return "less than a minute"
    hours, minutes = divmod(minutes, 60)
    if hours >= _MANY_HOURS:
        return f"{round(hours / 24)} days"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
