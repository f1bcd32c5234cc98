"""Permissions: what each function may do, to what, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROLES: Final = ("SyncRole", "RetryRole", "WebhookRole", "ScheduleRole")


def arn(logical_id: str) -> dict[str, Any]:
    """Gives what `!GetAtt X.Arn` becomes."""
    return {"Fn::GetAtt": [logical_id, "Arn"]}


SECRETS: Final = {
    "Fn::Sub": "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${QontoSecretPrefix}*"
}
DEFAULT_BUS: Final = {"Fn::Sub": "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/default"}
ARCHIVE_AND_CREDENTIALS: Final[dict[str, tuple[set[str], Any]]] = {
    "WriteArchive": (
        {"s3:PutObject", "s3:GetObject", "s3:AbortMultipartUpload"},
        {"Fn::Sub": "${ArchiveBucket.Arn}/*"},
    ),
    "TellMissingObjects": ({"s3:ListBucket"}, arn("ArchiveBucket")),
    "UseCredentials": ({"secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"}, SECRETS),
    "WriteTraces": ({"xray:PutTraceSegments", "xray:PutTelemetryRecords"}, "*"),
}
LOG_ACTIONS: Final = {"logs:CreateLogStream", "logs:PutLogEvents"}
EXPECTED: Final[dict[str, dict[str, tuple[set[str], Any]]]] = {
    "SyncRole": {
        **ARCHIVE_AND_CREDENTIALS,
        "KeepState": (
            {"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"},
            arn("StateTable"),
        ),
        "RemoveGaps": ({"dynamodb:DeleteItem"}, arn("StateTable")),
        "FindPending": ({"dynamodb:Query"}, {"Fn::Sub": "${StateTable.Arn}/index/pending"}),
        "QueueRetries": ({"sqs:SendMessage"}, arn("RetryQueue")),
        "ReportFailedRuns": ({"sqs:SendMessage"}, arn("SyncFailureQueue")),
        "ReportResults": ({"events:PutEvents"}, DEFAULT_BUS),
        "WriteLogs": (LOG_ACTIONS, arn("SyncLogGroup")),
    },
    "RetryRole": {
        **ARCHIVE_AND_CREDENTIALS,
        "KeepInvoiceState": (
            {"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:PutItem"},
            arn("StateTable"),
        ),
        "KnowOrganization": ({"dynamodb:GetItem"}, arn("StateTable")),
        "NoteMessages": ({"dynamodb:UpdateItem"}, arn("StateTable")),
        "WorkOffRetries": (
            {
                "sqs:ReceiveMessage",
                "sqs:DeleteMessage",
                "sqs:ChangeMessageVisibility",
                "sqs:GetQueueAttributes",
                "sqs:SendMessage",
            },
            arn("RetryQueue"),
        ),
        "WriteLogs": (LOG_ACTIONS, arn("RetryLogGroup")),
    },
    "WebhookRole": {
        "ReadSigningSecrets": (
            {"secretsmanager:GetSecretValue"},
            {"Fn::Sub": SECRETS["Fn::Sub"].replace("Prefix}*", "Prefix}webhooks/*")},
        ),
        "QueueInvoices": ({"sqs:SendMessage"}, arn("RetryQueue")),
        "WriteLogs": (LOG_ACTIONS, arn("WebhookLogGroup")),
        "WriteTraces": ARCHIVE_AND_CREDENTIALS["WriteTraces"],
    },
    "ScheduleRole": {
        "StartRuns": ({"lambda:InvokeFunction"}, arn("SyncFunction")),
        "ReportUndelivered": ({"sqs:SendMessage"}, arn("SyncFailureQueue")),
    },
}


def statements(role: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Gives every statement of a role's policies, but for those that a key of one's own adds."""
    for policy in role["Properties"].get("Policies", []):
        if "Fn::If" not in policy:
            yield from policy["PolicyDocument"]["Statement"]


