"""The sync and retry functions, and what invokes them: the schedule, an operator, and the queue."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from qonto_sync.aws.dynamodb_checkpoints import DynamoDbCheckpoints
from qonto_sync.aws.dynamodb_gaps import DynamoDbGaps, DynamoDbPendingIndex
from qonto_sync.aws.dynamodb_ledger import DynamoDbLedger
from qonto_sync.aws.dynamodb_reconciliations import DynamoDbReconciliations
from qonto_sync.aws.s3_archive import S3Archive
from qonto_sync.aws.sqs_retry_queue import SqsRetryQueue
from qonto_sync.aws.state_table import StateTable
from qonto_sync.clock import InvocationDeadline, LaterDeadline
from qonto_sync.domain.errors import Fatal, Retriable, SyncError
from qonto_sync.domain.events import BackfillRequest, QueueRecord, ReconcileRequest, SyncRequest, parse_sync_event
from qonto_sync.domain.ids import RunId
from qonto_sync.usecases.backfill_run import BackfillRun
from qonto_sync.usecases.invoice_archiver import InvoiceArchiver
from qonto_sync.usecases.one_organization import OneOrganization
from qonto_sync.usecases.reconcile_run import ReconcileRun
from qonto_sync.usecases.retry_batch import InvoiceRetry, RetryBatch
from qonto_sync.usecases.retry_messages import RetryMessages
from qonto_sync.usecases.run_context import RunContext
from qonto_sync.usecases.sync_run import SyncRun
from tests.fakes import CONNECTION, InlineExecutor
from tests.simulation.decisions import Kind
from tests.simulation.network import SimulatedClient
from tests.simulation.qonto import QontoPort

if TYPE_CHECKING:
    from datetime import datetime

    from local.in_memory.sqs import InMemorySqs, Received
    from qonto_sync.domain.events import RunRequest
    from qonto_sync.domain.ids import ConnectionName
    from qonto_sync.domain.window import Window
    from qonto_sync.usecases.window_run import RunPolicy
    from tests.simulation.invariants import Invariants
    from tests.simulation.network import Network
    from tests.simulation.organization import Organization
    from tests.simulation.qonto import ApiVariations
    from tests.simulation.scheduler import Process
    from tests.simulation.services import SimulatedDynamoDb, SimulatedS3

_RETRY_SECONDS = 120
_BATCH_SIZES = (5, 1, 2)
_CONCURRENCY = 2
_MAX_QUIET_RETRIES = 2_000
"""More deliveries in the quiet hours than there is work for: more of them mean that messages cause each other."""
_MAX_CONTINUATIONS = 500
"""More than any of these worlds has work for."""
_DELIVERIES = ((1.0,), (), (1.0, 1.0), (1.0, 60.0), (600.0,), (1.0, 5_400.0), (5_400.0,))
"""After how many seconds EventBridge starts the run that a result asks for: once, never, twice, late."""
_MANUAL_RUN_AFTER = (None, 0.0, 0.5, 3.0, 30.0, 90.0, 150.0, 300.0)
"""Seconds from the hourly run to a manual invocation of the function; None: there is none."""


@dataclass(slots=True)
class Lambdas:
    """Starts processes, each with its own adapters, on the shared services."""

    organization: Organization
    variations: ApiVariations
    s3: SimulatedS3
    dynamodb: SimulatedDynamoDb
    sqs: InMemorySqs
    network: Network
    policy: RunPolicy
    invariants: Invariants
    sync_seconds: int
    scrub_days: int = 30
    calls: dict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    """When each invoice was asked for."""
    _lies: dict[str, datetime] = field(default_factory=dict)
    _syncs: int = 0
    _retries: int = 0
    _quiet_retries: int = 0
    _retries_running: int = 0
    _continuations: int = 0
    _polls_at: datetime | None = None

    def run_schedule(self) -> None:
        """Starts the hourly run, and perhaps a manual one."""
        self._syncs += 1
        manual = self.network.decisions.pick("schedule", "hour", Kind.START, len(_MANUAL_RUN_AFTER))
        self._sync(f"sync-{self._syncs}")
        delay = _MANUAL_RUN_AFTER[manual]
        if delay is not None:
            self.network.scheduler.after(delay, partial(self._sync, f"sync-{self._syncs}b"))

    def poll(self) -> None:
        """Delivers the visible messages, and schedules the next poll."""
        scheduler, decisions = self.network.scheduler, self.network.decisions
        while self._retries_running < _CONCURRENCY:
            newest_first = bool(decisions.pick("queue", "order", Kind.QUEUE, 2))
            size = _BATCH_SIZES[decisions.pick("queue", "batch", Kind.QUEUE, len(_BATCH_SIZES))]
            batch = self.sqs.receive(size, newest_first=newest_first)
            if not batch:
                break
            if decisions.pick("queue", "duplicate", Kind.QUEUE, 2):
                self.sqs.duplicate(batch[0].receipt)
            self._retries += 1
            self._quiet_retries += decisions.quiet
            if self._quiet_retries == _MAX_QUIET_RETRIES:
                self.invariants.violated(f"{_MAX_QUIET_RETRIES} batches of messages were delivered in the quiet hours")
            self._retries_running += 1
            scheduler.spawn(f"retry-{self._retries}", _RETRY_SECONDS, partial(self._retry_body, batch=batch))
        self.schedule_poll()

    def schedule_poll(self) -> None:
        """Schedules a poll for when the next message becomes visible. At full concurrency, the end of a batch polls."""
        visible = self.sqs.next_visible()
        if visible is None or self._retries_running >= _CONCURRENCY:
            return
        scheduler = self.network.scheduler
        if self._polls_at is None or self._polls_at <= scheduler.now() or visible < self._polls_at:
            self._polls_at = max(visible, scheduler.now() + timedelta(seconds=1))
            scheduler.at(self._polls_at, self.poll)

    def ask_for_backfill(self, window: Window) -> None:
        """An operator asks for it, and again an hour later if that invocation failed before it recorded anything."""
        if self.invariants.has_backfill:
            return
        self._syncs += 1
        self._start(f"backfill-{self._syncs}", BackfillRequest(CONNECTION, window))
        self.network.scheduler.after(3_600, partial(self.ask_for_backfill, window))

    def reconcile(self) -> None:
        """Starts the nightly reconciliation, and perhaps a manual one."""
        self._syncs += 1
        manual = self.network.decisions.pick("schedule", "night", Kind.START, len(_MANUAL_RUN_AFTER))
        delay, request = _MANUAL_RUN_AFTER[manual], ReconcileRequest(CONNECTION)
        self._start(f"reconcile-{self._syncs}", request)
        if delay is not None:
            self.network.scheduler.after(delay, partial(self._start, f"reconcile-{self._syncs}b", request))

    def _sync(self, name: str) -> None:
        self._start(name, SyncRequest(CONNECTION))

    def _start(self, name: str, request: RunRequest) -> None:
        self._log(f"{name} starts")
        self.network.scheduler.spawn(name, self.sync_seconds, partial(self._sync_body, request=request))

    def _sync_body(self, process: Process, request: RunRequest) -> None:
        try:
            result = self._run(process, request).execute()
        except (Fatal, Retriable) as error:
            self._log(f"{process.name} fails: {type(error).__name__}: {error}")
        except Exception as error:  # noqa: BLE001 - a use case may raise no other
            self.invariants.violated(f"{process.name} raised {error!r}")
        else:
            self._log(f"{process.name} ends: {result.outcome}")
            self.invariants.run_ended(process, result)
            if result.goes_on_with:
                self._go_on(process.name, result.goes_on_with)

    def _run(self, process: Process, request: RunRequest) -> SyncRun | BackfillRun | ReconcileRun:
        qonto = self._qonto()
        source = self._organization(qonto)
        deadline = self._deadline(process, self.sync_seconds)
        context = RunContext(
            CONNECTION,
            source=source,
            archiver=self._archiver(qonto, source),
            ledger=self._ledger(),
            gaps=DynamoDbGaps(self._table()),
            pending=DynamoDbPendingIndex(self._table()),
            messages=self._messages(),
            executor=InlineExecutor(),
            clock=self.network.scheduler,
            deadline=deadline,
            last_deadline=LaterDeadline(deadline.reserve / 2, deadline),
        )
        run_id, checkpoints = RunId(process.name), self._checkpoints()
        if isinstance(request, BackfillRequest):
            return BackfillRun(run_id, context, self.policy, checkpoints=checkpoints, request=request)
        if isinstance(request, ReconcileRequest):
            archive = self._archive()
            return ReconcileRun(
                run_id,
                context,
                self.policy,
                checkpoints=checkpoints,
                archive=archive,
                publications=archive,
                reconciliations=DynamoDbReconciliations(self._table()),
                scrub_days=self.scrub_days,
                request=request,
            )
        return SyncRun(run_id, context, self.policy, checkpoints=checkpoints)

    def _go_on(self, name: str, request: RunRequest) -> None:
        """What EventBridge does with the result."""
        scheduler, decisions = self.network.scheduler, self.network.decisions
        event = parse_sync_event(request.as_event())
        for delay in _DELIVERIES[decisions.pick("eventbridge", "result", Kind.QUEUE, len(_DELIVERIES))]:
            self._continuations += 1
            if self._continuations == _MAX_CONTINUATIONS:
                self.invariants.violated(f"{_MAX_CONTINUATIONS} runs went on from another one")
            following = f"{name.partition('+')[0]}+{self._continuations}"
            scheduler.after(delay, partial(self._start, following, event))

    def _retry_body(self, process: Process, batch: list[Received]) -> None:
        """What the retry function's handler does, and its event source around it."""
        self._log(f"{process.name} starts with {len(batch)} messages")
        try:
            failed = self._handle(process, batch)
            for message in batch:
                if message.receipt not in failed:
                    self.sqs.delete(message.receipt)
            self._log(f"{process.name} ends: {len(failed)} failed")
        finally:
            self._retries_running -= 1
            self.network.scheduler.after(1, self.poll)

    def _handle(self, process: Process, batch: list[Received]) -> set[str]:
        def connect(_connection: ConnectionName) -> InvoiceRetry:
            qonto = self._qonto()
            return InvoiceRetry(
                archiver=self._archiver(qonto, self._organization(qonto)),
                ledger=self._ledger(),
                messages=self._messages(),
                clock=self.network.scheduler,
            )

        worker = RetryBatch(
            cache(connect),
            recover_refresh=lambda _: None,
            queue=self._queue(),
            deadline=self._deadline(process, _RETRY_SECONDS),
            random=_middle,
        )
        failed = set()
        for message in batch:
            try:
                worker.process(QueueRecord(message.receipt, message.receipt, message.receive_count, message.body))
            except SyncError:
                failed.add(message.receipt)
            except Exception as error:  # noqa: BLE001 - a use case may raise no other
                self.invariants.violated(f"{process.name} raised {error!r}")
                failed.add(message.receipt)
        return failed

    def _organization(self, qonto: QontoPort) -> OneOrganization:
        return OneOrganization(CONNECTION, qonto, checkpoints=self._checkpoints(), clock=self.network.scheduler)

    def _checkpoints(self) -> DynamoDbCheckpoints:
        return DynamoDbCheckpoints(self._table(), self.network.scheduler)

    def _qonto(self) -> QontoPort:
        return QontoPort(
            self.organization,
            self.variations,
            self.network,
            on_page=self.invariants.page_read,
            on_failure=self.invariants.page_failed,
            calls=self.calls,
            lies=self._lies,
        )

    def _archiver(self, qonto: QontoPort, source: OneOrganization) -> InvoiceArchiver:
        return InvoiceArchiver(
            CONNECTION,
            source=source,
            files=qonto,
            archive=self._archive(),
            ledger=self._ledger(),
            clock=self.network.scheduler,
            random=_middle,
            late_by=self.policy.lag + self.policy.overlap,
        )

    def _archive(self) -> S3Archive:
        return S3Archive(self._client("s3"), "archive")

    def _ledger(self) -> DynamoDbLedger:
        return DynamoDbLedger(self._table(), self.network.scheduler, _middle)

    def _messages(self) -> RetryMessages:
        return RetryMessages(
            ledger=self._ledger(), queue=self._queue(), clock=self.network.scheduler, executor=InlineExecutor()
        )

    def _queue(self) -> SqsRetryQueue:
        return SqsRetryQueue(self._client("sqs"), "https://sqs.example/retry")

    def _table(self) -> StateTable:
        return StateTable(self._client("dynamodb"), "state")

    def _client(self, service: str) -> Any:
        return SimulatedClient(service, getattr(self, service), self.network)

    def _deadline(self, process: Process, seconds: int) -> InvocationDeadline:
        end = process.started + timedelta(seconds=seconds)
        return InvocationDeadline(
            lambda: round((end - self.network.scheduler.now()).total_seconds() * 1000),
        )

    def _log(self, line: str) -> None:
        self.network.trace.add(self.network.scheduler.now(), line)


def _middle() -> float:
    """A constant in place of a random number: only decisions may differ between runs."""
    return 0.5
