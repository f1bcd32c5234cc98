"""moto behind HTTP/1.1 with keep-alive.

moto's own server, werkzeug's, closes the socket after each response, so that every request costs a new socket and a new
thread. AWS keeps sockets open; a local run takes a third less time with them.
"""

from __future__ import annotations

import traceback
from functools import cache
from http import HTTPStatus
from io import BytesIO
from threading import Thread
from typing import TYPE_CHECKING, Final, override

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.exceptions import InternalServerError
from werkzeug.serving import ThreadedWSGIServer
from werkzeug.test import run_wsgi_app

from local.qonto_simulator.http_server import hang_up

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable

_BODILESS: Final = {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}

# moto builds an application for each service that is called. All servers share them, as they share the data.
_AWS: Final = DomainDispatcherApplication(create_backend_app)
# Without the cache moto searches its folders for the service on each request.
_AWS.get_backend_for_host = cache(_AWS.get_backend_for_host)  # type: ignore[method-assign]


class MotoServer(ThreadedWSGIServer):
    """Serves moto from its own threads until stopped.

    Raises:
        SystemExit: The port is taken.
    """

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port, _AWS, _Handler)
        self.sockets: set[socket.socket] = set()
        # Stopping takes this interval, and tests stop many servers.
        self._thread = Thread(target=self.serve_forever, args=(0.01,), daemon=True)

    def start(self) -> None:
        """Start to respond to requests."""
        self._thread.start()

    def stop(self) -> None:
        """Close the port and every socket, idle ones too."""
        self.shutdown()
        self._thread.join()
        for each in self.sockets.copy():
            hang_up(each)


class _Handler(MotoRequestHandler):
    protocol_version = "HTTP/1.1"
    # A response is sent in one piece.
    wbufsize = -1
    server: MotoServer

    @override
    def handle(self) -> None:
        self.server.sockets.add(self.connection)
        try:
            super().handle()
        finally:
            self.server.sockets.discard(self.connection)

    @override
    def handle_expect_100(self) -> bool:
        allowed = super().handle_expect_100()
        self.wfile.flush()
        return allowed

    @override
    def run_wsgi(self) -> None:
        environ = self.make_environ()
        # Read the whole body, because the next request follows it on the same socket.
        is_chunked = environ.get("wsgi.input_terminated", False)
        length = -1 if is_chunked else int(self.headers.get("Content-Length", 0))
        environ["wsgi.input"] = BytesIO(environ["wsgi.input"].read(length))
        try:
            body, status, headers = run_wsgi_app(self.server.app, environ, buffered=True)
        except Exception:  # noqa: BLE001 - whatever goes wrong in moto
            traceback.print_exc()
            body, status, headers = run_wsgi_app(InternalServerError(), environ, buffered=True)
        self._send(int(status.split()[0]), headers.items(), b"".join(body))

    def _send(self, status: int, headers: Iterable[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        names = set()
        for name, value in headers:
            self.send_header(name, value)
            names.add(name.lower())
        if "content-length" not in names and status not in _BODILESS:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()
