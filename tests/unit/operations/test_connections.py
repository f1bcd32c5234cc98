"""The commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from operations.cli import main
from operations.listing import Row, table
from tests.unit.operations.conftest import FUNCTION, GROUP

if TYPE_CHECKING:
    from tests.unit.operations.conftest import Operator


def test_adds_a_connection(operator: Operator) -> None:
    """A schedule and an alarm are there, and the operator reads what they are, when it runs, and how to run it now."""
    status, said, _ = operator.run("add", "acme")
    schedule = operator.schedule("acme")
    assert status == 0
    assert schedule["ScheduleExpression"] == "rate(1 hour)"
    assert schedule["State"] == "ENABLED"
    assert schedule["Target"]["Input"] == '{"connection": "acme"}'
    (reconciliation,) = operator.everything()["reconciliations"]
    assert reconciliation["ScheduleExpression"] == "cron(30 2 * * ? *)"
    assert reconciliation["Target"]["Input"] == '{"action": "reconcile", "connection": "acme"}'
    assert "Reconciliation: cron(30 2 * * ? *), within four hours of it" in said
    assert [alarm["AlarmName"] for alarm in operator.everything()["alarms"]] == ["books-stalled-acme"]
    assert "Schedule acme created: rate(1 hour)" in said
    assert "rings after 3 hours" in said
    assert "First run: within 15 minutes." in said
    assert f"--function-name {FUNCTION} " in said
    assert """--payload '{"connection": "acme"}' """ in said


def test_adding_twice_changes_nothing(operator: Operator) -> None:
    """Not even the schedule's date of change: an update could restart its rate."""
    operator.run("add", "acme")
    before = operator.everything()
    status, said, _ = operator.run("add", "acme")
    assert status == 0
    assert "Schedule acme unchanged" in said
    assert operator.everything() == before


def test_adding_again_with_another_schedule_updates(operator: Operator) -> None:
    """The schedule, its window and its alarm follow; there is still one of each."""
    operator.run("add", "acme")
    status, said, _ = operator.run("add", "--schedule=rate(10 minutes)", "--stalled-after=2", "acme")
    everything = operator.everything()
    assert status == 0
    assert "Schedule acme updated: rate(10 minutes)" in said
    assert [schedule["ScheduleExpression"] for schedule in everything["schedules"]] == ["rate(10 minutes)"]
    assert [schedule["FlexibleTimeWindow"]["MaximumWindowInMinutes"] for schedule in everything["schedules"]] == [9]
    assert [alarm["EvaluationPeriods"] for alarm in everything["alarms"]] == [2]


def test_adding_repairs_what_somebody_changed(operator: Operator) -> None:
    """A schedule that was paused by hand runs again, and its target is the stack's function."""
    operator.run("add", "acme")
    before = operator.schedule("acme")
    target = {**before["Target"], "Arn": f"{FUNCTION}-older"}
    scheduler: Any = operator.session.client("scheduler")
    scheduler.update_schedule(
        GroupName=GROUP,
        Name="acme",
        ScheduleExpression="rate(1 hour)",
        FlexibleTimeWindow=before["FlexibleTimeWindow"],
        Target=target,
        State="DISABLED",
    )
    _, said, _ = operator.run("add", "acme")
    after = operator.schedule("acme")
    assert "Schedule acme updated" in said
    assert (after["State"], after["Target"]) == ("ENABLED", before["Target"])


def test_says_that_the_pause_of_a_cron_is_unknown(operator: Operator) -> None:
    """Its alarm waits as long as the stack's, unless the operator says how long."""
    _, said, _ = operator.run("add", "--schedule=cron(0 6 * * ? *)", "acme")
    assert "If cron(0 6 * * ? *) pauses for longer, say how long with --stalled-after" in said
    assert "First run: within 15 minutes of the first time that cron(0 6 * * ? *) names, in UTC" in said


