"""The file host: downloads over presigned URLs, checked before they count."""

from __future__ import annotations

import http.client
import re
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, override

import urllib3

from qonto_sync.domain.errors import Permanent, Retriable, UnusableFile
from qonto_sync.ports import AttachmentFiles, Download
from qonto_sync.qonto.file_types import HEAD_BYTES, file_kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from qonto_sync.domain.ids import AttachmentId
    from qonto_sync.domain.invoice import Attachment, FileKind
    from qonto_sync.qonto.http_client import HttpClient

_NO_CODINGS = frozenset({"", "identity", "aws-chunked"})
"""Until 2024 S3 stored an empty coding for uploads with signed chunks, and compatible hosts store the name of that
transfer. Neither changes the bytes."""

_EXPIRED = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.GONE})

# Visible ASCII without the backslash, which some parsers treat as a slash.
_URL = re.compile(r"[\x21-\x5b\x5d-\x7e]{1,8192}")
_LONGEST_HOST = 253
_DEFAULT_PORT = {"http": 80, "https": 443}
_LENGTH = re.compile(r"[0-9]{1,18}")
_STRONG_ETAG = re.compile(r'"[\x21\x23-\x7e]{1,198}"')
"""RFC 9110, ASCII only: it becomes a header of the next request, and an attribute of the ledger."""


class HttpAttachmentFiles(AttachmentFiles):
    """Downloads from the allowed origins only. It has no credentials, so it cannot send any."""

    def __init__(
        self,
        origins: Mapping[str, HttpClient],
        *,
        max_bytes: int,
        fresh: Callable[[AttachmentId], Attachment],
    ) -> None:
        """`origins` maps each allowed origin, such as `https://host`, to the client that may connect to it."""
        self._origins = origins
        self._max_bytes = max_bytes
        self._fresh = fresh

    @override
    @contextmanager
    def open(self, attachment: Attachment, if_none_match: str | None) -> Iterator[HttpDownload | None]:
        response = self._get(attachment, if_none_match)
        if response.status in _EXPIRED:
            # One fresh URL; then the response counts.
            response.close()
            attachment = self._fresh(attachment.id)
            response = self._get(attachment, if_none_match)
        try:
            if response.status == HTTPStatus.NOT_MODIFIED and if_none_match:
                # There is no body, but urllib3 reuses the socket only after a read.
                _read(response, 1)
                yield None
                return
            if response.status != HTTPStatus.OK:
                # Qonto described the file a moment ago, so any error of the host may pass.
                raise Retriable(f"the file host answered {response.status}")
            yield HttpDownload(response, attachment.file_size, self._max_bytes)
        finally:
            # Closes the socket unless the body was read to its end; then the socket is back in the pool.
            response.close()

    def _get(self, attachment: Attachment, if_none_match: str | None) -> urllib3.BaseHTTPResponse:
        origin = _origin(attachment.url)
        if origin not in self._origins:
            raise Permanent(f"the attachment's URL points to {origin}, which is not in ATTACHMENT_HOSTS")
        headers = {"Accept-Encoding": "identity"}
        if if_none_match:
            headers["If-None-Match"] = if_none_match
        return self._origins[origin].send("GET", attachment.url, headers=headers, kind="files", stream=True)


class HttpDownload(Download):
    """A file that is being received. Its end raises unless it has the size that the host and the API announced."""

    def __init__(self, response: urllib3.BaseHTTPResponse, file_size: int | None, max_bytes: int) -> None:
        if _codings(response) - _NO_CODINGS:
            raise Retriable("the file came encoded, although that was not asked for")
        etag = response.headers.get("ETag", "")
        # A weak ETag does not promise equal bytes.
        self._etag = etag if _STRONG_ETAG.fullmatch(etag) else None
        self._announced = _announced_size(response, file_size, self._etag)
        if (self._announced or 0) > max_bytes:
            raise Permanent(f"the file has {self._announced} bytes, more than MAX_FILE_BYTES allows")
        self._limit = max_bytes if self._announced is None else self._announced
        self._response = response
        self._received = 0
        self._head = self._receive(HEAD_BYTES)
        kind = file_kind(self._head)
        if kind is None:
            raise _unusable("the file is no PDF, JPEG, PNG, UBL or CII, whatever its status and type say", self._etag)
        self._kind = kind

    @property
    @override
    def kind(self) -> FileKind:
        return self._kind

    @property
    @override
    def etag(self) -> str | None:
        return self._etag

    @override
    def parts(self, size: int) -> Iterator[bytes]:
        while part := self._next(size):
            yield part
        if self._announced not in {None, self._received}:
            raise Retriable(f"the file ended after {self._received} of {self._announced} bytes")

    def _next(self, size: int) -> bytes:
        part, self._head = self._head[:size], self._head[size:]
        return part + self._receive(size - len(part))

    def _receive(self, amount: int) -> bytes:
        """Exactly this many bytes, or all that are left."""
        # One byte more than allowed is enough to detect a longer file.
        data = _read(self._response, min(amount, self._limit - self._received + 1))
        self._received += len(data)
        if self._received <= self._limit:
            return data
        if self._announced is None:
            raise Permanent("the file is longer than MAX_FILE_BYTES allows")
        raise Retriable(f"the file goes on after the {self._announced} bytes that were announced")


def _origin(url: str) -> str:
    """`https://host`, with the port unless it is the scheme's default; parsed as urllib3 parses it for the request."""
    try:
        parts = urllib3.util.parse_url(url) if _URL.fullmatch(url) else None
    except ValueError:
        # Its text contains the URL.
        parts = None
    if not parts or not parts.scheme or not parts.host or len(parts.host) > _LONGEST_HOST or parts.auth is not None:
        raise Permanent("the attachment's URL is none that a file could be asked for with")
    port = "" if parts.port in {None, _DEFAULT_PORT.get(parts.scheme)} else f":{parts.port}"
    return f"{parts.scheme}://{parts.host}{port}"


def _codings(response: urllib3.BaseHTTPResponse) -> set[str]:
    return {coding.strip().lower() for coding in response.headers.get("Content-Encoding", "").split(",")}


def _unusable(reason: str, etag: str | None) -> Retriable:
    """An error that tells the same file from another one, if it has an ETag."""
    return UnusableFile(f"{reason} (ETag {etag})") if etag else Retriable(reason)


def _announced_size(response: urllib3.BaseHTTPResponse, file_size: int | None, etag: str | None) -> int | None:
    """The size that the host and the API agree on; None if neither announces one and the body is chunked."""
    sizes = {file_size} if file_size is not None else set()
    length = response.headers.get("Content-Length")
    if length is not None:
        if not _LENGTH.fullmatch(length.strip(" \t")):
            raise Retriable("the file came with a Content-Length that is not one number")
        sizes.add(int(length))
    if len(sizes) > 1:
        raise _unusable(f"the file is announced with the sizes {sorted(sizes)}", etag)
    coding = response.headers.get("Transfer-Encoding")
    # urllib3 ignores any other value, and would accept a truncated body.
    if coding is not None and coding.lower() != "chunked":
        raise Retriable("the file came in a transfer coding that was not asked for")
    if not sizes and coding is None:
        raise Retriable("the file came without any length, so nobody can tell whether it is whole")
    return sizes.pop() if sizes else None


def _read(response: urllib3.BaseHTTPResponse, amount: int) -> bytes:
    """This many bytes of the body, not decoded, or all that are left."""
    data = b""
    try:
        while len(data) < amount and (more := response.read(amount - len(data), decode_content=False)):
            data += more
    except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError) as error:
        raise Retriable(f"the download broke off: {type(error).__name__}") from error
    return data
