"""The server's HTTP without a socket."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, override

import pytest

from bench.server.http import Connection, Response, Site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.server.http import Request


class Echo(Site):
    """Responds with the request's body, and keeps the requests."""

    def __init__(self) -> None:
        self.asked: list[Request] = []

    @override
    def answer(self, request: Request) -> Response:
        self.asked.append(request)
        return Response(200, (b"<", request.body, b">"), {"ETag": '"1"'})


class RecordingTransport(asyncio.Transport):
    """Keeps what is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""

    @override
    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += bytes(data)

    @override
    def is_closing(self) -> bool:
        return False


@pytest.fixture
def site() -> Echo:
    """The site behind the connection."""
    return Echo()


@pytest.fixture
def transport() -> RecordingTransport:
    """The client's side of the connection."""
    return RecordingTransport()


@pytest.fixture
def connection(site: Echo, transport: RecordingTransport) -> Iterator[Connection]:
    """An open connection."""
    loop = asyncio.new_event_loop()
    made = Connection(site, loop)
    made.connection_made(transport)
    yield made
    loop.close()


def test_a_request_may_arrive_in_pieces(connection: Connection, site: Echo, transport: RecordingTransport) -> None:
    """Large ones do; the next request uses the same connection."""
    for piece in (b"PUT /key?x=1 HT", b"TP/1.1\r\nContent-Length: 6\r\n\r", b"\nabc", b"def"):
        connection.data_received(piece)
    connection.data_received(b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n")
    assert [(request.method, request.path, request.query, request.body) for request in site.asked] == [
        ("PUT", "/key", "x=1", b"abcdef"),
        ("GET", "/", "", b""),
    ]
    assert transport.sent.count(b"HTTP/1.1 200 OK\r\n") == 2
    assert b'Content-Length: 8\r\nETag: "1"\r\n\r\n<abcdef>HTTP' in transport.sent


def test_the_response_to_a_head_request_has_no_body(connection: Connection, transport: RecordingTransport) -> None:
    """But it has the length of the body."""
    connection.data_received(b"HEAD / HTTP/1.1\r\n\r\n")
    assert b"Content-Length: 2\r\n" in transport.sent
    assert transport.sent.endswith(b"\r\n\r\n")


def test_a_client_that_expects_100_continue_gets_it(
    connection: Connection, site: Echo, transport: RecordingTransport
) -> None:
    """Before it sends the body."""
    connection.data_received(b"PUT / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
    assert transport.sent == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert not site.asked
    connection.data_received(b"x")
    assert site.asked[0].body == b"x"
