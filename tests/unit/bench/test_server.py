"""The server behaves as the contenders rely on."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bench.server.aws import Aws
from bench.server.http import Request
from bench.server.metering import MeteredDynamoDb, MeteredS3
from bench.server.organization import Organization, id_of
from bench.server.s3 import S3
from bench.server.tally import NO_LATENCIES, Tally
from local.in_memory.sqs import InMemorySqs

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
ITEM = {"pk": {"S": "invoice#1"}, "version": {"N": "1"}}


def s3_answer(s3: S3, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, str]:
    """The status and the ETag of the response."""
    path, _, query = path.partition("?")
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response = s3.answer(Request(method, path, query, named, body))
    return response.status, response.headers.get("ETag", "")


@pytest.fixture
def tally() -> Tally:
    """Counts the requests and the units of the server under test."""
    return Tally()


@pytest.fixture
def bucket(tally: Tally) -> MeteredS3:
    """An empty bucket."""
    return MeteredS3(tally)


@pytest.fixture
def s3(bucket: MeteredS3, tally: Tally) -> S3:
    """The protocol of that bucket."""
    return S3(bucket, latencies=NO_LATENCIES, tally=tally)


@pytest.fixture
def table(tally: Tally) -> MeteredDynamoDb:
    """An empty table."""
    return MeteredDynamoDb(tally)


@pytest.fixture
def aws(s3: S3, table: MeteredDynamoDb, tally: Tally) -> Aws:
    """That table and that bucket on one port, with a queue."""
    queue = InMemorySqs(lambda: LONG_AGO, timedelta(seconds=30), 8, timedelta(days=14))
    return Aws(s3, table, queue, latencies=NO_LATENCIES, tally=tally)


def ask(aws: Aws, operation: str, **request: Any) -> tuple[int, Any]:
    """The status and the answer to a request to DynamoDB."""
    headers = {"x-amz-target": f"DynamoDB_20120810.{operation}"}
    response = aws.answer(Request("POST", "/", "", headers, json.dumps(request).encode()))
    return response.status, json.loads(b"".join(response.body))


def test_a_page_has_what_was_updated_in_its_window() -> None:
    """By `created_at`, so that edited invoices keep their places."""
    organization = Organization(1_000, 500, years=2)
    now = datetime.now(UTC)
    assert len(organization.updated_between(LONG_AGO, now)) == 1_000
    assert organization.updated_between(now - timedelta(hours=1), now) == []
    organization.edit(10, now - timedelta(minutes=5))
    assert organization.updated_between(now - timedelta(hours=1), now) == list(range(0, 1_000, 100))
    assert len(organization.updated_between(LONG_AGO, now - timedelta(hours=1))) == 990
    # An edit does not leave a window of creation.
    assert organization.created_between(LONG_AGO, now) == range(1_000)
    assert 475 < len(organization.created_between(now - timedelta(days=365), now)) < 525


def test_an_invoice_is_json_of_three_kilobytes() -> None:
    """Its ids lead back to its index."""
    organization = Organization(3, 500, years=2)
    document = organization.document(2)
    invoice = json.loads(document)
    assert 2_900 < len(document) < 3_300
    assert organization.index(invoice["id"]) == organization.attachment_index(invoice["attachment_id"]) == 2


def test_a_file_is_a_pdf_of_the_set_size() -> None:
    """No two files are the same."""
    organization = Organization(2, 500, years=2)
    first, second = organization.file(0), organization.file(1)
    assert b"".join(first.body).startswith(b"%PDF-")
    assert len(b"".join(first.body)) == 500
    assert first.etag != second.etag
    assert organization.attachment_index(id_of("attachment", 1)) == 1


def test_s3_replaces_only_the_named_version(s3: S3) -> None:
    """Otherwise it responds 412, as real S3 does."""
    status, etag = s3_answer(s3, "PUT", "/archive/key", b"one", if_none_match="*")
    assert status == 200
    assert s3_answer(s3, "PUT", "/archive/key", b"two", if_none_match="*")[0] == 412
    assert s3_answer(s3, "PUT", "/archive/key", b"two", if_match='"another"')[0] == 412
    assert s3_answer(s3, "PUT", "/archive/key", b"two", if_match=etag)[0] == 200
    assert s3_answer(s3, "PUT", "/archive/other", b"two", if_match=etag)[0] == 404


def test_s3_marks_a_partial_response(s3: S3) -> None:
    """206 for a range, 200 for the whole object."""
    s3_answer(s3, "PUT", "/archive/key", b"one")
    assert s3_answer(s3, "GET", "/archive/key", range="bytes=0-1")[0] == 206
    assert s3_answer(s3, "GET", "/archive/key")[0] == 200


def test_s3_joins_parts(s3: S3, bucket: MeteredS3) -> None:
    """In the order of their numbers."""
    s3_answer(s3, "POST", "/archive/key?uploads")
    etags = {
        number: s3_answer(s3, "PUT", f"/archive/key?partNumber={number}&uploadId=upload-1", body)[1]
        for number, body in ((2, b"two"), (1, b"one"))
    }
    parts = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>{etags[number]}</ETag></Part>" for number in sorted(etags)
    )
    complete = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
    assert s3_answer(s3, "POST", "/archive/key?uploadId=upload-1", complete)[0] == 200
    assert bucket.objects["key"].body == b"onetwo"


def test_dynamodb_writes_on_condition(aws: Aws, tally: Tally) -> None:
    """A failed condition shows the item that is there."""
    new = {"Item": ITEM, "ConditionExpression": "attribute_not_exists(pk)"}
    assert ask(aws, "PutItem", **new)[0] == 200
    status, failure = ask(aws, "PutItem", **new, ReturnValuesOnConditionCheckFailure="ALL_OLD")
    assert (status, failure["Item"]) == (400, ITEM)
    condition: dict[str, Any] = {
        "ConditionExpression": "#version = :read_version",
        "ExpressionAttributeNames": {"#version": "version"},
        "ExpressionAttributeValues": {":read_version": {"N": "1"}},
    }
    assert ask(aws, "PutItem", Item={**ITEM, "version": {"N": "2"}}, **condition)[0] == 200
    assert ask(aws, "PutItem", Item={**ITEM, "version": {"N": "2"}}, **condition)[0] == 400
    assert tally.amounts["write_units"] == 2


def test_dynamodb_updates_attributes(aws: Aws) -> None:
    """The item may be new."""
    change = {
        "Key": {"pk": {"S": "checkpoint#default"}},
        "UpdateExpression": "SET synced_until = :synced_until, #version = :version",
        "ExpressionAttributeNames": {"#version": "version"},
        "ExpressionAttributeValues": {":synced_until": {"S": "now"}, ":version": {"N": "1"}},
    }
    ask(aws, "UpdateItem", **change)
    _, found = ask(aws, "GetItem", Key=change["Key"])
    assert found["Item"] == {"pk": {"S": "checkpoint#default"}, "synced_until": {"S": "now"}, "version": {"N": "1"}}


def test_a_transaction_is_done_as_a_whole_or_not_at_all(aws: Aws, table: MeteredDynamoDb, tally: Tally) -> None:
    """It takes twice the write units of its writes alone."""
    new, other = ({"pk": {"S": f"invoice#{number}"}} for number in (1, 2))
    puts = [{"Put": {"Item": item, "ConditionExpression": "attribute_not_exists(pk)"}} for item in (new, other)]
    assert ask(aws, "TransactWriteItems", TransactItems=puts[:1])[0] == 200
    status, failure = ask(aws, "TransactWriteItems", TransactItems=puts)
    assert status == 400
    assert failure["CancellationReasons"] == [{"Code": "ConditionalCheckFailed"}, {"Code": "None"}]
    assert set(table.items) == {"invoice#1"}
    assert tally.amounts["write_units"] == 2
