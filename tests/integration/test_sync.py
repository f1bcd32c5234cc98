"""SyncFunction and RetryFunction as they are deployed, against the simulator."""

from __future__ import annotations

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, override

import pytest

from local.lambda_service import ExecutionEnvironment, FunctionError
from local.qonto_simulator import FaultKind, Faults
from qonto_sync.observability import logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conftest import Deployment

    type Deployed = Callable[..., Deployment]

EVENTS = Path(__file__).parents[2] / "events"
PASSING = set(FaultKind) - {FaultKind("401"), FaultKind("403_scope")}


@pytest.mark.slow
def test_a_thousand_invoices_through_faults_byte_for_byte(deployed: Deployed) -> None:
    """All the oddities, 5 % of all calls failing; in the end the archive is the source."""
    deployment = deployed(invoices=1_000, plain_files=True, faults=Faults(seed=3, rate=0.05, kinds=PASSING))
    result = deployment.sync()
    assert result["outcome"] == "committed"
    assert result["complete"]["distinct"] == result["complete"]["total_count"] == result["invoices"]["listed"]
    assert sum(deployment.simulator.faults.fired.values()) > 50
    deployment.drain(seconds=1_200)
    comparison = deployment.compare()
    assert comparison.different == ()
    assert comparison.invoices >= 999
    assert comparison.files > 900

    deployment.simulator.faults.clear()
    deployment.pass_time(3_600)
    versions, attachments = deployment.versions(), deployment.asked("/v2/attachments")
    quiet = deployment.sync()
    assert (quiet["outcome"], quiet["invoices"]["archived"], quiet["requeued"]) == ("committed", 0, 0)
    assert deployment.asked("/v2/attachments") == attachments
    assert deployment.versions() == versions


def test_a_run_with_nothing_new_costs_four_requests(deployed: Deployed) -> None:
    """One to Qonto, and three to DynamoDB: checkpoint, pending invoices, checkpoint. The receipt has them all."""
    deployment = deployed(invoices=20, plain_files=True)
    first = deployment.sync()
    deployment.drain(seconds=300)
    deployment.pass_time(3_600)
    deployment.sync()
    deployment.pass_time(200)
    quiet = deployment.sync()
    assert first["cost"]["aws_requests"]["s3"] >= first["invoices"]["archived"] + first["attachments"]["archived"] > 0
    assert first["cost"]["gb_seconds"] > 0
    assert quiet["invoices"]["listed"] == 0
    assert quiet["requests"] == {"qonto": 1, "files": 0, "throttled": 0}
    assert quiet["cost"]["aws_requests"] == {"dynamodb": 3, "s3": 0, "secretsmanager": 0, "sqs": 0}


@pytest.mark.slow
def test_four_concurrent_syncs_commit_once(deployed: Deployed) -> None:
    """One window, one commit; the others are superseded, and the archive is right."""
    deployment = deployed(invoices=120, plain_files=True)
    environments = [ExecutionEnvironment(deployment.stack.functions["SyncFunction"]) for _ in range(4)]
    with ThreadPoolExecutor(4) as executor:
        results = [future.result() for future in [executor.submit(each.invoke, {}) for each in environments]]
    assert sorted(result["outcome"] for result in results) == ["committed", "superseded", "superseded", "superseded"]
    checkpoint = deployment.checkpoint()
    assert checkpoint
    assert checkpoint["version"] == {"N": "1"}
    winner = next(result for result in results if result["outcome"] == "committed")
    assert checkpoint["run_id"] == {"S": winner["run_id"]}
    deployment.drain(seconds=600)
    assert deployment.compare().different == ()


def test_an_hour_of_business(deployed: Deployed) -> None:
    """Edits, new invoices, drafts finalized and deleted: run by run the archive follows."""
    deployment = deployed(invoices=60, activity=20)
    deployment.sync()
    for _ in range(3):
        deployment.drain(seconds=600)
        deployment.pass_time(3_600)
        result = deployment.sync()
        assert result["outcome"] == "committed"
        assert result["invoices"]["archived"] > 0
    deployment.drain(seconds=600)
    comparison = deployment.compare()
    assert comparison.different == ()
    assert comparison.invoices > 60


