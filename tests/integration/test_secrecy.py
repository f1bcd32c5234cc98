"""Secrets are searched for in everything that can be read, through all kinds of faults."""

from __future__ import annotations

import io
import json
import logging
import re
import traceback
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

import pytest

from local.lambda_service import FunctionError
from local.qonto_simulator import FaultKind, Faults
from qonto_sync.observability import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.integration.conftest import Deployment

    type Deployed = Callable[..., Deployment]

FATAL = {FaultKind.UNAUTHORIZED, FaultKind.FORBIDDEN, FaultKind.MISSING_SCOPE}
SIGNED = re.compile(r"X-Amz-(Signature|Credential|Security-Token)", re.IGNORECASE)


class Readable:
    """Everything that a person, an alarm or another service gets to see."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def invoke(self, work: Callable[[], Any]) -> None:
        """Runs a function: its result, what it prints, and its error with all that is behind it."""
        printed = io.StringIO()
        try:
            with redirect_stdout(printed):
                self.texts.append(repr(work()))
        except FunctionError as error:
            self.texts += ["".join(traceback.format_exception(error)), str(error)]
        self.texts.append(printed.getvalue())

    def look_at(self, deployment: Deployment) -> None:
        """All messages, all items, and all headers of the S3 objects."""
        s3, dynamodb, sqs = (deployment.client(name) for name in ("s3", "dynamodb", "sqs"))
        self.texts.append(repr(dynamodb.scan(TableName=deployment.stack.resources["StateTable"])["Items"]))
        for name in ("RetryQueue", "RetryDeadLetterQueue", "SyncFailureQueue"):
            received = sqs.receive_message(QueueUrl=deployment.stack.resources[name], MaxNumberOfMessages=10)
            self.texts += [message["Body"] for message in received.get("Messages", [])]
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=deployment.bucket):
            for found in page.get("Contents", []):
                self.texts.append(repr(s3.head_object(Bucket=deployment.bucket, Key=found["Key"])))

    def find(self, secret: str | re.Pattern[str]) -> list[str]:
        """Where it was found, a line each."""
        pattern = re.compile(re.escape(secret)) if isinstance(secret, str) else secret
        lines = (line for text in self.texts for line in text.splitlines())
        return [line[:300] for line in lines if pattern.search(line)]


@pytest.fixture
def log_lines() -> Iterator[io.StringIO]:
    """The logs of the functions as CloudWatch would have them, at their most talkative."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logger.registered_formatter)
    functions = logging.getLogger("qonto_sync")
    level = functions.level
    functions.addHandler(handler)
    functions.setLevel(logging.DEBUG)
    yield stream
    functions.removeHandler(handler)
    functions.setLevel(level)


@pytest.mark.slow
@pytest.mark.parametrize("with_oauth", [False, True], ids=["key", "oauth"])
def test_nothing_secret_can_be_read_anywhere(
    deployed: Deployed, log_lines: io.StringIO, caplog: pytest.LogCaptureFixture, *, with_oauth: bool
) -> None:
    """Through every kind of fault: no credential, token, signature or personal data."""
    faults = Faults(seed=11, kinds=set(FaultKind) - FATAL)
    deployment = deployed(invoices=30, activity=12, plain_files=True, faults=faults)
    secrets = deployment.client("secretsmanager")
    client = deployment.simulator.oauth_client
    if with_oauth:
        stored = {name: getattr(client, name) for name in ("client_id", "client_secret", "refresh_token")}
        secrets.put_secret_value(SecretId="qonto/default", SecretString=json.dumps(stored))
    known = {client.client_secret, client.refresh_token, deployment.simulator.secret_key}
    found = Readable()
    for kinds, rate in (({FaultKind.UNAUTHORIZED}, 0.0), (FATAL - {FaultKind.UNAUTHORIZED}, 0.0), (set(), 0.3)):
        faults.rate = rate
        for kind in sorted(kinds):
            for path in ("/v2/client_invoices/", "/v2/attachments", "/v2/client_invoices"):
                faults.install(kind, path, times=2)
        found.invoke(deployment.sync)
        found.invoke(lambda: deployment.drain(seconds=60))
        found.look_at(deployment)
        stored = json.loads(secrets.get_secret_value(SecretId="qonto/default")["SecretString"])
        known |= {stored[name] for name in ("access_token", "refresh_token", "secret_key") if name in stored}
        faults.clear()
        deployment.pass_time(3_600)
    found.texts += [log_lines.getvalue(), *(record.getMessage() for record in caplog.records)]
    assert sum(faults.fired.values()) > 20
    assert len("".join(found.texts)) > 50_000, "there is something to search"
    assert len(found.find("invoice_archived")) > 20
    for secret in known | personal_data(deployment):
        assert found.find(secret) == []
    assert found.find(SIGNED) == []


@pytest.mark.slow
def test_a_key_in_the_wrong_place_of_the_secret_cannot_be_read_either(
    deployed: Deployed, log_lines: io.StringIO, caplog: pytest.LogCaptureFixture
) -> None:
    """As a name, in a header, swapped, nested, alone, in the place of another field: no error repeats it."""
    deployment = deployed(invoices=3, activity=0)
    secrets, client = deployment.client("secretsmanager"), deployment.simulator.oauth_client
    login, key, token = deployment.simulator.login, deployment.simulator.secret_key, client.refresh_token
    oauth = {"client_id": client.client_id, "client_secret": client.client_secret}
    misplaced: list[Any] = [
        {key: login},
        {f"Authorization: {login}:{key}": ""},
        {"Authorization": f"{login}:{key}"},
        {"login": key, "secret_key": login},
        {"login": f"{login}:{key}"},
        {"login": login, "secret_key": [key]},
        {"login": login, "secret_key": {"value": key}},
        {"login": login, "secret_key": f"{key}\n"},
        {"credentials": {"login": login, "secret_key": key}},
        [login, key],
        f"{login}:{key}",
        {token: client.client_secret, **oauth},
        {**oauth, "refresh_token": token, "managed_by": key},
        {**oauth, "refresh_token": [token]},
        {**oauth, "refresh_token": f" {token}"},
        {**oauth, "client_secret": token, "refresh_token": client.client_secret},
        {**oauth, "refresh_token": token, "expires_at": [token], "access_token": key},
    ]
    texts = [*map(json.dumps, misplaced), f"{login}:{key}", f'{{"secret_key": "{key}"']
    found = Readable()
    for text in texts:
        secrets.put_secret_value(SecretId="qonto/default", SecretString=text)
        # Rejected credentials are remembered for ten minutes, secrets for five.
        deployment.pass_time(3_600)
        found.invoke(deployment.sync)
        found.invoke(lambda: deployment.drain(seconds=60))
        found.look_at(deployment)
    found.texts += [log_lines.getvalue(), *(record.getMessage() for record in caplog.records)]
    assert sum("The secret 'qonto/default' " in text for text in found.texts) > len(texts) / 2
    for secret in (key, token, client.client_secret):
        assert found.find(secret) == []


def personal_data(deployment: Deployment) -> set[str]:
    """Names, addresses and accounts in the invoices of the organization."""
    found: set[Any] = set()
    for invoice_id in deployment.world.invoice_ids():
        invoice = json.loads(deployment.world.document(invoice_id))
        client = invoice["client"] or {}
        found |= {client.get("email"), client.get("last_name"), invoice.get("contact_email")}
        found |= {method.get("iban") for method in invoice.get("payment_methods") or []}
    return {text for text in found if isinstance(text, str) and len(text) > 5}
