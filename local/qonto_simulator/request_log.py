"""The requests and their statuses, without credentials."""

from collections import Counter, deque
from dataclasses import dataclass
from threading import Lock

from local.qonto_simulator.faults import FaultKind, OriginName

_KEPT = 200_000


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One request or webhook, without the file host's query, which is a credential; no status without a response."""

    origin: OriginName
    method: str
    path: str
    query: str
    status: int | None
    fault: FaultKind | None


class RequestLog:
    """The last requests of both origins and the webhooks sent, in the order in which they were answered."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._requests: deque[LoggedRequest] = deque(maxlen=_KEPT)
        self._counts: Counter[str] = Counter()

    def add(self, request: LoggedRequest) -> None:
        """Remember the request."""
        with self._lock:
            self._requests.append(request)
            self._counts[f"{request.origin} {request.status or 'no answer'}"] += 1

    def all(self) -> list[LoggedRequest]:
        """Return the requests so far, oldest first."""
        with self._lock:
            return list(self._requests)

    def counts(self) -> dict[str, int]:
        """Return how many requests each origin answered with each status."""
        with self._lock:
            return dict(sorted(self._counts.items()))
