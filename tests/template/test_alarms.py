"""Metrics, alarms, dashboard, queries, log events and the runbook, held against each other."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from operations.resources import latest_start
from qonto_sync.clock import InvocationDeadline
from qonto_sync.domain.checkpoint import Checkpoint
from qonto_sync.domain.events import ReconcileRequest, SyncRequest
from qonto_sync.domain.ids import ConnectionName, RunId
from qonto_sync.domain.ledger import Pending, PendingReason
from qonto_sync.domain.reconciliation import Difference
from qonto_sync.domain.request_counts import RequestCounter
from qonto_sync.domain.result import Backlog, ReconcileResult, RunOutcome, RunReport, RunResult, Tally, Usage
from qonto_sync.domain.webhook import WebhookOutcome, WebhookResult
from qonto_sync.domain.window import Window
from qonto_sync.observability import emit_credential_metrics, emit_webhook_metrics, report_run
from tests.fakes import START
from tests.markdown import anchors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

type Metric = tuple[str, str, frozenset[str]]
"""Namespace, name, and the names of the dimensions."""

STACK: Final = {"Ref": "AWS::StackName"}
TOPIC: Final = {"Ref": "AlarmTopic"}
# What AWS measures by itself, of all that CloudWatch lists for a function, an HTTP API and a queue.
OF_AWS: Final[set[Metric]] = {
    ("AWS/Lambda", "Duration", frozenset({"FunctionName"})),
    ("AWS/Lambda", "Errors", frozenset({"FunctionName"})),
    ("AWS/Lambda", "Throttles", frozenset({"FunctionName"})),
    ("AWS/ApiGateway", "4xx", frozenset({"ApiId"})),
    ("AWS/ApiGateway", "5xx", frozenset({"ApiId"})),
    ("AWS/ApiGateway", "Latency", frozenset({"ApiId"})),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible", frozenset({"QueueName"})),
    ("AWS/SQS", "NumberOfMessagesSent", frozenset({"QueueName"})),
}
SEARCHED: Final = re.compile(r"SEARCH\('\{(?P<schema>[^}]+)\} MetricName=\"(?P<name>\w+)\"")


def reconciled(found: Counter[Difference], *, deleted_drafts: int) -> RunReport:
    """The report of a reconciliation."""
    result = ReconcileResult(
        request=ReconcileRequest(ConnectionName("acme")),
        outcome=RunOutcome.COMMITTED,
        run_id=RunId("run"),
        window=(START, START),
        months=(),
        found=found,
        repaired=0,
        gaps=0,
        certificate=None,
        deleted_drafts=deleted_drafts,
        unexpected_errors=0,
    )
    usage = Usage(RequestCounter().as_dict(), RequestCounter().to_aws, duration_ms=1, memory_mb=1024)
    return RunReport(result, usage)


@pytest.fixture
def emitted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], source: dict[str, Any]) -> set[Metric]:
    """Every metric that the code can emit, in the functions' environment, to the last digit of its record."""
    variables = source["Globals"]["Function"]["Environment"]["Variables"]
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", variables["POWERTOOLS_METRICS_NAMESPACE"])
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "a-stack")
    backlog = Backlog(START)
    backlog.add(Pending(PendingReason.FAILED, START - timedelta(days=2), START, 1, "why"))
    report_run(
        RunReport(
            RunResult(
                request=SyncRequest(ConnectionName("acme")),
                outcome=RunOutcome.COMMITTED,
                run_id=RunId("run"),
                window=Window(START, START),
                tally=Tally(backlog=backlog),
                checkpoint=Checkpoint(START, 1, RunId("run")),
                certificate_age=timedelta(days=1),
            ),
            Usage(RequestCounter().as_dict(), RequestCounter().to_aws, duration_ms=1, memory_mb=1024),
        )
    )
    report_run(reconciled(Counter(), deleted_drafts=0))
    emit_credential_metrics(ConnectionName("acme"), 89.5)
    for outcome in WebhookOutcome:
        emit_webhook_metrics(WebhookResult(outcome, ConnectionName("acme")))
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert all(record["service"] == "a-stack" and record["connection"] == "acme" for record in records)
    return {
        (directive["Namespace"], metric["Name"], frozenset(dimensions))
        for record in records
        for directive in record["_aws"]["CloudWatchMetrics"]
        for metric in directive["Metrics"]
        for dimensions in directive["Dimensions"]
    }


