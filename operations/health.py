"""How a connection is, and what an operator should do next. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from qonto_sync.domain.times import from_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from operations.progress import Item

_LATE: Final = timedelta(hours=2)
_OLD: Final = timedelta(days=1)
_UNCERTIFIED: Final = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is not done yet."""

    pending: dict[str, int] = field(default_factory=dict)
    """Invoices by reason."""
    oldest_since: datetime | None = None
    gaps: int = 0


@dataclass(frozen=True, slots=True)
class Health:
    """One connection."""

    connection: str
    schedule: str
    is_enabled: bool
    synced_until: datetime | None
    """None: no run has committed yet."""
    progress: tuple[str, ...]
    """What it has yet to read, a line each."""
    backlog: Backlog
    certificate: Mapping[str, Any] | None
    """What the last one says; None if there is none, or nobody can read it."""

    @property
    def differences(self) -> int:
        """What the last reconciliation found."""
        found = self.certificate.get("found", {}) if self.certificate else {}
        return sum(count for count in found.values() if isinstance(count, int)) if isinstance(found, dict) else 0

    @property
    def certified_at(self) -> datetime | None:
        """When the last certificate was written."""
        return from_text(self.certificate.get("reconciled_at")) if self.certificate else None


def backlog_of(items: Iterable[Item]) -> Backlog:
    """From the items of the index of what is pending: invoices, and gaps."""
    reasons: Counter[str] = Counter()
    oldest: datetime | None = None
    gaps = 0
    for item in items:
        if item["pk"]["S"].startswith("gap#"):
            gaps += 1
            continue
        reasons[item.get("reason", {}).get("S", "unreadable")] += 1
        since = from_text(item.get("pending_since", {}).get("S"))
        oldest = min(filter(None, (oldest, since)), default=None)
    return Backlog(dict(reasons.most_common()), oldest, gaps)


def next_step(health: Health, now: datetime) -> str:
    """One line: what to do next, with the heading of the runbook that explains it; empty if there is nothing."""
    name = health.connection
    certified_at = health.certified_at
    steps = (
        (not health.is_enabled, f"the schedule is off: switch it on (runbook: Stalled), or `connection remove {name}`"),
        (health.synced_until is None, f"nothing was synchronized yet: `qonto-sync sync --connection {name} --no-wait`"),
        (
            not health.progress and health.synced_until is not None and now - health.synced_until > _LATE,
            "no run has caught up lately: see its errors (runbook: Stalled)",
        ),
        ("damaged" in health.backlog.pending, "archived objects were changed: find out by whom (runbook: Differences)"),
        (
            health.backlog.oldest_since is not None and now - health.backlog.oldest_since > _OLD,
            "invoices are pending for more than a day: see why (runbook: Pending)",
        ),
        (health.backlog.gaps > 0 and not health.progress, "parts of the list cannot be read (runbook: Gaps)"),
        (
            health.synced_until is not None and (certified_at is None or now - certified_at > _UNCERTIFIED),
            f"not certified lately: `qonto-sync reconcile --connection {name}` (runbook: Uncertified)",
        ),
        (health.differences > 0, "the last reconciliation found differences (runbook: Differences)"),
    )
    return next((step for applies, step in steps if applies), "")