def test_without_a_secret_nothing_is_changed(operator: Operator) -> None:
    """The error has the command that stores it."""
    status, said, errors = operator.run("add", "beta")
    assert status == 1
    assert not said
    assert "aws secretsmanager create-secret --region eu-central-1 --name qonto/beta --secret-string file://" in errors
    assert operator.everything() == {"schedules": [], "reconciliations": [], "alarms": []}


def test_with_a_secret_about_to_be_deleted_nothing_is_changed(operator: Operator) -> None:
    """It would run for some days and then always fail."""
    operator.session.client("secretsmanager").delete_secret(SecretId="qonto/acme", RecoveryWindowInDays=7)
    status, _, errors = operator.run("add", "acme")
    assert status == 1
    assert "aws secretsmanager restore-secret --region eu-central-1 --secret-id qonto/acme" in errors
    assert operator.everything() == {"schedules": [], "reconciliations": [], "alarms": []}


@pytest.mark.parametrize("command", ["add", "remove"])
@pytest.mark.parametrize("name", ["a b", "../x", "x#y", "", "x" * 65, "default", "-x"])
def test_a_hostile_name_reaches_nothing(
    terminal: None, capsys: pytest.CaptureFixture[str], command: str, name: str
) -> None:
    """It is rejected as a wrong argument before AWS is called: here there is not even a region."""
    assert main(["connection", command, "--", name]) == 2
    assert capsys.readouterr().err.startswith("NAME is ")


def test_removing_keeps_what_was_archived(operator: Operator) -> None:
    """Schedule and alarm go; archive, checkpoint, ledger and secret stay, and are named with the way back."""
    operator.run("add", "acme")
    operator.write_checkpoint("acme", "2026-11-24T21:39:36Z")
    bucket, table_name = operator.output("ArchiveBucketName"), operator.output("StateTableName")
    s3, dynamodb = operator.session.client("s3"), operator.session.client("dynamodb")
    s3.put_object(Bucket=bucket, Key="acme/client_invoices/2026/11/i/invoice.json", Body=b"{}")
    dynamodb.put_item(TableName=table_name, Item={"pk": {"S": "invoice#acme#i"}})
    status, said, _ = operator.run("remove", "acme")
    assert status == 0
    assert operator.everything() == {"schedules": [], "reconciliations": [], "alarms": []}
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 1
    assert {row["pk"]["S"] for row in dynamodb.scan(TableName=table_name)["Items"]} == {
        "checkpoint#acme",
        "invoice#acme#i",
    }
    assert "DeletedDate" not in operator.session.client("secretsmanager").describe_secret(SecretId="qonto/acme")
    for kept in (f"s3://{bucket}/acme/", f"checkpoint#acme in the table {table_name}", "invoice#acme#", "qonto/acme"):
        assert kept in said
    assert "qonto-sync connection add acme --stack books" in said


def test_removing_leaves_the_others(operator: Operator) -> None:
    """Also one whose name begins the same."""
    operator.store_secret("acme-2")
    operator.run("add", "acme")
    operator.run("add", "acme-2")
    operator.run("remove", "acme")
    everything = operator.everything()
    assert [schedule["Name"] for schedule in everything["schedules"]] == ["acme-2"]
    assert [alarm["AlarmName"] for alarm in everything["alarms"]] == ["books-stalled-acme-2"]


def test_removing_what_is_not_there_is_no_error(operator: Operator) -> None:
    """It is reported, so that a typing error can be seen."""
    status, said, _ = operator.run("remove", "acem")
    assert status == 0
    assert "Schedule acem was not there" in said
    assert "Alarm books-stalled-acem was not there" in said


def test_an_alarm_without_its_schedule_is_removed_too(operator: Operator) -> None:
    """What an interrupted removal left behind, the next one takes away."""
    operator.run("add", "acme")
    operator.session.client("scheduler").delete_schedule(GroupName=GROUP, Name="acme")
    _, said, _ = operator.run("remove", "acme")
    assert "Alarm books-stalled-acme deleted" in said
    assert operator.everything()["alarms"] == []


