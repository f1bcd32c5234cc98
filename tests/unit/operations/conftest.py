"""An operator at a terminal, and a deployed stack on moto."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import boto3
import pytest

from local.aws import ACCESS_KEY, REGION, moto_server
from local.cloudformation import read
from local.stack import TEMPLATE
from operations.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator

STACK: Final = "books"
GROUP: Final = "books-connections"
FUNCTION: Final = f"arn:aws:lambda:{REGION}:123456789012:function:books-sync"
ROLE: Final = "arn:aws:iam::123456789012:role/books-schedule"
QUEUE: Final = f"arn:aws:sqs:{REGION}:123456789012:books-failures"
TOPIC: Final = f"arn:aws:sns:{REGION}:123456789012:books-alarms"

OUTPUTS: Final = {
    "ScheduleGroupName": GROUP,
    "ScheduleRoleArn": ROLE,
    "SyncFunctionArn": FUNCTION,
    "SyncFailureQueueArn": QUEUE,
    "RetryQueueUrl": "https://sqs.example/retry",
    "AlarmTopicArn": TOPIC,
    "StateTableName": {"Ref": "StateTable"},
    "ArchiveBucketName": {"Ref": "ArchiveBucket"},
}
PARAMETERS: Final = read(TEMPLATE)["Parameters"]


@dataclass
class Operator:
    """Runs commands, and inspects the result."""

    capsys: pytest.CaptureFixture[str]
    session: boto3.Session = field(default_factory=boto3.Session)

    def run(self, *arguments: str, stack: str = STACK) -> tuple[int, str, str]:
        """The exit status, what was printed, and the errors."""
        command, *rest = arguments
        status = main(["connection", command, f"--stack={stack}", *rest])
        printed = self.capsys.readouterr()
        return status, printed.out, printed.err

    def deploy(self, outputs: dict[str, Any] = OUTPUTS, stack: str = STACK) -> None:
        """The parameters of template.yaml, and of its resources those that the commands touch."""
        key = {"AttributeName": "pk"}
        table = {
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [
                {"AttributeName": name, "AttributeType": "S"} for name in ("pk", "pending_for", "due_at")
            ],
            "KeySchema": [{**key, "KeyType": "HASH"}],
            "GlobalSecondaryIndexes": [
                {
                    "IndexName": "pending",
                    "KeySchema": [
                        {"AttributeName": "pending_for", "KeyType": "HASH"},
                        {"AttributeName": "due_at", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
        }
        template = {
            "Parameters": PARAMETERS,
            "Resources": {
                "StateTable": {"Type": "AWS::DynamoDB::Table", "Properties": table},
                "ArchiveBucket": {"Type": "AWS::S3::Bucket"},
            },
            "Outputs": {name: {"Value": value} for name, value in outputs.items()},
        }
        self.session.client("cloudformation").create_stack(StackName=stack, TemplateBody=json.dumps(template))

    def store_secret(self, connection: str) -> None:
        """What Qonto's administrator gave."""
        self.session.client("secretsmanager").create_secret(Name=f"qonto/{connection}", SecretString="{}")

    def output(self, name: str) -> str:
        """One of the stack's outputs."""
        stack = self.session.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
        return {item["OutputKey"]: item["OutputValue"] for item in stack["Outputs"]}[name]

    def schedule(self, name: str) -> dict[str, Any]:
        """A schedule, without the account of how it was asked for."""
        found: Any = self.session.client("scheduler").get_schedule(GroupName=GROUP, Name=name)
        return {key: value for key, value in found.items() if key != "ResponseMetadata"}

    def everything(self) -> dict[str, Any]:
        """All schedules and alarms, to compare before and after."""
        names = [summary["Name"] for summary in self.session.client("scheduler").list_schedules()["Schedules"]]
        alarms: Any = self.session.client("cloudwatch").describe_alarms()["MetricAlarms"]
        volatile = ("AlarmConfigurationUpdatedTimestamp", "StateUpdatedTimestamp", "StateTransitionedTimestamp")
        return {
            "schedules": [self.schedule(name) for name in names if not name.endswith(".reconcile")],
            "reconciliations": [self.schedule(name) for name in names if name.endswith(".reconcile")],
            "alarms": [{key: value for key, value in alarm.items() if key not in volatile} for alarm in alarms],
        }

    def write_checkpoint(self, connection: str, synced_until: str, **others: str) -> None:
        """What a run leaves."""
        self.write_item(f"checkpoint#{connection}", synced_until=synced_until, **others)

    def write_item(self, pk: str, **texts: str) -> None:
        """An item of the state table."""
        item = {name: {"S": text} for name, text in {"pk": pk, **texts}.items()}
        self.session.client("dynamodb").put_item(TableName=self.output("StateTableName"), Item=item)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the developer's own AWS."""
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def newcomer(terminal: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Operator]:
    """Has an account, and nothing in it."""
    with moto_server() as endpoint_url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint_url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", ACCESS_KEY)
        monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
        yield Operator(capsys)


@pytest.fixture
def operator(newcomer: Operator) -> Operator:
    """Has deployed the stack, and stored the secret of acme."""
    newcomer.deploy()
    newcomer.session.client("scheduler").create_schedule_group(Name=GROUP)
    newcomer.store_secret("acme")
    return newcomer
