"""Counts of the requests that a run sends."""

from __future__ import annotations

from threading import Lock
from typing import Literal

type RequestKind = Literal["qonto", "files", "throttled"]
type AwsService = Literal["dynamodb", "s3", "secretsmanager", "sqs"]


class RequestCounter:
    """Requests of one invocation, counted where they are sent. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: dict[RequestKind, int] = {"qonto": 0, "files": 0, "throttled": 0}
        self._to_aws: dict[AwsService, int] = {"dynamodb": 0, "s3": 0, "secretsmanager": 0, "sqs": 0}

    def count(self, kind: RequestKind) -> None:
        """Counts one request to Qonto or the file host, or one 429 response (`throttled`)."""
        with self._lock:
            self._counts[kind] += 1

    def count_aws(self, service: AwsService) -> None:
        """Counts one request to AWS. The SDK's retries count, because AWS bills them."""
        with self._lock:
            self._to_aws[service] += 1

    @property
    def to_aws(self) -> dict[AwsService, int]:
        """Requests to AWS, by service."""
        with self._lock:
            return dict(self._to_aws)

    def as_dict(self) -> dict[RequestKind, int]:
        """Requests to Qonto and the file host, and the 429 responses."""
        with self._lock:
            return dict(self._counts)
