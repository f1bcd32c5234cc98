"""Faults to inject: at random, for the next requests that match, or with one invoice for as long as told."""

import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from threading import Lock
from typing import Literal

from local.qonto_simulator.invoice_faults import InvoiceFaults
from local.qonto_simulator.messages import Request

type OriginName = Literal["api", "files", "webhooks"]


class FaultKind(StrEnum):
    """Everything that can go wrong with one request."""

    UNAUTHORIZED = "401"
    FORBIDDEN = "403"
    MISSING_SCOPE = "403_scope"
    THROTTLED = "429"
    INTERNAL_ERROR = "500"
    BAD_GATEWAY = "502"
    UNAVAILABLE = "503"
    GATEWAY_TIMEOUT = "504"
    RESET = "reset"
    TRUNCATED = "truncated"
    WRONG_LENGTH = "wrong_length"
    HTML = "html_200"
    MALFORMED_JSON = "malformed_json"
    SLOW = "slow"
    EMPTY_CODING = "empty_coding"
    LOST = "lost"
    DUPLICATE = "duplicate"
    TOKEN_WITHOUT_EXPIRY = "token_without_expiry"
    TOKEN_EXPIRY_AS_TEXT = "token_expiry_as_text"
    TOKEN_EXPIRY_TOO_LONG = "token_expiry_too_long"
    TOKEN_EXPIRY_INFINITE = "token_expiry_infinite"
    NO_ACCESS_TOKEN = "no_access_token"
    NO_REFRESH_TOKEN = "no_refresh_token"
    TOKEN_AS_201_WITH_BOM = "token_as_201_with_bom"


_SERVER_ERRORS = {
    FaultKind.INTERNAL_ERROR,
    FaultKind.BAD_GATEWAY,
    FaultKind.UNAVAILABLE,
    FaultKind.GATEWAY_TIMEOUT,
    FaultKind.RESET,
    FaultKind.TRUNCATED,
    FaultKind.HTML,
    FaultKind.SLOW,
}
TOKEN_ANSWERS = {
    FaultKind.TOKEN_WITHOUT_EXPIRY,
    FaultKind.TOKEN_EXPIRY_AS_TEXT,
    FaultKind.TOKEN_EXPIRY_TOO_LONG,
    FaultKind.TOKEN_EXPIRY_INFINITE,
    FaultKind.NO_ACCESS_TOKEN,
    FaultKind.NO_REFRESH_TOKEN,
    FaultKind.TOKEN_AS_201_WITH_BOM,
}
"""The token endpoint exchanges the token, and tells it in another form. Only installed, on its path."""

_RANDOM: dict[OriginName, set[FaultKind]] = {
    "api": _SERVER_ERRORS | {FaultKind.THROTTLED, FaultKind.MALFORMED_JSON},
    "files": _SERVER_ERRORS | {FaultKind.FORBIDDEN, FaultKind.WRONG_LENGTH},
    "webhooks": {FaultKind.LOST, FaultKind.DUPLICATE},
}
_POSSIBLE: dict[OriginName, set[FaultKind]] = {
    "api": _RANDOM["api"] | TOKEN_ANSWERS | {FaultKind.UNAUTHORIZED, FaultKind.FORBIDDEN, FaultKind.MISSING_SCOPE},
    "files": _RANDOM["files"] | {FaultKind.EMPTY_CODING},
    "webhooks": _RANDOM["webhooks"],
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong with one request."""

    kind: FaultKind
    retry_after: int | None = None
    delay: float = 0.0


@dataclass(slots=True)
class _Rule:
    fault: Fault
    pattern: re.Pattern[str]
    skip: int
    times: int


class Faults:
    """Decides which requests fail and how, and counts the faults that fired.

    Random faults depend on the seed, the path and how often that path was asked, never on the order of
    threads. `rate` is the share of all requests on both origins, and of all webhooks. `invoices` has the faults
    that stay with one invoice; `fired` does not count these.
    """

    def __init__(
        self,
        *,
        rate: float = 0.0,
        seed: int = 0,
        kinds: set[FaultKind] | None = None,
        retry_after: int | None = None,
        delay: float = 0.2,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.rate = rate
        self.invoices = InvoiceFaults()
        self.fired: Counter[FaultKind] = Counter()
        self._seed = seed
        self._kinds = set(FaultKind) if kinds is None else kinds
        self._retry_after = retry_after
        self._delay = delay
        self._sleep = sleep
        self._lock = Lock()
        self._rules: list[_Rule] = []
        self._asked: Counter[str] = Counter()

    def install(
        self,
        kind: FaultKind | str,
        path: str = "/",
        *,
        times: int = 1,
        skip: int = 0,
        retry_after: int | None = None,
        delay: float | None = None,
    ) -> None:
        """Let the next requests fail whose target (path and query) starts with this regular expression.

        The first `skip` of them pass. Requests that the kind cannot happen to pass too, uncounted.
        """
        fault = Fault(FaultKind(kind), retry_after, self._delay if delay is None else delay)
        with self._lock:
            self._rules.append(_Rule(fault, re.compile(path), skip, times))

    def clear(self) -> None:
        """Remove all installed faults, those of single invoices and the phantoms, and stop the random ones.

        What stays: the counts in `fired`, the simulator's `behaviour`, its limits, and the invoices as they are.
        """
        with self._lock:
            self._rules.clear()
            self.rate = 0.0
        self.invoices.clear()

    def draw(self, origin: OriginName, request: Request) -> Fault | None:
        """Return the fault of this request; usually None."""
        with self._lock:
            fault = self._installed(origin, request) or self._random(origin, request)
            if fault is not None:
                self.fired[fault.kind] += 1
            return fault

    def wait(self, fault: Fault) -> None:
        """Wait, for a slow response."""
        self._sleep(fault.delay)

    def _installed(self, origin: OriginName, request: Request) -> Fault | None:
        for rule in self._rules:
            if rule.fault.kind not in _POSSIBLE[origin] or not rule.pattern.match(request.target):
                continue
            if rule.skip:
                rule.skip -= 1
                continue
            rule.times -= 1
            if not rule.times:
                self._rules.remove(rule)
            return rule.fault
        return None

    def _random(self, origin: OriginName, request: Request) -> Fault | None:
        if not self.rate:
            return None
        self._asked[request.path] += 1
        rng = Random(f"{self._seed}:{request.path}:{self._asked[request.path]}")
        kinds = sorted(self._kinds & _RANDOM[origin])
        if rng.random() >= self.rate or not kinds:
            return None
        return Fault(rng.choice(kinds), self._retry_after, self._delay)
