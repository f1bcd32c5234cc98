"""The capacity of the server: the contenders can only be compared while the server is faster than they are."""

from __future__ import annotations

import json
import socket
import time
from typing import TYPE_CHECKING, Final

from bench.server.organization import id_of
from bench.work import Work

if TYPE_CHECKING:
    from bench.simulator import Simulator

_CONNECTIONS: Final = 16
_ROUNDS: Final = 250
_FILE_BYTES: Final = 100_000


def capacity(simulator: Simulator) -> dict[str, float]:
    """Requests per second by kind, from a client that discards the responses."""
    simulator.reset(Work(invoices=1_000, file_bytes=_FILE_BYTES, latency=False))
    attachment = id_of("attachment", 0)
    key = json.dumps({"TableName": "state", "Key": {"pk": {"S": "checkpoint#default"}}}).encode()
    requests = {
        "attachment": ("qonto", _request("GET", f"/v2/attachments/{attachment}")),
        "file of 100 KB": ("files", _request("GET", f"/attachment/{attachment}")),
        "put of 100 KB": ("aws", _request("PUT", "/archive/key", bytes(_FILE_BYTES))),
        "GetItem": ("aws", _request("POST", "/", key, "X-Amz-Target: DynamoDB_20120810.GetItem\r\n")),
    }
    return {kind: _rate(getattr(simulator.ports, site), request) for kind, (site, request) in requests.items()}


def _request(method: str, path: str, body: bytes = b"", header: str = "") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: bench\r\n{header}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _rate(port: int, request: bytes) -> float:
    """Sends on all connections before it reads from any, so that the server is hardly ever idle."""
    connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(_CONNECTIONS)]
    buffer = bytearray(1 << 20)
    started = time.perf_counter()
    for _ in range(_ROUNDS):
        for connection in connections:
            connection.sendall(request)
        for connection in connections:
            _read(connection, buffer)
    seconds = time.perf_counter() - started
    for connection in connections:
        connection.close()
    return round(_ROUNDS * _CONNECTIONS / seconds)


def _read(connection: socket.socket, buffer: bytearray) -> None:
    got = connection.recv_into(buffer)
    end = buffer.index(b"\r\n\r\n") + 4
    (length,) = [line for line in bytes(buffer[:end]).split(b"\r\n") if line.startswith(b"Content-Length")]
    missing = end + int(length.partition(b":")[2]) - got
    while missing > 0:
        missing -= connection.recv_into(buffer)
