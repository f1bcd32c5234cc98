"""S3 in memory: one bucket, conditional writes and multipart uploads."""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left, bisect_right
from itertools import count, islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from local.in_memory.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_RANGE: Final = re.compile(r"bytes=(\d+)-(\d*)")


class StoredObject(NamedTuple):
    """An object as readers get it."""

    body: bytes
    etag: str
    content_type: str
    metadata: Mapping[str, str]


class _Part(NamedTuple):
    body: bytes
    digest: bytes

    @property
    def etag(self) -> str:
        return f'"{self.digest.hex()}"'


class _Upload(NamedTuple):
    request: Mapping[str, Any]
    parts: dict[int, _Part]


def md5(content: bytes) -> bytes:
    """What S3 makes ETags of."""
    return hashlib.md5(content, usedforsecurity=False).digest()


class InMemoryS3:
    """A bucket, whatever name a request gives it. A subclass may override `_write` to observe each new object.

    Unlike S3, an upload may have parts of any size.
    """

    def __init__(self, digest: Callable[[bytes], bytes] = md5) -> None:
        """`digest` makes the ETags: of an object's bytes, and of a multipart object's digests."""
        self.objects: dict[str, StoredObject] = {}
        self._keys: list[str] | None = None
        """Those of the objects in order; None if a key has come or gone since they were sorted."""
        self._digest = digest
        self._uploads: dict[str, _Upload] = {}
        self._numbers = count(1)

    def put_object(self, *, Key: str, Body: bytes, **request: Any) -> dict[str, Any]:  # noqa: N803
        """`IfMatch` and `IfNoneMatch` decide whether it writes."""
        self._check_conditions(Key, request)
        return self._store(Key, Body, f'"{self._digest(Body).hex()}"', request)

    def head_object(self, *, Key: str, **_request: Any) -> dict[str, Any]:  # noqa: N803
        """The error's code is 404 if there is no object: the answer to a HEAD has no body that could name another."""
        return _described(self._found(Key, missing="404"))

    def get_object(self, *, Key: str, Range: str = "", **request: Any) -> dict[str, Any]:  # noqa: N803
        """`Body` is a view of the object's bytes, or of the range `bytes=first-last`; `IfMatch` as in `put_object`."""
        self._check_conditions(Key, request)
        found = self._found(Key)
        answer, view = _described(found), memoryview(found.body)
        if asked := _RANGE.fullmatch(Range):
            first, last = int(asked[1]), min(int(asked[2] or len(view)), len(view) - 1)
            if first > last:
                raise ServiceError("InvalidRange", 416)
            answer["ContentRange"] = f"bytes {first}-{last}/{len(view)}"
            view = view[first : last + 1]
        return {**answer, "ContentLength": len(view), "Body": view}

    def delete_object(self, *, Key: str, **_request: Any) -> dict[str, Any]:  # noqa: N803
        """An object that does not exist is no error."""
        if self.objects.pop(Key, None):
            self._keys = None
        return {}

    def list_objects_v2(
        self,
        *,
        Prefix: str = "",  # noqa: N803
        Delimiter: str = "",  # noqa: N803
        MaxKeys: int = 1_000,  # noqa: N803
        **request: Any,
    ) -> dict[str, Any]:
        """A page of keys in order; those with the delimiter behind the prefix are told by their common prefix.

        The token of the next page is the last key of this one.
        """
        after = max(request.get("StartAfter", ""), request.get("ContinuationToken", ""))
        keys = self._sorted_keys()
        contents: list[dict[str, Any]] = []
        # In order, and each once.
        folders: dict[str, None] = {}
        last, is_truncated = after, False
        for key in islice(keys, max(bisect_left(keys, Prefix), bisect_right(keys, after) if after else 0), None):
            if not key.startswith(Prefix):
                break
            behind = key.removeprefix(Prefix)
            folder = Prefix + behind.partition(Delimiter)[0] + Delimiter if Delimiter and Delimiter in behind else None
            if folder not in folders:
                is_truncated = len(contents) + len(folders) == MaxKeys
                if is_truncated:
                    break
                if folder:
                    folders[folder] = None
                else:
                    found = self.objects[key]
                    contents.append({"Key": key, "ETag": found.etag, "Size": len(found.body)})
            last = key
        return {
            "Contents": contents,
            "CommonPrefixes": [{"Prefix": folder} for folder in folders],
            "KeyCount": len(contents) + len(folders),
            "IsTruncated": is_truncated,
            **({"NextContinuationToken": last} if is_truncated else {}),
        }

    def _sorted_keys(self) -> list[str]:
        if self._keys is None:
            self._keys = sorted(self.objects)
        return self._keys

    def create_multipart_upload(self, **request: Any) -> dict[str, Any]:
        """Nothing is visible before it is completed."""
        upload_id = f"upload-{next(self._numbers)}"
        self._uploads[upload_id] = _Upload(request, {})
        return {"UploadId": upload_id}

    def upload_part(self, *, UploadId: str, PartNumber: int, Body: bytes, **_request: Any) -> dict[str, Any]:  # noqa: N803
        """A part that is sent again replaces the earlier one."""
        part = _Part(Body, self._digest(Body))
        self._upload(UploadId).parts[PartNumber] = part
        return {"ETag": part.etag}

    def complete_multipart_upload(
        self,
        *,
        Key: str,  # noqa: N803
        UploadId: str,  # noqa: N803
        MultipartUpload: Mapping[str, Any],  # noqa: N803
        **request: Any,
    ) -> dict[str, Any]:
        """The conditions are those of `put_object`; an upload that fails them stays."""
        upload = self._upload(UploadId)
        self._check_conditions(Key, request)
        if not MultipartUpload["Parts"]:
            raise ServiceError("MalformedXML", 400)
        parts = [_part(upload, part) for part in MultipartUpload["Parts"]]
        del self._uploads[UploadId]
        etag = f'"{self._digest(b"".join(part.digest for part in parts)).hex()}-{len(parts)}"'
        return self._store(Key, b"".join(part.body for part in parts), etag, upload.request)

    def abort_multipart_upload(self, *, UploadId: str, **_request: Any) -> dict[str, Any]:  # noqa: N803
        """Forgets the parts."""
        self._upload(UploadId)
        del self._uploads[UploadId]
        return {}

    def _write(self, key: str, stored: StoredObject) -> None:
        """Makes an object visible."""
        if key not in self.objects:
            self._keys = None
        self.objects[key] = stored

    def _store(self, key: str, body: bytes, etag: str, request: Mapping[str, Any]) -> dict[str, Any]:
        content_type = request.get("ContentType", "binary/octet-stream")
        self._write(key, StoredObject(body, etag, content_type, request.get("Metadata", {})))
        return {"ETag": etag}

    def _check_conditions(self, key: str, request: Mapping[str, Any]) -> None:
        found = self.objects.get(key)
        if "IfNoneMatch" in request:
            if request["IfNoneMatch"] != "*":
                raise ServiceError("NotImplemented", 501)
            if found:
                raise ServiceError("PreconditionFailed", 412)
        if "IfMatch" in request and self._found(key).etag != request["IfMatch"]:
            raise ServiceError("PreconditionFailed", 412)

    def _found(self, key: str, missing: str = "NoSuchKey") -> StoredObject:
        if key not in self.objects:
            raise ServiceError(missing, 404)
        return self.objects[key]

    def _upload(self, upload_id: str) -> _Upload:
        if upload_id not in self._uploads:
            raise ServiceError("NoSuchUpload", 404)
        return self._uploads[upload_id]


def _part(upload: _Upload, wanted: Mapping[str, Any]) -> _Part:
    found = upload.parts.get(wanted["PartNumber"])
    if found is None or found.etag != wanted["ETag"]:
        raise ServiceError("InvalidPart", 400)
    return found


def _described(found: StoredObject) -> dict[str, Any]:
    return {
        "ETag": found.etag,
        "ContentLength": len(found.body),
        "ContentType": found.content_type,
        "Metadata": found.metadata,
    }
