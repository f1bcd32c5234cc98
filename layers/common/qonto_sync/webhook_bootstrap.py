"""Wires the acknowledgement of webhooks, and imports no more: Qonto waits for it for a second, cold starts included."""

from __future__ import annotations

import os

import boto3

from qonto_sync.adapters.aws import impatient_config
from qonto_sync.adapters.signing_secrets import SecretsManagerSigningSecrets
from qonto_sync.adapters.sqs_retries import SqsRetryQueue
from qonto_sync.clock import SystemClock
from qonto_sync.receiving import WebhookPolicy, WebhookReceiver
from qonto_sync.settings import WebhookSettings


def webhook_receiver() -> WebhookReceiver:
    """What an execution environment keeps between invocations.

    Raises:
        InvalidSettings: names everything that is wrong with the environment at once.
    """
    settings = WebhookSettings.from_environment(os.environ)
    config = impatient_config(settings.call_timeout)
    clock = SystemClock()
    return WebhookReceiver(
        WebhookPolicy(settings.tolerance, settings.delay, settings.max_body_bytes),
        secrets=SecretsManagerSigningSecrets(
            boto3.client("secretsmanager", config=config), settings.secret_prefix, clock
        ),
        queue=SqsRetryQueue(boto3.client("sqs", config=config), settings.retry_queue_url),
        clock=clock,
    )