def leading_keys(*patterns: str) -> dict[str, Any]:
    """Gives the condition that limits a statement to the items of these kinds."""
    return {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": list(patterns)}}


def listed(value: str | list[str]) -> list[str]:
    """Gives IAM's short form, one string, as the list it stands for."""
    return [value] if isinstance(value, str) else value


def roles(resources: dict[str, Any]) -> dict[str, Any]:
    """Gives all roles of the stack, SAM's own included."""
    return {key: item for key, item in resources.items() if item["Type"] == "AWS::IAM::Role"}


@pytest.mark.parametrize("role", ROLES)
def test_function_may_do_exactly_this(resources: dict[str, Any], role: str) -> None:
    """Every action and every resource of a function's role is one that the code uses."""
    found = {item["Sid"]: (set(listed(item["Action"])), item["Resource"]) for item in statements(resources[role])}
    assert found == EXPECTED[role]
    assert all(item["Effect"] == "Allow" for item in statements(resources[role]))


@pytest.mark.parametrize(
    ("function", "role"),
    [("SyncFunction", "SyncRole"), ("RetryFunction", "RetryRole"), ("WebhookFunction", "WebhookRole")],
)
def test_function_has_its_own_role(resources: dict[str, Any], function: str, role: str) -> None:
    """A function does not inherit another's permissions, and only Lambda takes its role."""
    assert resources[function]["Properties"]["Role"] == arn(role)
    trust = resources[role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert [item["Principal"] for item in trust] == [{"Service": "lambda.amazonaws.com"}]


def test_no_role_has_a_managed_policy(resources: dict[str, Any]) -> None:
    """Managed policies, which SAM adds by itself, are valid for the whole account."""
    assert roles(resources).keys() == set(ROLES)
    for name, role in roles(resources).items():
        assert not role["Properties"].get("ManagedPolicyArns"), name
    assert not [item for item in resources.values() if item["Type"] in {"AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"}]


def test_no_action_is_a_wildcard(resources: dict[str, Any]) -> None:
    """No action stands for more than itself, and only X-Ray, which has no resources, is granted on all."""
    for name, role in roles(resources).items():
        for item in statements(role):
            actions = listed(item["Action"])
            assert not [action for action in actions if "*" in action], name
            assert item["Resource"] != "*" or all(action.startswith("xray:") for action in actions), name


def test_nobody_deletes(resources: dict[str, Any]) -> None:
    """Nothing but a message and a gap: no object, no version, no item of the ledger, no checkpoint."""
    actions = [
        (name, action, item.get("Condition"))
        for name, role in roles(resources).items()
        for item in statements(role)
        for action in listed(item["Action"])
    ]
    assert [found for found in actions if "Delete" in found[1]] == [
        ("SyncRole", "dynamodb:DeleteItem", leading_keys("gap#*")),
        ("RetryRole", "sqs:DeleteMessage", None),
    ]


def test_retry_function_leaves_the_checkpoint_as_it_is(resources: dict[str, Any]) -> None:
    """Of the state table it writes only the ledger and the leases of token refreshes; it reads the checkpoint."""
    found = {item["Sid"]: item.get("Condition") for item in statements(resources["RetryRole"])}
    assert found["KeepInvoiceState"] == leading_keys("invoice#*", "refresh#*")
    assert found["NoteMessages"] == leading_keys("invoice#*")
    assert found["KnowOrganization"] == leading_keys("checkpoint#*")
    conditional = {sid for sid, condition in found.items() if condition}
    assert conditional == {"KeepInvoiceState", "KnowOrganization", "NoteMessages"}


def test_schedules_of_this_stack_alone_take_their_role(resources: dict[str, Any]) -> None:
    """No schedule of another group, or of another account, starts our function."""
    (trust,) = resources["ScheduleRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    group = "arn:${AWS::Partition}:scheduler:${AWS::Region}:${AWS::AccountId}:schedule-group/${AWS::StackName}"
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trust["Condition"] == {
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}, "aws:SourceArn": {"Fn::Sub": group}}
    }
    assert resources["ScheduleGroup"]["Properties"]["Name"] == {"Ref": "AWS::StackName"}


def test_own_key_is_used_by_name(resources: dict[str, Any]) -> None:
    """With a key of one's own, the roles may use that key, to encrypt and decrypt; without one, none."""
    for name, role in roles(resources).items():
        (conditional,) = [policy["Fn::If"] for policy in role["Properties"]["Policies"] if "Fn::If" in policy]
        condition, policy, otherwise = conditional
        (statement,) = policy["PolicyDocument"]["Statement"]
        assert (condition, otherwise) == ("HasKmsKey", {"Ref": "AWS::NoValue"}), name
        assert (statement["Effect"], statement["Resource"]) == ("Allow", {"Ref": "KmsKeyArn"}), name
        assert not [action for action in statement["Action"] if "*" in action or "Grant" in action], name
