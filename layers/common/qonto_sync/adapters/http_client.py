"""HTTP requests with a budget: bounded in each wait, in attempts and in total, with one line of reason on failure."""

from __future__ import annotations

import http.client
import re
from http import HTTPStatus
from io import BytesIO
from typing import TYPE_CHECKING

import urllib3

from qonto_sync.errors import Permanent, Retriable, fate_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qonto_sync.adapters.rate_limit import RateLimiter
    from qonto_sync.ports import Clock, Deadline
    from qonto_sync.result import RequestKind, Requests

CONNECT_SECONDS = 5.0

LONGEST_ANSWER_SECONDS = 60.0
"""For the whole of an answer: a server that drips holds a worker no longer than that."""

LONGEST_DOWNLOAD_SECONDS = 300.0
"""Likewise for a file, what is done with its parts on the way included: a third of the longest invocation."""

LARGEST_ANSWER_BYTES = 64 * 1024 * 1024
"""After decoding. A page of 100 invoices has less than one, and what is parsed has to fit into a function's memory."""

# For what is in flight when the deadline comes: it ends within the reserve.
_SHORTEST_READ_SECONDS = 5.0

_ATTEMPTS = 4
_TOTAL_SECONDS = 90.0
"""For all attempts of one request, the waits between them included: later than that none begins."""
_FIRST_BACKOFF_SECONDS = 0.5
_LONGEST_RETRY_AFTER_SECONDS = 60.0
_PIECE_BYTES = 64 * 1024
_TRACE_ID = re.compile(r"[A-Za-z0-9-]{1,64}")


class HttpClient:
    """Sends GET and POST requests and tries again what may succeed then."""

    def __init__(
        self,
        pool: urllib3.PoolManager,
        *,
        clock: Clock,
        deadline: Deadline,
        random: Callable[[], float],
        requests: Requests,
        limiter: RateLimiter | None = None,
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._deadline = deadline
        self._random = random
        self._requests = requests
        self._limiter = limiter

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        kind: RequestKind,
        body: bytes | None = None,
        stream: bool = False,
    ) -> urllib3.BaseHTTPResponse:
        """The answer, whatever its status, unless the status or the lack of an answer calls for another try.

        With `stream` the body is still to be read, and the caller releases the connection.

        Raises:
            Retriable: no attempt within the budget got a usable answer.
            Permanent: there is no such request, or not with this URL or these headers.
        """
        host = _host(url)
        give_up_at = self._clock.monotonic() + min(_TOTAL_SECONDS, max(self._deadline.remaining(), 0))
        trace = ""
        for attempt in range(1, _ATTEMPTS + 1):
            if self._limiter:
                self._limiter.acquire(self._deadline)
            self._requests.count(kind)
            try:
                response = self._answer(method, url, headers, body, stream=stream)
            except ValueError as error:
                # Its text is a part of the URL or of a header: either may be a credential, so it is not chained.
                raise Permanent(f"{host} cannot be sent such a request: {type(error).__name__}") from None
            except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as error:
                # The error's own text may carry the URL, and the URL of a file is a credential.
                reason = type(error).__name__
                cause: Exception | None = error
                wait = self._backoff(attempt)
            else:
                if fate_of(response.status) is not Retriable:
                    return response
                reason = f"status {response.status}"
                cause = None
                trace = _trace(response) or trace
                wait = self._after_refusal(response, attempt)
            if attempt == _ATTEMPTS or self._clock.monotonic() + wait > give_up_at:
                raise Retriable(f"no answer from {host} after {attempt} attempts: {reason}{trace}") from cause
            self._clock.sleep(wait)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _answer(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, *, stream: bool
    ) -> urllib3.BaseHTTPResponse:
        longest = LONGEST_DOWNLOAD_SECONDS if stream else LONGEST_ANSWER_SECONDS
        response = self._pool.request(
            method,
            url,
            headers=headers,
            body=body,
            preload_content=False,
            redirect=False,
            timeout=urllib3.Timeout(
                connect=CONNECT_SECONDS,
                read=min(longest, max(self._deadline.remaining(), _SHORTEST_READ_SECONDS)),
            ),
        )
        return response if stream else _read(response)

    def _after_refusal(self, response: urllib3.BaseHTTPResponse, attempt: int) -> float:
        response.close()
        wait = max(self._backoff(attempt), _retry_after(response))
        if response.status == HTTPStatus.TOO_MANY_REQUESTS:
            self._requests.count("throttled")
            if self._limiter:
                self._limiter.pause(wait)
        return wait

    def _backoff(self, attempt: int) -> float:
        """Exponential, full jitter."""
        return float(_FIRST_BACKOFF_SECONDS * 2**attempt * self._random())


def _read(response: urllib3.BaseHTTPResponse) -> urllib3.HTTPResponse:
    """The answer with its body in memory, decoded piece by piece, so that no bomb goes off before it is measured."""
    body = bytearray()
    while piece := response.read(_PIECE_BYTES, decode_content=True):
        body += piece
        if len(body) > LARGEST_ANSWER_BYTES:
            response.close()
            raise Retriable(f"an answer of more than {LARGEST_ANSWER_BYTES} bytes is not read{_trace(response)}")
    return urllib3.HTTPResponse(
        body=BytesIO(body), headers=response.headers, status=response.status, decode_content=False
    )


def _trace(response: urllib3.BaseHTTPResponse) -> str:
    """The id that Qonto's support asks for, if it looks like one."""
    trace_id = response.headers.get("X-Tyk-Trace-Id", "")
    return f" (trace id {trace_id})" if _TRACE_ID.fullmatch(trace_id) else ""


def _retry_after(response: urllib3.BaseHTTPResponse) -> float:
    """Seconds that the server asks for; 0 if it does not, capped so that no server can stop us for hours."""
    text = response.headers.get("Retry-After", "")
    return min(float(text), _LONGEST_RETRY_AFTER_SECONDS) if text.isdecimal() else 0.0


def _host(url: str) -> str:
    """Whom a person has to ask about it."""
    try:
        parts = urllib3.util.parse_url(url)
    except ValueError:
        # Its text is the URL.
        parts = urllib3.util.Url()
    if not parts.host or parts.scheme not in {"http", "https"}:
        raise Permanent("there is no request to a URL that has no host, or is none at all")
    return parts.host
