"""`ports.ArchiveStore`: the fake, and S3 (moto)."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any, override

import pytest

from local.aws import REGION, session
from qonto_sync.aws import s3_archive
from qonto_sync.aws.s3_archive import S3Archive
from qonto_sync.domain.errors import AccessDenied, Misconfigured, ObjectChanged, Retriable
from qonto_sync.domain.reconciliation import ListedObject
from tests.fakes import FakeDownload, InMemoryArchive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qonto_sync.domain.ledger import StoredObject
    from qonto_sync.ports import ArchiveStore, Publications

KEY = "default/client_invoices/2026/03/a/invoice.json"
FILE = "default/client_invoices/2026/03/a/f.pdf"
SMALLEST_PART = 5 * 1024 * 1024


class Bucket:
    """A real bucket on moto, read without the adapter."""

    def __init__(self, endpoint_url: str) -> None:
        self.client: Any = session().client("s3", endpoint_url=endpoint_url)
        self.name = f"bucket-{uuid.uuid4().hex}"
        self.client.create_bucket(Bucket=self.name, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.client.put_bucket_versioning(Bucket=self.name, VersioningConfiguration={"Status": "Enabled"})

    def versions(self, key: str) -> int:
        return len(self.client.list_object_versions(Bucket=self.name, Prefix=key).get("Versions", []))

    def content(self, key: str) -> bytes:
        return bytes(self.client.get_object(Bucket=self.name, Key=key)["Body"].read())


@pytest.fixture
def bucket(aws: str) -> Bucket:
    """An empty bucket."""
    return Bucket(aws)


@pytest.fixture(params=["fake", "s3"])
def archive(request: pytest.FixtureRequest) -> ArchiveStore:
    """Each implementation in turn."""
    if request.param == "fake":
        return InMemoryArchive()
    bucket: Bucket = request.getfixturevalue("bucket")
    return S3Archive(bucket.client, bucket.name)


def put(archive: ArchiveStore, document: bytes, expected: StoredObject | None = None) -> StoredObject:
    """Writes the one document that these tests are about."""
    return archive.put_document(KEY, document, file_name="F-1.json", expected=expected)


def test_a_new_object(archive: ArchiveStore) -> None:
    """Written where no object is; `head` returns what was written."""
    stored = put(archive, b"{}")
    assert (stored.key, stored.size) == (KEY, 2)
    assert archive.head(KEY) == stored


def test_nothing_there(archive: ArchiveStore) -> None:
    """A missing object is None, not an error."""
    assert archive.head(KEY) is None


def test_a_document_is_read_as_it_was_written(archive: ArchiveStore) -> None:
    """None once another one lies there, or when none ever did."""
    first = put(archive, b'{"id": "a"}')
    assert archive.document(first) == b'{"id": "a"}'
    put(archive, b"{}", expected=first)
    assert archive.document(first) is None
    assert archive.document(replace(first, key="default/client_invoices/2026/03/b/invoice.json")) is None


def test_replaces_the_version_that_is_known(archive: ArchiveStore) -> None:
    """Compare-and-swap."""
    first = put(archive, b"1")
    second = put(archive, b"2", expected=first)
    assert archive.head(KEY) == second != first


def test_never_replaces_another_version(archive: ArchiveStore) -> None:
    """Neither when nothing was expected, nor when something else was."""
    first = put(archive, b"1")
    second = put(archive, b"2", expected=first)
    for expected in (None, first):
        with pytest.raises(ObjectChanged):
            put(archive, b"3", expected=expected)
    assert archive.head(KEY) == second


def test_an_object_that_is_gone_was_changed(archive: ArchiveStore) -> None:
    """Somebody deleted it: the ledger is wrong, and the writer starts over."""
    elsewhere = archive.put_document(KEY + "x", b"1", file_name=None, expected=None)
    with pytest.raises(ObjectChanged):
        put(archive, b"2", expected=elsewhere)


def test_equal_content_is_not_written_again(archive: ArchiveStore) -> None:
    """A lost answer, a crash before the ledger row, another writer with the same: one version."""
    first = put(archive, b"1")
    assert put(archive, b"1", expected=None) == first
    assert put(archive, b"1", expected=first) == first


@pytest.mark.parametrize("size", [9, SMALLEST_PART, SMALLEST_PART + 1, 2 * SMALLEST_PART + 7])
def test_a_file_of_any_size(archive: ArchiveStore, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """One part or several, the object is the file."""
    monkeypatch.setattr(s3_archive, "PART_BYTES", SMALLEST_PART)
    content = b"%PDF-1.7 ".ljust(size, b"x")
    stored = archive.put_file(FILE, FakeDownload(content), file_name="a.pdf", expected=None)
    assert stored.size == size
    head = archive.head(FILE)
    assert head
    assert head.etag == stored.etag


class BrokenDownload(FakeDownload):
    """Ends with an error instead of its end, as a connection that breaks off."""

    @override
    def parts(self, size: int) -> Iterator[bytes]:
        yield from super().parts(size)
        raise Retriable("the file ended after 9 of 10 bytes")


@pytest.mark.parametrize("size", [9, 100, 250])
def test_a_broken_download_leaves_nothing(archive: ArchiveStore, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Not a single byte is ever visible under the key."""
    monkeypatch.setattr(s3_archive, "PART_BYTES", 100)
    with pytest.raises(Retriable):
        archive.put_file(FILE, BrokenDownload(b"%PDF-".ljust(size, b"x")), file_name=None, expected=None)
    assert archive.head(FILE) is None


