"""S3 in path style, as far as it is used here: conditional writes, parts, and what dlt reads."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, override
from urllib.parse import parse_qs, unquote
from xml.sax.saxutils import escape

from bench.server.http import Response, Site

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bench.server.http import Request
    from bench.server.tally import Tally

type Query = Mapping[str, list[str]]

_XML = {"Content-Type": "application/xml"}
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What lies under a key."""

    body: bytes
    etag: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Upload:
    headers: Mapping[str, str]
    parts: dict[int, bytes] = field(default_factory=dict)


class S3(Site):
    """Every bucket exists."""

    def __init__(self, *, latencies: Mapping[str, float], tally: Tally) -> None:
        self.objects: dict[str, StoredObject] = {}
        self._uploads: dict[str, _Upload] = {}
        self._upload_ids = count(1)
        self._latencies = latencies
        self._tally = tally
        self._operations: dict[str, Callable[[Request, str, Query], Response]] = {
            "PutObject": self._put,
            "CreateMultipartUpload": self._begin,
            "UploadPart": self._part,
            "CompleteMultipartUpload": self._complete,
            "AbortMultipartUpload": self._delete,
            "DeleteObject": self._delete,
            "HeadObject": self._get,
            "GetObject": self._get,
            "ListObjectsV2": self._listing,
            "HeadBucket": lambda *_: Response(200),
        }

    @override
    def answer(self, request: Request) -> Response:
        """See `Site`."""
        _, _, key = unquote(request.path).lstrip("/").partition("/")
        query = parse_qs(request.query, keep_blank_values=True)
        operation = _operation(request.method, key, query)
        self._tally.count("s3", operation)
        return self._operations[operation](request, key, query)._replace(delay=self._latencies["s3"])

    def _delete(self, _request: Request, key: str, query: Query) -> Response:
        if "uploadId" in query:
            del self._uploads[query["uploadId"][0]]
        else:
            self.objects.pop(key, None)
        return Response(204)

    def _put(self, request: Request, key: str, _query: Query) -> Response:
        return self._store(request, key, request.body, _kept(request.headers))

    def _store(self, request: Request, key: str, body: bytes, headers: Mapping[str, str]) -> Response:
        there = self.objects.get(key)
        if request.headers.get("if-none-match") == "*" and there:
            return _error(412, "PreconditionFailed")
        if if_match := request.headers.get("if-match"):
            if there is None:
                return _error(404, "NoSuchKey")
            if there.etag != if_match:
                return _error(412, "PreconditionFailed")
        stored = StoredObject(body, _etag(body), headers)
        self.objects[key] = stored
        self._tally.add("stored_bytes", len(body))
        return Response(200, headers={"ETag": stored.etag})

    def _begin(self, request: Request, _key: str, _query: Query) -> Response:
        upload_id = f"upload-{next(self._upload_ids)}"
        self._uploads[upload_id] = _Upload(_kept(request.headers))
        return _xml(f"<InitiateMultipartUploadResult><UploadId>{upload_id}</UploadId></InitiateMultipartUploadResult>")

    def _part(self, request: Request, _key: str, query: Query) -> Response:
        self._uploads[query["uploadId"][0]].parts[int(query["partNumber"][0])] = request.body
        return Response(200, headers={"ETag": _etag(request.body)})

    def _complete(self, request: Request, key: str, query: Query) -> Response:
        upload = self._uploads.pop(query["uploadId"][0])
        body = b"".join(part for _, part in sorted(upload.parts.items()))
        done = self._store(request, key, body, upload.headers)
        if "ETag" not in done.headers:
            return done
        etag = escape(done.headers["ETag"])
        return _xml(f"<CompleteMultipartUploadResult><ETag>{etag}</ETag></CompleteMultipartUploadResult>")

    def _get(self, request: Request, key: str, _query: Query) -> Response:
        there = self.objects.get(key)
        if there is None:
            return _error(404, "NoSuchKey")
        headers = {**there.headers, "ETag": there.etag, "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}
        asked = _RANGE.fullmatch(request.headers.get("range", ""))
        if request.method == "HEAD" or asked is None:
            return Response(200, (there.body,), headers)
        first, last = int(asked[1]), min(int(asked[2] or len(there.body)), len(there.body) - 1)
        headers["Content-Range"] = f"bytes {first}-{last}/{len(there.body)}"
        return Response(206, (memoryview(there.body)[first : last + 1],), headers)

    def _listing(self, _request: Request, _key: str, query: Query) -> Response:
        """All in one page, however many there are; what lies below a delimiter is told by its prefix."""
        prefix, delimiter = query.get("prefix", [""])[0], query.get("delimiter", [""])[0]
        contents, folders = [], set()
        for key in sorted(key for key in self.objects if key.startswith(prefix)):
            rest = key.removeprefix(prefix)
            if delimiter and delimiter in rest:
                folders.add(prefix + rest.partition(delimiter)[0] + delimiter)
            else:
                contents.append((key, self.objects[key]))
        listed = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
            f"<ETag>{escape(found.etag)}</ETag><Size>{len(found.body)}</Size></Contents>"
            for key, found in contents
        ) + "".join(f"<CommonPrefixes><Prefix>{escape(folder)}</Prefix></CommonPrefixes>" for folder in sorted(folders))
        number = len(contents) + len(folders)
        return _xml(
            f"<ListBucketResult><IsTruncated>false</IsTruncated><KeyCount>{number}</KeyCount>{listed}</ListBucketResult>"
        )


def _operation(method: str, key: str, query: Query) -> str:
    if not key:
        return {"GET": "ListObjectsV2", "HEAD": "HeadBucket"}[method]
    if "uploadId" in query or "uploads" in query:
        begins = {"POST": "CreateMultipartUpload"} if "uploads" in query else {"POST": "CompleteMultipartUpload"}
        return {"PUT": "UploadPart", "DELETE": "AbortMultipartUpload", **begins}[method]
    return f"{method.title()}Object"


def _etag(body: bytes) -> str:
    """Not MD5 as S3's, which would take the server longer than all the rest; like it, another for other bytes."""
    return f'"{zlib.crc32(body):08x}{len(body):024x}"'


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    """What S3 gives back with an object."""
    return {name: value for name, value in headers.items() if name == "content-type" or name.startswith("x-amz-meta-")}


def _xml(text: str) -> Response:
    return Response(200, (f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode(),), _XML)


def _error(status: int, code: str) -> Response:
    return Response(status, (f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode(),), _XML)
