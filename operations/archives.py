"""One connection's archive to read: the bucket, or a copy of it in a folder.

It shares no code with what writes the archive: a second reader of the formats that docs/archive.md describes. It needs
permission to read the bucket, and neither Qonto nor the state table.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple, override

from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    import boto3
    from mypy_boto3_s3 import S3Client

AT_ONCE: Final = 16
"""Objects that are read in parallel."""

_CHUNK: Final = 1024 * 1024


class Found(NamedTuple):
    """An object as it is now."""

    sha256: str
    changed_at: datetime | None
    """When it was written; None if nobody knows."""


class Archive(ABC):
    """One connection's part of an archive."""

    def __init__(self, connection: str) -> None:
        self.certificate_key = f"{connection}/inventory/certificate.json"
        self.prefix = f"{connection}/client_invoices/"

    @abstractmethod
    def certificates(self) -> list[bytes]:
        """Every certificate that can be found, the newest first."""

    def certificate(self) -> bytes | None:
        """The last certificate; None if there is none."""
        return self.content(self.certificate_key)

    @abstractmethod
    def content(self, key: str) -> bytes | None:
        """The object under a key; None if there is none."""

    @abstractmethod
    def find(self, key: str) -> Found | None:
        """The hash of the object under a key; None if there is none. It is not kept in memory."""

    @abstractmethod
    def fetch(self, key: str, sha256: str, to: BinaryIO) -> bool:
        """Writes the object with this hash: the one under the key, or an older version; False if there is none."""

    @abstractmethod
    def keys(self) -> Iterator[str]:
        """The keys of all invoices' objects."""


class Folder(Archive):
    """A copy of the bucket on disk: each key is a path. Older certificates lie beside the last, under other names."""

    def __init__(self, path: Path, connection: str) -> None:
        super().__init__(connection)
        self._path = path

    @override
    def certificates(self) -> list[bytes]:
        folder = (self._path / self.certificate_key).parent
        return [path.read_bytes() for path in sorted(folder.glob("certificate*.json"), reverse=True)]

    @override
    def content(self, key: str) -> bytes | None:
        path = self._inside(key)
        return path.read_bytes() if path and path.is_file() else None

    @override
    def find(self, key: str) -> Found | None:
        path = self._inside(key)
        if path is None or not path.is_file():
            return None
        with path.open("rb") as file:
            return Found(hashlib.file_digest(file, "sha256").hexdigest(), None)

    @override
    def fetch(self, key: str, sha256: str, to: BinaryIO) -> bool:
        path = self._inside(key)
        if path is None or not path.is_file():
            return False
        with path.open("rb") as file:
            return _copied(file, to) == sha256

    @override
    def keys(self) -> Iterator[str]:
        for path in (self._path / self.prefix).rglob("*"):
            if path.is_file():
                yield path.relative_to(self._path).as_posix()

    def _inside(self, key: str) -> Path | None:
        """The path; None for a key that is none or leads out of the folder, because an inventory may be forged."""
        try:
            path = (self._path / key).resolve()
        except ValueError:
            return None
        return path if path.is_relative_to(self._path.resolve()) else None


class Bucket(Archive):
    """The bucket itself. Older certificates are older versions of the object."""

    def __init__(self, session: boto3.Session, name: str, connection: str, *, endpoint_url: str | None = None) -> None:
        super().__init__(connection)
        config = Config(max_pool_connections=AT_ONCE)
        self._client: S3Client = session.client("s3", config=config, endpoint_url=endpoint_url)
        self._name = name

    @override
    def certificates(self) -> list[bytes]:
        key = self.certificate_key
        return [self._version(key, version_id).read() for version_id in self._versions(key)]

    @override
    def content(self, key: str) -> bytes | None:
        found = self._get(key)
        return found["Body"].read() if found else None

    @override
    def find(self, key: str) -> Found | None:
        found = self._get(key)
        if not found:
            return None
        return Found(_copied(found["Body"]), found["LastModified"])

    @override
    def fetch(self, key: str, sha256: str, to: BinaryIO) -> bool:
        found = self._get(key)
        return bool(found and _copied(found["Body"], to) == sha256) or any(
            _copied(self._version(key, version_id), to) == sha256 for version_id in self._versions(key)
        )

    def _versions(self, key: str) -> Iterator[str]:
        pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self._name, Prefix=key)
        return (version["VersionId"] for page in pages for version in page.get("Versions", []) if version["Key"] == key)

    def _version(self, key: str, version_id: str) -> Any:
        return self._client.get_object(Bucket=self._name, Key=key, VersionId=version_id)["Body"]

    @override
    def keys(self) -> Iterator[str]:
        for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._name, Prefix=self.prefix):
            yield from (found["Key"] for found in page.get("Contents", []))

    def _get(self, key: str) -> Any:
        try:
            return self._client.get_object(Bucket=self._name, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in {"NoSuchKey", "404"}:
                return None
            raise


def _copied(source: Any, to: BinaryIO | None = None) -> str:
    """The hash of a stream, which is also copied over what `to` has."""
    digest = hashlib.sha256()
    if to:
        to.seek(0)
        to.truncate()
    while chunk := source.read(_CHUNK):
        digest.update(chunk)
        if to:
            to.write(chunk)
    return digest.hexdigest()
