"""Storage: what outlives the stack, who can read it, and how long messages are kept."""

from __future__ import annotations

from typing import Any, Final

import pytest

from qonto_sync.domain.retry_schedule import MESSAGE_LIFETIME

QUEUES: Final = ("RetryQueue", "RetryDeadLetterQueue", "SyncFailureQueue")
FOURTEEN_DAYS: Final = 14 * 24 * 3600
LIFETIME: Final = MESSAGE_LIFETIME.total_seconds()


def arn(logical_id: str) -> dict[str, Any]:
    """Gives what `!GetAtt X.Arn` becomes."""
    return {"Fn::GetAtt": [logical_id, "Arn"]}


@pytest.mark.parametrize("resource", ["StateTable", "ArchiveBucket", "ArchiveBucketPolicy"])
def test_data_outlives_the_stack(resources: dict[str, Any], resource: str) -> None:
    """Deleting the stack, or replacing the resource, leaves the archive, its protection and its state alone."""
    assert resources[resource]["DeletionPolicy"] == "Retain"
    assert resources[resource]["UpdateReplacePolicy"] == "Retain"


def test_every_stateful_resource_says_what_deleting_does(resources: dict[str, Any]) -> None:
    """Nothing with data in it is left to CloudFormation's default."""
    stateful = {"AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::Logs::LogGroup"}
    undecided = [name for name, item in resources.items() if item["Type"] in stateful and "DeletionPolicy" not in item]
    assert not undecided


def test_state_table_is_protected(resources: dict[str, Any]) -> None:
    """The ledger can be restored to any second, and cannot be deleted by accident."""
    table = resources["StateTable"]["Properties"]
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["DeletionProtectionEnabled"] is True
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


def test_state_table_finds_what_is_pending(resources: dict[str, Any]) -> None:
    """The key is `pk`; the index gives a connection's pending invoices, complete and in the order they are due."""
    table = resources["StateTable"]["Properties"]
    (index,) = table["GlobalSecondaryIndexes"]
    types = {item["AttributeName"]: item["AttributeType"] for item in table["AttributeDefinitions"]}
    assert table["KeySchema"] == [{"AttributeName": "pk", "KeyType": "HASH"}]
    assert index["IndexName"] == "pending"
    assert index["KeySchema"] == [
        {"AttributeName": "pending_for", "KeyType": "HASH"},
        {"AttributeName": "due_at", "KeyType": "RANGE"},
    ]
    assert index["Projection"] == {"ProjectionType": "ALL"}
    assert types == {"pk": "S", "pending_for": "S", "due_at": "S"}


def test_archive_is_private(resources: dict[str, Any]) -> None:
    """No access list and no policy can open the bucket."""
    bucket = resources["ArchiveBucket"]["Properties"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]


