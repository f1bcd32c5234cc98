"""Wires what asks Qonto in a connection's name: the functions' own code, with the operator's AWS credentials.

A refresh token is used by one process at a time, functions and operators alike: all go through `TokenRefresh` and its
intents in the state table. Whoever exchanged a token in another way could lock the connection out for good.
"""

from __future__ import annotations

import random
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from operations.aws import OperationFailed
from operations.resources import secret_name
from operations.subscriptions import QontoSubscriptions
from operations.webhook_secrets import WebhookSecrets
from qonto_sync.adapters.aws import client_config, impatient_config
from qonto_sync.adapters.connections import connection_pool
from qonto_sync.adapters.credentials import Refusals, SecretCredentials
from qonto_sync.adapters.http_client import HttpClient
from qonto_sync.adapters.oauth import OAuthTokenEndpoint
from qonto_sync.adapters.refresh_intents import DynamoDbRefreshIntents
from qonto_sync.adapters.secrets import SecretStore
from qonto_sync.adapters.sqs_retries import SqsRetryQueue
from qonto_sync.clock import InvocationDeadline, SystemClock, Within
from qonto_sync.errors import SyncError
from qonto_sync.result import Requests
from qonto_sync.settings import Settings
from qonto_sync.token_refresh import TokenRefresh

if TYPE_CHECKING:
    from collections.abc import Iterator

    import boto3

    from operations.stack import Stack
    from qonto_sync.model import ConnectionName

_SECONDS: Final = 120
"""For a whole command. Another process's refresh takes twenty at most."""

_LONGEST_WRITE: Final = timedelta(seconds=8)
"""The write of a secret, without the SDK's retries, ends before another process takes its intent over."""


@dataclass(frozen=True, slots=True)
class QontoConnection:
    """A connection's webhooks, at Qonto and in its secret."""

    subscriptions: QontoSubscriptions
    secrets: WebhookSecrets


@contextmanager
def sync_errors_explained() -> Iterator[None]:
    """Raises what stops the functions as what an operator is told: the text says what to do there, too."""
    try:
        yield
    except SyncError as error:
        raise OperationFailed(str(error)) from error


def open_connection(session: boto3.Session, stack: Stack, connection: ConnectionName) -> QontoConnection:
    """Goes by the deployed function's settings.

    Raises:
        OperationFailed: the function's environment is none that this version knows.
    """
    settings = _settings(session, stack)
    clock = SystemClock()
    end = clock.monotonic() + _SECONDS
    deadline = InvocationDeadline(lambda: int((end - clock.monotonic()) * 1000))
    pool = connection_pool(1, clock)

    def http(seconds: float) -> HttpClient:
        within = Within(seconds, clock, deadline)
        return HttpClient(pool, clock=clock, deadline=within, random=random.random, requests=Requests())

    config = client_config(1)
    store = SecretStore(session.client("secretsmanager", config=config), secret_name(stack, connection))
    intents = DynamoDbRefreshIntents(session.client("dynamodb", config=config), settings.state_table)
    refresh = TokenRefresh(
        connection,
        secret=store,
        endpoint=OAuthTokenEndpoint(settings.token_url, http, clock),
        intents=intents,
        queue=SqsRetryQueue(session.client("sqs", config=config), settings.retry_queue_url),
        clock=clock,
        deadline=deadline,
        new_owner=lambda: f"operator-{uuid.uuid4().hex}",
    )
    credentials = SecretCredentials(
        store, refresh=refresh, refusals=Refusals(clock), clock=clock, tell_days_left=lambda _: None
    )
    secrets = WebhookSecrets(
        connection,
        store.name,
        session.client("secretsmanager", config=impatient_config(_LONGEST_WRITE)),
        intents,
        refresh.finish,
        clock,
    )
    return QontoConnection(QontoSubscriptions(settings.api_url, http(_SECONDS), credentials), secrets)


def _settings(session: boto3.Session, stack: Stack) -> Settings:
    function = session.client("lambda").get_function_configuration(FunctionName=stack.sync_function_arn)
    with sync_errors_explained():
        return Settings.from_environment(function.get("Environment", {}).get("Variables", {}))
