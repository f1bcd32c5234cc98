"""S3 in memory: the calls that the adapter makes, with conditions, and every version kept."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.simulation.faults import client_error

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """One version of an object."""

    body: bytes
    etag: str
    metadata: dict[str, str]


@dataclass(slots=True)
class _Upload:
    key: str
    parts: dict[int, bytes] = field(default_factory=dict)


@dataclass(slots=True)
class MemoryS3:
    """One bucket with versioning. `on_write` is told of each version as it appears."""

    on_write: Callable[[str, StoredVersion], None] = lambda _key, _version: None
    versions: dict[str, list[StoredVersion]] = field(default_factory=dict)
    uploads: dict[str, _Upload] = field(default_factory=dict)
    _uploads_made: int = 0

    def current(self, key: str) -> StoredVersion | None:
        """The version that a reader gets."""
        found = self.versions.get(key)
        return found[-1] if found else None

    def put_object(self, *, Key: str, Body: bytes, Metadata: dict[str, str], **rest: Any) -> dict[str, Any]:  # noqa: N803
        """`IfMatch` and `IfNoneMatch` decide whether it writes."""
        self._check_condition(Key, rest)
        return self._write(Key, StoredVersion(Body, f'"{_md5(Body).hexdigest()}"', Metadata))

    def head_object(self, *, Key: str, **_bucket: Any) -> dict[str, Any]:  # noqa: N803
        """A missing object is a bare 404: a HEAD has no body to name the reason."""
        found = self.current(Key)
        if found is None:
            raise client_error("404", 404)
        return {"ETag": found.etag, "ContentLength": len(found.body), "Metadata": found.metadata}

    def create_multipart_upload(self, *, Key: str, **_rest: Any) -> dict[str, Any]:  # noqa: N803
        """Nothing is visible before it is completed."""
        self._uploads_made += 1
        upload_id = f"upload-{self._uploads_made}"
        self.uploads[upload_id] = _Upload(Key)
        return {"UploadId": upload_id}

    def upload_part(self, *, UploadId: str, PartNumber: int, Body: bytes, **_rest: Any) -> dict[str, Any]:  # noqa: N803
        """A part sent twice counts once."""
        self._upload(UploadId).parts[PartNumber] = Body
        return {"ETag": f'"{_md5(Body).hexdigest()}"'}

    def complete_multipart_upload(
        self,
        *,
        Key: str,  # noqa: N803
        UploadId: str,  # noqa: N803
        MultipartUpload: dict[str, Any],  # noqa: N803
        **rest: Any,
    ) -> dict[str, Any]:
        """The conditions of `put_object`; an upload that fails them is still there."""
        upload = self._upload(UploadId)
        self._check_condition(Key, rest)
        parts = [upload.parts[part["PartNumber"]] for part in MultipartUpload["Parts"]]
        del self.uploads[UploadId]
        etag = f'"{_md5(b"".join(_md5(part).digest() for part in parts)).hexdigest()}-{len(parts)}"'
        return self._write(Key, StoredVersion(b"".join(parts), etag, {}))

    def abort_multipart_upload(self, *, UploadId: str, **_rest: Any) -> dict[str, Any]:  # noqa: N803
        """Forgets the parts."""
        self._upload(UploadId)
        del self.uploads[UploadId]
        return {}

    def _upload(self, upload_id: str) -> _Upload:
        if upload_id not in self.uploads:
            raise client_error("NoSuchUpload", 404)
        return self.uploads[upload_id]

    def _check_condition(self, key: str, request: dict[str, Any]) -> None:
        found = self.current(key)
        expected = request.get("IfMatch")
        if expected is not None and found is None:
            raise client_error("NoSuchKey", 404)
        if (expected is not None and found and found.etag != expected) or ("IfNoneMatch" in request and found):
            raise client_error("PreconditionFailed", 412)

    def _write(self, key: str, version: StoredVersion) -> dict[str, Any]:
        self.versions.setdefault(key, []).append(version)
        self.on_write(key, version)
        return {"ETag": version.etag}


def _md5(content: bytes) -> Any:
    return hashlib.md5(content, usedforsecurity=False)
