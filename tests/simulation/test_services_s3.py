"""S3 in memory, as the simulation and the benchmark's server use it, and moto's: the same cases on all three."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from local.aws import session
from tests.simulation.error_codes import code_of
from tests.simulation.services import SimulatedS3

KEY = "default/client_invoices/2026/03/a/invoice.json"
PART = 5 * 1024 * 1024
"""The least size of a part that is not the last."""


def _content_of(answer: Any) -> bytes:
    """The body of an object, from memory or from a response."""
    content: bytes = answer["Body"].read()
    return content


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
    """It creates an object, or replaces the version that the condition names."""
    client, bucket = s3
    put = {**bucket, "Key": KEY, "Metadata": {"sha256": "s"}}
    first = client.put_object(**put, Body=b"1", IfNoneMatch="*")["ETag"]
    assert code_of(client.put_object, **put, Body=b"2", IfNoneMatch="*") == "PreconditionFailed"
    second = client.put_object(**put, Body=b"2", IfMatch=first)["ETag"]
    assert code_of(client.put_object, **put, Body=b"3", IfMatch=first) == "PreconditionFailed"
    elsewhere = {**put, "Key": KEY + "x"}
    assert code_of(client.put_object, **elsewhere, Body=b"3", IfMatch=first) == "NoSuchKey"
    head = client.head_object(**bucket, Key=KEY)
    assert (head["ETag"], head["ContentLength"], head["Metadata"]) == (second, 1, {"sha256": "s"})
    # The content's MD5: equal bytes have equal ETags.
    assert client.put_object(**put, Body=b"1", IfMatch=second)["ETag"] == first


def test_s3_head_of_nothing(s3: Any) -> None:
    """The code is 404, since a response to HEAD has no body."""
    client, bucket = s3
    assert code_of(client.head_object, **bucket, Key=KEY) == "404"


def test_s3_completes_an_upload(s3: Any) -> None:
    """Nothing is visible before that; the object has the ETag of a multipart upload, and no metadata."""
    client, bucket = s3
    place = {**bucket, "Key": KEY}
    place["UploadId"] = client.create_multipart_upload(**place)["UploadId"]
    parts = [
        {"PartNumber": number, "ETag": client.upload_part(**place, PartNumber=number, Body=body)["ETag"]}
        for number, body in enumerate((b"x" * PART, b"y"), 1)
    ]
    assert code_of(client.head_object, **bucket, Key=KEY) == "404"
    done = client.complete_multipart_upload(**place, MultipartUpload={"Parts": parts}, IfNoneMatch="*")
    head = client.head_object(**bucket, Key=KEY)
    assert (head["ETag"], head["ContentLength"], head["Metadata"]) == (done["ETag"], PART + 1, {})
    assert done["ETag"].endswith('-2"')


def test_s3_aborts_an_upload(s3: Any) -> None:
    """The upload does not exist any more."""
    client, bucket = s3
    place = {**bucket, "Key": KEY}
    place["UploadId"] = client.create_multipart_upload(**place)["UploadId"]
    client.upload_part(**place, PartNumber=1, Body=b"x")
    client.abort_multipart_upload(**place)
    assert code_of(client.abort_multipart_upload, **place) == "NoSuchUpload"
    assert code_of(client.head_object, **bucket, Key=KEY) == "404"


def _complete_over(s3: Any, **condition: str) -> None:
    """Completing an upload over another object fails, changes nothing, and keeps the upload."""
    client, bucket = s3
    place = {**bucket, "Key": KEY}
    first = client.put_object(**place, Body=b"1", Metadata={})["ETag"]
    place["UploadId"] = client.create_multipart_upload(**place)["UploadId"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": client.upload_part(**place, PartNumber=1, Body=b"2")["ETag"]}]}
    refusal = code_of(client.complete_multipart_upload, **place, MultipartUpload=parts, **condition)
    assert refusal == "PreconditionFailed"
    assert client.head_object(**bucket, Key=KEY)["ETag"] == first
    client.abort_multipart_upload(**place)


def test_s3_completes_an_upload_of_a_new_object_only(s3: Any) -> None:
    """If the request has that condition, as in `put_object`."""
    _complete_over(s3, IfNoneMatch="*")


def test_s3_completes_an_upload_over_the_named_version_only(server: str) -> None:
    """In memory only: S3 documents If-Match here, but moto ignores it."""
    for client in (SimulatedS3(), session().client("s3", endpoint_url=server)):
        _complete_over((client, {"Bucket": "archive"}), IfMatch='"another"')


def test_s3_completes_an_upload_of_known_parts_only(s3: Any) -> None:
    """By number and ETag, at least one; type and metadata are those of the upload."""
    client, bucket = s3
    place = {**bucket, "Key": KEY}
    made = client.create_multipart_upload(**place, ContentType="application/pdf", Metadata={"a": "b"})
    place["UploadId"] = made["UploadId"]
    # The second part with this number replaces the first one.
    etags = [client.upload_part(**place, PartNumber=2, Body=body)["ETag"] for body in (b"1", b"2")]
    for wrong, code in (
        ([], "MalformedXML"),
        ([{"PartNumber": 1, "ETag": etags[1]}], "InvalidPart"),
        ([{"PartNumber": 2, "ETag": etags[0]}], "InvalidPart"),
    ):
        assert code_of(client.complete_multipart_upload, **place, MultipartUpload={"Parts": wrong}) == code
    parts = {"Parts": [{"PartNumber": 2, "ETag": etags[1]}]}
    client.complete_multipart_upload(**place, MultipartUpload=parts)
    found = client.get_object(**bucket, Key=KEY)
    assert (_content_of(found), found["ContentType"], found["Metadata"]) == (b"2", "application/pdf", {"a": "b"})


def test_s3_reads_ranges(s3: Any) -> None:
    """From a first to a last byte, or to the end."""
    client, bucket = s3
    place = {**bucket, "Key": KEY}
    client.put_object(**place, Body=b"0123456789")
    for asked, content, told in (("2-4", b"234", "2-4"), ("8-", b"89", "8-9"), ("8-20", b"89", "8-9")):
        found = client.get_object(**place, Range=f"bytes={asked}")
        assert (_content_of(found), found["ContentRange"]) == (content, f"bytes {told}/10")
    whole = client.get_object(**place)
    assert (_content_of(whole), whole["ContentLength"]) == (b"0123456789", 10)
    assert _content_of(client.get_object(**place, IfMatch=whole["ETag"])) == b"0123456789"
    assert code_of(client.get_object, **place, IfMatch='"another"') == "PreconditionFailed"
    assert code_of(client.get_object, **place, Range="bytes=10-") == "InvalidRange"
    assert code_of(client.get_object, **{**place, "Key": "another"}) == "NoSuchKey"


def test_s3_lists(s3: Any) -> None:
    """Keys with a prefix, or the common prefixes up to a delimiter; no deleted objects."""
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
    assert listed(StartAfter="a/b/2") == ([("a/b/3", 5), ("a/d&e", 5)], [], 2)
    assert listed(Prefix="a/", StartAfter="a/d&e") == ([], [], 0)


@pytest.mark.parametrize("delimiter", ["", "/"])
def test_s3_lists_page_by_page(s3: Any, delimiter: str) -> None:
    """No page has more than was asked for, and all pages have each key and each common prefix once."""
    client, bucket = s3
    for key in ("a/1", "a/b/2", "a/b/3", "a/c", "a/d/4", "a/e"):
        client.put_object(**bucket, Key=key, Body=b"")
    request: dict[str, Any] = {**bucket, "Prefix": "a/", "Delimiter": delimiter, "MaxKeys": 2}
    pages = [client.list_objects_v2(**request)]
    while pages[-1]["IsTruncated"]:
        pages.append(client.list_objects_v2(**request, ContinuationToken=pages[-1]["NextContinuationToken"]))
    assert [page["KeyCount"] for page in pages[:-1]] == [2] * (len(pages) - 1)
    keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
    folders = [each["Prefix"] for page in pages for each in page.get("CommonPrefixes", [])]
    if delimiter:
        assert (keys, folders) == (["a/1", "a/c", "a/e"], ["a/b/", "a/d/"])
    else:
        assert (keys, folders) == (["a/1", "a/b/2", "a/b/3", "a/c", "a/d/4", "a/e"], [])
