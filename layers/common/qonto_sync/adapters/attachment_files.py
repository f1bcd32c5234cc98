"""The file host: downloads over presigned URLs, believed only after they were checked."""

from __future__ import annotations

from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import urllib3

from qonto_sync.errors import Permanent, Retriable
from qonto_sync.model import FileKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from qonto_sync.adapters.http_client import HttpClient
    from qonto_sync.model import Attachment, AttachmentId

_MAGIC = {b"%PDF-": FileKind.PDF, b"\xff\xd8\xff": FileKind.JPEG, b"\x89PNG\r\n\x1a\n": FileKind.PNG}
_LONGEST_MAGIC = max(map(len, _MAGIC))
_EXPIRED = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.GONE})


class HttpAttachmentFiles:
    """Downloads from the hosts that are allowed, and from no other."""

    def __init__(
        self,
        http: HttpClient,
        *,
        allowed_origins: frozenset[str],
        max_bytes: int,
        fresh: Callable[[AttachmentId], Attachment],
    ) -> None:
        self._http = http
        self._allowed_origins = allowed_origins
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
                yield None
                return
            if response.status != HTTPStatus.OK:
                # Whatever it says of a file that was announced a moment ago, it may say otherwise later.
                raise Retriable(f"the file host answered {response.status}")
            yield HttpDownload(response, attachment.file_size, self._max_bytes)
        finally:
            if response.length_remaining == 0 or response.closed:
                response.release_conn()
            else:
                response.close()

    def _get(self, attachment: Attachment, if_none_match: str | None) -> urllib3.BaseHTTPResponse:
        parts = urlsplit(attachment.url)
        if f"{parts.scheme}://{parts.netloc}".lower() not in self._allowed_origins:
            raise Permanent(
                f"the attachment's URL points to {parts.scheme}://{parts.hostname}, which is not in ATTACHMENT_HOSTS"
            )
        headers = {"Accept-Encoding": "identity"}
        if if_none_match:
            headers["If-None-Match"] = if_none_match
        return self._http.send("GET", attachment.url, headers=headers, kind="files", stream=True)


class HttpDownload:
    """A file on its way. Its end is given only if the whole is what the host and the API announced."""

    def __init__(self, response: urllib3.BaseHTTPResponse, file_size: int | None, max_bytes: int) -> None:
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise Retriable("the file came encoded, although that was not asked for")
        length = response.headers.get("Content-Length", "")
        lengths = {int(length)} if length.isdecimal() else set()
        lengths |= {file_size} if file_size is not None else set()
        if len(lengths) > 1:
            raise Retriable(f"the file is announced with the sizes {sorted(lengths)}")
        self._announced = lengths.pop() if lengths else None
        if self._announced is None and not response.chunked:
            raise Retriable("the file came without any length, so nobody can tell whether it is whole")
        if (self._announced or 0) > max_bytes:
            raise Permanent(f"the file has {self._announced} bytes, more than MAX_FILE_BYTES allows")
        self._max_bytes = max_bytes
        self._response = response
        self._head = self._read(_LONGEST_MAGIC)
        kinds = [kind for magic, kind in _MAGIC.items() if self._head.startswith(magic)]
        if not kinds:
            raise Retriable("the file is no PDF, JPEG or PNG, whatever its status and type say")
        self.kind = kinds[0]
        etag = response.headers.get("ETag")
        # A weak ETag does not promise equal bytes.
        self.etag = etag if etag and not etag.startswith("W/") else None

    def parts(self, size: int) -> Iterator[bytes]:
        """See `ports.Download`."""
        received = 0
        part = self._head + self._read(size - len(self._head))
        while part:
            received += len(part)
            if received > self._max_bytes:
                raise Permanent("the file is longer than MAX_FILE_BYTES allows")
            yield part
            part = self._read(size)
        if self._announced not in {None, received}:
            raise Retriable(f"the file ended after {received} of {self._announced} bytes")

    def _read(self, amount: int) -> bytes:
        """Exactly this much, or all that is left."""
        try:
            data = self._response.read(amount)
            while len(data) < amount and (more := self._response.read(amount - len(data))):
                data += more
        except urllib3.exceptions.HTTPError as error:
            raise Retriable(f"the download broke off: {type(error).__name__}") from error
        return data
