"""Functions: their environment, their logs, what starts them and what happens when they fail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from qonto_sync.aws.clients import LONGEST_CALL
from qonto_sync.clock import InvocationDeadline

if TYPE_CHECKING:
    from pathlib import Path

FUNCTIONS: Final = ("SyncFunction", "RetryFunction", "WebhookFunction")

STACK: Final = {"Ref": "AWS::StackName"}

SECONDS: Final = {"minute": 60, "hour": 3600, "day": 86400}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_environment_is_complete_and_points_at_the_stack(resources: dict[str, Any], function: str) -> None:
    """All functions get exactly the variables that the code reads, each from the stack's own resources."""
    assert resources[function]["Properties"]["Environment"]["Variables"] == {
        "QONTO_API_URL": {"Ref": "QontoApiUrl"},
        "QONTO_SECRET_PREFIX": {"Ref": "QontoSecretPrefix"},
        "QONTO_TOKEN_URL": {"Ref": "QontoTokenUrl"},
        "STACK": {"Fn::Sub": "${AWS::AccountId}/${AWS::Region}/${AWS::StackName}"},
        "STATE_TABLE": {"Ref": "StateTable"},
        "ARCHIVE_BUCKET": {"Ref": "ArchiveBucket"},
        "RETRY_QUEUE_URL": {"Ref": "RetryQueue"},
        "INITIAL_SYNC_FROM": {"Ref": "InitialSyncFrom"},
        "WORKERS": {"Ref": "Workers"},
        "REQUESTS_PER_10_SECONDS": {"Ref": "RequestsPer10Seconds"},
        "REQUESTS_PER_10_MINUTES": {"Ref": "RequestsPer10Minutes"},
        "ATTACHMENT_HOSTS": {"Ref": "AttachmentHosts"},
        "AWS_ENDPOINT_URL": {"Ref": "AwsEndpointUrl"},
        "POWERTOOLS_SERVICE_NAME": {"Ref": "AWS::StackName"},
        "POWERTOOLS_METRICS_NAMESPACE": "QontoSync",
        "POWERTOOLS_LOG_LEVEL": {"Ref": "LogLevel"},
    }


@pytest.mark.parametrize("function", FUNCTIONS)
def test_runtime_is_the_one_everything_is_tested_with(resources: dict[str, Any], function: str) -> None:
    """Functions and layer agree on Python and processor."""
    properties = resources[function]["Properties"]
    layer = next(item for item in resources.values() if item["Type"] == "AWS::Lambda::LayerVersion")
    assert properties["Runtime"] == "python3.13"
    assert layer["Properties"]["CompatibleRuntimes"] == ["python3.13"]
    assert properties["Architectures"] == [{"Ref": "Architecture"}]
    assert layer["Properties"]["CompatibleArchitectures"] == [{"Ref": "Architecture"}]