def test_s3_keeps_one_version_of_equal_content(bucket: Bucket) -> None:
    """Counted in the bucket itself."""
    archive = S3Archive(bucket.client, bucket.name)
    first = put(archive, b"1")
    put(archive, b"1")
    put(archive, b"1", expected=first)
    assert bucket.versions(KEY) == 1


def test_s3_objects_can_be_read_by_a_person(bucket: Bucket) -> None:
    """Type and file name are set; the metadata has a hash and nothing else."""
    archive = S3Archive(bucket.client, bucket.name)
    archive.put_file(FILE, FakeDownload(b"%PDF-1.7"), file_name="Rechnung Müller.pdf", expected=None)
    head = bucket.client.head_object(Bucket=bucket.name, Key=FILE)
    assert head["ContentType"] == "application/pdf"
    assert head["ContentDisposition"].startswith('inline; filename="Rechnung Muller.pdf"')
    assert set(head["Metadata"]) == {"sha256"}


def test_s3_parts_do_not_pile_up(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """A multipart upload that failed is aborted."""
    monkeypatch.setattr(s3_archive, "PART_BYTES", 100)
    archive = S3Archive(bucket.client, bucket.name)
    with pytest.raises(Retriable):
        archive.put_file(FILE, BrokenDownload(b"x" * 500), file_name=None, expected=None)
    assert "Uploads" not in bucket.client.list_multipart_uploads(Bucket=bucket.name)


def test_s3_multipart_is_a_compare_and_swap_too(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """The condition is asked when the upload is completed."""
    monkeypatch.setattr(s3_archive, "PART_BYTES", SMALLEST_PART)
    archive = S3Archive(bucket.client, bucket.name)
    small = archive.put_file(FILE, FakeDownload(b"%PDF-small"), file_name=None, expected=None)
    big = b"%PDF-".ljust(11 * 1024 * 1024, b"x")
    with pytest.raises(ObjectChanged):
        archive.put_file(FILE, FakeDownload(big), file_name=None, expected=None)
    assert bucket.content(FILE) == b"%PDF-small"
    archive.put_file(FILE, FakeDownload(big), file_name=None, expected=small)
    assert bucket.content(FILE) == big


def test_a_missing_bucket_is_a_misconfiguration(bucket: Bucket) -> None:
    """Every other invoice would fail too: stop the run."""
    with pytest.raises(Misconfigured, match="NoSuchBucket"):
        put(S3Archive(bucket.client, "no-such-bucket-here"), b"1")


def test_unreachable_s3_is_retriable(bucket: Bucket) -> None:
    """The invoice becomes pending."""
    client = session().client("s3", endpoint_url="http://127.0.0.1:9", config=_impatient())
    with pytest.raises(Retriable, match="EndpointConnectionError"):
        put(S3Archive(client, bucket.name), b"1")


def test_denied_is_fatal(bucket: Bucket) -> None:
    """The error names the resource and the operation."""
    stubber = _denying(bucket.client)
    with stubber, pytest.raises(AccessDenied, match=r"bucket .*: AWS answered AccessDenied to PutObject"):
        put(S3Archive(bucket.client, bucket.name), b"1")


def _impatient() -> Any:
    from botocore.config import Config  # noqa: PLC0415 - for one test only

    return Config(connect_timeout=0.2, retries={"total_max_attempts": 1})


def _denying(client: Any) -> Any:
    from botocore.stub import Stubber  # noqa: PLC0415 - for one test only

    stubber = Stubber(client)
    stubber.add_client_error("put_object", "AccessDenied")
    return stubber


@pytest.fixture(params=["fake", "s3"])
def publications(request: pytest.FixtureRequest) -> Publications:
    """Each implementation in turn."""
    if request.param == "fake":
        return InMemoryArchive()
    bucket: Bucket = request.getfixturevalue("bucket")
    return S3Archive(bucket.client, bucket.name)


def test_objects_are_listed_in_the_order_of_their_keys(archive: ArchiveStore) -> None:
    """Those below a prefix, after a key, with what a ledger's row says of them."""
    keys = [f"default/client_invoices/2026/{month}/{id_}/invoice.json" for month in ("02", "03") for id_ in ("b", "a")]
    stored = {
        key: archive.put_document(key, key.encode(), file_name=None, expected=None)
        for key in [*keys, "other/client_invoices/2026/03/c/invoice.json"]
    }
    listed = list(archive.objects("default/client_invoices/", start_after=""))
    assert listed == [ListedObject(key, stored[key].etag, stored[key].size) for key in sorted(keys)]
    later = archive.objects("default/client_invoices/", start_after="default/client_invoices/2026/03")
    assert [found.key for found in later] == sorted(keys)[2:]
    assert list(archive.objects("nobody/", start_after="")) == []


@pytest.mark.slow
def test_more_objects_than_fit_a_page_are_listed(bucket: Bucket) -> None:
    """S3 lists a thousand at a time."""
    for number in range(1_005):
        bucket.client.put_object(Bucket=bucket.name, Key=f"default/{number:04}", Body=b"")
    listed = list(S3Archive(bucket.client, bucket.name).objects("default/", start_after="default/0001"))
    assert [found.key for found in listed] == [f"default/{number:04}" for number in range(2, 1_005)]


def test_a_publication_is_replaced_by_compare_and_swap(publications: Publications) -> None:
    """Over what was read; the same content again writes nothing."""
    key = "default/inventory/certificate.json"
    assert publications.read(key) is None
    first = publications.put(key, b"1", content_type="application/json", expected=None)
    assert publications.read(key) == (first, b"1")
    assert publications.put(key, b"1", content_type="application/json", expected=first) == first
    second = publications.put(key, b"2", content_type="application/json", expected=first)
    with pytest.raises(ObjectChanged):
        publications.put(key, b"3", content_type="application/json", expected=first)
    with pytest.raises(ObjectChanged):
        publications.put(key, b"3", content_type="application/json", expected=None)
    assert publications.read(key) == (second, b"2")


def test_an_object_too_large_for_a_publication_is_not_read(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody may have put it there: it would not fit in memory, and can be replaced."""
    monkeypatch.setattr(s3_archive, "_LARGEST_PUBLICATION", 10)
    key, archive = "default/inventory/2026/03.csv", S3Archive(bucket.client, bucket.name)
    bucket.client.put_object(Bucket=bucket.name, Key=key, Body=b"x" * 11)
    found = archive.read(key)
    assert found
    assert (found.stored.size, found.content) == (11, b"")
    archive.put(key, b"right", content_type="text/csv", expected=found.stored)
    replaced = archive.read(key)
    assert replaced
    assert replaced.content == b"right"