def test_archive_speaks_tls_only(resources: dict[str, Any]) -> None:
    """A request without TLS is denied for every principal."""
    policy = resources["ArchiveBucketPolicy"]["Properties"]
    tls, _ = policy["PolicyDocument"]["Statement"]
    assert policy["Bucket"] == {"Ref": "ArchiveBucket"}
    assert tls == {
        "Sid": "DenyWithoutTls",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn("ArchiveBucket"), {"Fn::Sub": "${ArchiveBucket.Arn}/*"}],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def test_nobody_writes_without_a_condition(resources: dict[str, Any]) -> None:
    """A write must name what it replaces, or that it replaces nothing; the calls of a multipart upload cannot."""
    _, conditional = resources["ArchiveBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert conditional == {
        "Sid": "DenyUnconditionalWrites",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": {"Fn::Sub": "${ArchiveBucket.Arn}/*"},
        "Condition": {
            # All of them must hold for the denial: neither header, and a call that makes an object.
            "Null": {"s3:if-match": "true", "s3:if-none-match": "true"},
            "Bool": {"s3:ObjectCreationOperation": "true"},
        },
    }


def test_object_lock_is_a_choice(resources: dict[str, Any]) -> None:
    """Without ObjectLockMode the bucket has no lock; with it, each new version has it."""
    bucket = resources["ArchiveBucket"]["Properties"]
    retention = {"Mode": {"Ref": "ObjectLockMode"}, "Days": {"Ref": "ObjectLockDays"}}
    lock = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": retention}}
    assert bucket["ObjectLockEnabled"] == {"Fn::If": ["HasObjectLock", True, {"Ref": "AWS::NoValue"}]}
    assert bucket["ObjectLockConfiguration"] == {"Fn::If": ["HasObjectLock", lock, {"Ref": "AWS::NoValue"}]}


def test_archive_keeps_every_version_and_no_rubbish(resources: dict[str, Any]) -> None:
    """History stays; parts of uploads that were cut off go."""
    bucket = resources["ArchiveBucket"]["Properties"]
    uploads, versions = bucket["LifecycleConfiguration"]["Rules"]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert uploads["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    assert versions["NoncurrentVersionExpiration"] == {"NoncurrentDays": {"Ref": "KeepOldVersionsDays"}}
    assert uploads["Status"] == versions["Status"] == "Enabled"
    # No rule touches what is current.
    assert (uploads | versions).keys() == {
        *("Id", "Status", "AbortIncompleteMultipartUpload", "NoncurrentVersionExpiration")
    }


def test_importers_need_nothing_of_ours(resources: dict[str, Any]) -> None:
    """S3 sends EventBridge an event for every new object."""
    notifications = resources["ArchiveBucket"]["Properties"]["NotificationConfiguration"]
    assert notifications == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}


def test_own_key_encrypts_all_that_is_stored(resources: dict[str, Any]) -> None:
    """With a key of one's own, nothing that holds data is left to another."""
    own, none = {"Ref": "KmsKeyArn"}, {"Ref": "AWS::NoValue"}
    if_own = {"Fn::If": ["HasKmsKey", own, none]}
    found = {name: item["Properties"] for name, item in resources.items()}
    table = {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": own}
    (encryption,) = found["ArchiveBucket"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert found["StateTable"]["SSESpecification"] == {"Fn::If": ["HasKmsKey", table, none]}
    assert encryption["ServerSideEncryptionByDefault"] == {
        "Fn::If": ["HasKmsKey", {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": own}, {"SSEAlgorithm": "AES256"}]
    }
    assert [found[queue]["KmsMasterKeyId"] for queue in QUEUES] == [if_own] * len(QUEUES)
    assert found["AlarmTopic"]["KmsMasterKeyId"] == if_own
    groups = [item for item in resources.values() if item["Type"] == "AWS::Logs::LogGroup"]
    assert [group["Properties"]["KmsKeyId"] for group in groups] == [if_own] * 4


def test_message_stays_hidden_while_it_is_worked_on(resources: dict[str, Any]) -> None:
    """The visibility timeout is six times the consumer's: AWS advises it, `sam validate` is content with less."""
    visibility = resources["RetryQueue"]["Properties"]["VisibilityTimeout"]
    assert visibility >= 6 * resources["RetryFunction"]["Properties"]["Timeout"]


def test_message_has_several_attempts_before_it_is_set_aside(resources: dict[str, Any]) -> None:
    """A message that Lambda could not process a few times is not yet a dead letter."""
    redrive = resources["RetryQueue"]["Properties"]["RedrivePolicy"]
    assert redrive["maxReceiveCount"] >= 5
    assert redrive["deadLetterTargetArn"] == arn("RetryDeadLetterQueue")


def test_dead_letters_come_from_the_retry_queue_alone(resources: dict[str, Any]) -> None:
    """The allowed source, which cannot be a reference, is spelled like the retry queue's name."""
    name = resources["RetryQueue"]["Properties"]["QueueName"]["Fn::Sub"]
    policy = resources["RetryDeadLetterQueue"]["Properties"]["RedriveAllowPolicy"]
    assert policy == {
        "redrivePermission": "byQueue",
        "sourceQueueArns": [{"Fn::Sub": f"arn:${{AWS::Partition}}:sqs:${{AWS::Region}}:${{AWS::AccountId}}:{name}"}],
    }


@pytest.mark.parametrize("queue", QUEUES)
def test_queues_are_encrypted(resources: dict[str, Any], queue: str) -> None:
    """By SQS itself, unless there is a key of one's own."""
    properties = resources[queue]["Properties"]
    assert properties["SqsManagedSseEnabled"] == {"Fn::If": ["HasKmsKey", {"Ref": "AWS::NoValue"}, True]}


@pytest.mark.parametrize("queue", ["RetryDeadLetterQueue", "SyncFailureQueue"])
def test_what_is_for_a_person_lasts_a_holiday(resources: dict[str, Any], queue: str) -> None:
    """It waits for as long as SQS lets it."""
    assert resources[queue]["Properties"]["MessageRetentionPeriod"] == FOURTEEN_DAYS


def test_message_is_gone_when_the_next_one_is_sent(resources: dict[str, Any]) -> None:
    """So an invoice never has two; before that, a message has all its attempts and becomes a dead letter."""
    queue = resources["RetryQueue"]["Properties"]
    assert queue["MessageRetentionPeriod"] == LIFETIME
    assert queue["VisibilityTimeout"] * queue["RedrivePolicy"]["maxReceiveCount"] < LIFETIME
