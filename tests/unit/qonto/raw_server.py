"""A server that sends exactly the given bytes, valid or not, over real sockets."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_END_OF_REQUEST = b"\r\n\r\n"


class RawServer:
    """Sends these responses in turn, then always the last one; `received` has the requests, one text each."""

    def __init__(self, *answers: Iterable[bytes], keep_alive: bool = False) -> None:
        self._answers = list(answers)
        self._keep_alive = keep_alive
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.origin = f"http://127.0.0.1:{self.port}"
        self.received: list[str] = []
        self.connections: list[socket.socket] = []

    def serve(self) -> None:
        """Until it is closed."""
        with suppress(OSError):
            while True:
                connection = self._listener.accept()[0]
                self.connections.append(connection)
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def close(self) -> None:
        """Hangs up on everybody."""
        # Unlike `close`, this ends the wait of a thread in `accept`.
        self._listener.shutdown(socket.SHUT_RDWR)
        for waiting in (self._listener, *self.connections):
            waiting.close()

    def _talk(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            while self._hears(connection):
                answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
                for piece in answer:
                    connection.sendall(piece)
                if not self._keep_alive:
                    return

    def _hears(self, connection: socket.socket) -> bool:
        request = b""
        while not request.endswith(_END_OF_REQUEST):
            more = connection.recv(65_536)
            if not more:
                return False
            request += more
        self.received.append(request.decode("latin-1"))
        return True


@contextmanager
def raw_server(*answers: Iterable[bytes], keep_alive: bool = False) -> Iterator[RawServer]:
    """A server in a thread of its own; without `keep_alive` it hangs up after each answer."""
    server = RawServer(*answers, keep_alive=keep_alive)
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join(10)
