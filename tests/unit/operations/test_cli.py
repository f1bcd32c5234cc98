"""The command line as an operator sees it: help, status, runs, exit statuses."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from operations import runs, status
from operations.cli import main
from operations.health import Backlog, Health, backlog_of, next_step
from operations.runs import summary
from qonto_sync.domain.times import to_text
from tests.unit.operations.conftest import OUTPUTS, STACK

if TYPE_CHECKING:
    from tests.unit.operations.conftest import Operator

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
COMMANDS = (
    ("status",),
    ("sync",),
    ("backfill",),
    ("reconcile",),
    ("retry",),
    ("verify",),
    ("connection", "add"),
    ("connection", "remove"),
    ("connection", "list"),
    ("webhook", "subscribe"),
    ("webhook", "list"),
    ("webhook", "unsubscribe"),
)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_with_an_example(command: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """And its exit status is 0."""
    assert main([*command, "--help"]) == 0
    assert f"`qonto-sync {' '.join(command)}" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["nonsense"], ["sync", "--nonsense"], ["retry"]])
def test_wrong_usage_has_the_exit_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The error says what is wrong."""
    assert main(arguments) == 2
    assert "Error" in capsys.readouterr().err


@dataclass
class FakeLambda:
    """Answers each invocation with the next of these payloads."""

    payloads: list[Any]
    error: bool = False
    events: list[dict[str, Any]] = field(default_factory=list)

    def invoke(self, *, Payload: str, **request: Any) -> dict[str, Any]:  # noqa: N803
        self.events.append(json.loads(Payload) | {"type": request.get("InvocationType")})
        failed = {"FunctionError": "Unhandled"} if self.error else {}
        return {"Payload": io.BytesIO(json.dumps(self.payloads.pop(0)).encode()), **failed}


