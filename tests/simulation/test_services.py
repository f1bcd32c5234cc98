"""The services in memory, as the simulation and the benchmark's server have them, and moto: the same cases on all."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from bench.simulator import Simulator
from bench.work import Work
from local.aws import session
from local.in_memory.sqs import InMemorySqs
from tests.contract.table import create_state_table
from tests.fakes import ManualClock
from tests.simulation.services import SimulatedDynamoDb, SimulatedS3

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "default/client_invoices/2026/03/a/invoice.json"
PART = 5 * 1024 * 1024
"""The least that S3 takes as a part that is not the last."""


def _code_of(call: Any, **request: Any) -> str:
    """The error's code, as the adapters look at it."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    return str(caught.value.response["Error"]["Code"])


def _content_of(answer: Any) -> bytes:
    """The body of an object, from memory or from a response."""
    body = answer["Body"]
    return bytes(body) if isinstance(body, memoryview) else body.read()


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    """The benchmark's server."""
    with Simulator() as running:
        yield running


@pytest.fixture
def server(simulator: Simulator) -> str:
    """The address of its AWS, which is empty."""
    simulator.reset(Work(invoices=0, file_bytes=0, latency=False))
    return simulator.ports.origin("aws")


@pytest.fixture(params=["simulation", "bench", "moto"])
def s3(request: pytest.FixtureRequest) -> Any:
    """A client, and a bucket with versions."""
    match request.param:
        case "simulation":
            return SimulatedS3(), {"Bucket": "archive"}
        case "bench":
            return session().client("s3", endpoint_url=request.getfixturevalue("server")), {"Bucket": "archive"}
        case _:
            return _moto_bucket(request.getfixturevalue("aws"))


def _moto_bucket(endpoint_url: str) -> Any:
    client: Any = session().client("s3", endpoint_url=endpoint_url)
    bucket = f"bucket-{uuid.uuid4().hex}"
    client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": session().region_name})
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return client, {"Bucket": bucket}


def test_s3_writes_on_conditions(s3: Any) -> None:
    """Where nothing is, or over the version that is named."""
    client, bucket = s3
    put = {**bucket, "Key": KEY, "Metadata": {"sha256": "s"}}
    first = client.put_object(**put, Body=b"1", IfNoneMatch="*")["ETag"]
    assert _code_of(client.put_object, **put, Body=b"2", IfNoneMatch="*") == "PreconditionFailed"
    second = client.put_object(**put, Body=b"2", IfMatch=first)["ETag"]
    assert _code_of(client.put_object, **put, Body=b"3", IfMatch=first) == "PreconditionFailed"
    elsewhere = {**put, "Key": KEY + "x"}
    assert _code_of(client.put_object, **elsewhere, Body=b"3", IfMatch=first) == "NoSuchKey"
    head = client.head_object(**bucket, Key=KEY)
    assert (head["ETag"], head["ContentLength"], head["Metadata"]) == (second, 1, {"sha256": "s"})
    # The content's MD5: equal bytes have equal ETags.
    assert client.put_object(**put, Body=b"1", IfMatch=second)["ETag"] == first


def test_s3_head_of_nothing(s3: Any) -> None:
    """A bare 404."""
    client, bucket = s3
    assert _code_of(client.head_object, **bucket, Key=KEY) == "404"


def test_s3_completes_an_upload(s3: Any) -> None:
    """One object of all parts, with the ETag of an upload and no metadata; nothing before that."""
    client, bucket = s3
    place = {**bucket, "Key": KEY}
    place["UploadId"] = client.create_multipart_upload(**place)["UploadId"]
    parts = [
        {"PartNumber": number, "ETag": client.upload_part(**place, PartNumber=number, Body=body)["ETag"]}
        for number, body in enumerate((b"x" * PART, b"y"), 1)
    ]
    assert _code_of(client.head_object, **bucket, Key=KEY) == "404"
    done = client.complete_multipart_upload(**place, MultipartUpload={"Parts": parts}, IfNoneMatch="*")
    head = client.head_object(**bucket, Key=KEY)
    assert (head["ETag"], head["ContentLength"], head["Metadata"]) == (done["ETag"], PART + 1, {})
    assert done["ETag"].endswith('-2"')


