"""Requests and responses, as far as the simulator uses them."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Request:
    """A request as received: the target undecoded, header names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    client_ip: str

    @property
    def path(self) -> str:
        """The undecoded path."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """The undecoded query string."""
        return self.target.partition("?")[2]


@dataclass(frozen=True, slots=True)
class Response:
    """A response to send; with `cut_after`, the connection breaks after so many bytes of the body."""

    status: int
    body: bytes = b""
    content_type: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    cut_after: int | None = None


class RefusedError(Exception):
    """A request that Qonto rejects, with its status and error code."""

    def __init__(self, status: int, code: str, detail: str, parameter: str | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.parameter = parameter

    def response(self, *headers: tuple[str, str]) -> Response:
        """Return the error in Qonto's envelope."""
        trace_id = new_trace_id()
        error: dict[str, Any] = {"code": self.code, "detail": self.detail}
        if self.parameter is not None:
            error["source"] = {"parameter": self.parameter}
        body = {"errors": [error], "trace_id": trace_id}
        return Response(self.status, json.dumps(body).encode(), JSON, (("X-Tyk-Trace-Id", trace_id), *headers))


def new_trace_id() -> str:
    """Return an id for a request, as Qonto's support asks for."""
    return uuid.uuid4().hex


def json_response(status: int, value: Any) -> Response:
    """Return the value as JSON, outside the API's own envelope."""
    return Response(status, json.dumps(value).encode(), JSON, (("Cache-Control", "no-store"),))
