"""WebhookFunction, its queue and RetryFunction: bursts, disorder and forgeries."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
import urllib3

from local import webhook_load
from local.comparison import is_archived
from local.lambda_service import ExecutionEnvironment
from local.qonto_simulator.deliveries import SIGNATURE, signed
from local.qonto_simulator.messages import Request
from local.webhook_endpoint import WebhookEndpoint, event_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.stack import DeployedFunction
    from tests.integration.conftest import Deployment

    type Deployed = Callable[..., Deployment]

SECRET = "whsec_of_the_connection_and_of_nobody_else"
OLDER_SECRET = "whsec_that_is_about_to_be_given_up_for_good"


@pytest.fixture
def deployment(deployed: Deployed) -> Deployment:
    """Forty invoices, archived; webhooks are enabled, and a secret is being rotated."""
    found = deployed(invoices=40, plain_files=True, parameters={"WebhookEnabled": "true"})
    text = json.dumps({"webhook_secrets": [SECRET, OLDER_SECRET]})
    found.client("secretsmanager").create_secret(Name="qonto/webhooks/default", SecretString=text)
    found.sync()
    found.drain(seconds=600)
    assert found.compare().different == ()
    return found


def webhook_function(deployment: Deployment) -> DeployedFunction:
    """More patient with its AWS than the deployed one: moto may take its time on a busy machine."""
    function = deployment.stack.functions["WebhookFunction"]
    return replace(function, environment={**function.environment, "WEBHOOK_CALL_MILLISECONDS": "20000"})


class Sender:
    """Sends webhooks to the function, as the gateway passes them on."""

    def __init__(self, deployment: Deployment) -> None:
        self._environment = ExecutionEnvironment(webhook_function(deployment))

    def send(self, invoice_id: str, secret: str = SECRET, *, age: int = 0, body: bytes | None = None) -> int:
        """The status of the answer."""
        if body is None:
            body = json.dumps({"id": "event", "type": "v1/client-invoices", "data": {"id": invoice_id}}).encode()
        now = datetime.now(UTC)
        signed_at = int(now.timestamp()) - age
        headers = {
            "content-type": "application/json",
            SIGNATURE.lower(): f"t={signed_at},v1={signed(secret, signed_at, body)}",
        }
        answer = self._environment.invoke(
            event_of(Request("POST", "/webhooks/default", headers, body, "127.0.0.1"), now)
        )
        return int(answer["statusCode"])


def finalized(deployment: Deployment) -> list[str]:
    """The invoices that are no drafts."""
    world = deployment.world
    return [id_ for id_ in world.invoice_ids() if json.loads(world.document(id_))["status"] != "draft"]


def queued(deployment: Deployment) -> int:
    """How many messages are in the retry queue."""
    url = deployment.stack.queues["RetryQueue"].url
    attributes = deployment.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return sum(int(count) for name, count in attributes.items() if name.startswith("ApproximateNumberOfMessages"))


def test_an_edit_is_archived_without_an_hourly_run(deployment: Deployment) -> None:
    """Qonto delivers over HTTP, the function acknowledges, the worker archives the invoice and its new PDF."""
    simulator, world = deployment.simulator, deployment.world
    invoice_id = finalized(deployment)[-1]
    with WebhookEndpoint(webhook_function(deployment)) as endpoint:
        _subscribe(deployment, endpoint.url.replace("<connection>", "default"))
        world.edit(invoice_id, header="another header")
        while queued(deployment) == 0:
            at = simulator.webhooks.next_at()
            assert at
            deployment.pass_time(max((at - world.now()).total_seconds(), 0))
            simulator.webhooks.deliver()
    checkpoint = deployment.checkpoint()
    deployment.drain(seconds=600)
    assert is_archived(world, deployment.stack, invoice_id)
    assert deployment.checkpoint() == checkpoint


def _subscribe(deployment: Deployment, url: str) -> None:
    client = deployment.simulator.oauth_client
    form = {name: getattr(client, name) for name in ("client_id", "client_secret", "refresh_token")}
    form["grant_type"] = "refresh_token"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = urllib3.request("POST", deployment.simulator.token_url, body=urlencode(form), headers=headers, timeout=30)
    token = answer.json()["access_token"]
    answer = urllib3.request(
        "POST",
        f"{deployment.simulator.api_url}/v2/webhook_subscriptions",
        headers={"Authorization": f"Bearer {token}"},
        json={"callback_url": url, "types": ["v1/client-invoices"], "secret": SECRET},
        timeout=30,
    )
    assert answer.status == 201


@pytest.mark.slow
def test_a_burst_in_disorder_is_archived_once(deployment: Deployment) -> None:
    """Each invoice is edited twice; webhooks come four times each and in any order, with either secret."""
    world, sender, rng = deployment.world, Sender(deployment), Random(7)  # noqa: S311 - an order, no secret
    # Nothing is under way when they are delivered: how often each version is written depends on nothing but them.
    ids = finalized(deployment)
    before = deployment.versions()
    for number in range(2):
        for invoice_id in ids:
            world.edit(invoice_id, header=f"header {number}")
    deployment.pass_time(180)
    webhooks = [(id_, secret) for id_ in ids for secret in (SECRET, OLDER_SECRET) for _ in range(2)]
    rng.shuffle(webhooks)
    assert {sender.send(id_, secret) for id_, secret in webhooks} == {202}
    assert queued(deployment) == len(webhooks)
    deployment.drain(seconds=600)
    assert [id_ for id_ in ids if not is_archived(world, deployment.stack, id_)] == []
    printed = [id_ for id_ in ids if json.loads(world.document(id_))["invoice_type"] != "imported"]
    assert deployment.versions() - before == len(ids) + len(printed), "a JSON each, and a PDF if Qonto makes it"
    result = deployment.sync()
    assert result["invoices"]["archived"] == 0, "the hourly run finds nothing left to do"
    assert deployment.compare().different == ()


def test_a_burst_of_forgeries_changes_nothing(deployment: Deployment) -> None:
    """Forged, stale and empty webhooks cause no message, no request to Qonto and no object version."""
    sender, ids = Sender(deployment), deployment.world.invoice_ids()
    before = (deployment.versions(), len(deployment.simulator.requests))
    assert {sender.send(id_, "whsec_guessed") for id_ in ids} == {401}
    assert {sender.send(id_, "") for id_ in ids} == {401}
    assert {sender.send(id_, age=301) for id_ in ids} == {401}
    assert {sender.send(id_, age=-301) for id_ in ids} == {401}
    assert {sender.send(id_, body=b"{") for id_ in ids} == {400}
    assert queued(deployment) == 0
    assert deployment.drain() == []
    assert (deployment.versions(), len(deployment.simulator.requests)) == before


def test_a_webhook_for_an_unknown_invoice_is_done_after_one_request(deployment: Deployment) -> None:
    """Signed, but Qonto does not know the invoice (any more): nothing comes of it, and nothing is left of it."""
    before = deployment.versions()
    assert Sender(deployment).send("00000000-0000-4000-8000-000000000000") == 202
    deployment.drain(seconds=600)
    assert queued(deployment) == 0
    assert deployment.versions() == before


@pytest.mark.slow
def test_the_load_test_counts_what_arrives(capsys: pytest.CaptureFixture[str]) -> None:
    """A second of it; `make webhook-load` measures the speed."""
    webhook_load.main(["--per-second=20", "--seconds=1", "--processes=1"])
    assert "acknowledged 20; messages in the queue 20, for 20 invoices" in capsys.readouterr().out
