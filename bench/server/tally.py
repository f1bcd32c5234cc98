"""Counts of requests and of billed quantities, made by the server rather than by the contenders."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

LATENCIES: Final = {"qonto": 0.060, "files": 0.030, "s3": 0.020, "other": 0.008}
"""Seconds from the last byte of a request to the first of its response; `other` are DynamoDB, SQS, Secrets Manager."""

NO_LATENCIES: Final = dict.fromkeys(LATENCIES, 0.0)


@dataclass
class Tally:
    """Requests by service and operation, and billed amounts."""

    requests: Counter[str] = field(default_factory=Counter)
    amounts: Counter[str] = field(default_factory=Counter)

    def count(self, service: str, operation: str) -> None:
        """Counts a request."""
        self.requests[f"{service} {operation}"] += 1

    def add(self, amount: str, number: int) -> None:
        """Adds to an amount."""
        self.amounts[amount] += number

    def as_dict(self) -> dict[str, Any]:
        """All counts, for JSON."""
        return {"requests": dict(self.requests), "amounts": dict(self.amounts)}
