"""Wires the use cases to the world: the only place that builds clients and reads the environment."""

from __future__ import annotations

import os
import random
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING

import boto3

from qonto_sync.adapters.attachment_files import HttpAttachmentFiles
from qonto_sync.adapters.aws import client_config
from qonto_sync.adapters.dynamodb_state import DynamoDbCheckpoints, DynamoDbLedger
from qonto_sync.adapters.http_client import HttpClient, connection_pool
from qonto_sync.adapters.qonto_api import PER_PAGE, QontoApi
from qonto_sync.adapters.rate_limit import QONTO_LIMITS, RateLimiter
from qonto_sync.adapters.s3_archive import S3Archive
from qonto_sync.adapters.secrets import SecretCredentials, SecretStore
from qonto_sync.adapters.sqs_retries import SqsRetryQueue
from qonto_sync.archiving import InvoiceArchiver
from qonto_sync.clock import InvocationDeadline, SystemClock
from qonto_sync.model import RunId
from qonto_sync.result import Requests
from qonto_sync.retry import InvoiceRetry, RetryBatch
from qonto_sync.settings import Settings
from qonto_sync.sync import SyncPolicy, SyncRun

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from qonto_sync.events import SyncRequest
    from qonto_sync.model import ConnectionName


class Application:
    """What an execution environment keeps between invocations: clients, connections, caches, the rate budget."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = SystemClock()
        self.pool = connection_pool(settings.workers)
        self.limiter = RateLimiter(QONTO_LIMITS, self.clock)
        self.executor = ThreadPoolExecutor(settings.workers, thread_name_prefix="archive")
        config = client_config(settings.workers)
        dynamodb = boto3.client("dynamodb", config=config)
        self.checkpoints = DynamoDbCheckpoints(dynamodb, settings.state_table, self.clock)
        self.ledger = DynamoDbLedger(dynamodb, settings.state_table, self.clock, random.random)
        self.archive = S3Archive(boto3.client("s3", config=config), settings.archive_bucket)
        self.queue = SqsRetryQueue(boto3.client("sqs", config=config), settings.retry_queue_url)
        secretsmanager = boto3.client("secretsmanager", config=config)
        self.secret = cache(lambda connection: SecretStore(secretsmanager, f"{settings.secret_prefix}{connection}"))

    @staticmethod
    def from_environment() -> Application:
        """Raises `InvalidSettings`, which names everything that is wrong with the environment at once."""
        return Application(Settings.from_environment(os.environ))

    def sync_run(self, request: SyncRequest, context: LambdaContext) -> SyncRun:
        """The run that an event asks for."""
        invocation = _Invocation(self, context)
        settings = self.settings
        source = invocation.source(request.connection)
        return SyncRun(
            request.connection,
            RunId(uuid.uuid4().hex),
            policy=SyncPolicy(
                initial_sync_from=settings.initial_sync_from,
                overlap=settings.overlap,
                lag=settings.lag,
                pages_per_slice=settings.pages_per_slice,
                in_flight=2 * PER_PAGE,
            ),
            source=source,
            ledger=self.ledger,
            checkpoints=self.checkpoints,
            archiver=invocation.archiver(request.connection, source),
            queue=self.queue,
            executor=self.executor,
            clock=self.clock,
            deadline=invocation.deadline,
            requests=invocation.requests,
            dry_run=request.dry_run,
        )

    def retry_batch(self, context: LambdaContext) -> RetryBatch:
        """The worker for one batch of messages."""
        invocation = _Invocation(self, context)
        return RetryBatch(cache(invocation.retry), queue=self.queue, deadline=invocation.deadline, random=random.random)


class _Invocation:
    """What belongs to one invocation: its deadline, and its count of requests."""

    def __init__(self, application: Application, context: LambdaContext) -> None:
        self._application = application
        self.deadline = InvocationDeadline(context.get_remaining_time_in_millis)
        self.requests = Requests()
        # The rate limits are Qonto's: the file host has none that we know of.
        self._qonto = self._http(application.limiter)
        self._files = self._http(None)

    def source(self, connection: ConnectionName) -> QontoApi:
        application = self._application
        credentials = SecretCredentials(
            application.secret(connection),
            token_url=application.settings.token_url,
            http=self._qonto,
            clock=application.clock,
        )
        return QontoApi(application.settings.api_url, self._qonto, credentials, application.clock)

    def archiver(self, connection: ConnectionName, source: QontoApi) -> InvoiceArchiver:
        application = self._application
        files = HttpAttachmentFiles(
            self._files,
            allowed_origins=application.settings.attachment_origins,
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
        )

    def retry(self, connection: ConnectionName) -> InvoiceRetry:
        application = self._application
        return InvoiceRetry(
            archiver=self.archiver(connection, self.source(connection)),
            ledger=application.ledger,
            queue=application.queue,
            clock=application.clock,
        )

    def _http(self, limiter: RateLimiter | None) -> HttpClient:
        application = self._application
        return HttpClient(
            application.pool,
            clock=application.clock,
            deadline=self.deadline,
            random=random.random,
            requests=self.requests,
            limiter=limiter,
        )