@pytest.fixture
def alarms(resources: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The properties of each alarm."""
    return {name: item["Properties"] for name, item in resources.items() if item["Type"] == "AWS::CloudWatch::Alarm"}


@pytest.fixture
def widgets(resources: dict[str, Any]) -> list[dict[str, Any]]:
    """The dashboard's widgets, those for webhooks included, every reference replaced by its own name."""
    body, parts = resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    for name, part in parts.items():
        condition, text, otherwise = part["Fn::If"]
        assert (condition, otherwise) == ("HasWebhooks", "")
        body = body.replace(f"${{{name}}}", text["Fn::Sub"])
    found: list[dict[str, Any]] = json.loads(re.sub(r"\$\{([^}]+)\}", r"\1", body))["widgets"]
    return found


def metrics_of(alarm: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Gives the metrics that the alarm watches, one or those of its expressions."""
    if "Metrics" in alarm:
        yield from (item["MetricStat"]["Metric"] for item in alarm["Metrics"] if "MetricStat" in item)
    else:
        yield alarm


def shown(widgets: list[dict[str, Any]]) -> Iterator[Metric]:
    """Gives what the dashboard draws."""
    for widget in widgets:
        for line in widget["properties"].get("metrics", []):
            if isinstance(line[0], dict):
                searched = SEARCHED.match(line[0]["expression"])
                assert searched
                namespace, *dimensions = searched["schema"].split(",")
                yield namespace, searched["name"], frozenset(dimensions)
            else:
                namespace, name, *rest = line
                texts = [part for part in rest if isinstance(part, str)]
                yield namespace, name, frozenset(texts[::2])


def logged(root: Path) -> set[str]:
    """Gives every event that the code logs."""
    return {
        str(call.args[0].value)
        for path in (root / "layers/common/qonto_sync").rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id in {"_log", "logger"}
        and call.args
        and isinstance(call.args[0], ast.Constant)
    }


def test_every_alarm_watches_a_metric_that_is_emitted(alarms: dict[str, Any], emitted: set[Metric]) -> None:
    """By the code or by AWS, under these very dimensions: else the alarm would never ring, or always."""
    watched = {
        (metric["Namespace"], metric["MetricName"], frozenset(item["Name"] for item in metric["Dimensions"]))
        for alarm in alarms.values()
        for metric in metrics_of(alarm)
    }
    assert watched <= emitted | OF_AWS


def test_dashboard_draws_all_that_is_emitted(widgets: list[dict[str, Any]], emitted: set[Metric]) -> None:
    """And no other. A metric that is not shown would cost money for nothing."""
    assert set(shown(widgets)) == emitted | OF_AWS


def test_dashboard_shows_every_alarm(widgets: list[dict[str, Any]], alarms: dict[str, Any]) -> None:
    """But those of single connections, of which there may be a thousand."""
    (shown_alarms,) = [widget["properties"]["alarms"] for widget in widgets if widget["type"] == "alarm"]
    assert {arn.removesuffix(".Arn") for arn in shown_alarms} == alarms.keys() - {"StalledAlarm"}


def test_widgets_do_not_overlap(widgets: list[dict[str, Any]]) -> None:
    """Each has a place of its own on the dashboard's 24 columns."""
    taken = [
        (column, row)
        for widget in widgets
        for column in range(widget["x"], widget["x"] + widget["width"])
        for row in range(widget["y"], widget["y"] + widget["height"])
    ]
    assert len(taken) == len(set(taken))
    assert max(column for column, _ in taken) < 24


def test_every_alarm_sends_its_reader_to_the_runbook(alarms: dict[str, Any], root: Path) -> None:
    """To a heading that is there, and no section on alarms is left without one."""
    texts = [alarm["AlarmDescription"]["Fn::Sub"] for alarm in alarms.values()]
    sections = {text.rpartition("${RunbookUrl}#")[2] for text in texts if "${RunbookUrl}#" in text}
    runbook = (root / "docs/runbook.md").read_text()
    assert len(texts) == sum("${RunbookUrl}#" in text for text in texts)
    assert sections <= anchors(root / "docs/runbook.md")
    part = runbook.partition("\n## Alarms\n")[2].partition("\n## ")[0]
    assert {heading.lower().replace(" ", "-") for heading in re.findall(r"^### (.+)$", part, re.MULTILINE)} == sections


def test_runbook_answers_the_four_questions(root: Path) -> None:
    """For each alarm: what it means, where to look, what to do, and when it is over."""
    part = (root / "docs/runbook.md").read_text().partition("\n## Alarms\n")[2].partition("\n## ")[0]
    for section in part.split("\n### ")[1:]:
        found = re.findall(r"^- \*\*(.+?)\*\*", section, re.MULTILINE)
        assert found == ["It means", "Look", "Do", "Over"], section.splitlines()[0]


def test_every_alarm_says_when_it_begins_and_when_it_is_over(alarms: dict[str, Any]) -> None:
    """To the topic, and what no data mean is never left to CloudWatch."""
    for name, alarm in alarms.items():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [TOPIC], name
        assert alarm["TreatMissingData"] in {"breaching", "notBreaching", "ignore"}, name


def test_silence_is_an_alarm(alarms: dict[str, Any], resources: dict[str, Any]) -> None:
    """So is a run that ends and gets no further: in each of so many hours, the best run was behind, or none ended."""
    stalled = alarms["StalledAlarm"]
    assert stalled["MetricName"] == "CheckpointLag"
    assert stalled["TreatMissingData"] == "breaching"
    assert stalled["EvaluationPeriods"] == stalled["DatapointsToAlarm"] == {"Ref": "StalledAfterHours"}
    assert (stalled["Period"], stalled["Statistic"]) == (3600, "Minimum")
    assert stalled["ComparisonOperator"] == "GreaterThanThreshold"
    assert stalled["Dimensions"] == [{"Name": "service", "Value": STACK}, {"Name": "connection", "Value": "default"}]
    assert resources["StalledAlarm"]["Condition"] == "HasDefaultSchedule"


def test_a_run_that_gets_no_further_counts_from_the_first(alarms: dict[str, Any]) -> None:
    """It is behind by the time since the run before: an hour, less what that one started late."""
    since_the_run_before = (60 - latest_start("rate(1 hour)")) * 60
    assert 0 < alarms["StalledAlarm"]["Threshold"] < since_the_run_before


@pytest.mark.parametrize(
    ("alarm", "metric"),
    [
        ("PendingAlarm", "PendingForADay"),
        ("GapsAlarm", "GapsRecorded"),
        ("UnexpectedErrorsAlarm", "UnexpectedErrors"),
        ("DifferencesAlarm", "ReconciliationDifferences"),
    ],
)
def test_new_trouble_is_announced_once(alarms: dict[str, Any], alarm: str, metric: str) -> None:
    """The metric counts what is new: an hour later the alarm is over, and the next trouble is announced as well."""
    found = alarms[alarm]
    assert (found["Namespace"], found["MetricName"]) == ("QontoSync", metric)
    assert found["Dimensions"] == [{"Name": "service", "Value": STACK}]
    assert (found["Statistic"], found["Period"], found["EvaluationPeriods"]) == ("Sum", 3600, 1)
    assert (found["ComparisonOperator"], found["Threshold"]) == ("GreaterThanThreshold", 0)
    assert found["TreatMissingData"] == "notBreaching"


def test_a_draft_that_somebody_deleted_rings_no_alarm(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An invoice that vanished does."""
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "QontoSync")
    report_run(reconciled(Counter({Difference.VANISHED: 3, Difference.STALE: 1}), deleted_drafts=2))
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["ReconciliationDifferences"] == [2]


def test_a_connection_that_nobody_proves_is_announced(alarms: dict[str, Any]) -> None:
    """The oldest certificate of all connections counts, as each hourly run reports its own."""
    found = alarms["UncertifiedAlarm"]
    assert (found["Namespace"], found["MetricName"]) == ("QontoSync", "CertificateAgeDays")
    assert found["Dimensions"] == [{"Name": "service", "Value": STACK}]
    assert (found["Statistic"], found["Period"], found["EvaluationPeriods"]) == ("Maximum", 3600, 1)
    assert (found["ComparisonOperator"], found["Threshold"]) == (
        "GreaterThanThreshold",
        {"Ref": "UncertifiedAfterDays"},
    )
    assert found["TreatMissingData"] == "ignore"


def test_three_periods_are_three_hours(source: dict[str, Any]) -> None:
    """The defaults of the schedule and of the alarm belong together."""
    parameters = source["Parameters"]
    assert parameters["ScheduleExpression"]["Default"] == "rate(1 hour)"
    assert parameters["StalledAfterHours"]["Default"] == 3


@pytest.mark.parametrize(
    ("alarm", "function"), [("SyncDurationAlarm", "SyncFunction"), ("RetryDurationAlarm", "RetryFunction")]
)
def test_duration_alarm_rings_within_the_reserve(
    resources: dict[str, Any], alarms: dict[str, Any], alarm: str, function: str
) -> None:
    """A run that stops in time, as a long import does every time, is no alarm; half the reserve used up is one."""
    timeout = resources[function]["Properties"]["Timeout"] * 1000
    reserve = timeout - InvocationDeadline(lambda: timeout).remaining() * 1000
    assert alarms[alarm]["Threshold"] == timeout - reserve / 2
    assert f"timeout of {timeout // 1000} seconds" in alarms[alarm]["AlarmDescription"]["Fn::Sub"]
    assert alarms[alarm]["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": function}}]


def test_dead_letters_are_announced_as_they_come(alarms: dict[str, Any]) -> None:
    """The queue's growth rings: old letters hide no new ones, and the first one counts from 0."""
    alarm = alarms["DeadLettersAlarm"]
    queue = [{"Name": "QueueName", "Value": {"Fn::GetAtt": ["RetryDeadLetterQueue", "QueueName"]}}]
    letters, *expressions = alarm["Metrics"]
    assert letters["MetricStat"]["Metric"]["Dimensions"] == queue
    assert (letters["Id"], letters["MetricStat"]["Stat"]) == ("letters", "Maximum")
    assert [(item["Id"], item["Expression"]) for item in expressions] == [
        ("repeated", "FILL(letters, REPEAT)"),
        ("filled", "FILL(repeated, 0)"),
        ("growth", "DIFF(filled)"),
    ]
    assert [item["Id"] for item in alarm["Metrics"] if item["ReturnData"]] == ["growth"]
    assert (alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"]) == (3, 1)
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", 0)
    assert alarm["TreatMissingData"] == "notBreaching"


def test_failed_runs_are_announced_as_they_come(alarms: dict[str, Any]) -> None:
    """Lambda and the schedule send to the queue, which counts; an event that nobody removes hides no new one."""
    alarm = alarms["FailedRunsAlarm"]
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": {"Fn::GetAtt": ["SyncFailureQueue", "QueueName"]}}]
    assert (alarm["MetricName"], alarm["Statistic"]) == ("NumberOfMessagesSent", "Sum")
    assert (alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"]) == (3, 1)
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", 0)
    assert alarm["TreatMissingData"] == "notBreaching"


def test_topic_takes_alarms_of_this_account_only(resources: dict[str, Any]) -> None:
    """CloudWatch may publish for this account only, and mail goes only to the given address."""
    alarms, tls = resources["AlarmTopicPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert alarms["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert alarms["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    assert (tls["Effect"], tls["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert resources["AlarmMail"]["Condition"] == "HasAlarmEmail"


def test_runbook_knows_every_event_that_is_logged(root: Path) -> None:
    """One name per fact, each explained, and no name that is not logged."""
    part = (root / "docs/runbook.md").read_text().partition("\n## Log events\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE)) == logged(root)


def test_saved_queries_ask_for_what_is_logged(resources: dict[str, Any], root: Path) -> None:
    """Every event and every field that a query names is one that the code writes."""
    queries = [item["Properties"] for item in resources.values() if item["Type"] == "AWS::Logs::QueryDefinition"]
    code = "".join(path.read_text() for path in (root / "layers/common/qonto_sync").rglob("*.py"))
    assert len(queries) == 4
    for query in queries:
        text = query["QueryString"]
        events = re.search(r"message in \[([^\]]+)\]", text)
        assert not events or set(re.findall(r'"(\w+)"', events[1])) <= logged(root)
        fields = text.partition("fields ")[2].partition("|")[0]
        for field in re.findall(r"[\w@.]+", fields):
            last = field.rpartition(".")[2]
            assert last.startswith("@") or last == "message" or f'"{last}"' in code, field
