"""HTTP/1.1 with keep-alive, as far as the contenders use it."""

from __future__ import annotations

import asyncio
import time
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast, override

if TYPE_CHECKING:
    from collections.abc import Mapping

_BODILESS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
_REASONS = {status.value: status.phrase for status in HTTPStatus}


class Request(NamedTuple):
    """A complete request; the names of its headers are in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


class Response(NamedTuple):
    """A response, and the delay in seconds before it is sent."""

    status: int
    body: tuple[bytes | memoryview, ...] = ()
    headers: Mapping[str, str] = {}
    delay: float = 0.0


class Site(Protocol):
    """The service on one port."""

    def answer(self, request: Request) -> Response:
        """The response to a complete request."""


class Connection(asyncio.Protocol):
    """A client's connection, without pipelining: the client waits for each response before its next request."""

    def __init__(self, site: Site, loop: asyncio.AbstractEventLoop) -> None:
        self._site = site
        self._loop = loop
        self._head = b""
        self._request: Request | None = None
        self._body: list[bytes] = []
        self._missing = 0

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    @override
    def data_received(self, data: bytes) -> None:
        if self._request is None:
            self._head += data
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return
            data, head = self._head[end + 4 :], self._head[:end]
            self._head = b""
            self._request = _parsed(head)
            self._missing = int(self._request.headers.get("content-length", "0"))
            if "100-continue" in self._request.headers.get("expect", ""):
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._body.append(data)
        self._missing -= len(data)
        if self._missing <= 0:
            self._answer(self._request._replace(body=b"".join(self._body)))

    def _answer(self, request: Request) -> None:
        self._request = None
        self._body = []
        response = self._site.answer(request)
        if response.delay:
            self._loop.call_later(response.delay, self._send, request, response)
        else:
            self._send(request, response)

    def _send(self, request: Request, response: Response) -> None:
        if not self._transport.is_closing():
            self._transport.writelines([_head(response), *(() if request.method == "HEAD" else response.body)])


def _parsed(head: bytes) -> Request:
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    path, _, query = target.partition("?")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return Request(method, path, query, headers, b"")


def _head(response: Response) -> bytes:
    lines = [f"HTTP/1.1 {response.status} {_REASONS[response.status]}", f"Date: {_dates.now()}"]
    if response.status not in _BODILESS:
        lines.append(f"Content-Length: {sum(map(len, response.body))}")
    lines += [f"{name}: {value}" for name, value in response.headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


class _Dates:
    """The `Date` header, formatted once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._text = ""

    def now(self) -> str:
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._text = formatdate(second, usegmt=True)
        return self._text


_dates = _Dates()
