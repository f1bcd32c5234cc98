"""One origin on one port: HTTP/1.1 with keep-alive, quiet, dated by the world's clock."""

import contextlib
import socket
from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any, override

from local.qonto_simulator.messages import Request, Response
from local.qonto_simulator.origins import Origin

_BODILESS = {204, 304}


class HttpServer(ThreadingHTTPServer):
    """Serves an origin from threads of its own until stopped."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host: str, port: int, clock: Callable[[], datetime]) -> None:
        super().__init__((host, port), _Handler)
        self.origin: Origin = lambda _: None
        self.clock = clock
        self._open: set[socket.socket] = set()
        self._lock = Lock()
        # Stopping takes this interval, and tests stop many servers.
        self._thread = Thread(target=self.serve_forever, args=(0.01,), daemon=True)

    @property
    def port(self) -> int:
        """The port, also when any free one was asked for."""
        return self.server_port

    def start(self, origin: Origin) -> None:
        """Answer requests from now on."""
        self.origin = origin
        self._thread.start()

    def stop(self) -> None:
        """Close the port and every connection, idle ones too."""
        self.shutdown()
        self._thread.join()
        with self._lock:
            for connection in self._open:
                hang_up(connection)
        self.server_close()

    @override
    def process_request_thread(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                self._open.discard(request)

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        # Clients close connections, and faults break them: both are expected. Anything else is a bug here.
        with contextlib.suppress(ConnectionError):
            raise  # noqa: PLE0704 - called while the error is being handled


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # A response is sent in one piece, without waiting for the acknowledgement of its headers.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: HttpServer

    def __getattr__(self, name: str) -> Any:
        # Every method has this handler; the origin decides which are allowed.
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    @override
    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _answer(self) -> None:
        length = self.headers.get("Content-Length", "0")
        body = self.rfile.read(int(length)) if length.isdecimal() else b""
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, body, self.client_address[0])
        response = self.server.origin(request)
        if response is None:
            self._break()
        else:
            self._send(response)

    def _send(self, response: Response) -> None:
        self.send_response_only(response.status)
        self.send_header("Date", format_datetime(self.server.clock(), usegmt=True))
        for name, value in response.headers:
            self.send_header(name, value)
        if response.content_type is not None:
            self.send_header("Content-Type", response.content_type)
        if response.status not in _BODILESS:
            self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body[: response.cut_after])
        self.wfile.flush()
        if response.cut_after is not None:
            self._break()

    def _break(self) -> None:
        self.close_connection = True
        hang_up(self.connection)


def hang_up(connection: socket.socket) -> None:
    """End the connection for both sides, at once."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
