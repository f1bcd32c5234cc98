"""HTTP requests with bounded timeouts, attempts and total time, and one line of reason on failure."""

from __future__ import annotations

import http.client
import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from io import BytesIO
from typing import TYPE_CHECKING

import urllib3

from qonto_sync.domain.errors import Permanent, Retriable, error_for_status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from qonto_sync.domain.request_counts import RequestCounter, RequestKind
    from qonto_sync.ports import Clock, Deadline
    from qonto_sync.qonto.rate_limiter import RateLimiter

CONNECT_SECONDS = 5.0

LONGEST_RESPONSE_SECONDS = 60.0
"""For a whole response, so that a server that sends slowly does not hold a worker for longer."""

LONGEST_DOWNLOAD_SECONDS = 300.0
"""For a whole file, including the upload of its parts to S3: a third of the longest invocation."""

LARGEST_RESPONSE_BYTES = 64 * 1024 * 1024
"""After decoding. A page of 100 invoices has less than 1 MiB; a parsed response must fit into memory."""

# A request that is sent just before the deadline ends within the deadline's reserve.
_SHORTEST_READ_SECONDS = 5.0

_ATTEMPTS = 4
_TOTAL_SECONDS = 90.0
"""For all attempts of one request and the waits between them: later no attempt begins."""
_FIRST_BACKOFF_SECONDS = 0.5
_LONGEST_RETRY_AFTER_SECONDS = 60.0
_LONGEST_NUMBER = 9
_CHUNK_BYTES = 64 * 1024
_TRACE_ID = re.compile(r"[A-Za-z0-9-]{1,64}")


class HttpClient:
    """Sends requests, and repeats those that may succeed later."""

    def __init__(
        self,
        pool: urllib3.PoolManager,
        *,
        clock: Clock,
        deadline: Deadline,
        random: Callable[[], float],
        requests: RequestCounter,
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
        """The response, whatever its status, unless the status is retriable or there is no response.

        With `stream` the caller reads the body and closes the response.

        Raises:
            Retriable: no attempt within the budget got a response with another status.
            Permanent: a request with this URL or these headers cannot be sent.
            DeadlineReached: the rate limit leaves no request in the time that is left.
        """
        host = _host(url)
        give_up_at = self._clock.monotonic() + min(_TOTAL_SECONDS, max(self._deadline.remaining(), 0))
        trace = ""
        for attempt in range(1, _ATTEMPTS + 1):
            if self._limiter:
                self._limiter.acquire(self._deadline)
            self._requests.count(kind)
            try:
                response = self._request(method, url, headers, body, stream=stream)
            except ValueError as error:
                # Its text quotes the URL or a header, which may be a credential, so it is not chained.
                raise Permanent(f"{host} cannot be sent such a request: {type(error).__name__}") from None
            except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as error:
                # The error's text may contain the URL, and a file's URL is a credential.
                reason = type(error).__name__
                cause: Exception | None = error
                wait = self._backoff(attempt)
            else:
                if error_for_status(response.status) is not Retriable:
                    return response
                reason = f"status {response.status}"
                cause = None
                trace = trace_suffix(response) or trace
                wait = self._wait_after_error(response, attempt)
            if attempt == _ATTEMPTS or self._clock.monotonic() + wait > give_up_at:
                raise Retriable(f"no answer from {host} after {attempt} attempts: {reason}{trace}") from cause
            self._clock.sleep(wait)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, *, stream: bool
    ) -> urllib3.BaseHTTPResponse:
        longest = LONGEST_DOWNLOAD_SECONDS if stream else LONGEST_RESPONSE_SECONDS
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

    def _wait_after_error(self, response: urllib3.BaseHTTPResponse, attempt: int) -> float:
        response.close()
        wait = max(self._backoff(attempt), _retry_after(response, self._clock.now()))
        if response.status == HTTPStatus.TOO_MANY_REQUESTS:
            self._requests.count("throttled")
            if self._limiter:
                self._limiter.pause(wait)
        return wait

    def _backoff(self, attempt: int) -> float:
        """Exponential, with full jitter."""
        return float(_FIRST_BACKOFF_SECONDS * 2**attempt * self._random())


def _read(response: urllib3.BaseHTTPResponse) -> urllib3.HTTPResponse:
    """The response with its body in memory, decoded in chunks, so that a decompression bomb is stopped early."""
    body = bytearray()
    while chunk := response.read(_CHUNK_BYTES, decode_content=True):
        body += chunk
        if len(body) > LARGEST_RESPONSE_BYTES:
            response.close()
            raise Retriable(
                f"an answer of more than {LARGEST_RESPONSE_BYTES} bytes is not read{trace_suffix(response)}"
            )
    return urllib3.HTTPResponse(
        body=BytesIO(body), headers=response.headers, status=response.status, decode_content=False
    )


def trace_suffix(response: urllib3.BaseHTTPResponse) -> str:
    """The trace id that Qonto's support asks for, to be appended to an error's text; empty unless it looks like one."""
    trace_id = response.headers.get("X-Tyk-Trace-Id", "")
    return f" (trace id {trace_id})" if _TRACE_ID.fullmatch(trace_id) else ""


def _retry_after(response: urllib3.BaseHTTPResponse, now: datetime) -> float:
    """The seconds that the server asks for, as a number or a date, capped at a minute; 0 if it asks for none."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdecimal():
        seconds = _LONGEST_RETRY_AFTER_SECONDS if len(text) > _LONGEST_NUMBER else float(text)
    else:
        until = http_date(text)
        # By the server's own clock, if it tells it.
        seconds = (until - (http_date(response.headers.get("Date", "")) or now)).total_seconds() if until else 0.0
    return min(max(seconds, 0.0), _LONGEST_RETRY_AFTER_SECONDS)


def http_date(text: str) -> datetime | None:
    """An instant in any form of RFC 9110, section 5.6.7; None when the text is none."""
    try:
        instant = parsedate_to_datetime(text)
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _host(url: str) -> str:
    """The host, for error messages."""
    try:
        parts = urllib3.util.parse_url(url)
    except ValueError:
        # Its text contains the URL.
        parts = urllib3.util.Url()
    if not parts.host or parts.scheme not in {"http", "https"}:
        raise Permanent("there is no request to a URL that has no host, or is none at all")
    return parts.host
