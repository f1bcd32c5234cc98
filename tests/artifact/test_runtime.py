"""The built functions under AWS's own runtime."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from local.aws import moto_server, put_secret, session
from local.event_source import EventSourceMapping
from local.lambda_service import FunctionError
from local.qonto_simulator import Simulator, World
from local.stack import deploy
from tests.artifact.emulator import Build
from tests.webhooks import DATA, SIGNING_SECRET, webhook_event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.stack import Stack
    from tests.artifact.emulator import RuntimeEmulator

    type Emulate = Callable[..., RuntimeEmulator]

pytestmark = pytest.mark.slow

EVENTS: Final = Path(__file__).parents[2] / "events"
INVOICES: Final = 40

PROBE: Final = """
import os, sys

def lambda_handler(event, context):
    if "raise" in event:
        raise ValueError(event["raise"])
    module = __import__(event["import"])
    return {
        "file": module.__file__,
        "table": os.environ["STATE_TABLE"],
        "home": os.environ.get("HOME"),
        "name": context.function_name,
        "remaining": context.get_remaining_time_in_millis(),
    }
"""


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """A small Qonto organization."""
    now = datetime.now(UTC)
    world = World(seed=7, started_at=now, clock=lambda: datetime.now(UTC), invoices=INVOICES)
    with Simulator(world) as simulator:
        yield simulator


@pytest.fixture
def stack(simulator: Simulator) -> Iterator[Stack]:
    """The template on a local AWS, connected to the simulated organization."""
    parameters = {
        "QontoApiUrl": simulator.api_url,
        "QontoTokenUrl": simulator.token_url,
        "AttachmentHosts": simulator.files_origin,
        "WebhookEnabled": "true",
    }
    with moto_server() as endpoint_url:
        put_secret(endpoint_url, "qonto/default", {"login": simulator.login, "secret_key": simulator.secret_key})
        put_secret(endpoint_url, "qonto/webhooks/default", {"webhook_secrets": [SIGNING_SECRET]})
        yield deploy(endpoint_url, parameters=parameters)


@pytest.fixture
def probe(emulate: Emulate, build: Build, stack: Stack, tmp_path: Path) -> Iterator[RuntimeEmulator]:
    """The sync function with other code, beside the real layer."""
    folder = tmp_path / "build"
    (folder / "SyncFunction").mkdir(parents=True)
    (folder / "SyncFunction" / "app.py").write_text(PROBE)
    (folder / "CommonLayer").symlink_to(build.folder / "CommonLayer")
    with emulate(stack.functions["SyncFunction"], Build(folder)) as running:
        yield running


def test_packages_come_from_the_layer(probe: RuntimeEmulator, stack: Stack, tmp_path: Path) -> None:
    """What a handler imports is what was built, with the environment that was deployed and nothing of ours."""
    function = stack.functions["SyncFunction"]
    for package in ("boto3", "aws_lambda_powertools", "qonto_sync"):
        answer = probe.invoke({"import": package})
        assert answer["file"].startswith(f"{tmp_path}/build/CommonLayer/python/{package}/")
        assert answer["table"] == stack.resources["StateTable"]
        assert answer["home"] is None
        assert answer["name"] == function.name
        assert (function.timeout - 10) * 1000 < answer["remaining"] <= function.timeout * 1000


def test_packages_of_the_tests_are_out_of_reach(probe: RuntimeEmulator) -> None:
    """A dependency that is missing in the layer is missing, although our own environment has it."""
    with pytest.raises(FunctionError, match="ModuleNotFoundError: No module named 'moto'"):
        probe.invoke({"import": "moto"})


def test_error_of_a_handler_is_an_error_here(probe: RuntimeEmulator) -> None:
    """A handler that raises fails the invocation, with the error's type and text."""
    with pytest.raises(FunctionError, match="ValueError: oops") as caught:
        probe.invoke({"raise": "oops"})
    assert "lambda_handler" in "".join(caught.value.trace)


def test_bad_event_is_rejected(emulate: Emulate, stack: Stack) -> None:
    """The error names the mistyped key."""
    with (
        emulate(stack.functions["SyncFunction"]) as sync,
        pytest.raises(FunctionError, match=r"InvalidEvent: .*'dryrun'"),
    ):
        sync.invoke({"dryrun": True})


@pytest.mark.parametrize("name", ["scheduled-rule", "scheduler", "scheduler-input", "manual-empty", "manual-dry-run"])
def test_every_way_to_start_a_run_works(emulate: Emulate, stack: Stack, name: str) -> None:
    """The built sync function archives the organization for every kind of event; a dry run writes nothing."""
    event = json.loads((EVENTS / f"{name}.json").read_text())
    with emulate(stack.functions["SyncFunction"]) as sync:
        result = sync.invoke(event)
    s3 = session().client("s3", endpoint_url=stack.endpoint_url)
    objects = s3.list_objects_v2(Bucket=stack.resources["ArchiveBucket"])["KeyCount"]
    assert result["connection"] == "default"
    assert result["invoices"]["listed"] == INVOICES
    if name == "manual-dry-run":
        assert (result["outcome"], objects) == ("dry_run", 0)
    else:
        assert result["outcome"] == "committed"
        assert objects > INVOICES


def test_retry_function_works_off_the_queue(emulate: Emulate, stack: Stack, simulator: Simulator) -> None:
    """The built retry function takes what the mapping hands it; a broken message fails alone."""
    (mapping,) = stack.mappings
    sqs = session().client("sqs", endpoint_url=stack.endpoint_url)
    with emulate(stack.functions["SyncFunction"]) as sync:
        sync.invoke({})
    url = mapping.queue.url
    sqs.purge_queue(QueueUrl=url)
    s3 = session().client("s3", endpoint_url=stack.endpoint_url)
    key = s3.list_objects_v2(Bucket=stack.resources["ArchiveBucket"])["Contents"][0]["Key"]
    message = {"version": 1, "connection": "default", "invoice_id": key.split("/")[4], "reason": "failed"}
    for body in (json.dumps(message), '{"version": 1, "connec'):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    with emulate(mapping.function) as retry:
        (delivery,) = EventSourceMapping(mapping, stack.endpoint_url, retry.invoke).drain()
    assert (delivery.received, delivery.deleted, delivery.error) == (2, 1, None)


def test_webhook_function_queues_what_is_signed(emulate: Emulate, stack: Stack) -> None:
    """The built webhook function answers, and sends a signed invoice to the retry queue; of a forged one, nothing."""
    # The first answer is not measured: moto and a busy machine may take their time.
    environment = {"WEBHOOK_CALL_MILLISECONDS": "20000", "WEBHOOK_DELAY_SECONDS": "0"}
    function = stack.functions["WebhookFunction"]
    with emulate(replace(function, environment={**function.environment, **environment})) as webhook:
        answers = [webhook.invoke(event)["statusCode"] for event in (webhook_event(), webhook_event(secret="another"))]
        assert webhook.invoke(json.loads((EVENTS / "webhook-base64.json").read_text()))["statusCode"] == 401
    assert answers == [202, 401]
    sqs = session().client("sqs", endpoint_url=stack.endpoint_url)
    queue = stack.queues["RetryQueue"]
    (message,) = sqs.receive_message(QueueUrl=queue.url, MaxNumberOfMessages=10)["Messages"]
    assert json.loads(message["Body"]) == {
        "version": 1,
        "connection": "default",
        "invoice_id": DATA["id"],
        "reason": "webhook",
    }
