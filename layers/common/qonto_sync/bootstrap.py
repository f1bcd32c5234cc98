"""Wires the use cases to the world: the only place that builds clients and reads the environment."""

from __future__ import annotations

import os
import random
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import TYPE_CHECKING

import boto3

from qonto_sync.adapters.attachment_files import HttpAttachmentFiles
from qonto_sync.adapters.aws import client_config
from qonto_sync.adapters.connections import connection_pool
from qonto_sync.adapters.credentials import Refusals, SecretCredentials
from qonto_sync.adapters.dynamodb_state import DynamoDbCheckpoints, DynamoDbLedger
from qonto_sync.adapters.http_client import HttpClient
from qonto_sync.adapters.oauth import OAuthTokenEndpoint
from qonto_sync.adapters.qonto_api import PER_PAGE, QontoApi
from qonto_sync.adapters.rate_limit import RateLimiter, qonto_limits
from qonto_sync.adapters.refresh_intents import DynamoDbRefreshIntents
from qonto_sync.adapters.s3_archive import S3Archive
from qonto_sync.adapters.secrets import SecretStore
from qonto_sync.adapters.sqs_retries import SqsRetryQueue
from qonto_sync.archiving import InvoiceArchiver
from qonto_sync.clock import InvocationDeadline, SystemClock, Within
from qonto_sync.model import RunId
from qonto_sync.observability import emit_credential_metrics
from qonto_sync.result import Requests
from qonto_sync.retry import InvoiceRetry, RetryBatch
from qonto_sync.settings import Settings
from qonto_sync.sync import SyncPolicy, SyncRun
from qonto_sync.token_refresh import TokenRefresh

if TYPE_CHECKING:
    import urllib3
    from aws_lambda_powertools.utilities.typing import LambdaContext
    from botocore.client import BaseClient

    from qonto_sync.events import SyncRequest
    from qonto_sync.model import ConnectionName
    from qonto_sync.ports import Deadline
    from qonto_sync.result import AwsService


class Application:
    """What an execution environment keeps between invocations: clients, connections, caches, the rate budget."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = SystemClock()
        self.pool = connection_pool(settings.workers, self.clock)
        self.public_pool = connection_pool(settings.workers, self.clock, public_only=True)
        limits = qonto_limits(settings.requests_per_10_seconds, settings.requests_per_10_minutes)
        self.limiter = RateLimiter(limits, self.clock)
        self.executor = ThreadPoolExecutor(settings.workers, thread_name_prefix="archive")
        config = client_config(settings.workers)
        self.requests = Requests()
        """Of the invocation that is under way."""
        dynamodb = self._counted(boto3.client("dynamodb", config=config), "dynamodb")
        self.checkpoints = DynamoDbCheckpoints(dynamodb, settings.state_table, self.clock)
        self.intents = DynamoDbRefreshIntents(dynamodb, settings.state_table)
        self.refusals = Refusals(self.clock)
        self.ledger = DynamoDbLedger(dynamodb, settings.state_table, self.clock, random.random)
        self.archive = S3Archive(self._counted(boto3.client("s3", config=config), "s3"), settings.archive_bucket)
        self.queue = SqsRetryQueue(self._counted(boto3.client("sqs", config=config), "sqs"), settings.retry_queue_url)
        secretsmanager = self._counted(boto3.client("secretsmanager", config=config), "secretsmanager")
        self.secret = cache(lambda connection: SecretStore(secretsmanager, f"{settings.secret_prefix}{connection}"))

    def _counted[Client: BaseClient](self, client: Client, service: AwsService) -> Client:
        # Whatever is sent, repetitions included.
        client.meta.events.register("before-send.*", lambda **_: self.requests.count_aws(service))
        return client

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
            memory_mb=int(context.memory_limit_in_mb),
            dry_run=request.dry_run,
        )

    def retry_batch(self, context: LambdaContext) -> RetryBatch:
        """The worker for one batch of messages."""
        invocation = _Invocation(self, context)
        return RetryBatch(
            cache(invocation.retry),
            finish_refresh=lambda connection: invocation.token_refresh(connection).finish(),
            queue=self.queue,
            deadline=invocation.deadline,
            random=random.random,
        )


class _Invocation:
    """What belongs to one invocation: its deadline, and its count of requests."""

    def __init__(self, application: Application, context: LambdaContext) -> None:
        self._application = application
        self.deadline = InvocationDeadline(context.get_remaining_time_in_millis)
        self.requests = application.requests = Requests()
        # The rate limits are Qonto's: the file host has none that we know of.
        self._qonto = self._http(application.pool, application.limiter, self.deadline)
        origins = application.settings.attachment_origins
        self._files = dict.fromkeys(origins.public, self._http(application.public_pool, None, self.deadline))
        # Whoever lists an origin in full may mean one of this network.
        self._files |= dict.fromkeys(origins.explicit, self._http(application.pool, None, self.deadline))

    def source(self, connection: ConnectionName) -> QontoApi:
        application = self._application
        credentials = SecretCredentials(
            application.secret(connection),
            refresh=self.token_refresh(connection),
            refusals=application.refusals,
            clock=application.clock,
            tell_days_left=partial(emit_credential_metrics, connection),
        )
        return QontoApi(application.settings.api_url, self._qonto, credentials, application.clock)

    def token_refresh(self, connection: ConnectionName) -> TokenRefresh:
        application = self._application
        return TokenRefresh(
            connection,
            secret=application.secret(connection),
            endpoint=OAuthTokenEndpoint(
                application.settings.token_url,
                lambda seconds: self._http(
                    application.pool, application.limiter, Within(seconds, application.clock, self.deadline)
                ),
                application.clock,
            ),
            intents=application.intents,
            queue=application.queue,
            clock=application.clock,
            deadline=self.deadline,
            new_owner=lambda: uuid.uuid4().hex,
        )

    def archiver(self, connection: ConnectionName, source: QontoApi) -> InvoiceArchiver:
        application = self._application
        files = HttpAttachmentFiles(
            self._files,
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

    def _http(self, pool: urllib3.PoolManager, limiter: RateLimiter | None, deadline: Deadline) -> HttpClient:
        application = self._application
        return HttpClient(
            pool,
            clock=application.clock,
            deadline=deadline,
            random=random.random,
            requests=self.requests,
            limiter=limiter,
        )