@pytest.mark.parametrize(
    "file", ["scheduled-rule", "scheduler", "scheduler-input", "manual-empty", "manual-connection"]
)
def test_every_event_runs_the_sync(deployed: Deployed, file: str) -> None:
    """As a schedule or a person sends it."""
    event = json.loads((EVENTS / f"{file}.json").read_text())
    deployment = deployed(invoices=3)
    deployment.client("secretsmanager").create_secret(
        Name="qonto/acme",
        SecretString=json.dumps({"login": deployment.simulator.login, "secret_key": deployment.simulator.secret_key}),
    )
    result = deployment.sync(event)
    assert result["outcome"] == "committed"
    assert result["connection"] == event.get("connection", "default")
    assert result["invoices"]["archived"] == 3


def test_a_dry_run_writes_nothing(deployed: Deployed) -> None:
    """It reports what a run would do."""
    deployment = deployed(invoices=5)
    result = deployment.sync(json.loads((EVENTS / "manual-dry-run.json").read_text()))
    assert (result["outcome"], result["invoices"]["archived"]) == ("dry_run", 5)
    assert (deployment.versions(), deployment.checkpoint()) == (0, None)
    assert deployment.asked("/v2/attachments") == 0


def test_oauth_works_like_a_key(deployed: Deployed) -> None:
    """The rotated refresh token is in the secret afterwards."""
    deployment = deployed(invoices=3)
    client = deployment.simulator.oauth_client
    fields = {
        "client_id": client.client_id,
        "client_secret": client.client_secret,
        "refresh_token": client.refresh_token,
    }
    secrets = deployment.client("secretsmanager")
    secrets.put_secret_value(SecretId="qonto/default", SecretString=json.dumps(fields))
    assert deployment.sync()["invoices"]["archived"] == 3
    stored = json.loads(secrets.get_secret_value(SecretId="qonto/default")["SecretString"])
    assert stored["refresh_token"] != client.refresh_token


def failing(deployment: Deployment, event: Any = None) -> FunctionError:
    """The error of a run that fails, after which the checkpoint stands where it stood."""
    before = deployment.checkpoint()
    with pytest.raises(FunctionError) as error:
        deployment.sync(event)
    assert deployment.checkpoint() == before
    return error.value


def test_a_wrong_event_is_a_clear_error(deployed: Deployed) -> None:
    """It names the key."""
    error = failing(deployed(), {"conection": "acme"})
    assert (error.error_type, error.error_message) == (
        "InvalidEvent",
        "The event has the unknown key 'conection'; for the action 'sync', known are 'action', 'connection', 'dry_run'",
    )


def test_wrong_settings_are_all_reported_at_once(deployed: Deployed) -> None:
    """A template with a mistake in it, or a variable changed by hand."""
    deployment = deployed()
    function = deployment.stack.functions["SyncFunction"]
    variables: Any = function.environment
    variables |= {"STATE_TABLE": "", "INITIAL_SYNC_FROM": "soon"}
    error = failing(deployment)
    assert error.error_type == "InvalidSettings"
    assert "STATE_TABLE is missing" in error.error_message
    assert "INITIAL_SYNC_FROM is 'soon', but must be a time such as" in error.error_message


def test_a_missing_secret_says_how_to_create_it(deployed: Deployed) -> None:
    """The first error that a new user gets."""
    deployment = deployed()
    error = failing(deployment, {"connection": "acme"})
    assert error.error_type == "InvalidSecret"
    assert error.error_message.startswith(
        "The secret 'qonto/acme' does not exist. Create it, for example: aws secretsm"
    )


def test_a_malformed_secret_says_its_shape(deployed: Deployed) -> None:
    """Not its content."""
    error = failing(deployed(secret={"login": "x", "secretkey": "hush"}))
    assert error.error_type == "InvalidSecret"
    assert (
        'has login, 1 field of another name, but an API key is {"login": "…", "secret_key": "…"}' in error.error_message
    )
    assert "hush" not in error.error_message


