"""The archive in S3: every write is a compare-and-swap, and an object appears only after its content was checked."""

from __future__ import annotations

import base64
import hashlib
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, Any, override

from botocore.exceptions import BotoCoreError, ClientError

from qonto_sync.aws.clients import aws_errors, error_code
from qonto_sync.domain.errors import ObjectChanged
from qonto_sync.domain.ids import ETag, Sha256
from qonto_sync.domain.keys import content_disposition
from qonto_sync.domain.ledger import StoredObject
from qonto_sync.domain.reconciliation import ListedObject
from qonto_sync.ports import ArchiveStore, Publication, Publications

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3 import S3Client

    from qonto_sync.ports import Download

PART_BYTES = 8 * 1024 * 1024
"""A file up to this size is one request. S3 requires parts of at least 5 MiB."""

_LARGEST_PUBLICATION = 64 * 1024 * 1024
"""More than any inventory has. Somebody may put a larger object in the place of one; it would not fit in memory."""

_CHANGED = frozenset({"PreconditionFailed", "412", "ConditionalRequestConflict", "409"})
# S3 answers NoSuchKey to If-Match when there is no object.
_GONE = frozenset({"NoSuchKey", "404", "NotFound"})
_SHA256 = "sha256"


class S3Archive(ArchiveStore, Publications):
    """One bucket."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    @override
    def put_document(
        self, key: str, document: bytes, *, file_name: str | None, expected: StoredObject | None
    ) -> StoredObject:
        return self._put(key, document, _headers("application/json", file_name, "invoice.json"), expected)

    @override
    def put_file(
        self, key: str, download: Download, *, file_name: str | None, expected: StoredObject | None
    ) -> StoredObject:
        # Small files are one request. Of a larger one at most two parts are in memory.
        headers = _headers(download.kind.content_type, file_name, f"invoice.{download.kind}")
        parts = download.parts(PART_BYTES)
        first = next(parts, b"")
        second = next(parts, None)
        if second is None:
            return self._put(key, first, headers, expected)
        return self._put_parts(key, chain([first, second], parts), headers, expected)

    @override
    def head(self, key: str) -> StoredObject | None:
        with aws_errors(f"bucket {self._bucket}"):
            try:
                found = self._client.head_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                if error_code(error) in _GONE:
                    return None
                raise
        sha256 = Sha256(found["Metadata"].get(_SHA256, ""))
        return StoredObject(key, ETag(found["ETag"]), sha256, found["ContentLength"])

    @override
    def document(self, stored: StoredObject) -> bytes | None:
        with aws_errors(f"bucket {self._bucket}"):
            try:
                found = self._client.get_object(Bucket=self._bucket, Key=stored.key, IfMatch=stored.etag)
                return found["Body"].read()
            except ClientError as error:
                if error_code(error) in _CHANGED | _GONE:
                    return None
                raise

    @override
    def objects(self, prefix: str, *, start_after: str) -> Iterator[ListedObject]:
        place: Any = {"Bucket": self._bucket, "Prefix": prefix, "StartAfter": start_after}
        while True:
            with aws_errors(f"bucket {self._bucket}"):
                page = self._client.list_objects_v2(**place)
            for found in page.get("Contents", []):
                yield ListedObject(found["Key"], found["ETag"], found["Size"])
            if not page.get("IsTruncated"):
                return
            place["ContinuationToken"] = page["NextContinuationToken"]

    @override
    def put(self, key: str, content: bytes, *, content_type: str, expected: StoredObject | None) -> StoredObject:
        return self._put(key, content, _headers(content_type, key.rpartition("/")[2], key), expected)

    @override
    def read(self, key: str) -> Publication | None:
        with aws_errors(f"bucket {self._bucket}"):
            try:
                found = self._client.get_object(Bucket=self._bucket, Key=key)
                size = found["ContentLength"]
                content = found["Body"].read() if size <= _LARGEST_PUBLICATION else b""
            except ClientError as error:
                if error_code(error) in _GONE:
                    return None
                raise
        sha256 = Sha256(hashlib.sha256(content).hexdigest())
        return Publication(StoredObject(key, ETag(found["ETag"]), sha256, size), content)

    def _put(self, key: str, body: bytes, headers: dict[str, Any], expected: StoredObject | None) -> StoredObject:
        digest = hashlib.sha256(body)
        sha256 = Sha256(digest.hexdigest())
        if expected and expected.sha256 == sha256:
            return expected
        with aws_errors(f"bucket {self._bucket}"):
            try:
                done = self._client.put_object(
                    Bucket=self._bucket,
                    Key=key,
                    Body=body,
                    ChecksumSHA256=base64.b64encode(digest.digest()).decode(),
                    Metadata={_SHA256: sha256},
                    **headers,
                    **_condition(expected),
                )
            except ClientError as error:
                return self._already_written(key, sha256, error)
        return StoredObject(key, ETag(done["ETag"]), sha256, len(body))

    def _put_parts(
        self, key: str, parts: Iterator[bytes], headers: dict[str, Any], expected: StoredObject | None
    ) -> StoredObject:
        # The digest is known only at the end, but S3 takes an object's metadata at the start: the upload has no digest,
        # and `head` of a multipart object returns an empty one, which equals no other.
        place: Any = {"Bucket": self._bucket, "Key": key}
        with aws_errors(f"bucket {self._bucket}"):
            place["UploadId"] = self._client.create_multipart_upload(**place, **headers, ChecksumAlgorithm="SHA256")[
                "UploadId"
            ]
            try:
                digest, size = hashlib.sha256(), 0
                done_parts: list[Any] = []
                for number, part in enumerate(parts, 1):
                    digest.update(part)
                    size += len(part)
                    checksum = base64.b64encode(hashlib.sha256(part).digest()).decode()
                    etag = self._client.upload_part(**place, PartNumber=number, Body=part, ChecksumSHA256=checksum)[
                        "ETag"
                    ]
                    done_parts.append({"PartNumber": number, "ETag": etag, "ChecksumSHA256": checksum})
                sha256 = Sha256(digest.hexdigest())
                if expected and expected.sha256 == sha256:
                    self._abort(place)
                    return expected
                done = self._client.complete_multipart_upload(
                    **place, MultipartUpload={"Parts": done_parts}, **_condition(expected)
                )
            except BaseException as error:
                self._abort(place)
                if isinstance(error, ClientError) and error_code(error) in _CHANGED | _GONE:
                    raise ObjectChanged(f"{key} is not what the ledger names") from error
                raise
        return StoredObject(key, ETag(done["ETag"]), sha256, size)

    def _abort(self, upload: dict[str, Any]) -> None:
        # If this fails, the bucket's lifecycle rule removes the parts.
        with suppress(ClientError, BotoCoreError):
            self._client.abort_multipart_upload(**upload)

    def _already_written(self, key: str, sha256: Sha256, error: ClientError) -> StoredObject:
        """The current object, if it has the content to write: a response was lost, or another writer was faster."""
        if error_code(error) not in _CHANGED | _GONE:
            raise error
        current = self.head(key)
        if current and current.sha256 == sha256:
            return current
        raise ObjectChanged(f"{key} is not what the ledger names") from error


def _condition(expected: StoredObject | None) -> dict[str, Any]:
    return {"IfMatch": expected.etag} if expected else {"IfNoneMatch": "*"}


def _headers(content_type: str, file_name: str | None, fallback: str) -> dict[str, Any]:
    return {"ContentType": content_type, "ContentDisposition": content_disposition(file_name, fallback)}
