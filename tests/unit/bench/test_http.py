"""The server's HTTP, without a socket."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, override

import pytest

from bench.server.http import Connection, Response, Site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.server.http import Request


class Echo(Site):
    """Answers with the body, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Request] = []

    @override
    def answer(self, request: Request) -> Response:
        self.asked.append(request)
        return Response(200, (b"<", request.body, b">"), {"ETag": '"1"'})


class Wire(asyncio.Transport):
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
    """What the connection leads to."""
    return Echo()


@pytest.fixture
def wire() -> Wire:
    """The client's side."""
    return Wire()


@pytest.fixture
def connection(site: Echo, wire: Wire) -> Iterator[Connection]:
    """An open one."""
    loop = asyncio.new_event_loop()
    made = Connection(site, loop)
    made.connection_made(wire)
    yield made
    loop.close()


def test_a_request_may_arrive_in_pieces(connection: Connection, site: Echo, wire: Wire) -> None:
    """As files do; and the next one comes over the same connection."""
    for piece in (b"PUT /key?x=1 HT", b"TP/1.1\r\nContent-Length: 6\r\n\r", b"\nabc", b"def"):
        connection.data_received(piece)
    connection.data_received(b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n")
    assert [(request.method, request.path, request.query, request.body) for request in site.asked] == [
        ("PUT", "/key", "x=1", b"abcdef"),
        ("GET", "/", "", b""),
    ]
    assert wire.sent.count(b"HTTP/1.1 200 OK\r\n") == 2
    assert b'Content-Length: 8\r\nETag: "1"\r\n\r\n<abcdef>HTTP' in wire.sent


def test_who_asks_for_the_head_gets_no_body(connection: Connection, wire: Wire) -> None:
    """But its length."""
    connection.data_received(b"HEAD / HTTP/1.1\r\n\r\n")
    assert b"Content-Length: 2\r\n" in wire.sent
    assert wire.sent.endswith(b"\r\n\r\n")


def test_who_waits_for_leave_to_send_gets_it(connection: Connection, site: Echo, wire: Wire) -> None:
    """Before the body is there."""
    connection.data_received(b"PUT / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
    assert wire.sent == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert not site.asked
    connection.data_received(b"x")
    assert site.asked[0].body == b"x"