def test_s3_aborts_an_upload(s3: Any) -> None:
    """It is gone, and so are its parts."""
    client, bucket = s3
    place = {**bucket, "Key": KEY}
    place["UploadId"] = client.create_multipart_upload(**place)["UploadId"]
    client.upload_part(**place, PartNumber=1, Body=b"x")
    client.abort_multipart_upload(**place)
    assert _code_of(client.abort_multipart_upload, **place) == "NoSuchUpload"
    assert _code_of(client.head_object, **bucket, Key=KEY) == "404"


def _complete_over(s3: Any, **condition: str) -> None:
    """An upload that is completed over another object is refused, and changes nothing."""
    client, bucket = s3
    place = {**bucket, "Key": KEY}
    first = client.put_object(**place, Body=b"1", Metadata={})["ETag"]
    place["UploadId"] = client.create_multipart_upload(**place)["UploadId"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": client.upload_part(**place, PartNumber=1, Body=b"2")["ETag"]}]}
    refusal = _code_of(client.complete_multipart_upload, **place, MultipartUpload=parts, **condition)
    assert refusal == "PreconditionFailed"
    assert client.head_object(**bucket, Key=KEY)["ETag"] == first
    client.abort_multipart_upload(**place)


def test_s3_completes_where_nothing_is(s3: Any) -> None:
    """The condition of `put_object`; the upload that was refused is still there."""
    _complete_over(s3, IfNoneMatch="*")


def test_s3_completes_over_the_version_that_is_named(server: str) -> None:
    """In memory only: moto completes whatever If-Match says; S3 documents it."""
    for client in (SimulatedS3(), session().client("s3", endpoint_url=server)):
        _complete_over((client, {"Bucket": "archive"}), IfMatch='"another"')


def test_s3_completes_with_known_parts(s3: Any) -> None:
    """Each by its number and its ETag, and one at least; the object has what the upload was created with."""
    client, bucket = s3
    place = {**bucket, "Key": KEY}
    made = client.create_multipart_upload(**place, ContentType="application/pdf", Metadata={"a": "b"})
    place["UploadId"] = made["UploadId"]
    # The last one with the number replaces the others.
    etags = [client.upload_part(**place, PartNumber=2, Body=body)["ETag"] for body in (b"1", b"2")]
    for wrong, code in (
        ([], "MalformedXML"),
        ([{"PartNumber": 1, "ETag": etags[1]}], "InvalidPart"),
        ([{"PartNumber": 2, "ETag": etags[0]}], "InvalidPart"),
    ):
        assert _code_of(client.complete_multipart_upload, **place, MultipartUpload={"Parts": wrong}) == code
    parts = {"Parts": [{"PartNumber": 2, "ETag": etags[1]}]}
    client.complete_multipart_upload(**place, MultipartUpload=parts)
    found = client.get_object(**bucket, Key=KEY)
    assert (_content_of(found), found["ContentType"], found["Metadata"]) == (b"2", "application/pdf", {"a": "b"})


def test_s3_reads_ranges(s3: Any) -> None:
    """From one byte to another, or to the end."""
    client, bucket = s3
    place = {**bucket, "Key": KEY}
    client.put_object(**place, Body=b"0123456789")
    for asked, content, told in (("2-4", b"234", "2-4"), ("8-", b"89", "8-9"), ("8-20", b"89", "8-9")):
        found = client.get_object(**place, Range=f"bytes={asked}")
        assert (_content_of(found), found["ContentRange"]) == (content, f"bytes {told}/10")
    whole = client.get_object(**place)
    assert (_content_of(whole), whole["ContentLength"]) == (b"0123456789", 10)
    assert _code_of(client.get_object, **place, Range="bytes=10-") == "InvalidRange"
    assert _code_of(client.get_object, **{**place, "Key": "another"}) == "NoSuchKey"


def test_s3_lists(s3: Any) -> None:
    """What begins with a prefix; behind a delimiter only the folders, and nothing that was deleted."""
    client, bucket = s3
    for key in ("a/1", "a/b/2", "a/b/3", "c", "a/d&e"):
        client.put_object(**bucket, Key=key, Body=key.encode())
    for key in ("c", "never there"):
        client.delete_object(**bucket, Key=key)

    def listed(**request: str) -> tuple[list[tuple[str, int]], list[str], int]:
        found = client.list_objects_v2(**bucket, **request)
        assert not found["IsTruncated"]
        contents = [(each["Key"], each["Size"]) for each in found.get("Contents", [])]
        return contents, [each["Prefix"] for each in found.get("CommonPrefixes", [])], found["KeyCount"]

    assert listed() == ([("a/1", 3), ("a/b/2", 5), ("a/b/3", 5), ("a/d&e", 5)], [], 4)
    assert listed(Prefix="a/", Delimiter="/") == ([("a/1", 3), ("a/d&e", 5)], ["a/b/"], 3)
    assert listed(Prefix="z") == ([], [], 0)


@pytest.fixture(params=["simulation", "bench", "moto"])
def table(request: pytest.FixtureRequest) -> Any:
    """A client, and a table with the template's keys."""
    match request.param:
        case "simulation":
            return SimulatedDynamoDb(ManualClock(), index_lag=timedelta), "state"
        case "bench":
            return session().client("dynamodb", endpoint_url=request.getfixturevalue("server")), "state"
        case _:
            return create_state_table(request.getfixturevalue("aws"))


def _item(pk: str, version: int, **more: str) -> dict[str, Any]:
    return {"pk": {"S": pk}, "version": {"N": str(version)}, **{name: {"S": text} for name, text in more.items()}}


ABSENT = {"ConditionExpression": "attribute_not_exists(pk)"}


PENDING: dict[str, Any] = {
    "IndexName": "pending",
    "KeyConditionExpression": "pending_for = :connection",
    "ExpressionAttributeValues": {":connection": {"S": "default"}},
}


def _over(version: int) -> dict[str, Any]:
    return {
        "ConditionExpression": "#version = :read_version",
        "ExpressionAttributeNames": {"#version": "version"},
        "ExpressionAttributeValues": {":read_version": {"N": str(version)}},
    }


def test_dynamodb_puts_on_conditions(table: Any) -> None:
    """Where nothing is, or over the version that was read; a refusal shows what is there."""
    client, name = table
    put = {"TableName": name, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    client.put_item(**put, Item=_item("a", 1), **ABSENT)
    client.put_item(**put, Item=_item("a", 2), **_over(1))
    for request in (ABSENT, _over(1)):
        with pytest.raises(ClientError) as caught:
            client.put_item(**put, Item=_item("a", 3), **request)
        answer: Any = caught.value.response
        assert answer["Error"]["Code"] == "ConditionalCheckFailedException"
        assert answer["Item"] == _item("a", 2)
    with pytest.raises(ClientError) as caught:
        client.put_item(**put, Item=_item("b", 3), **_over(2))
    assert not dict(caught.value.response).get("Item")


def test_dynamodb_updates_on_conditions(table: Any) -> None:
    """Makes the item, then changes the attributes that are set."""
    client, name = table
    update = {
        "TableName": name,
        "Key": {"pk": {"S": "c"}},
        "UpdateExpression": "SET run_id = :run_id, #version = :version",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    client.update_item(
        **update,
        ConditionExpression="attribute_not_exists(pk)",
        ExpressionAttributeNames={"#version": "version"},
        ExpressionAttributeValues={":run_id": {"S": "r1"}, ":version": {"N": "1"}},
    )
    condition = _over(1)
    condition["ExpressionAttributeValues"] |= {":run_id": {"S": "r2"}, ":version": {"N": "2"}}
    client.update_item(**update, **condition)
    assert _code_of(client.update_item, **update, **condition) == "ConditionalCheckFailedException"
    found = client.get_item(TableName=name, Key={"pk": {"S": "c"}}, ConsistentRead=True)["Item"]
    assert found == _item("c", 2, run_id="r2")
    assert "Item" not in client.get_item(TableName=name, Key={"pk": {"S": "d"}}, ConsistentRead=True)


def test_dynamodb_inserts_all_or_none(table: Any) -> None:
    """One item that is there keeps all the others out."""
    client, name = table

    def insert(*keys: str) -> dict[str, Any]:
        puts = [{"Put": {"TableName": name, "Item": _item(pk, 1), **ABSENT}} for pk in keys]
        return {"TransactItems": puts}

    client.transact_write_items(**insert("a", "b"))
    assert _code_of(client.transact_write_items, **insert("c", "b")) == "TransactionCanceledException"
    answer = client.batch_get_item(RequestItems={name: {"Keys": [{"pk": {"S": pk}} for pk in "abc"]}})
    assert sorted(found["pk"]["S"] for found in answer["Responses"][name]) == ["a", "b"]


def test_dynamodb_says_why_it_inserted_none(table: Any) -> None:
    """By item, in their order; an item in the way is shown if that is asked for."""
    client, name = table
    client.put_item(TableName=name, Item=_item("a", 1), **ABSENT)

    def refused(*puts: dict[str, Any]) -> dict[str, Any]:
        with pytest.raises(ClientError) as caught:
            client.transact_write_items(TransactItems=[{"Put": {"TableName": name, **put}} for put in puts])
        return dict(caught.value.response)

    absent = [{"Item": _item(pk, 2), **ABSENT} for pk in "ba"]
    shown = {**absent[1], "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    reasons = refused(*absent, {"Item": _item("c", 3), **_over(2)})["CancellationReasons"]
    assert [reason["Code"] for reason in reasons] == ["None", "ConditionalCheckFailed", "ConditionalCheckFailed"]
    assert not any("Item" in reason for reason in reasons)
    reasons = refused(shown, absent[0])["CancellationReasons"]
    assert [(reason["Code"], reason.get("Item")) for reason in reasons] == [
        ("ConditionalCheckFailed", _item("a", 1)),
        ("None", None),
    ]
    assert refused(absent[0], absent[0])["Error"]["Code"] == "ValidationException"


def test_dynamodb_reads_many(table: Any) -> None:
    """Those that exist, in any order."""
    client, name = table
    for pk in "ab":
        client.put_item(TableName=name, Item=_item(pk, 1), **ABSENT)
    keys = [{"pk": {"S": pk}} for pk in "abc"]
    answer = client.batch_get_item(RequestItems={name: {"Keys": keys, "ConsistentRead": True}})
    assert sorted(found["pk"]["S"] for found in answer["Responses"][name]) == ["a", "b"]
    assert not answer["UnprocessedKeys"]


def test_dynamodb_queries_what_is_pending(table: Any) -> None:
    """The connection's items, the one due first before the others, over as many pages as there are."""
    client, name = table
    for pk, due_at in (("a", "5"), ("b", "1"), ("c", "3"), ("d", "9"), ("e", "1")):
        client.put_item(TableName=name, Item=_item(pk, 1, pending_for="default", due_at=due_at), **ABSENT)
    client.put_item(TableName=name, Item=_item("f", 1, pending_for="acme", due_at="1"), **ABSENT)
    client.put_item(TableName=name, Item=_item("g", 1), **ABSENT)
    query = {"TableName": name, **PENDING}
    found: list[str] = []
    while True:
        answer = client.query(**query)
        assert answer["Count"] == answer["ScannedCount"] == len(answer["Items"])
        found += [one["due_at"]["S"] for one in answer["Items"]]
        if "LastEvaluatedKey" not in answer:
            break
        query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
    assert found == ["1", "1", "3", "5", "9"]


def test_dynamodb_ends_a_page_where_it_is_asked_to(table: Any) -> None:
    """The next one begins behind the last item, also between items that are due at the same time."""
    client, name = table
    for pk in "cab":
        client.put_item(TableName=name, Item=_item(pk, 1, pending_for="default", due_at="1"), **ABSENT)
    query: dict[str, Any] = {"TableName": name, **PENDING, "Limit": 1}
    found: list[str] = []
    for _ in range(3):
        answer = client.query(**query)
        found += [one["pk"]["S"] for one in answer["Items"]]
        query["ExclusiveStartKey"] = answer.get("LastEvaluatedKey")
        assert len(found) == 3 or query["ExclusiveStartKey"].keys() == {"pk", "pending_for", "due_at"}
    assert sorted(found) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "request_",
    [
        {"ConditionExpression": "attribute_exists(pk)"},
        {"ConditionExpression": "#version <> :read_version"},
        {"ConditionExpression": "attribute_not_exists(pk) OR #version = :read_version"},
        {"UpdateExpression": "REMOVE run_id"},
        {"UpdateExpression": "SET run_id = if_not_exists(run_id, :read_version)"},
        {"UpdateExpression": "SET #version = #version + :read_version"},
        {"UpdateExpression": "SET run_id = :read_version REMOVE #version"},
    ],
)
def test_dynamodb_refuses_what_it_does_not_know(request_: dict[str, str]) -> None:
    """In memory only: an expression is evaluated as DynamoDB does it, or not at all."""
    client = SimulatedDynamoDb(ManualClock(), index_lag=timedelta)
    client.put_item(Item=_item("a", 1), **ABSENT)
    with pytest.raises(ValueError, match="unsupported"):
        client.update_item(
            **{"Key": {"pk": {"S": "a"}}, "UpdateExpression": "SET a = :read_version"} | _over(1) | request_
        )


@pytest.mark.parametrize("other", [{"IndexName": "another"}, {"KeyConditionExpression": "due_at = :connection"}])
def test_dynamodb_queries_the_index_by_its_partition_key_only(other: dict[str, str]) -> None:
    """In memory only."""
    with pytest.raises(ValueError, match="unsupported"):
        SimulatedDynamoDb(ManualClock(), index_lag=timedelta).query(**PENDING | other)


@pytest.mark.parametrize("missing", ["ExpressionAttributeNames", "ExpressionAttributeValues"])
def test_dynamodb_knows_no_undefined_name(missing: str) -> None:
    """In memory only: real DynamoDB refuses it as well, and moto does not answer."""
    request = {name: value for name, value in _over(1).items() if name != missing}
    with pytest.raises(KeyError):
        SimulatedDynamoDb(ManualClock(), index_lag=timedelta).put_item(Item=_item("a", 1), **request)


def test_every_write_of_the_simulation_has_a_condition() -> None:
    """In the simulation only: without one it would not be a compare-and-swap."""
    with pytest.raises(ValueError, match="without a condition"):
        SimulatedDynamoDb(ManualClock(), index_lag=timedelta).put_item(Item=_item("a", 1))


def test_dynamodb_index_lags() -> None:
    """In memory only: a query may miss what was just written."""
    clock = ManualClock()
    client = SimulatedDynamoDb(clock, index_lag=lambda: timedelta(seconds=5))
    client.put_item(Item=_item("a", 1, pending_for="default", due_at="1"), **ABSENT)
    assert not client.query(**PENDING)["Items"]
    clock.advance(seconds=5)
    assert client.query(**PENDING)["Items"]


class MotoQueue:
    """moto's queue with the receiving side of `InMemorySqs`."""

    def __init__(self, endpoint_url: str, max_receive_count: int) -> None:
        self._client: Any = session().client("sqs", endpoint_url=endpoint_url)
        name = uuid.uuid4().hex
        self._dead: str = self._client.create_queue(QueueName=f"dead-{name}")["QueueUrl"]
        attributes = self._client.get_queue_attributes(QueueUrl=self._dead, AttributeNames=["QueueArn"])
        arn = attributes["Attributes"]["QueueArn"]
        redrive = f'{{"deadLetterTargetArn": "{arn}", "maxReceiveCount": "{max_receive_count}"}}'
        self.url: str = self._client.create_queue(QueueName=name, Attributes={"RedrivePolicy": redrive})["QueueUrl"]
        self.send_message_batch = self._client.send_message_batch
        self.change_message_visibility = self._client.change_message_visibility

    def receive(self) -> list[tuple[str, str, int]]:
        answer = self._client.receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=10, AttributeNames=["ApproximateReceiveCount"]
        )
        return [
            (message["Body"], message["ReceiptHandle"], int(message["Attributes"]["ApproximateReceiveCount"]))
            for message in answer.get("Messages", [])
        ]

    def delete(self, receipt: str) -> None:
        self._client.delete_message(QueueUrl=self.url, ReceiptHandle=receipt)

    def dead_letters(self) -> int:
        return len(self._client.receive_message(QueueUrl=self._dead, MaxNumberOfMessages=10).get("Messages", []))


class InMemoryQueue:
    """`InMemorySqs` with moto's shape."""

    url = "retry"

    def __init__(self, max_receive_count: int) -> None:
        self.clock = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
        self._sqs = InMemorySqs(self.clock.now, timedelta(seconds=30), max_receive_count, timedelta(days=14))
        self.send_message_batch = self._sqs.send_message_batch
        self.change_message_visibility = self._sqs.change_message_visibility
        self.delete = self._sqs.delete

    def receive(self) -> list[tuple[str, str, int]]:
        return [(message.body, message.receipt, message.receive_count) for message in self._sqs.receive(10)]

    def dead_letters(self) -> int:
        return len(self._sqs.dead_letters)


@pytest.fixture(params=["memory", "moto"])
def queue(request: pytest.FixtureRequest) -> Any:
    """An empty queue that gives a message out twice at most."""
    return InMemoryQueue(2) if request.param == "memory" else MotoQueue(request.getfixturevalue("aws"), 2)


def _send(queue: Any, *bodies: str, delay: int = 0) -> Any:
    entries = [{"Id": str(index), "MessageBody": body, "DelaySeconds": delay} for index, body in enumerate(bodies)]
    return queue.send_message_batch(QueueUrl=queue.url, Entries=entries)


def test_sqs_delivers_until_deleted(queue: Any) -> None:
    """In flight it is not seen; delayed by nothing, it comes again and counts."""
    assert len(_send(queue, "a", "b")["Successful"]) == 2
    received = queue.receive()
    assert sorted(body for body, _, _ in received) == ["a", "b"]
    assert not queue.receive()
    (_, done, _), (body, receipt, count) = received
    assert count == 1
    queue.delete(done)
    queue.change_message_visibility(QueueUrl=queue.url, ReceiptHandle=receipt, VisibilityTimeout=0)
    ((again, _, count),) = queue.receive()
    assert (again, count) == (body, 2)


def test_sqs_delays(queue: Any) -> None:
    """What is delayed is not there yet."""
    _send(queue, "a", delay=900)
    assert not queue.receive()


def test_sqs_gives_up(queue: Any) -> None:
    """What was received as often as allowed goes to the dead letters when it would be received again."""
    _send(queue, "a")
    for _ in range(2):
        ((_, receipt, _),) = queue.receive()
        queue.change_message_visibility(QueueUrl=queue.url, ReceiptHandle=receipt, VisibilityTimeout=0)
    assert not queue.receive()
    assert queue.dead_letters() == 1


def test_sqs_refuses_a_longer_delay() -> None:
    """In memory only: SQS refuses it for each entry, and moto for none."""
    with pytest.raises(ClientError):
        _send(InMemoryQueue(2), "a", delay=901)


def test_sqs_takes_ten_at_once(queue: Any) -> None:
    """As the adapter sends them."""
    with pytest.raises(ClientError):
        _send(queue, *"abcdefghijk")
    assert not queue.receive()


@pytest.fixture(params=["simulation", "bench", "moto"])
def sender(request: pytest.FixtureRequest) -> Any:
    """A client, and the URL of a queue."""
    match request.param:
        case "simulation":
            return (memory := InMemoryQueue(2)), memory.url
        case "bench":
            url = request.getfixturevalue("server")
            return session().client("sqs", endpoint_url=url), f"{url}/123456789012/retry"
        case _:
            return (moto := MotoQueue(request.getfixturevalue("aws"), 2)), moto.url


def test_sqs_acknowledges_each_entry(sender: Any) -> None:
    """By its id, with a digest of its body; boto3 compares that with the body that it sent."""
    client, url = sender
    entries = [{"Id": str(index), "MessageBody": body, "DelaySeconds": index} for index, body in enumerate("ab")]
    done = client.send_message_batch(QueueUrl=url, Entries=entries)
    assert [(each["Id"], each["MD5OfMessageBody"][:8]) for each in done["Successful"]] == [
        ("0", "0cc175b9"),
        ("1", "92eb5ffe"),
    ]
    assert len({each["MessageId"] for each in done["Successful"]}) == 2
    assert not done.get("Failed")