@pytest.fixture
def functions(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> FakeLambda:
    """The deployed function, in place of moto's, which needs Docker."""
    fake, session = FakeLambda([]), boto3.Session()
    client = session.client

    def made(service: str, **options: Any) -> Any:
        return fake if service == "lambda" else client(service, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(session, "client", made)
    monkeypatch.setattr(runs, "open_session", lambda: session)
    return fake


def test_a_run_is_followed_until_all_is_done(functions: FakeLambda, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing else goes on with a run that somebody waits for."""
    going_on = {"action": "sync", "connection": "acme"}
    functions.payloads = [
        {"action": "sync", "connection": "acme", "outcome": "partial", "continue": going_on},
        {"action": "sync", "connection": "acme", "outcome": "committed", "invoices": {"listed": 3, "pending": 0}},
    ]
    assert main(["sync", "--connection", "acme", "--stack", STACK]) == 0
    assert [event["action"] for event in functions.events] == ["sync", "sync"]
    said = capsys.readouterr().out
    assert "sync of acme: partial" in said
    assert "sync of acme: committed\n  invoices: listed 3\n" in said


def test_a_failed_run_says_why_and_where_to_look(functions: FakeLambda, capsys: pytest.CaptureFixture[str]) -> None:
    """With the exit status 1."""
    functions.error = True
    functions.payloads = [{"errorType": "CredentialsRejected", "errorMessage": "Qonto rejects them"}]
    assert main(["reconcile", "--stack", STACK]) == 1
    said = capsys.readouterr().err
    assert "The run failed with CredentialsRejected: Qonto rejects them" in said
    assert "#errors-of-a-run" in said


def test_nobody_has_to_wait(functions: FakeLambda) -> None:
    """The function is invoked as its schedule does it."""
    functions.payloads = [None]
    assert main(["backfill", "--from", "2019-01-01", "--to", "2020-01-01", "--no-wait", "--stack", STACK]) == 0
    (event,) = functions.events
    assert (event["type"], event["from"], event["to"]) == ("Event", "2019-01-01T00:00:00Z", "2020-01-01T00:00:00Z")


def test_a_script_gets_the_result(functions: FakeLambda, capsys: pytest.CaptureFixture[str]) -> None:
    """As the function returned it."""
    functions.payloads = [{"outcome": "dry_run"}]
    assert main(["sync", "--dry-run", "--json", "--stack", STACK]) == 0
    assert json.loads(capsys.readouterr().out) == {"outcome": "dry_run"}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["backfill", "--from", "yesterday", "--to", "2020-01-01"], "yesterday"),
        (["reconcile", "--month", "2026-13"], "2026-13"),
        (["sync", "--connection", "a/b"], "NAME is 'a/b'"),
        (["retry", ""], "ID is ''"),
    ],
)
def test_a_wrong_argument_is_named(
    terminal: None, arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before AWS is called: here there is not even a region."""
    assert main(arguments) == 2
    assert complaint in capsys.readouterr().err


def test_one_invoice_is_asked_for(newcomer: Operator, capsys: pytest.CaptureFixture[str]) -> None:
    """By the message that the retry function takes for any invoice."""
    sqs = newcomer.session.client("sqs")
    url = sqs.create_queue(QueueName="retry")["QueueUrl"]
    newcomer.deploy({**OUTPUTS, "RetryQueueUrl": url})
    assert main(["retry", "invoice-1", "--connection", "acme", "--stack", STACK]) == 0
    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    assert json.loads(message["Body"]) == {
        "version": 1,
        "connection": "acme",
        "invoice_id": "invoice-1",
        "reason": "webhook",
    }


def test_an_interruption_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """In a line, with the exit status of a shell."""

    def interrupted() -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(status, "open_session", interrupted)
    assert main(["status"]) == 130
    assert capsys.readouterr().err.startswith("Interrupted: ")


def test_a_denied_action_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """As IAM calls it."""

    def denied() -> Any:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "ListObjectsV2")

    monkeypatch.setattr(status, "open_session", denied)
    assert main(["status"]) == 1
    assert capsys.readouterr().err == "s3:ListBucket was denied: no\n"


def test_status_tells_how_a_connection_is(operator: Operator, capsys: pytest.CaptureFixture[str]) -> None:
    """How far, what is pending since when, the last certificate, and what to do next."""
    operator.run("add", "acme")
    recently = to_text(datetime.now(UTC) - timedelta(minutes=5))
    operator.write_checkpoint("acme", recently)
    since = to_text(datetime.now(UTC) - timedelta(days=4))
    row = {"pending_for": "acme", "due_at": recently, "pending_since": since}
    operator.write_item("invoice#acme#1", reason="rejected", **row)
    operator.write_item("invoice#acme#2", reason="settling", **(row | {"pending_since": recently}))
    certificate = {"version": 7, "reconciled_at": recently, "found": {"missing": 0, "stale": 2}, "months": []}
    bucket = operator.output("ArchiveBucketName")
    key = "acme/inventory/certificate.json"
    operator.session.client("s3").put_object(Bucket=bucket, Key=key, Body=json.dumps(certificate))
    assert main(["status", "--stack", STACK]) == 0
    said = " ".join(capsys.readouterr().out.split())
    for expected in (
        f"{recently}, 5 min ago",
        "2: 1 rejected, 1 settling, the oldest for 4 days",
        "version 7, 5 min ago: 2 differences",
        "invoices are pending for more than a day: see why (runbook: Pending)",
    ):
        assert expected in said
    assert main(["status", "--json", "--connection", "acme", "--stack", STACK]) == 0
    (document,) = json.loads(capsys.readouterr().out)
    assert (document["pending"], document["certificate"]["differences"]) == ({"rejected": 1, "settling": 1}, 2)
    assert main(["status", "--connection", "other", "--stack", STACK]) == 1


HEALTHY = Health(
    connection="acme",
    schedule="rate(1 hour)",
    is_enabled=True,
    synced_until=NOW - timedelta(minutes=61),
    progress=(),
    backlog=Backlog({"settling": 1}, NOW - timedelta(minutes=3)),
    certificate={"version": 3, "reconciled_at": to_text(NOW - timedelta(hours=9)), "found": {"stale": 0}, "gaps": []},
)


@pytest.mark.parametrize(
    ("changes", "step"),
    [
        ({}, ""),
        ({"is_enabled": False}, "the schedule is off"),
        ({"synced_until": None}, "nothing was synchronized yet: `qonto-sync sync --connection acme"),
        ({"synced_until": NOW - timedelta(hours=3)}, "no run has caught up lately"),
        ({"synced_until": NOW - timedelta(hours=3), "progress": ("catches up",)}, ""),
        ({"backlog": Backlog({"damaged": 1}, NOW)}, "archived objects were changed"),
        ({"backlog": Backlog({"failed": 1}, NOW - timedelta(days=2))}, "invoices are pending for more than a day"),
        ({"backlog": Backlog(gaps=1)}, "parts of the list cannot be read"),
        ({"certificate": None}, "not certified lately"),
        ({"certificate": {"version": 3, "reconciled_at": to_text(NOW - timedelta(days=3))}}, "not certified lately"),
        (
            {"certificate": {"version": 3, "reconciled_at": to_text(NOW), "found": {"stale": 1}}},
            "the last reconciliation found differences",
        ),
    ],
)
def test_the_next_step_is_what_matters_most(changes: dict[str, Any], step: str) -> None:
    """One line; none if there is nothing to do."""
    said = next_step(replace(HEALTHY, **changes), NOW)
    assert said.startswith(step) if step else said == ""


def test_an_item_that_nobody_can_read_is_counted() -> None:
    """It is pending, whatever else it is."""
    assert backlog_of([{"pk": {"S": "invoice#a#1"}}, {"pk": {"S": "gap#a#x"}}]) == Backlog({"unreadable": 1}, None, 1)


def test_a_summary_leaves_out_what_is_zero() -> None:
    """A person reads it."""
    result = {"action": "reconcile", "connection": "acme", "outcome": "committed", "found": {"stale": 0}, "repaired": 0}
    assert list(summary(result)) == ["reconcile of acme: committed", "  found: -"]
