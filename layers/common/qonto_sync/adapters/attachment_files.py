"""The file host: downloads over presigned URLs, believed only after they were checked."""

from __future__ import annotations

import http.client
import re
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

import urllib3

from qonto_sync.errors import Permanent, Retriable
from qonto_sync.model import FileKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from qonto_sync.adapters.http_client import HttpClient
    from qonto_sync.model import Attachment, AttachmentId

_MAGIC = {b"%PDF-": FileKind.PDF, b"\xff\xd8\xff": FileKind.JPEG, b"\x89PNG\r\n\x1a\n": FileKind.PNG}
_LONGEST_MAGIC = max(map(len, _MAGIC))
_EXPIRED = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.GONE})

# Visible ASCII. A backslash is a slash to some parsers and none to others.
_URL = re.compile(r"[\x21-\x5b\x5d-\x7e]{1,8192}")
_LONGEST_HOST = 253
_DEFAULT_PORT = {"http": 80, "https": 443}
_LENGTH = re.compile(r"[0-9]{1,18}")
_STRONG_ETAG = re.compile(r'"[\x21\x23-\x7e]{1,198}"')
"""RFC 9110, without the bytes beyond ASCII: it goes into a header of the next request, and into the ledger."""


class HttpAttachmentFiles:
    """Downloads from the hosts that are allowed, and from no other. It has no credentials that it could send."""

    def __init__(
        self,
        origins: Mapping[str, HttpClient],
        *,
        max_bytes: int,
        fresh: Callable[[AttachmentId], Attachment],
    ) -> None:
        """`origins` are the allowed ones, such as `https://host`, each with the client that may connect to it."""
        self._origins = origins
        self._max_bytes = max_bytes
        self._fresh = fresh

    @contextmanager
    def open(self, attachment: Attachment, if_none_match: str | None) -> Iterator[HttpDownload | None]:
        """See `ports.AttachmentFiles`. An expired URL is replaced by a fresh one, once."""
        response = self._get(attachment, if_none_match)
        if response.status in _EXPIRED:
            response.close()
            attachment = self._fresh(attachment.id)
            response = self._get(attachment, if_none_match)
        try:
            if response.status == HTTPStatus.NOT_MODIFIED and if_none_match:
                # It has no body, but only who reads that may use the connection again.
                _read(response, 1)
                yield None
                return
            if response.status != HTTPStatus.OK:
                # Whatever it says of a file that was announced a moment ago, it may say otherwise later.
                raise Retriable(f"the file host answered {response.status}")
            yield HttpDownload(response, attachment.file_size, self._max_bytes)
        finally:
            # Unless the body was read to its end: then the connection is in the pool again.
            response.close()

    def _get(self, attachment: Attachment, if_none_match: str | None) -> urllib3.BaseHTTPResponse:
        origin = _origin(attachment.url)
        if origin not in self._origins:
            raise Permanent(f"the attachment's URL points to {origin}, which is not in ATTACHMENT_HOSTS")
        headers = {"Accept-Encoding": "identity"}
        if if_none_match:
            headers["If-None-Match"] = if_none_match
        return self._origins[origin].send("GET", attachment.url, headers=headers, kind="files", stream=True)


class HttpDownload:
    """A file on its way. Its end is given only if the whole is what the host and the API announced."""

    def __init__(self, response: urllib3.BaseHTTPResponse, file_size: int | None, max_bytes: int) -> None:
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise Retriable("the file came encoded, although that was not asked for")
        self._announced = _announced_size(response, file_size)
        if (self._announced or 0) > max_bytes:
            raise Permanent(f"the file has {self._announced} bytes, more than MAX_FILE_BYTES allows")
        self._most = max_bytes if self._announced is None else self._announced
        self._response = response
        self._received = 0
        self._head = self._receive(_LONGEST_MAGIC)
        kinds = [kind for magic, kind in _MAGIC.items() if self._head.startswith(magic)]
        if not kinds:
            raise Retriable("the file is no PDF, JPEG or PNG, whatever its status and type say")
        self.kind = kinds[0]
        etag = response.headers.get("ETag", "")
        # A weak ETag does not promise equal bytes.
        self.etag = etag if _STRONG_ETAG.fullmatch(etag) else None

    def parts(self, size: int) -> Iterator[bytes]:
        """See `ports.Download`."""
        while part := self._next(size):
            yield part
        if self._announced not in {None, self._received}:
            raise Retriable(f"the file ended after {self._received} of {self._announced} bytes")

    def _next(self, size: int) -> bytes:
        part, self._head = self._head[:size], self._head[size:]
        return part + self._receive(size - len(part))

    def _receive(self, amount: int) -> bytes:
        """Exactly this much, or all that is left."""
        # One byte more than there may be is enough to know that there is more.
        data = _read(self._response, min(amount, self._most - self._received + 1))
        self._received += len(data)
        if self._received <= self._most:
            return data
        if self._announced is None:
            raise Permanent("the file is longer than MAX_FILE_BYTES allows")
        raise Retriable(f"the file goes on after the {self._announced} bytes that were announced")


def _origin(url: str) -> str:
    """`https://host`, with its port unless it is the scheme's own; by the parser that the request is made with."""
    try:
        parts = urllib3.util.parse_url(url) if _URL.fullmatch(url) else None
    except ValueError:
        # Its text is the URL.
        parts = None
    if not parts or not parts.scheme or not parts.host or len(parts.host) > _LONGEST_HOST or parts.auth is not None:
        raise Permanent("the attachment's URL is none that a file could be asked for with")
    port = "" if parts.port in {None, _DEFAULT_PORT.get(parts.scheme)} else f":{parts.port}"
    return f"{parts.scheme}://{parts.host}{port}"


def _announced_size(response: urllib3.BaseHTTPResponse, file_size: int | None) -> int | None:
    """What the host and the API agree on; None if neither says it and the body tells its own end."""
    sizes = {file_size} if file_size is not None else set()
    length = response.headers.get("Content-Length")
    if length is not None:
        if not _LENGTH.fullmatch(length.strip(" \t")):
            raise Retriable("the file came with a Content-Length that is not one number")
        sizes.add(int(length))
    if len(sizes) > 1:
        raise Retriable(f"the file is announced with the sizes {sorted(sizes)}")
    coding = response.headers.get("Transfer-Encoding")
    # Spelled in any other way it would be read as if it were not there, and any end would do.
    if coding is not None and coding.lower() != "chunked":
        raise Retriable("the file came in a transfer coding that was not asked for")
    if not sizes and coding is None:
        raise Retriable("the file came without any length, so nobody can tell whether it is whole")
    return sizes.pop() if sizes else None


def _read(response: urllib3.BaseHTTPResponse, amount: int) -> bytes:
    """As many bytes of the body, as they are, or all that are left."""
    data = b""
    try:
        while len(data) < amount and (more := response.read(amount - len(data), decode_content=False)):
            data += more
    except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError) as error:
        raise Retriable(f"the download broke off: {type(error).__name__}") from error
    return data
