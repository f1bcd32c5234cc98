"""A reconciliation of the deployed stack, after somebody has been at the bucket and the table."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from local.aws import session
from operations.archives import Bucket
from operations.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conftest import Deployment

pytestmark = pytest.mark.slow

RECONCILE = {"action": "reconcile", "connection": "default"}


def content(deployment: Deployment, key: str) -> bytes:
    """The current object under the key."""
    return bytes(deployment.client("s3").get_object(Bucket=deployment.bucket, Key=key)["Body"].read())


def keys(deployment: Deployment, prefix: str) -> list[str]:
    """The keys of all current objects below it."""
    pages = deployment.client("s3").get_paginator("list_objects_v2").paginate(Bucket=deployment.bucket, Prefix=prefix)
    return [found["Key"] for page in pages for found in page.get("Contents", [])]


def test_what_somebody_changed_is_found_repaired_and_certified(deployed: Callable[..., Deployment]) -> None:
    """In the bucket and in the ledger; the certificate then proves each object by its hash."""
    deployment = deployed(invoices=60, plain_files=True)
    deployment.sync()
    deployment.drain(seconds=900)
    deployment.pass_time(3_600)
    deployment.sync()
    first = deployment.sync(RECONCILE)
    assert (first["outcome"], first["found"], first["gaps"]) == ("committed", dict.fromkeys(first["found"], 0), 0)
    assert first["invoices"]["source"] == 60

    s3, table = deployment.client("s3"), deployment.stack.resources["StateTable"]
    documents = [key for key in keys(deployment, "default/client_invoices/") if key.endswith("invoice.json")]
    pdfs = [key for key in keys(deployment, "default/client_invoices/") if key.endswith(".pdf")]
    s3.put_object(Bucket=deployment.bucket, Key=documents[0], Body=b"tampered")
    s3.delete_object(Bucket=deployment.bucket, Key=pdfs[-1])
    lost = documents[20].split("/")[-2]
    deployment.client("dynamodb").delete_item(TableName=table, Key={"pk": {"S": f"invoice#default#{lost}"}})
    unreadable = documents[30].split("/")[-2]
    deployment.client("dynamodb").update_item(
        TableName=table,
        Key={"pk": {"S": f"invoice#default#{unreadable}"}},
        UpdateExpression="SET revision = :value",
        ExpressionAttributeValues={":value": {"S": "yesterday"}},
    )
    # Until then the hourly run could be at work on the row that nobody can read.
    deployment.pass_time(90_000)
    second = deployment.sync(RECONCILE)
    assert {kind: count for kind, count in second["found"].items() if count} == {"damaged": 2, "missing": 2}
    assert second["repaired"] == 4
    comparison = deployment.compare()
    assert (comparison.invoices, comparison.different) == (60, ())
    assert_proven(deployment, first["certificate"] + 1)
    bucket = Bucket(session(), deployment.bucket, "default", endpoint_url=deployment.stack.endpoint_url)
    verdict = verify(bucket, lambda _done, _total: None)
    assert (verdict.differences, verdict.certificates, verdict.is_good) == ([], 2, True)
    s3.put_object(Bucket=deployment.bucket, Key=documents[3], Body=b"tampered")
    verdict = verify(bucket, lambda _done, _total: None)
    assert verdict.notes == ["1 objects were replaced after the certificate: the next one has their hashes"]
    s3.delete_object(Bucket=deployment.bucket, Key=documents[4])
    assert verify(bucket, lambda _done, _total: None).differences == [(documents[4], "it is not there")]


def assert_proven(deployment: Deployment, version: int) -> None:
    """From the certificate alone: each inventory and object has the hash that is named, and nothing is left over."""
    certificate: dict[str, Any] = json.loads(content(deployment, "default/inventory/certificate.json"))
    assert certificate["version"] == version
    named = set()
    for month in certificate["months"]:
        text = content(deployment, f"default/inventory/{month['month'].replace('-', '/')}.csv")
        assert hashlib.sha256(text).hexdigest() == month["sha256"]
        rows = list(csv.DictReader(io.StringIO(text.decode(), newline="")))
        assert len(rows) == month["invoices"]
        for row in rows:
            for kind in ("document", "file"):
                if key := row[f"{kind}_key"]:
                    named.add(key)
                    assert hashlib.sha256(content(deployment, key)).hexdigest() == row[f"{kind}_sha256"]
    assert named == set(keys(deployment, "default/client_invoices/"))
    assert sum(month["invoices"] for month in certificate["months"]) == certificate["invoices"]["source"] == 60
