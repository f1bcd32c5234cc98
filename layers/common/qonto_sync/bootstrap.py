"""Wires the use cases to the adapters. Only this module and `bootstrap_webhook` build clients and read os.environ."""

from __future__ import annotations

import os
import random
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import TYPE_CHECKING

import boto3

from qonto_sync.aws.cached_secrets import CachedSecrets
from qonto_sync.aws.clients import client_config
from qonto_sync.aws.dynamodb_checkpoints import DynamoDbCheckpoints
from qonto_sync.aws.dynamodb_gaps import DynamoDbGaps, DynamoDbPendingIndex
from qonto_sync.aws.dynamodb_ledger import DynamoDbLedger
from qonto_sync.aws.dynamodb_reconciliations import DynamoDbReconciliations
from qonto_sync.aws.refresh_leases import DynamoDbRefreshLeases
from qonto_sync.aws.s3_archive import S3Archive
from qonto_sync.aws.secrets import SecretStore
from qonto_sync.aws.sqs_retry_queue import SqsRetryQueue
from qonto_sync.aws.state_table import StateTable
from qonto_sync.bootstrap_credentials import Authentication
from qonto_sync.clock import InvocationDeadline, LaterDeadline, SystemClock
from qonto_sync.domain.events import BackfillRequest, ReconcileRequest
from qonto_sync.domain.ids import RunId
from qonto_sync.domain.reading import LARGEST_PAGE
from qonto_sync.domain.request_counts import RequestCounter
from qonto_sync.domain.result import RunReport, Usage
from qonto_sync.observability import emit_credential_metrics
from qonto_sync.qonto.api import QontoApi
from qonto_sync.qonto.attachment_files import HttpAttachmentFiles
from qonto_sync.qonto.authenticated_client import AuthenticatedClient
from qonto_sync.qonto.http_client import HttpClient
from qonto_sync.qonto.http_pool import http_pool
from qonto_sync.qonto.rate_limiter import RateLimiter, qonto_limits
from qonto_sync.settings import Settings
from qonto_sync.usecases.backfill_run import BackfillRun
from qonto_sync.usecases.credentials import RejectedCredentials
from qonto_sync.usecases.invoice_archiver import InvoiceArchiver
from qonto_sync.usecases.one_organization import OneOrganization
from qonto_sync.usecases.reconcile_run import ReconcileRun
from qonto_sync.usecases.retry_batch import InvoiceRetry, RetryBatch
from qonto_sync.usecases.retry_messages import RetryMessages
from qonto_sync.usecases.run_context import RunContext
from qonto_sync.usecases.sync_run import SyncRun
from qonto_sync.usecases.window_run import RunPolicy

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext
    from botocore.client import BaseClient

    from qonto_sync.domain.events import RunRequest
    from qonto_sync.domain.ids import ConnectionName
    from qonto_sync.domain.request_counts import AwsService
    from qonto_sync.ports import Deadline


