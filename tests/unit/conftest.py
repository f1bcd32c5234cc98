"""The use cases on fakes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from qonto_sync.domain.events import ReconcileRequest, SyncRequest
from qonto_sync.domain.ids import InvoiceId, RunId
from qonto_sync.usecases.backfill_run import BackfillRun
from qonto_sync.usecases.invoice_archiver import InvoiceArchiver
from qonto_sync.usecases.one_organization import OneOrganization
from qonto_sync.usecases.reconcile_run import ReconcileRun
from qonto_sync.usecases.retry_batch import InvoiceRetry
from qonto_sync.usecases.retry_messages import RetryMessages
from qonto_sync.usecases.run_context import RunContext
from qonto_sync.usecases.sync_run import SyncRun
from qonto_sync.usecases.window_run import RunPolicy
from tests.fakes import (
    CONNECTION,
    START,
    CountedDeadline,
    FakeQonto,
    InlineExecutor,
    InMemoryArchive,
    InMemoryCheckpoints,
    InMemoryLedger,
    InMemoryQueue,
    InMemoryReconciliations,
    ManualClock,
)

if TYPE_CHECKING:
    from qonto_sync.domain.events import WindowRequest
    from qonto_sync.domain.result import ReconcileResult, RunResult


@dataclass
class World:
    """Everything that a use case touches, and the use cases themselves."""

    clock: ManualClock = field(default_factory=ManualClock)
    archive: InMemoryArchive = field(default_factory=InMemoryArchive)
    ledger: InMemoryLedger = field(default_factory=InMemoryLedger)
    checkpoints: InMemoryCheckpoints = field(init=False)
    reconciliations: InMemoryReconciliations = field(default_factory=InMemoryReconciliations)
    queue: InMemoryQueue = field(default_factory=InMemoryQueue)
    deadline: CountedDeadline = field(default_factory=CountedDeadline)
    last_deadline: CountedDeadline = field(default_factory=CountedDeadline)
    policy: RunPolicy = field(
        default_factory=lambda: RunPolicy(
            initial_sync_from=START - timedelta(days=30),
            overlap=timedelta(minutes=10),
            lag=timedelta(seconds=60),
            pages_per_slice=20,
            in_flight=4,
        )
    )
    per_page: int = 3
    inclusive: bool = True
    qonto: FakeQonto = field(init=False)
    organization: OneOrganization = field(init=False)
    archiver: InvoiceArchiver = field(init=False)
    messages: RetryMessages = field(init=False)

    def __post_init__(self) -> None:
        self.qonto = FakeQonto(self.clock, per_page=self.per_page, inclusive=self.inclusive)
        self.checkpoints = InMemoryCheckpoints(clock=self.clock)
        self.messages = RetryMessages(ledger=self.ledger, queue=self.queue, clock=self.clock, executor=InlineExecutor())
        self.connect()

    def connect(self) -> None:
        """Begins an invocation, which knows nothing of the ones before."""
        self.organization = OneOrganization(CONNECTION, self.qonto, checkpoints=self.checkpoints, clock=self.clock)
        self.archiver = InvoiceArchiver(
            CONNECTION,
            source=self.organization,
            files=self.qonto,
            archive=self.archive,
            ledger=self.ledger,
            clock=self.clock,
            random=lambda: 0.5,
            late_by=self.policy.lag + self.policy.overlap,
        )

    def connected_archiver(self) -> InvoiceArchiver:
        """The archiver of a new invocation."""
        self.connect()
        return self.archiver

    def run(self, run_id: str = "run", *, dry_run: bool = False) -> SyncRun:
        """A run that starts now."""
        return SyncRun(RunId(run_id), self.context(dry_run=dry_run), self.policy, checkpoints=self.checkpoints)

    def execute(self, request: WindowRequest) -> RunResult:
        """Does now what is asked for."""
        if isinstance(request, SyncRequest):
            return self.run(dry_run=request.dry_run).execute()
        context = self.context(dry_run=request.dry_run)
        run_id = RunId("backfill")
        return BackfillRun(run_id, context, self.policy, checkpoints=self.checkpoints, request=request).execute()

    def reconcile(self, request: ReconcileRequest | None = None, *, scrub_days: int = 10**9) -> ReconcileResult:
        """Reconciles now. A file's turn comes once in so many days."""
        request = request or ReconcileRequest(CONNECTION)
        return ReconcileRun(
            RunId("reconcile"),
            self.context(dry_run=request.dry_run),
            self.policy,
            checkpoints=self.checkpoints,
            archive=self.archive,
            publications=self.archive,
            reconciliations=self.reconciliations,
            scrub_days=scrub_days,
            request=request,
        ).execute()

    def context(self, *, dry_run: bool = False) -> RunContext:
        """What a run has, in an invocation of its own."""
        self.connect()
        return RunContext(
            CONNECTION,
            source=self.organization,
            archiver=self.archiver,
            ledger=self.ledger,
            gaps=self.ledger,
            pending=self.ledger,
            messages=self.messages,
            executor=InlineExecutor(),
            clock=self.clock,
            deadline=self.deadline,
            last_deadline=self.last_deadline,
            dry_run=dry_run,
        )

    def sync(self, *, dry_run: bool = False) -> RunResult:
        """A whole run, 15 minutes later, so that all that was put before is in its window and settled."""
        self.clock.advance(minutes=15)
        return self.run(dry_run=dry_run).execute()

    def retry(self) -> InvoiceRetry:
        """The worker, in an invocation of its own."""
        self.connect()
        return InvoiceRetry(archiver=self.archiver, ledger=self.ledger, messages=self.messages, clock=self.clock)

    def archived(self, invoice_id: str) -> tuple[bytes, bytes | None]:
        """The JSON and the file that the ledger points to."""
        row = self.ledger.row(invoice_id)
        assert row.document
        return (
            self.archive.content(row.document.key),
            self.archive.content(row.file.object.key) if row.file else None,
        )

    def source(self, invoice_id: str) -> tuple[bytes, bytes | None]:
        """The JSON and the file at the source."""
        fields = self.qonto.invoices[InvoiceId(invoice_id)]
        return (
            self.qonto.document(invoice_id),
            self.qonto.files[fields["attachment_id"]].content if fields["attachment_id"] else None,
        )


@pytest.fixture
def world() -> World:
    """A world without invoices."""
    return World()
