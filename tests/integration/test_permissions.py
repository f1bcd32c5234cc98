"""The roles of the deployed functions allow what is needed, and nothing else.

That they allow enough, every other test of this folder holds as well, by its fixture.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import pytest
from moto.s3 import models as moto_s3

from local.lambda_service import FunctionError
from local.qonto_simulator import FaultKind
from qonto_sync.aws import s3_archive
from tests.integration.aws_requests import Call
from tests.integration.permissions import left_over, refused, refused_to_lambda
from tests.webhooks import SIGNING_SECRET, webhook_event

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conftest import Deployment

    type Deployed = Callable[..., Deployment]

WEBHOOKS: Final = {"WebhookEnabled": "true"}


def change_behind_its_back(deployment: Deployment) -> None:
    """Replaces each archived document, and edits its invoice, so that the next writer finds another writer's object."""
    s3 = deployment.client("s3")
    for found in s3.list_objects_v2(Bucket=deployment.bucket)["Contents"]:
        if found["Key"].endswith(".json"):
            s3.put_object(Bucket=deployment.bucket, Key=found["Key"], Body=b"somebody else's")
    for invoice_id in deployment.world.invoice_ids():
        deployment.world.edit(invoice_id, footer=str(deployment.world.now()))


def test_lambda_may_do_its_part(deployed: Deployed) -> None:
    """It polls, reports failed runs, and writes logs and traces as the function."""
    assert refused_to_lambda(deployed(parameters=WEBHOOKS).stack) == []


def test_the_webhook_function_reads_no_credentials(deployed: Deployed) -> None:
    """Anybody can call it: it reads what signs webhooks, also of a connection with a name like the folder's."""
    stack = deployed(parameters=WEBHOOKS).stack
    function = stack.functions["WebhookFunction"].name

    def may_read(name: str) -> bool:
        return not refused(stack, [Call(function, "secretsmanager", "GetSecretValue", {"SecretId": name})])

    assert may_read("qonto/webhooks/default")
    assert may_read("qonto/webhooks/webhooks")
    assert [name for name in ("qonto/default", "qonto/webhooks", "qonto/webhooks-2", "other/a") if may_read(name)] == []


@pytest.mark.slow
def test_no_permission_is_left_over(deployed: Deployed, aws_calls: list[Call], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any one of them a call of the functions in a few bad hours, or of Lambda for them, is denied."""
    # Drawn files are longer than what is read of a file at first, and go part by part; S3, and moto, take small parts
    # only at the end.
    monkeypatch.setattr(s3_archive, "PART_BYTES", 10_000)
    monkeypatch.setattr(moto_s3, "S3_UPLOAD_PART_MIN_SIZE", 1)
    deployment = deployed(invoices=3, activity=0, parameters=WEBHOOKS)
    client, faults = deployment.simulator.oauth_client, deployment.simulator.faults
    fields: dict[str, object] = {
        name: getattr(client, name) for name in ("client_id", "client_secret", "refresh_token")
    }
    secrets = deployment.client("secretsmanager")
    secrets.put_secret_value(SecretId="qonto/default", SecretString=json.dumps(fields))
    signing = json.dumps({"webhook_secrets": [SIGNING_SECRET]})
    secrets.create_secret(Name="qonto/webhooks/default", SecretString=signing)

    # Uploads break off, and so do their first retries.
    faults.install(FaultKind.TRUNCATED, "/production", times=1_000)
    deployment.sync()
    deployment.drain(seconds=60)
    change_behind_its_back(deployment)
    faults.clear()
    deployment.drain(seconds=900)
    assert deployment.compare().different == ()

    # The token has lapsed, and the answer with the new one is lost.
    deployment.pass_time(7_200)
    faults.install(FaultKind.MALFORMED_JSON, "/oauth2/token", times=2)
    with pytest.raises(FunctionError):
        deployment.sync()
    deployment.drain(seconds=60)
    change_behind_its_back(deployment)
    # A run leaves the last minute to the next one.
    deployment.pass_time(120)
    deployment.sync()
    deployment.drain(seconds=200)
    assert deployment.compare().different == ()

    # A message that nobody can read is delivered again, later.
    queue = deployment.stack.queues["RetryQueue"].url
    deployment.client("sqs").send_message(QueueUrl=queue, MessageBody="{broken")
    deployment.drain(seconds=60)

    # A page cannot be read for a while.
    faults.invoices.poison(deployment.world.invoice_ids()[0], 422)
    deployment.world.edit(deployment.world.invoice_ids()[0])
    deployment.pass_time(3_600)
    assert deployment.sync()["gaps"] == 1
    faults.clear()
    deployment.pass_time(3_600)
    assert deployment.sync()["gaps"] == 0

    assert deployment.webhook(webhook_event()) == 202

    assert not (found := left_over(deployment.stack, aws_calls)), "\n".join(found)