def test_every_function_writes_to_a_declared_log_group(resources: dict[str, Any]) -> None:
    """No function leaves it to its first invocation to create a group that never expires."""
    functions = [item for item in resources.values() if item["Type"] == "AWS::Lambda::Function"]
    groups = [item["Properties"]["LoggingConfig"]["LogGroup"]["Ref"] for item in functions]
    assert len(functions) == len(set(groups)) == len(FUNCTIONS)
    for group in groups:
        assert resources[group]["Type"] == "AWS::Logs::LogGroup"
        assert resources[group]["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_log_level_is_not_that_of_every_library(resources: dict[str, Any], function: str) -> None:
    """Lambda's JSON format would set the root logger's level, and boto3's debug lines hold the credentials."""
    assert resources[function]["Properties"]["LoggingConfig"].keys() == {"LogFormat", "LogGroup"}
    assert resources[function]["Properties"]["LoggingConfig"]["LogFormat"] == "Text"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_concurrency_is_not_reserved(resources: dict[str, Any], function: str) -> None:
    """A new account, with its ten executions in all, can deploy the stack."""
    assert "ReservedConcurrentExecutions" not in resources[function]["Properties"]


def test_two_stacks_fit_in_one_account(resources: dict[str, Any]) -> None:
    """Every name that is given, and not made up by AWS, carries the stack's."""
    names = [
        value
        for resource in resources.values()
        if resource["Type"] != "AWS::ApiGatewayV2::Stage"  # named within its API
        for key, value in resource["Properties"].items()
        if key.endswith("Name") and key in {"Name", resource["Type"].split("::")[2] + "Name", "LayerName"}
    ]
    # Fourteen alarms, four queries, four log groups, the retry queue, the layer, the schedule group, the dashboard.
    assert len(names) == 26
    assert all(name == STACK or "${AWS::StackName}" in name["Fn::Sub"] for name in names)
    assert "Name" not in resources["SyncFunctionSchedule"]["Properties"]


def test_failed_run_is_not_repeated_but_kept(resources: dict[str, Any], source: dict[str, Any]) -> None:
    """A failed event goes to a queue at once: the next run does its work, and comes later than its age limit."""
    config = resources["SyncFunctionEventInvokeConfig"]["Properties"]
    assert config["FunctionName"] == {"Ref": "SyncFunction"}
    assert config["MaximumRetryAttempts"] == 0
    assert config["DestinationConfig"]["OnFailure"] == {"Destination": {"Fn::GetAtt": ["SyncFailureQueue", "Arn"]}}
    rate = source["Parameters"]["ScheduleExpression"]["Default"].removeprefix("rate(").removesuffix(")")
    number, unit = rate.split()
    assert config["MaximumEventAgeInSeconds"] < int(number) * SECONDS[unit.removesuffix("s")]


def test_a_result_goes_to_the_rule_that_starts_the_next_run(resources: dict[str, Any]) -> None:
    """Only results of this stack's function that say how to go on, and only the rule may start it."""
    config = resources["SyncFunctionEventInvokeConfig"]["Properties"]
    # SAM fills in the partition and the region.
    bus = "arn:aws:events:eu-central-1:${AWS::AccountId}:event-bus/default"
    assert config["DestinationConfig"]["OnSuccess"] == {"Destination": {"Fn::Sub": bus}}
    rule = resources["ContinuationRule"]["Properties"]
    function, failures = ({"Fn::GetAtt": [name, "Arn"]} for name in ("SyncFunction", "SyncFailureQueue"))
    assert rule["EventPattern"] == {
        "source": ["lambda"],
        "detail-type": ["Lambda Function Invocation Result - Success"],
        "detail": {
            "requestContext": {"functionArn": [function, {"Fn::Sub": "${SyncFunction.Arn}:$LATEST"}]},
            "responsePayload": {"continue": {"connection": [{"exists": True}]}},
        },
    }
    assert rule["Targets"] == [
        {
            "Id": "SyncFunction",
            "Arn": function,
            "InputPath": "$.detail.responsePayload.continue",
            "DeadLetterConfig": {"Arn": failures},
        }
    ]
    # The default bus: nothing names another one.
    assert "EventBusName" not in rule
    assert resources["ContinuationPermission"]["Properties"] == {
        "FunctionName": {"Ref": "SyncFunction"},
        "Action": "lambda:InvokeFunction",
        "Principal": "events.amazonaws.com",
        "SourceArn": {"Fn::GetAtt": ["ContinuationRule", "Arn"]},
    }
    (statement,) = resources["SyncFailureQueuePolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert statement == {
        "Sid": "ReportUndelivered",
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": failures,
        "Condition": {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": ["ContinuationRule", "Arn"]}}},
    }


def test_schedule_starts_the_default_connection(resources: dict[str, Any]) -> None:
    """The schedule sends what a person would send, on time, and keeps what it could not deliver."""
    schedule = resources["SyncFunctionSchedule"]["Properties"]
    target = schedule["Target"]
    assert schedule["ScheduleExpression"] == {"Ref": "ScheduleExpression"}
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert schedule["State"] == {"Ref": "DefaultSchedule"}
    assert schedule["GroupName"] == {"Ref": "ScheduleGroup"}
    assert target["RoleArn"] == {"Fn::GetAtt": ["ScheduleRole", "Arn"]}
    assert target["Arn"] == {"Fn::GetAtt": ["SyncFunction", "Arn"]}
    assert target["Input"] == '{"connection": "default"}'
    assert target["RetryPolicy"] == {"MaximumRetryAttempts": 0}
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["SyncFailureQueue", "Arn"]}}


def test_retry_function_works_off_the_retry_queue(resources: dict[str, Any]) -> None:
    """Messages fail one by one, a few batches run at a time, and a slow batch fits the function's timeout."""
    mapping = resources["RetryFunctionQueue"]["Properties"]
    timeout = resources["RetryFunction"]["Properties"]["Timeout"]
    assert mapping["EventSourceArn"] == {"Fn::GetAtt": ["RetryQueue", "Arn"]}
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": {"Ref": "RetryConcurrency"}}
    assert mapping["BatchSize"] * 10 < timeout * 0.9
    assert mapping.get("Enabled", True)


@pytest.mark.parametrize("function", ["SyncFunction", "RetryFunction"])
def test_one_call_ends_within_the_reserve(resources: dict[str, Any], function: str) -> None:
    """A call to AWS that begins at the last moment is over before Lambda terminates the function."""
    timeout = resources[function]["Properties"]["Timeout"]
    reserve = timeout - InvocationDeadline(lambda: timeout * 1000).remaining()
    assert reserve > LONGEST_CALL.total_seconds()


def test_retry_function_may_send_to_its_own_queue(resources: dict[str, Any]) -> None:
    """Lambda's loop detection does not stop an invoice that is retried again and again."""
    assert resources["RetryFunction"]["Properties"]["RecursiveLoop"] == "Allow"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_traces_need_no_code(resources: dict[str, Any], function: str) -> None:
    """Lambda traces by itself: the layer carries no X-Ray SDK."""
    assert resources[function]["Properties"]["TracingConfig"] == {"Mode": "Active"}


def test_code_folders_are_what_sam_build_expects(root: Path, source: dict[str, Any]) -> None:
    """Dependencies are the layer's alone, and its Makefile makes the `python` folder."""
    for function in FUNCTIONS:
        properties = source["Resources"][function]["Properties"]
        assert not (root / properties["CodeUri"] / "requirements.txt").exists()
    layer = source["Resources"]["CommonLayer"]
    folder = root / layer["Properties"]["ContentUri"]
    assert layer["Metadata"] == {"BuildMethod": "makefile", "BuildArchitecture": {"Ref": "Architecture"}}
    # SAM calls it by the resource's name.
    assert "\nbuild-CommonLayer:\n" in (folder / "Makefile").read_text()
    assert (folder / "requirements.txt").exists()
    assert (folder / "qonto_sync").is_dir()
    assert not (folder / "python").exists()


def test_template_has_no_yaml_aliases(root: Path) -> None:
    """CloudFormation rejects them, and linters do not report them."""
    lines = (root / "template.yaml").read_text().splitlines()
    values = [line.partition(": ")[2] or line.strip().removeprefix("- ") for line in lines]
    assert not [value for value in values if value.startswith(("&", "*", "<<"))]