class Application:
    """What an execution environment keeps between invocations: clients, HTTP pools, caches, the rate budget."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = SystemClock()
        self.pool = http_pool(settings.workers, self.clock)
        self.public_pool = http_pool(settings.workers, self.clock, public_only=True)
        limits = qonto_limits(settings.requests_per_10_seconds, settings.requests_per_10_minutes)
        self.limiter = RateLimiter(limits, self.clock)
        self.executor = ThreadPoolExecutor(settings.workers, thread_name_prefix="archive")
        self.rejected = RejectedCredentials(self.clock)
        self.requests = RequestCounter()
        """Of the current invocation."""
        config = client_config(settings.workers)
        table = StateTable(self._counted(boto3.client("dynamodb", config=config), "dynamodb"), settings.state_table)
        self.checkpoints = DynamoDbCheckpoints(table, self.clock)
        self.leases = DynamoDbRefreshLeases(table)
        self.ledger = DynamoDbLedger(table, self.clock, random.random)
        self.gaps = DynamoDbGaps(table)
        self.pending = DynamoDbPendingIndex(table)
        self.reconciliations = DynamoDbReconciliations(table)
        self.archive = S3Archive(self._counted(boto3.client("s3", config=config), "s3"), settings.archive_bucket)
        self.queue = SqsRetryQueue(self._counted(boto3.client("sqs", config=config), "sqs"), settings.retry_queue_url)
        self.messages = RetryMessages(ledger=self.ledger, queue=self.queue, clock=self.clock, executor=self.executor)
        secretsmanager = self._counted(boto3.client("secretsmanager", config=config), "secretsmanager")
        secrets = CachedSecrets(secretsmanager, self.clock)
        self.secret = cache(
            lambda connection: SecretStore(secrets, f"{settings.secret_prefix}{connection}", settings.stack)
        )

    def _counted[Client: BaseClient](self, client: Client, service: AwsService) -> Client:
        # Counts what is sent, the SDK's retries included.
        client.meta.events.register("before-send.*", lambda **_: self.requests.count_aws(service))
        return client

    @staticmethod
    def from_environment() -> Application:
        """Raises `InvalidSettings`, which names every environment variable that is missing or malformed."""
        return Application(Settings.from_environment(os.environ))

    def run(self, request: RunRequest, context: LambdaContext) -> RunReport:
        """Does what an event asks for.

        Raises:
            Fatal, Retriable: as `execute` of `SyncRun`, `BackfillRun` and `ReconcileRun`.
        """
        started = self.clock.monotonic()
        invocation = _Invocation(self, context)
        result = invocation.run(request).execute()
        usage = Usage(
            requests=invocation.requests.as_dict(),
            aws_requests=invocation.requests.to_aws,
            duration_ms=round((self.clock.monotonic() - started) * 1000),
            memory_mb=int(context.memory_limit_in_mb),
        )
        return RunReport(result, usage)

    def retry_batch(self, context: LambdaContext) -> RetryBatch:
        """The worker for one batch of messages."""
        return _Invocation(self, context).retry_batch()


class _Invocation:
    """What belongs to one invocation: its deadline, and its count of requests."""

    def __init__(self, application: Application, context: LambdaContext) -> None:
        self._application = application
        self.deadline = InvocationDeadline(context.get_remaining_time_in_millis)
        self.requests = application.requests = RequestCounter()
        # Qonto limits the rate of requests; the file host has no limit that is known.
        self._qonto_http = partial(self._http_client, public_only=False, is_limited=True)
        self._authentication = Authentication(
            token_url=application.settings.token_url,
            leases=application.leases,
            queue=application.queue,
            rejected=application.rejected,
            clock=application.clock,
            deadline=self.deadline,
            http=self._qonto_http,
        )

    def run(self, request: RunRequest) -> SyncRun | BackfillRun | ReconcileRun:
        application, settings = self._application, self._application.settings
        source = self._source(request.connection)
        run_id = RunId(uuid.uuid4().hex)
        context = RunContext(
            request.connection,
            source=source,
            archiver=self._archiver(request.connection, source),
            ledger=application.ledger,
            gaps=application.gaps,
            pending=application.pending,
            messages=application.messages,
            executor=application.executor,
            clock=application.clock,
            deadline=self.deadline,
            last_deadline=LaterDeadline(self.deadline.reserve / 2, self.deadline),
            dry_run=request.dry_run,
        )
        policy = RunPolicy(
            initial_sync_from=settings.initial_sync_from,
            overlap=settings.overlap,
            lag=settings.lag,
            pages_per_slice=settings.pages_per_slice,
            in_flight=2 * LARGEST_PAGE,
        )
        if isinstance(request, BackfillRequest):
            return BackfillRun(run_id, context, policy, checkpoints=application.checkpoints, request=request)
        if isinstance(request, ReconcileRequest):
            return ReconcileRun(
                run_id,
                context,
                policy,
                checkpoints=application.checkpoints,
                archive=application.archive,
                publications=application.archive,
                reconciliations=application.reconciliations,
                scrub_days=settings.scrub_days,
                request=request,
            )
        return SyncRun(run_id, context, policy, checkpoints=application.checkpoints)

    def retry_batch(self) -> RetryBatch:
        application = self._application

        def recover_refresh(connection: ConnectionName) -> None:
            self._authentication.token_refresh(connection, application.secret(connection)).recover()

        return RetryBatch(
            cache(self._invoice_retry),
            recover_refresh=recover_refresh,
            queue=application.queue,
            deadline=self.deadline,
            random=random.random,
        )

    def _invoice_retry(self, connection: ConnectionName) -> InvoiceRetry:
        application = self._application
        return InvoiceRetry(
            archiver=self._archiver(connection, self._source(connection)),
            ledger=application.ledger,
            messages=application.messages,
            clock=application.clock,
        )

    def _source(self, connection: ConnectionName) -> OneOrganization:
        application = self._application
        credentials = self._authentication.credentials(
            connection, application.secret(connection), partial(emit_credential_metrics, connection)
        )
        client = AuthenticatedClient(application.settings.api_url, self._qonto_http(self.deadline), credentials)
        api = QontoApi(client, application.clock)
        return OneOrganization(connection, api, checkpoints=application.checkpoints, clock=application.clock)

    def _archiver(self, connection: ConnectionName, source: OneOrganization) -> InvoiceArchiver:
        application, origins = self._application, self._application.settings.attachment_origins
        public = self._http_client(self.deadline, public_only=True, is_limited=False)
        # An origin that the settings list in full may be in this network.
        explicit = self._http_client(self.deadline, public_only=False, is_limited=False)
        files = HttpAttachmentFiles(
            {**dict.fromkeys(origins.public, public), **dict.fromkeys(origins.explicit, explicit)},
            max_bytes=application.settings.max_file_bytes,
            fresh=source.attachment,
        )
        return InvoiceArchiver(
            connection,
            source=source,
            files=files,
            archive=application.archive,
            ledger=application.ledger,
            clock=application.clock,
            random=random.random,
            late_by=application.settings.lag + application.settings.overlap,
        )

    def _http_client(self, deadline: Deadline, *, public_only: bool, is_limited: bool) -> HttpClient:
        application = self._application
        return HttpClient(
            application.public_pool if public_only else application.pool,
            clock=application.clock,
            deadline=deadline,
            random=random.random,
            requests=self.requests,
            limiter=application.limiter if is_limited else None,
        )
