"""The urllib3 pool: whole responses have a timeout, and downloads can be limited to public addresses."""

from __future__ import annotations

import http.client
import io
import logging
import math
from typing import TYPE_CHECKING, Any, override

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from qonto_sync.domain.errors import Permanent
from qonto_sync.qonto.peer_addresses import is_public

if TYPE_CHECKING:
    import socket

    from _typeshed import WriteableBuffer

    from qonto_sync.ports import Clock

LONGEST_SILENCE_SECONDS = 30.0
"""The longest wait for the next byte of a response."""


def http_pool(workers: int, clock: Clock, *, public_only: bool = False) -> urllib3.PoolManager:
    """A pool of keep-alive sockets: to each host one for every worker, and one for the thread that drives them.

    A request's read timeout covers its whole response, from the status line to the last byte, not each wait.
    Redirects are not followed, because they could take credentials elsewhere; urllib3 retries nothing; proxies of the
    environment are ignored. With `public_only`, a host whose address is not public receives no byte of a request:
    `Permanent` is raised, naming the host.
    """
    # urllib3 logs odd headers with the URL, and a file's URL is a credential.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    return _Pools(workers + 1, clock, public_only=public_only)


class _Response(http.client.HTTPResponse):
    """A response that ends in time."""

    def __init__(self, sock: socket.socket, *, clock: Clock, **options: Any) -> None:
        super().__init__(sock, **options)
        self.fp = io.BufferedReader(_TimedReader(self.fp.detach(), sock, clock))

    def _read_next_chunk_size(self) -> int:
        # The standard library reads a chunk of -1 bytes as "everything", in one piece.
        size: int = super()._read_next_chunk_size()  # type: ignore[misc]
        if size < 0:
            raise ValueError("a chunk cannot be shorter than nothing")
        return size


class _TimedReader(io.RawIOBase):
    """Reads from a socket until the time for the whole response is over."""

    def __init__(self, received: io.RawIOBase, sock: socket.socket, clock: Clock) -> None:
        self._received = received
        self._socket = sock
        self._clock = clock
        # urllib3 has set this request's read timeout on the socket.
        seconds = sock.gettimeout()
        self._end = math.inf if seconds is None else clock.monotonic() + seconds

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: WriteableBuffer) -> int | None:
        left = self._end - self._clock.monotonic()
        if left <= 0:
            raise TimeoutError("the response did not end in time")
        self._socket.settimeout(min(left, LONGEST_SILENCE_SECONDS))
        return self._received.readinto(buffer)

    @override
    def close(self) -> None:
        self._received.close()
        super().close()


class _PlainConnection(HTTPConnection):
    def __init__(self, host: str, port: int | None = None, *, clock: Clock, public_only: bool, **options: Any) -> None:
        super().__init__(host, port, **options)
        self._clock = clock
        self._public_only = public_only

    def response_class(  # type: ignore[override, explicit-override]
        self, sock: socket.socket, **options: Any
    ) -> _Response:
        """The class that `http.client` reads a response with."""
        return _Response(sock, clock=self._clock, **options)

    @override
    def _new_conn(self) -> socket.socket:
        """Checks the connected socket's address: the result of a separate look-up could differ."""
        sock = super()._new_conn()
        try:
            self._check_peer(sock)
        except BaseException:
            sock.close()
            raise
        return sock

    def _check_peer(self, sock: socket.socket) -> None:
        if self._public_only and not is_public(address := sock.getpeername()[0]):
            raise Permanent(
                f"{self.host} has the address {address}, which is not public:"
                " if this is intended, list it in ATTACHMENT_HOSTS as a full origin, with its scheme"
            )


class _SecureConnection(_PlainConnection, HTTPSConnection):
    """The address is checked before the TLS handshake; host name and certificate are verified as usual."""


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Pools(urllib3.PoolManager):
    # urllib3 keeps pools for ten hosts. Only a setting with more hosts would exceed them.
    def __init__(self, connections: int, clock: Clock, *, public_only: bool) -> None:
        super().__init__(maxsize=connections, retries=False)
        self.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
        self._options = {"clock": clock, "public_only": public_only}

    @override
    def _new_pool(
        self, scheme: str, host: str, port: int, request_context: dict[str, Any] | None = None
    ) -> urllib3.HTTPConnectionPool:
        context = self.connection_pool_kw if request_context is None else request_context
        return super()._new_pool(scheme, host, port, {**context, **self._options})
