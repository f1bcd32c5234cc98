"""A server that is scripted answer by answer, behind the real HTTP client."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any

import urllib3

from qonto_sync.domain.request_counts import RequestCounter
from qonto_sync.qonto.http_client import HttpClient
from qonto_sync.qonto.rate_limiter import RateLimiter, RateWindow
from tests.fakes import ManualClock

if TYPE_CHECKING:
    from collections.abc import Mapping

URL = "https://files.example/f?X-Amz-Signature=secret"


def answer(
    status: int, headers: Mapping[str, str] | None = None, body: bytes | str | Any = b""
) -> urllib3.HTTPResponse:
    """An answer as the pool gives it; a body that is no bytes is sent as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return urllib3.HTTPResponse(body=BytesIO(data), headers=headers, status=status, preload_content=False)


@dataclass
class ScriptedPool:
    """Returns these responses in turn, then always the last one; an exception is raised."""

    answers: list[urllib3.HTTPResponse | Exception]
    sent: list[dict[str, Any]] = field(default_factory=list)

    def request(self, method: str, url: str, **options: Any) -> urllib3.HTTPResponse:
        self.sent.append({"method": method, "url": url, **options})
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(found, Exception):
            raise found
        return found


@dataclass
class SecondsLeft:
    """A deadline on a manual clock."""

    clock: ManualClock
    until: float

    def remaining(self) -> float:
        return self.until - self.clock.monotonic()


@dataclass
class Bench:
    """A client on a scripted server, with so many seconds left."""

    answers: list[urllib3.HTTPResponse | Exception]
    seconds: float = 1_000
    clock: ManualClock = field(default_factory=ManualClock)
    requests: RequestCounter = field(default_factory=RequestCounter)

    def __post_init__(self) -> None:
        self.pool = ScriptedPool(self.answers)
        pool: Any = self.pool
        self.limiter = RateLimiter((RateWindow(1_000, 10),), self.clock)
        self.client = HttpClient(
            pool,
            clock=self.clock,
            deadline=SecondsLeft(self.clock, self.clock.monotonic() + self.seconds),
            random=lambda: 0.5,
            requests=self.requests,
            limiter=self.limiter,
        )

    def send(self) -> int:
        return self.client.send("GET", URL, headers={}, kind="qonto").status
