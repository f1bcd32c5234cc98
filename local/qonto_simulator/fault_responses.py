"""What a fault looks like on the wire."""

import codecs
import dataclasses
import json
import math
from collections.abc import Callable

from local.qonto_simulator.faults import TOKEN_ANSWERS, Fault, FaultKind, OriginName
from local.qonto_simulator.files import s3_error
from local.qonto_simulator.messages import HTML, RefusedError, Response, json_response, new_trace_id

_OK = 200
_BAD_GATEWAY = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
_ONELOGIN = b"""<!DOCTYPE html>
<html lang="en">
<head><title>OneLogin</title><meta charset="utf-8"></head>
<body><div id="login"><h1>Sign in</h1><form action="https://qonto.onelogin.com/login" method="post">
<input name="username" placeholder="Username"><button>Continue</button></form></div></body>
</html>
"""
_MESSAGES = {
    FaultKind.UNAUTHORIZED: (401, "unauthorized", "Invalid credentials"),
    FaultKind.MISSING_SCOPE: (403, "forbidden", "missing required oauth scope"),
    FaultKind.THROTTLED: (429, "too_many_requests", "Rate limit exceeded"),
    FaultKind.INTERNAL_ERROR: (500, "internal_server_error", "Internal server error"),
    FaultKind.UNAVAILABLE: (503, "service_unavailable", "Service unavailable"),
    FaultKind.GATEWAY_TIMEOUT: (504, "gateway_timeout", "Gateway timeout"),
}
_S3_MESSAGES = {
    FaultKind.FORBIDDEN: (403, "AccessDenied", "Request has expired"),
    FaultKind.INTERNAL_ERROR: (500, "InternalError", "We encountered an internal error. Please try again."),
    FaultKind.UNAVAILABLE: (503, "SlowDown", "Please reduce your request rate."),
    FaultKind.GATEWAY_TIMEOUT: (504, "RequestTimeout", "The request timed out."),
}


def login_page() -> Response:
    """Return the sign-in page in front of the sandbox, with status 200."""
    return Response(200, _ONELOGIN, HTML)


def spoiled(fault: Fault, origin: OriginName, answer: Callable[[], Response]) -> Response | None:
    """Return the response with this fault; None when the connection breaks without one."""
    match fault.kind:
        case FaultKind.RESET:
            return None
        case FaultKind.SLOW:
            return answer()
        case FaultKind.TRUNCATED | FaultKind.MALFORMED_JSON | FaultKind.WRONG_LENGTH | FaultKind.EMPTY_CODING:
            return _changed(fault.kind, answer())
        case kind if kind in TOKEN_ANSWERS:
            return _odd_tokens(kind, answer())
        case _:
            return _error(fault, origin)


def _changed(kind: FaultKind, response: Response) -> Response:
    half = len(response.body) // 2
    match kind:
        case FaultKind.TRUNCATED:
            return dataclasses.replace(response, cut_after=half)
        case FaultKind.EMPTY_CODING:
            # As S3 stored it for uploads with signed chunks.
            return dataclasses.replace(response, headers=(*response.headers, ("Content-Encoding", "")))
        case _:
            # Complete as HTTP; only the content shows that something is missing.
            return dataclasses.replace(response, body=response.body[:half])


def _odd_tokens(kind: FaultKind, response: Response) -> Response:
    if response.status != _OK:
        return response
    tokens = json.loads(response.body)
    match kind:
        case FaultKind.TOKEN_WITHOUT_EXPIRY:
            del tokens["expires_in"]
        case FaultKind.TOKEN_EXPIRY_AS_TEXT:
            tokens["expires_in"] = str(tokens["expires_in"])
        case FaultKind.TOKEN_EXPIRY_TOO_LONG:
            tokens["expires_in"] = 604_800.0
        case FaultKind.TOKEN_EXPIRY_INFINITE:
            # Written as Infinity, which Python's parser accepts.
            tokens["expires_in"] = math.inf
        case FaultKind.NO_ACCESS_TOKEN:
            tokens["access_token"] = None
        case FaultKind.NO_REFRESH_TOKEN:
            tokens["refresh_token"] = ""
        case _:
            tokens["token_type"] = "BEARER"
            return dataclasses.replace(response, status=201, body=codecs.BOM_UTF8 + json.dumps(tokens).encode())
    return dataclasses.replace(response, body=json.dumps(tokens).encode())


def _error(fault: Fault, origin: OriginName) -> Response:
    match fault.kind:
        case FaultKind.HTML:
            return login_page()
        case FaultKind.BAD_GATEWAY:
            return Response(502, _BAD_GATEWAY, HTML)
        case _ if origin == "files":
            return s3_error(*_S3_MESSAGES[fault.kind])
        case FaultKind.FORBIDDEN:
            # For a plan or role: not in the usual envelope, as seen live.
            return json_response(403, {"message": "Forbidden", "trace_id": new_trace_id()})
        case _:
            wait = () if fault.retry_after is None else (("Retry-After", str(fault.retry_after)),)
            return RefusedError(*_MESSAGES[fault.kind]).response(*wait)