def test_lists_every_connection(operator: Operator) -> None:
    """A hundred and twenty are more than a page; each with its schedule and how far it is, and no other group's."""
    operator.run("add", "acme")
    template = operator.schedule("acme")
    scheduler: Any = operator.session.client("scheduler")
    names = [f"acme-{number:03}" for number in range(119)]
    for name in names:
        scheduler.create_schedule(
            GroupName=GROUP,
            Name=name,
            ScheduleExpression="rate(2 hours)",
            State="DISABLED",
            FlexibleTimeWindow=template["FlexibleTimeWindow"],
            Target={**template["Target"], "Input": f'{{"connection": "{name}"}}'},
        )
    scheduler.create_schedule(
        Name="elsewhere",
        ScheduleExpression="rate(2 hours)",
        FlexibleTimeWindow=template["FlexibleTimeWindow"],
        Target=template["Target"],
    )
    operator.write_checkpoint("acme-007", "2026-11-24T21:39:36Z")
    status, said, _ = operator.run("list")
    header, first, *rest = said.splitlines()
    assert status == 0
    assert header.split() == ["connection", "schedule", "state", "synced", "until"]
    assert first.split() == ["acme", "rate(1", "hour)", "ENABLED", "never"]
    assert [line.split()[0] for line in rest] == names
    assert rest[7].split() == ["acme-007", "rate(2", "hours)", "DISABLED", "2026-11-24T21:39:36Z"]


def test_lists_what_is_still_to_be_read(operator: Operator) -> None:
    """Of a connection that catches up, and of a backfill; other pending items are left out."""
    operator.run("add", "acme")
    operator.write_checkpoint(
        "acme",
        "2020-01-01T00:00:00Z",
        updated_at="2026-11-24T21:39:36Z",
        catch_up_from="2016-01-01T00:00:00Z",
        catch_up_since="2026-11-24T21:29:36Z",
    )
    window = {"updated_from": "2010-01-01T00:00:00Z", "updated_to": "2011-01-01T00:00:00Z"}
    for name, pk in (("backfill", "gap#acme#a"), ("unreadable", "gap#acme#b"), ("failed", "invoice#acme#i")):
        operator.write_item(pk, **window, reason=name, pending_for="acme", due_at="2026-11-24T22:00:00Z")
    _, said, _ = operator.run("list")
    _header, row, empty, catching_up, backfill = said.splitlines()
    assert (row.split()[-1], empty) == ("2020-01-01T00:00:00Z", "")
    assert catching_up.startswith("acme: catches up: ")
    assert catching_up.endswith(" left")
    assert backfill == "acme: backfill: 2010-01-01T00:00:00Z to 2011-01-01T00:00:00Z is still to be read"


def test_lists_a_schedule_by_what_it_runs(operator: Operator) -> None:
    """The stack's own has a name by CloudFormation, and one made by hand may name no connection at all."""
    operator.run("add", "acme")
    template = operator.schedule("acme")
    scheduler: Any = operator.session.client("scheduler")
    for name, event in (("books-Schedule-1X2Y", '{"connection": "default"}'), ("typo", '{"conection": "acme"}')):
        scheduler.create_schedule(
            GroupName=GROUP,
            Name=name,
            ScheduleExpression="rate(1 hour)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={**template["Target"], "Input": event},
        )
    _, said, _ = operator.run("list")
    assert [line.split()[0] for line in said.splitlines()[1:]] == ["acme", "default", "typo"]
    assert said.splitlines()[-1].endswith("never: its input names no connection")


def test_the_columns_of_the_table_stand_below_each_other() -> None:
    """Whatever is longest, the header or a name."""
    found = [Row("a" * 20, "rate(1 hour)", "ENABLED", "never"), Row("b", "rate(1 day)", "DISABLED", "never")]
    assert table(found) == [
        "connection            schedule      state     synced until",
        "aaaaaaaaaaaaaaaaaaaa  rate(1 hour)  ENABLED   never",
        "b                     rate(1 day)   DISABLED  never",
    ]
