"""The template on a local AWS: what is read back is what is deployed."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

import pytest

from local.aws import moto_server, put_secret, session
from local.cloudformation import DeploymentError
from local.stack import TEMPLATE, deploy

if TYPE_CHECKING:
    from pathlib import Path

    from local.stack import Stack

pytestmark = pytest.mark.slow


def test_functions_are_read_back(stack: Stack) -> None:
    """Parameters and physical names have reached the functions' environment."""
    for function in stack.functions.values():
        assert function.environment["STATE_TABLE"] == stack.resources["StateTable"]
        assert function.environment["ARCHIVE_BUCKET"] == stack.resources["ArchiveBucket"]
        assert function.environment["RETRY_QUEUE_URL"] == stack.queues["RetryQueue"].url
        assert function.environment["AWS_ENDPOINT_URL"] == stack.endpoint_url
        assert function.environment["POWERTOOLS_LOG_LEVEL"] == "DEBUG"
        assert function.environment["QONTO_API_URL"] == "https://thirdparty.qonto.com"
        assert function.handler == "app.lambda_handler"
        assert stack.resources[function.logical_id] == function.name
    assert {name: (item.timeout, item.memory) for name, item in stack.functions.items()} == {
        "SyncFunction": (900, 1024),
        "RetryFunction": (120, 512),
    }
    assert {item.source.relative_to(TEMPLATE.parent).as_posix() for item in stack.functions.values()} == {
        "functions/sync",
        "functions/retry",
    }
    assert {item.log_group for item in stack.functions.values()} == {
        "/aws/lambda/local-sync",
        "/aws/lambda/local-retry",
    }


def test_mapping_and_redrive_are_read_back(stack: Stack) -> None:
    """The retry queue feeds the retry function and, in the end, the dead-letter queue."""
    (mapping,) = stack.mappings
    queue = stack.queues["RetryQueue"]
    assert mapping.function == stack.functions["RetryFunction"]
    assert mapping.queue == queue
    assert (mapping.batch_size, mapping.reports_item_failures) == (5, True)
    assert (queue.visibility_timeout, queue.max_receive_count) == (720, 8)
    assert queue.dead_letter_arn == stack.queues["RetryDeadLetterQueue"].arn
    assert stack.queues["SyncFailureQueue"].dead_letter_arn is None


def test_storage_is_really_there(stack: Stack) -> None:
    """Table with its index, bucket with versions, and secrets work under the names that were read back."""
    table = session().client("dynamodb", endpoint_url=stack.endpoint_url)
    description = table.describe_table(TableName=stack.resources["StateTable"])["Table"]
    assert [index["IndexName"] for index in description["GlobalSecondaryIndexes"]] == ["pending"]
    bucket = session().client("s3", endpoint_url=stack.endpoint_url)
    assert bucket.get_bucket_versioning(Bucket=stack.resources["ArchiveBucket"])["Status"] == "Enabled"
    put_secret(stack.endpoint_url, "qonto/default", {"login": "a", "secret_key": "b"})
    secrets = session().client("secretsmanager", endpoint_url=stack.endpoint_url)
    stored = secrets.get_secret_value(SecretId="qonto/default")["SecretString"]
    assert stored == '{"login": "a", "secret_key": "b"}'


def test_outputs_tell_what_to_do_next(stack: Stack) -> None:
    """The outputs hold the names a person needs and two commands that can be pasted."""
    assert stack.outputs["SyncFunctionName"] == stack.functions["SyncFunction"].name
    assert stack.outputs["RetryFunctionName"] == stack.functions["RetryFunction"].name
    assert stack.outputs["ArchiveBucketName"] == stack.resources["ArchiveBucket"]
    assert stack.outputs["StateTableName"] == stack.resources["StateTable"]
    for name, queue in stack.queues.items():
        assert stack.outputs[f"{name}Url"] == queue.url
    assert "--name qonto/default " in stack.outputs["CreateSecretCommand"]
    assert f"--function-name {stack.functions['SyncFunction'].name} " in stack.outputs["InvokeCommand"]
    assert not re.search(r"[\n$]", stack.outputs["CreateSecretCommand"] + stack.outputs["InvokeCommand"])


def test_nothing_but_us_receives_messages(stack: Stack) -> None:
    """A message's first delivery is its first: moto has not tried one before."""
    client = session().client("sqs", endpoint_url=stack.endpoint_url)
    url = stack.queues["RetryQueue"].url
    client.send_message(QueueUrl=url, MessageBody="wake up")
    (message,) = client.receive_message(QueueUrl=url, MessageSystemAttributeNames=["All"])["Messages"]
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"


def test_functions_can_be_given_another_endpoint() -> None:
    """Functions in a container reach the same server under another address."""
    inside = "http://host.docker.internal:5000"
    with moto_server() as endpoint_url:
        stack = deploy(endpoint_url, parameters={"AwsEndpointUrl": inside})
    assert {item.environment["AWS_ENDPOINT_URL"] for item in stack.functions.values()} == {inside}


def test_server_starts_empty_on_the_port_it_is_given() -> None:
    """A second server knows nothing of the first, and a port that is taken is an error instead of a long wait."""
    with moto_server() as endpoint_url:
        deploy(endpoint_url, parameters={})
    with moto_server() as endpoint_url:
        client = session().client("cloudformation", endpoint_url=endpoint_url)
        assert client.list_stacks()["StackSummaries"] == []
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        moto_server(port=taken.getsockname()[1]).__enter__()


def test_unknown_parameter_is_named() -> None:
    """A misspelled parameter does not silently leave the default in place."""
    with pytest.raises(DeploymentError, match=r"template.yaml has no parameter QontoApiURL"):
        deploy("http://127.0.0.1:1", parameters={"QontoApiURL": "http://127.0.0.1:9000"})


@pytest.mark.parametrize(
    ("good", "bad", "reason"),
    [
        ("RecursiveLoop: Allow", "RecursiveLop: Allow", r"\[RetryFunction\].*RecursiveLop"),
        ("ARCHIVE_BUCKET: !Ref ArchiveBucket", "ARCHIVE_BUCKET: !GetAtt Nothing.Arn", "Nothing"),
    ],
)
def test_mistake_in_the_template_is_named(tmp_path: Path, good: str, bad: str, reason: str) -> None:
    """The error says which resource is wrong, and why."""
    template = tmp_path / "template.yaml"
    template.write_text(TEMPLATE.read_text().replace(good, bad))
    with moto_server() as endpoint_url, pytest.raises(DeploymentError, match=reason):
        deploy(endpoint_url, parameters={}, template=template)


@pytest.mark.parametrize(
    ("key", "policies"),
    [
        ("", ["sync"]),
        ("arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab", ["sync", "key"]),
    ],
    ids=["without a key", "with a key"],
)
def test_what_a_condition_leaves_out_is_not_deployed(key: str, policies: list[str]) -> None:
    """Neither as a resource nor as a member of a list."""
    with moto_server() as endpoint_url:
        stack = deploy(endpoint_url, parameters={"KmsKeyArn": key})
        iam = session().client("iam", endpoint_url=endpoint_url)
        found = iam.list_role_policies(RoleName=stack.resources["SyncRole"])["PolicyNames"]
    assert found == policies
