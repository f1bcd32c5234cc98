"""What became of one invoice, and what one run did: returned to the caller, and turned into metrics."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from qonto_sync.domain.certificate import found_counts, invoice_counts
from qonto_sync.domain.ledger import PendingReason
from qonto_sync.domain.times import to_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from qonto_sync.domain.certificate import Certificate, MonthRecord
    from qonto_sync.domain.checkpoint import Checkpoint
    from qonto_sync.domain.errors import ItemError
    from qonto_sync.domain.events import ReconcileRequest, WindowRequest
    from qonto_sync.domain.gap import Gap
    from qonto_sync.domain.ids import RunId
    from qonto_sync.domain.ledger import LedgerRow, Pending
    from qonto_sync.domain.reading import Reading
    from qonto_sync.domain.reconciliation import Difference
    from qonto_sync.domain.request_counts import AwsService, RequestKind
    from qonto_sync.domain.window import Window


_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class InvoiceResult:
    """What became of one invoice. `row.pending` says what is left to do."""

    row: LedgerRow
    document_written: bool = False
    file_written: bool = False
    file_unchanged: bool = False
    file_bytes: int = 0
    failure: ItemError | None = None
    """The error that made the invoice pending, if one did."""
    is_unexpected: bool = False
    """Whether that is an error in this project's own code."""


class RunOutcome(StrEnum):
    """How a run ended. A fatal error raises instead."""

    COMMITTED = "committed"
    PARTIAL = "partial"
    """The deadline came; the next run goes on."""
    SUPERSEDED = "superseded"
    """Another run committed; that run goes on."""
    DRY_RUN = "dry_run"


@dataclass(slots=True)
class Backlog:
    """What the ledger lists as pending for the connection, from this run and earlier ones."""

    counted_at: datetime
    counted_before: datetime | None = None
    """When an earlier run counted; None if none did."""
    by_reason: Counter[PendingReason] = field(default_factory=Counter)
    oldest_since: datetime | None = None
    reached_a_day: int = 0
    """How many invoices and gaps have become a day old since `counted_before`."""

    def add(self, pending: Pending) -> None:
        """Counts one more invoice."""
        self.by_reason[pending.reason] += 1
        self._add_since(pending.since)

    def add_gap(self, gap: Gap) -> None:
        """Counts the age of a gap, which is no invoice."""
        self._add_since(gap.since)

    def _add_since(self, since: datetime) -> None:
        self.oldest_since = min(self.oldest_since or since, since)
        if self.counted_before:
            self.reached_a_day += self.counted_before < since + _ONE_DAY <= self.counted_at

    @property
    def oldest_age(self) -> timedelta:
        """For how long the archive has been incomplete; zero when it is complete."""
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
    requeued: int = 0
    files_archived: int = 0
    files_unchanged: int = 0
    file_bytes: int = 0
    distinct: int = 0
    total_count: int = 0
    written: int = 0
    """Invoices of which an object was written, whatever is still to be done for them."""
    gaps: int = 0
    """Gaps of the connection that are left when the run ends, those of earlier runs included."""
    gaps_recorded: int = 0
    """Gaps that this run found."""
    unexpected_errors: int = 0
    """Invoices and pages that an error in this project's own code made pending."""
    backlog: Backlog | None = None
    """None when there was no time to count it."""

    def add_result(self, result: InvoiceResult) -> None:
        """Counts an invoice that was worked on."""
        self.written += result.document_written or result.file_written
        if result.row.pending and result.row.pending.reason is not PendingReason.SETTLING:
            self.pending += 1
        else:
            self.settling += result.row.pending is not None
            self.archived += result.document_written or result.file_written
            self.unchanged += not (result.document_written or result.file_written)
        self.files_archived += result.file_written
        self.files_unchanged += result.file_unchanged
        self.file_bytes += result.file_bytes
        self.unexpected_errors += result.is_unexpected

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
class RunResult:
    """What a run did."""

    request: WindowRequest
    outcome: RunOutcome
    run_id: RunId
    window: Window
    tally: Tally
    checkpoint: Checkpoint | None
    """As the run left it; a backfill leaves it as it was."""
    certificate_age: timedelta | None = None
    """How long ago the connection was last certified, or first committed, when the run began. None if not known."""
    goes_on_with: WindowRequest | None = None
    """What is left, if this run had no time for all of it and got further. Otherwise the schedule goes on."""

    def as_dict(self) -> dict[str, Any]:
        """As the function returns it, without its usage."""
        tally, checkpoint = self.tally, self.checkpoint
        return {
            "outcome": self.outcome.value,
            "action": self.request.action,
            "connection": self.request.connection,
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
            "requeued": tally.requeued,
            "gaps": tally.gaps,
            "checkpoint": {
                "version": checkpoint.version if checkpoint else 0,
                "synced_until": to_text(checkpoint.synced_until) if checkpoint else None,
            },
            **({"continue": self.goes_on_with.as_event()} if self.goes_on_with else {}),
        }


@dataclass(frozen=True, slots=True)
class ReconcileResult:
    """What a run of a reconciliation did. The counts are this run's; the certificate has those of all runs."""

    request: ReconcileRequest
    outcome: RunOutcome
    run_id: RunId
    window: tuple[datetime, datetime]
    """Of creation: what the pass covers from this run's first month on."""
    months: tuple[MonthRecord, ...]
    found: Counter[Difference]
    repaired: int
    gaps: int
    """Months of the pass that are not certified."""
    certificate: Certificate | None
    """None if the pass is not finished, or nothing was written."""
    deleted_drafts: int
    """Of what was found: what is no fault, because anybody may delete a draft in Qonto."""
    unexpected_errors: int
    goes_on_with: ReconcileRequest | None = None

    def as_dict(self) -> dict[str, Any]:
        """As the function returns it, without its usage."""
        start, end = self.window
        return {
            "outcome": self.outcome.value,
            "action": self.request.action,
            "connection": self.request.connection,
            "run_id": self.run_id,
            "window": {"from": to_text(start), "to": to_text(end)},
            "months": len(self.months),
            "invoices": invoice_counts(self.months),
            "found": found_counts(self.found),
            "repaired": self.repaired,
            "gaps": self.gaps,
            "certificate": self.certificate.version if self.certificate else None,
            **({"continue": self.goes_on_with.as_event()} if self.goes_on_with else {}),
        }


@dataclass(frozen=True, slots=True)
class Usage:
    """What an invocation used, as far as AWS bills it and Qonto limits it."""

    requests: Mapping[RequestKind, int]
    aws_requests: Mapping[AwsService, int]
    duration_ms: int
    memory_mb: int
    """The function's memory, which AWS bills for the whole duration."""

    def as_dict(self) -> dict[str, Any]:
        """As the function returns it."""
        return {
            "requests": dict(self.requests),
            "cost": {
                "gb_seconds": round(self.duration_ms / 1000 * self.memory_mb / 1024, 3),
                "aws_requests": dict(self.aws_requests),
            },
            "duration_ms": self.duration_ms,
        }


@dataclass(frozen=True, slots=True)
class RunReport:
    """What `SyncFunction` returns: the run's result, and what the invocation used."""

    result: RunResult | ReconcileResult
    usage: Usage

    def as_dict(self) -> dict[str, Any]:
        """As JSON shows it."""
        return self.result.as_dict() | self.usage.as_dict()
