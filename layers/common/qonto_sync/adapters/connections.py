"""Pooled connections on which no answer takes for ever, and which can be held to the internet's own addresses."""

from __future__ import annotations

import http.client
import io
import logging
import math
from typing import TYPE_CHECKING, Any, override

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from qonto_sync.adapters.peer_addresses import is_public
from qonto_sync.errors import Permanent

if TYPE_CHECKING:
    import socket

    from _typeshed import WriteableBuffer

    from qonto_sync.ports import Clock

LONGEST_SILENCE_SECONDS = 30.0
"""The longest wait for the next byte of an answer."""


def connection_pool(workers: int, clock: Clock, *, public_only: bool = False) -> urllib3.PoolManager:
    """A pool of kept-alive connections, one to each host for every worker and for the thread that drives them.

    A request's read timeout is for its whole answer, from the status line to the last byte, not for each wait.
    Redirects are not followed (they could carry credentials elsewhere), nothing is retried behind our back, and no
    proxy of the environment is asked. With `public_only`, a host whose address is not public gets no byte of a request:
    `Permanent` is raised, naming the host.
    """
    # It warns of odd headers with the URL in its text, and the URL of a file is a credential.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    return _Pools(workers + 1, clock, public_only=public_only)


class _Answer(http.client.HTTPResponse):
    """An answer that ends in time."""

    def __init__(self, sock: socket.socket, *, clock: Clock, **options: Any) -> None:
        super().__init__(sock, **options)
        self.fp = io.BufferedReader(_TimedReader(self.fp.detach(), sock, clock))

    def _read_next_chunk_size(self) -> int:
        # The standard library takes a chunk of -1 bytes for "all there is", and reads it in one piece.
        size: int = super()._read_next_chunk_size()  # type: ignore[misc]
        if size < 0:
            raise ValueError("a chunk cannot be shorter than nothing")
        return size


class _TimedReader(io.RawIOBase):
    """What a socket receives, until the time for all of it is over."""

    def __init__(self, received: io.RawIOBase, sock: socket.socket, clock: Clock) -> None:
        self._received = received
        self._socket = sock
        self._clock = clock
        # By now urllib3 has set the read timeout of this request.
        seconds = sock.gettimeout()
        self._end = math.inf if seconds is None else clock.monotonic() + seconds

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: WriteableBuffer) -> int | None:
        left = self._end - self._clock.monotonic()
        if left <= 0:
            raise TimeoutError("the answer did not end in time")
        self._socket.settimeout(min(left, LONGEST_SILENCE_SECONDS))
        return self._received.readinto(buffer)

    @override
    def close(self) -> None:
        self._received.close()
        super().close()


class _Connection(HTTPConnection):
    def __init__(self, host: str, port: int | None = None, *, clock: Clock, public_only: bool, **options: Any) -> None:
        super().__init__(host, port, **options)
        self._clock = clock
        self._public_only = public_only

    def response_class(  # type: ignore[override, explicit-override]
        self, sock: socket.socket, **options: Any
    ) -> _Answer:
        """What `http.client` calls to read an answer."""
        return _Answer(sock, clock=self._clock, **options)

    @override
    def _new_conn(self) -> socket.socket:
        """Asks the connected socket, for between a look-up and a connection the host's address may change."""
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
                " if that is meant, ATTACHMENT_HOSTS has to list it as a full origin, with its scheme"
            )


class _SecureConnection(_Connection, HTTPSConnection):
    """The check comes before the handshake; host name and certificate are verified as always."""


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Pools(urllib3.PoolManager):
    # At most ten hosts are kept, which only matters to those who list more: no other host is ever asked.
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
