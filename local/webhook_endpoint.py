"""The public endpoint of WebhookFunction on this machine: HTTP in front, the deployed function behind it."""

from __future__ import annotations

import base64
import re
import time
import uuid
from datetime import UTC, datetime
from http import HTTPStatus
from queue import LifoQueue
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import unquote

from local.lambda_service import ExecutionEnvironment, FunctionError
from local.qonto_simulator.http_server import HttpServer
from local.qonto_simulator.messages import Response

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from local.qonto_simulator.messages import Request
    from local.stack import DeployedFunction

_ROUTE_KEY: Final = "POST /webhooks/{connection}"
_ROUTE: Final = re.compile(r"/webhooks/[^/]+")
"""The gateway itself responds to requests on any other route."""
_TEXTUAL: Final = ("text/", "application/json", "application/javascript", "application/xml")


class WebhookEndpoint:
    """Serves the function over HTTP, from entering the context to leaving it.

    At most `environments` requests are handled at once, others wait; Lambda has many more, but this machine has not.
    Functions of one process take turns (see `ExecutionEnvironment`): while another one runs, a webhook waits, and
    Qonto delivers again what waited longer than a second. In AWS nobody waits for anybody.
    """

    def __init__(
        self,
        function: DeployedFunction,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        environments: int = 8,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        # Last in, first out: as few as will do are warm, as in Lambda.
        self._free: LifoQueue[ExecutionEnvironment] = LifoQueue()
        for _ in range(environments):
            self._free.put(ExecutionEnvironment(function, clock=clock))
        self._server = HttpServer(host, port, self._now)
        self.url = f"http://{host}:{self._server.port}/webhooks/<connection>"
        """As the stack's output `WebhookUrl` has it."""

    def __enter__(self) -> Self:
        self._server.start(self._answer)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.stop()

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)

    def _answer(self, request: Request) -> Response:
        if request.method != "POST" or not _ROUTE.fullmatch(request.path):
            return Response(HTTPStatus.NOT_FOUND, b'{"message":"Not Found"}')
        environment = self._free.get()
        try:
            return response_for(environment.invoke(event_of(request, self._now())))
        except FunctionError:
            return Response(HTTPStatus.INTERNAL_SERVER_ERROR, b'{"message":"Internal Server Error"}')
        finally:
            self._free.put(environment)


def event_of(request: Request, now: datetime) -> dict[str, Any]:
    """The request as an HTTP API hands it on, in payload format 2.0.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
    """
    body, is_base64 = _as_text(request)
    return {
        "version": "2.0",
        "routeKey": _ROUTE_KEY,
        "rawPath": request.path,
        "rawQueryString": request.query,
        "headers": dict(request.headers),
        "pathParameters": {"connection": unquote(request.path.rpartition("/")[2])},
        "requestContext": {
            "http": {
                "method": request.method,
                "path": request.path,
                "protocol": "HTTP/1.1",
                "sourceIp": request.client_ip,
                "userAgent": request.headers.get("user-agent", ""),
            },
            "requestId": str(uuid.uuid4()),
            "routeKey": _ROUTE_KEY,
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(now.timestamp() * 1000),
        },
        **({"body": body} if body else {}),
        "isBase64Encoded": is_base64,
    }


def response_for(result: Any) -> Response:
    """The function's response as HTTP; an invalid one becomes the gateway's own error."""
    if not isinstance(result, dict) or not isinstance(result.get("statusCode"), int):
        return Response(HTTPStatus.INTERNAL_SERVER_ERROR, b'{"message":"Internal Server Error"}')
    text = str(result.get("body") or "")
    body = base64.b64decode(text) if result.get("isBase64Encoded") else text.encode()
    headers = tuple((str(name), str(value)) for name, value in (result.get("headers") or {}).items())
    return Response(result["statusCode"], body, headers=headers)


def _as_text(request: Request) -> tuple[str, bool]:
    """The body as it fits into JSON, and whether it had to be encoded: no byte of it may change."""
    if request.headers.get("content-type", "").strip().lower().startswith(_TEXTUAL):
        try:
            return request.body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(request.body).decode(), True
