"""S3's REST protocol in path style, for the operations that the contenders use."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, override
from urllib.parse import parse_qs, unquote
from xml.sax.saxutils import escape, unescape

from bench.server.http import Response, Site
from local.in_memory.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bench.server.http import Request
    from bench.server.tally import Tally
    from local.in_memory.s3 import InMemoryS3

type Query = Mapping[str, list[str]]

_XML = {"Content-Type": "application/xml"}
_CREATED = "2026-01-01T00:00:00.000Z"
_CREATED_HEADER = "Thu, 01 Jan 2026 00:00:00 GMT"
_PART = re.compile(r"<Part>(.*?)</Part>", re.DOTALL)
_METADATA = "x-amz-meta-"
_PARAMETERS = (
    ("content-type", "ContentType"),
    ("if-match", "IfMatch"),
    ("if-none-match", "IfNoneMatch"),
    ("range", "Range"),
)
"""Headers, and boto3's names for them."""


class S3(Site):
    """Every bucket exists, and all of them have the same objects."""

    def __init__(self, service: InMemoryS3, *, latencies: Mapping[str, float], tally: Tally) -> None:
        self._service = service
        self._latencies = latencies
        self._tally = tally
        self._operations: dict[str, Callable[[Request, str, Query], Response]] = {
            "PutObject": self._put,
            "CreateMultipartUpload": self._create_upload,
            "UploadPart": self._upload_part,
            "CompleteMultipartUpload": self._complete_upload,
            "AbortMultipartUpload": self._abort_upload,
            "DeleteObject": self._delete,
            "HeadObject": self._get,
            "GetObject": self._get,
            "ListObjectsV2": self._list,
            "HeadBucket": lambda *_: Response(200),
        }

    @override
    def answer(self, request: Request) -> Response:
        """See `Site`."""
        _, _, key = unquote(request.path).lstrip("/").partition("/")
        query = parse_qs(request.query, keep_blank_values=True)
        operation = _operation(request.method, key, query)
        self._tally.count("s3", operation)
        try:
            response = self._operations[operation](request, key, query)
        except ServiceError as error:
            body = f"<Error><Code>{error.code}</Code><Message>{error.code}</Message></Error>"
            response = Response(error.status, (body.encode(),), _XML)
        return response._replace(delay=self._latencies["s3"])

    def _put(self, request: Request, key: str, _query: Query) -> Response:
        done = self._service.put_object(Key=key, Body=request.body, **_parameters(request))
        return Response(200, headers=done)

    def _get(self, request: Request, key: str, _query: Query) -> Response:
        found = self._service.get_object(Key=key, **_parameters(request))
        # The same for a HEAD: its answer has the body's length, and the body is not sent.
        return Response(206 if "ContentRange" in found else 200, (found["Body"],), _headers(found))

    def _delete(self, _request: Request, key: str, _query: Query) -> Response:
        self._service.delete_object(Key=key)
        return Response(204)

    def _list(self, _request: Request, _key: str, query: Query) -> Response:
        found = self._service.list_objects_v2(
            Prefix=_first(query, "prefix"),
            Delimiter=_first(query, "delimiter"),
            StartAfter=_first(query, "start-after"),
            ContinuationToken=_first(query, "continuation-token"),
        )
        contents = [
            f"<Contents><Key>{escape(each['Key'])}</Key><LastModified>{_CREATED}</LastModified>"
            f"<ETag>{escape(each['ETag'])}</ETag><Size>{each['Size']}</Size></Contents>"
            for each in found["Contents"]
        ]
        prefixes = [
            f"<CommonPrefixes><Prefix>{escape(each['Prefix'])}</Prefix></CommonPrefixes>"
            for each in found["CommonPrefixes"]
        ]
        next_page = found.get("NextContinuationToken")
        token = f"<NextContinuationToken>{escape(next_page)}</NextContinuationToken>" if next_page else ""
        return _xml(
            f"<ListBucketResult><IsTruncated>{str(found['IsTruncated']).lower()}</IsTruncated>{token}"
            f"<KeyCount>{found['KeyCount']}</KeyCount>{''.join(contents + prefixes)}</ListBucketResult>"
        )

    def _create_upload(self, request: Request, key: str, _query: Query) -> Response:
        upload_id = self._service.create_multipart_upload(Key=key, **_parameters(request))["UploadId"]
        return _xml(f"<InitiateMultipartUploadResult><UploadId>{upload_id}</UploadId></InitiateMultipartUploadResult>")

    def _upload_part(self, request: Request, key: str, query: Query) -> Response:
        done = self._service.upload_part(
            Key=key, UploadId=_first(query, "uploadId"), PartNumber=int(_first(query, "partNumber")), Body=request.body
        )
        return Response(200, headers=done)

    def _complete_upload(self, request: Request, key: str, query: Query) -> Response:
        done = self._service.complete_multipart_upload(
            Key=key,
            UploadId=_first(query, "uploadId"),
            MultipartUpload={"Parts": _parts(request.body.decode())},
            **_parameters(request),
        )
        etag = escape(done["ETag"])
        return _xml(f"<CompleteMultipartUploadResult><ETag>{etag}</ETag></CompleteMultipartUploadResult>")

    def _abort_upload(self, _request: Request, key: str, query: Query) -> Response:
        self._service.abort_multipart_upload(Key=key, UploadId=_first(query, "uploadId"))
        return Response(204)


def _operation(method: str, key: str, query: Query) -> str:
    if not key:
        return {"GET": "ListObjectsV2", "HEAD": "HeadBucket"}[method]
    if "uploads" in query:
        return {"POST": "CreateMultipartUpload"}[method]
    if "uploadId" in query:
        return {"PUT": "UploadPart", "POST": "CompleteMultipartUpload", "DELETE": "AbortMultipartUpload"}[method]
    return {"PUT": "PutObject", "HEAD": "HeadObject", "GET": "GetObject", "DELETE": "DeleteObject"}[method]


def _first(query: Query, name: str) -> str:
    return query.get(name, [""])[0]


def _parameters(request: Request) -> dict[str, Any]:
    """The request's headers as the parameters of boto3 that they stand for."""
    headers = request.headers
    found: dict[str, Any] = {parameter: headers[name] for name, parameter in _PARAMETERS if name in headers}
    found["Metadata"] = {name[len(_METADATA) :]: headers[name] for name in headers if name.startswith(_METADATA)}
    return found


def _parts(document: str) -> list[dict[str, Any]]:
    """The parts that a request to complete an upload lists."""
    parts = []
    for part in _PART.findall(document):
        number, etag = (re.search(f"<{name}>(.*?)</{name}>", part) for name in ("PartNumber", "ETag"))
        if number and etag:
            parts.append({"PartNumber": int(number[1]), "ETag": unescape(etag[1], {"&quot;": '"'})})
    return parts


def _headers(found: Mapping[str, Any]) -> dict[str, str]:
    """What describes an object in an answer."""
    headers = {f"{_METADATA}{name}": value for name, value in found["Metadata"].items()}
    headers |= {"Content-Type": found["ContentType"], "ETag": found["ETag"], "Last-Modified": _CREATED_HEADER}
    if "ContentRange" in found:
        headers["Content-Range"] = found["ContentRange"]
    return headers


def _xml(text: str) -> Response:
    return Response(200, (f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode(),), _XML)