def test_rejected_credentials_stop_at_once(deployed: Deployed) -> None:
    """One request, one clear error, with Qonto's trace id."""
    deployment = deployed(invoices=5, secret={"login": "acme-4217", "secret_key": "revoked"})
    error = failing(deployment)
    assert error.error_type == "CredentialsRejected"
    assert "trace id" in error.error_message
    assert "revoked'" not in error.error_message
    assert deployment.asked("/v2") == 1


@pytest.mark.parametrize("kind", ["401", "403", "403_scope"])
def test_what_is_refused_for_one_attachment_stays_with_it(deployed: Deployed, kind: str) -> None:
    """All else is archived, and so is this invoice's JSON."""
    deployment = deployed(plain_files=True)
    ids = [deployment.world.create() for _ in range(5)]
    deployment.pass_time(900)
    refused = json.loads(deployment.world.document(ids[2]))["attachment_id"]
    deployment.simulator.faults.install(kind, f"/v2/attachments/{refused}", times=99)
    result = deployment.sync()
    assert (result["outcome"], result["invoices"]["archived"], result["backlog"]["by_reason"]) == (
        "committed",
        4,
        {"rejected": 1},
    )
    deployment.simulator.faults.clear()
    deployment.pass_time(25 * 3_600)
    deployment.sync()
    deployment.drain(seconds=60)
    assert deployment.compare().different == ()


def test_a_missing_scope_is_reported(deployed: Deployed) -> None:
    """Both scopes are named; the run stops, for every invoice would fail."""
    deployment = deployed(invoices=5)
    deployment.simulator.faults.install("403_scope", "/v2/", times=99)
    error = failing(deployment)
    assert error.error_type == "AccessDenied"
    assert "client_invoices.read and attachment.read" in error.error_message


def test_an_initial_time_in_the_future_is_reported(deployed: Deployed) -> None:
    """It names the setting, its value and the time."""
    error = failing(deployed(parameters={"InitialSyncFrom": "2099-01-01T00:00:00Z"}))
    assert error.error_type == "InvalidSettings"
    assert error.error_message.startswith(
        "INITIAL_SYNC_FROM is 2099-01-01T00:00:00Z, which is in the future: it is 2026"
    )


def test_an_unreachable_api_is_reported_in_bounded_time(deployed: Deployed) -> None:
    """A few attempts, then an error that names the host; the next hour tries again."""
    error = failing(deployed(parameters={"QontoApiUrl": "http://127.0.0.1:9"}))
    assert error.error_type == "Retriable"
    assert error.error_message.startswith("no answer from 127.0.0.1 after 4 attempts")


def test_a_wrong_clock_is_reported(deployed: Deployed) -> None:
    """Qonto's Date header is the witness."""
    deployment = deployed(invoices=3)
    deployment.simulator.world._clock = lambda: deployment.world.started_at.replace(year=2027)
    error = failing(deployment)
    assert error.error_type == "ClockSkew"


class Printed(logging.Handler):
    """Every log line as CloudWatch gets it, tracebacks included."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    @override
    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(logger.registered_formatter.format(record))


def test_nothing_ever_shows_a_credential(deployed: Deployed) -> None:
    """Nor a presigned URL: not a log line, not the ledger, not an error."""
    deployment = deployed(invoices=30, plain_files=True, faults=Faults(seed=5, rate=0.4, kinds=PASSING))
    printed, errors = Printed(), ""
    logging.getLogger("qonto_sync").addHandler(printed)
    try:
        deployment.sync()
        deployment.drain(seconds=60)
    except FunctionError as error:
        errors = f"{error}{error.trace}"
    finally:
        logging.getLogger("qonto_sync").removeHandler(printed)
    table = deployment.stack.resources["StateTable"]
    items = json.dumps(deployment.client("dynamodb").scan(TableName=table)["Items"])
    assert any("invoice_failed" in line for line in printed.lines)
    for text in (*printed.lines, items, errors):
        assert "X-Amz" not in text
        assert deployment.simulator.secret_key not in text
