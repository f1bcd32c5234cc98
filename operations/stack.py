"""The deployed stack, as far as its connections need it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from operations.aws import OperationFailed, code_of

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_cloudformation.type_defs import StackTypeDef


@dataclass(frozen=True, slots=True)
class Stack:
    """One deployment of template.yaml: what its outputs and parameters say."""

    name: str
    region: str
    schedule_group: str
    schedule_role_arn: str
    sync_function_arn: str
    sync_failure_queue_arn: str
    retry_queue_url: str
    alarm_topic_arn: str
    state_table: str
    archive_bucket: str
    secret_prefix: str
    kms_key_arn: str
    """Empty: AWS's keys."""
    schedule: str
    """The expression of a connection that asks for no other."""
    reconcile_schedule: str
    """The expression by which each connection is reconciled."""
    stalled_after_hours: int
    runbook_url: str
    webhook_url: str | None
    """With `<connection>` in place of the name; None unless webhooks are enabled."""


def find_stack(session: boto3.Session, name: str) -> Stack:
    """Reads the stack.

    Raises:
        OperationFailed: There is no such stack, or it was deployed from an older template.
    """
    client = session.client("cloudformation")
    region = client.meta.region_name
    try:
        described = client.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if code_of(error) != "ValidationError":
            raise
        raise OperationFailed(
            f"There is no stack {name!r} in {region}: deploy it (`sam deploy`), or say which one it is with --stack"
            " and AWS_REGION="
        ) from error
    return _stack(name, region, _facts(described))


def _facts(described: StackTypeDef) -> dict[str, str]:
    outputs = {item["OutputKey"]: item["OutputValue"] for item in described.get("Outputs", [])}
    return outputs | {item["ParameterKey"]: item["ParameterValue"] for item in described.get("Parameters", [])}


def _stack(name: str, region: str, facts: dict[str, str]) -> Stack:
    try:
        return Stack(
            name=name,
            region=region,
            schedule_group=facts["ScheduleGroupName"],
            schedule_role_arn=facts["ScheduleRoleArn"],
            sync_function_arn=facts["SyncFunctionArn"],
            sync_failure_queue_arn=facts["SyncFailureQueueArn"],
            retry_queue_url=facts["RetryQueueUrl"],
            alarm_topic_arn=facts["AlarmTopicArn"],
            state_table=facts["StateTableName"],
            archive_bucket=facts["ArchiveBucketName"],
            secret_prefix=facts["QontoSecretPrefix"],
            kms_key_arn=facts["KmsKeyArn"],
            schedule=facts["ScheduleExpression"],
            reconcile_schedule=facts["ReconcileScheduleExpression"],
            stalled_after_hours=int(facts["StalledAfterHours"]),
            runbook_url=facts["RunbookUrl"],
            webhook_url=facts.get("WebhookUrl"),
        )
    except KeyError as error:
        raise OperationFailed(
            f"The stack {name!r} has no output or parameter {error.args[0]}: it is of an older version, or its"
            " deployment did not finish. Deploy it again (`sam build`, `sam deploy`)"
        ) from error
