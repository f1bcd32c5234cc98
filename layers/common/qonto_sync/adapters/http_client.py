"""HTTP requests with a budget: bounded in each wait, in attempts and in total, with one line of reason on failure."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

import urllib3

from qonto_sync.errors import Retriable, fate_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qonto_sync.adapters.rate_limit import RateLimiter
    from qonto_sync.ports import Clock, Deadline
    from qonto_sync.result import RequestKind, Requests

_log = logging.getLogger(__name__)

CONNECT_SECONDS = 5.0

LONGEST_READ_SECONDS = 30.0
"""The longest silence on an open connection."""

# For what is in flight when the deadline comes: it ends within the reserve.
_SHORTEST_READ_SECONDS = 5.0

_ATTEMPTS = 4
_TOTAL_SECONDS = 90.0
"""For all attempts of one request, the waits between them included."""
_FIRST_BACKOFF_SECONDS = 0.5
_LONGEST_RETRY_AFTER_SECONDS = 60.0


def connection_pool(workers: int) -> urllib3.PoolManager:
    """The pool that all requests of this process share: a connection per worker and host, kept alive.

    Redirects are not followed (they could carry credentials elsewhere) and nothing is retried behind our back.
    """
    return urllib3.PoolManager(
        maxsize=workers + 1,
        retries=False,
    )


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
        """
        give_up_at = self._clock.monotonic() + min(_TOTAL_SECONDS, max(self._deadline.remaining(), 0))
        for attempt in range(1, _ATTEMPTS + 1):
            if self._limiter:
                self._limiter.acquire(self._deadline)
            self._requests.count(kind)
            try:
                response = self._pool.request(
                    method,
                    url,
                    headers=headers,
                    body=body,
                    preload_content=not stream,
                    redirect=False,
                    timeout=self._timeout(),
                )
            except urllib3.exceptions.HTTPError as error:
                # The error's own text may carry the URL, and the URL of a file is a credential.
                reason = type(error).__name__
                cause: Exception | None = error
                wait = self._backoff(attempt)
            else:
                if fate_of(response.status) is not Retriable:
                    return response
                reason = f"status {response.status}"
                cause = None
                wait = self._after_refusal(response, attempt)
            if attempt == _ATTEMPTS or self._clock.monotonic() + wait > give_up_at:
                raise Retriable(f"no answer from {_host(url)} after {attempt} attempts: {reason}") from cause
            self._clock.sleep(wait)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _timeout(self) -> urllib3.Timeout:
        read = min(LONGEST_READ_SECONDS, max(self._deadline.remaining(), _SHORTEST_READ_SECONDS))
        return urllib3.Timeout(connect=CONNECT_SECONDS, read=read)

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


def _retry_after(response: urllib3.BaseHTTPResponse) -> float:
    """Seconds that the server asks for; 0 if it does not, capped so that no server can stop us for hours."""
    text = response.headers.get("Retry-After", "")
    return min(float(text), _LONGEST_RETRY_AFTER_SECONDS) if text.isdecimal() else 0.0


def _host(url: str) -> str:
    return urllib3.util.parse_url(url).host or "?"
