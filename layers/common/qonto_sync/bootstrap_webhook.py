"""Wires the webhook receiver. It imports nothing else, because Qonto waits one second, cold starts included."""

from __future__ import annotations

import os

import boto3

from qonto_sync.aws.cached_secrets import CachedSecrets
from qonto_sync.aws.clients import low_latency_config
from qonto_sync.aws.signing_secrets import SecretsManagerSigningSecrets
from qonto_sync.aws.sqs_retry_queue import SqsRetryQueue
from qonto_sync.clock import SystemClock
from qonto_sync.settings import WebhookSettings
from qonto_sync.usecases.webhook_receiver import WebhookPolicy, WebhookReceiver


def webhook_receiver() -> WebhookReceiver:
    """The receiver that an execution environment keeps between invocations.

    Raises:
        InvalidSettings: names every environment variable that is missing or malformed.
    """
    settings = WebhookSettings.from_environment(os.environ)
    config = low_latency_config(settings.call_timeout)
    clock = SystemClock()
    secrets = CachedSecrets(boto3.client("secretsmanager", config=config), clock)
    return WebhookReceiver(
        WebhookPolicy(settings.tolerance, settings.delay, settings.max_body_bytes),
        secrets=SecretsManagerSigningSecrets(secrets, settings.secret_prefix, clock),
        queue=SqsRetryQueue(boto3.client("sqs", config=config), settings.retry_queue_url),
        clock=clock,
    )
