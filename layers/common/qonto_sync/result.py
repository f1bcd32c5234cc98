"""What became of one invoice, and what one run did: for a person in the console, and for the metrics."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

from qonto_sync.model import PendingReason
from qonto_sync.times import to_text

if TYPE_CHECKING:
    from datetime import datetime

    from qonto_sync.errors import ItemError
    from qonto_sync.model import Checkpoint, ConnectionName, LedgerRow, Pending, RunId
    from qonto_sync.window import Reading, Window


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one invoice. `row.pending` tells what is left to do."""

    row: LedgerRow
    document_written: bool = False
    file_written: bool = False
    file_unchanged: bool = False
    file_bytes: int = 0
    failure: ItemError | None = None
    """Why the invoice is pending, when it is pending because something failed."""


type RequestKind = Literal["qonto", "files", "throttled"]
type AwsService = Literal["dynamodb", "s3", "secretsmanager", "sqs"]


class RunOutcome(StrEnum):
    """How a run ended. A fatal error raises instead."""

    COMMITTED = "committed"
    PARTIAL = "partial"
    """The deadline came; the next run goes on."""
    SUPERSEDED = "superseded"
    """Another run committed; it goes on."""
    DRY_RUN = "dry_run"


class Requests:
    """Requests sent to others, counted by whoever sends them, from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: dict[RequestKind, int] = {"qonto": 0, "files": 0, "throttled": 0}
        self._to_aws: dict[AwsService, int] = {"dynamodb": 0, "s3": 0, "secretsmanager": 0, "sqs": 0}

    def count(self, kind: RequestKind) -> None:
        """Counts one more."""
        with self._lock:
            self._counts[kind] += 1

    def count_aws(self, service: AwsService) -> None:
        """Counts one more, repetitions included: AWS bills them, too."""
        with self._lock:
            self._to_aws[service] += 1

    @property
    def to_aws(self) -> dict[AwsService, int]:
        """Those to AWS, by service."""
        with self._lock:
            return dict(self._to_aws)

    def as_dict(self) -> dict[RequestKind, int]:
        """Those to Qonto and the file host so far."""
        with self._lock:
            return dict(self._counts)


@dataclass(slots=True)
class Backlog:
    """What the ledger says is pending for the connection, whichever run left it so."""

    counted_at: datetime
    by_reason: Counter[PendingReason] = field(default_factory=Counter)
    oldest_since: datetime | None = None

    def add(self, pending: Pending) -> None:
        """Counts one more invoice."""
        self.by_reason[pending.reason] += 1
        self.oldest_since = min(self.oldest_since or pending.since, pending.since)

    @property
    def oldest_age(self) -> timedelta:
        """For how long the archive has been incomplete; nothing when it is complete."""
        return max(self.counted_at - (self.oldest_since or self.counted_at), timedelta())

    def as_dict(self) -> dict[str, Any]:
        """As the function returns it."""
        return {
            "pending": self.by_reason.total(),
            "by_reason": {reason.value: count for reason, count in sorted(self.by_reason.items())},
            "oldest_since": to_text(self.oldest_since) if self.oldest_since else None,
        }


@dataclass(slots=True)
class Tally:
    """Counts of one run. Only the run's own thread writes it."""

    slices_planned: int = 0
    slices_committed: int = 0
    listed: int = 0
    archived: int = 0
    unchanged: int = 0
    settling: int = 0
    pending: int = 0
    woken: int = 0
    files_archived: int = 0
    files_unchanged: int = 0
    file_bytes: int = 0
    distinct: int = 0
    total_count: int = 0
    backlog: Backlog | None = None
    """None when there was no time to count it."""

    def add_outcome(self, outcome: Outcome) -> None:
        """Counts an invoice that was worked on."""
        if outcome.row.pending and outcome.row.pending.reason is not PendingReason.SETTLING:
            self.pending += 1
        else:
            self.settling += outcome.row.pending is not None
            self.archived += outcome.document_written or outcome.file_written
            self.unchanged += not (outcome.document_written or outcome.file_written)
        self.files_archived += outcome.file_written
        self.files_unchanged += outcome.file_unchanged
        self.file_bytes += outcome.file_bytes

    def add_unchanged(self, row: LedgerRow) -> None:
        """Counts an invoice that needed no work in this run."""
        if row.pending and row.pending.reason is not PendingReason.SETTLING:
            self.pending += 1
        else:
            self.settling += row.pending is not None
            self.unchanged += 1

    def add_reading(self, reading: Reading) -> None:
        """Counts a certified slice."""
        self.distinct += reading.distinct
        self.total_count += reading.total_count


@dataclass(frozen=True, slots=True)
class SyncResult:
    """The result of a run of the sync."""

    outcome: RunOutcome
    connection: ConnectionName
    run_id: RunId
    window: Window
    tally: Tally
    checkpoint: Checkpoint | None
    duration_ms: int
    memory_mb: int
    """What the function has, and is billed for."""
    requests: Requests = field(default_factory=Requests)

    def as_dict(self) -> dict[str, Any]:
        """As the function returns it."""
        tally, checkpoint = self.tally, self.checkpoint
        return {
            "outcome": self.outcome.value,
            "connection": self.connection,
            "run_id": self.run_id,
            "window": {"from": to_text(self.window.start), "to": to_text(self.window.end)},
            "slices": {"committed": tally.slices_committed, "planned": tally.slices_planned},
            "invoices": {
                "listed": tally.listed,
                "archived": tally.archived,
                "unchanged": tally.unchanged,
                "settling": tally.settling,
                "pending": tally.pending,
            },
            "attachments": {
                "archived": tally.files_archived,
                "unchanged": tally.files_unchanged,
                "bytes": tally.file_bytes,
            },
            "complete": {"distinct": tally.distinct, "total_count": tally.total_count},
            "backlog": tally.backlog.as_dict() if tally.backlog else None,
            "woken": tally.woken,
            "checkpoint": {
                "version": checkpoint.version if checkpoint else 0,
                "synced_until": to_text(checkpoint.synced_until) if checkpoint else None,
            },
            "requests": self.requests.as_dict(),
            "cost": {
                "gb_seconds": round(self.duration_ms / 1000 * self.memory_mb / 1024, 3),
                "aws_requests": self.requests.to_aws,
            },
            "duration_ms": self.duration_ms,
        }
