"""Connects an operator's command to Qonto, with the functions' own code and the operator's AWS credentials.

Only one process may use a refresh token at a time, be it a function or an operator's command. Both use `TokenRefresh`
and its lease in the state table, because an exchange outside of it could lock the connection out for good.
"""

from __future__ import annotations

import random
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from operations.aws import OperationFailed
from operations.resources import secret_name, webhook_secret_name
from operations.subscriptions import QontoSubscriptions
from operations.webhook_secrets import WebhookSecrets
from qonto_sync.aws.cached_secrets import CachedSecrets
from qonto_sync.aws.clients import client_config
from qonto_sync.aws.refresh_leases import DynamoDbRefreshLeases
from qonto_sync.aws.secrets import SecretStore
from qonto_sync.aws.sqs_retry_queue import SqsRetryQueue
from qonto_sync.aws.state_table import StateTable
from qonto_sync.bootstrap_credentials import Authentication
from qonto_sync.clock import InvocationDeadline, SystemClock
from qonto_sync.domain.errors import SyncError
from qonto_sync.domain.request_counts import RequestCounter
from qonto_sync.qonto.authenticated_client import AuthenticatedClient
from qonto_sync.qonto.http_client import HttpClient
from qonto_sync.qonto.http_pool import http_pool
from qonto_sync.settings import Settings
from qonto_sync.usecases.credentials import RejectedCredentials

if TYPE_CHECKING:
    from collections.abc import Iterator

    import boto3

    from operations.stack import Stack
    from qonto_sync.domain.ids import ConnectionName
    from qonto_sync.ports import Deadline

_SECONDS: Final = 120
"""For a whole command. Another process's refresh takes 20 s at most."""


@dataclass(frozen=True, slots=True)
class QontoConnection:
    """A connection's webhooks, at Qonto and in their secret."""

    subscriptions: QontoSubscriptions
    secrets: WebhookSecrets


@contextmanager
def sync_errors_explained() -> Iterator[None]:
    """Translates the functions' errors for an operator; their texts say what to do."""
    try:
        yield
    except SyncError as error:
        raise OperationFailed(str(error)) from error


def open_connection(session: boto3.Session, stack: Stack, connection: ConnectionName) -> QontoConnection:
    """Uses the settings of the deployed function.

    Raises:
        OperationFailed: this version does not understand the function's environment.
    """
    settings = _settings(session, stack)
    clock = SystemClock()
    end = clock.monotonic() + _SECONDS
    deadline = InvocationDeadline(lambda: int((end - clock.monotonic()) * 1000))
    pool = http_pool(1, clock)

    def http(until: Deadline) -> HttpClient:
        return HttpClient(pool, clock=clock, deadline=until, random=random.random, requests=RequestCounter())

    config = client_config(1)
    secretsmanager = session.client("secretsmanager", config=config)
    secret = SecretStore(CachedSecrets(secretsmanager, clock), secret_name(stack, connection), settings.stack)
    authentication = Authentication(
        token_url=settings.token_url,
        leases=DynamoDbRefreshLeases(StateTable(session.client("dynamodb", config=config), settings.state_table)),
        queue=SqsRetryQueue(session.client("sqs", config=config), settings.retry_queue_url),
        rejected=RejectedCredentials(clock),
        clock=clock,
        deadline=deadline,
        http=http,
        owner_prefix="operator-",
    )
    credentials = authentication.credentials(connection, secret, report_days_left=lambda _: None)
    secrets = WebhookSecrets(webhook_secret_name(stack, connection), stack.kms_key_arn, secretsmanager)
    client = AuthenticatedClient(settings.api_url, http(deadline), credentials)
    return QontoConnection(QontoSubscriptions(client), secrets)


def _settings(session: boto3.Session, stack: Stack) -> Settings:
    function = session.client("lambda").get_function_configuration(FunctionName=stack.sync_function_arn)
    with sync_errors_explained():
        return Settings.from_environment(function.get("Environment", {}).get("Variables", {}))
