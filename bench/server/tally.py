"""What the contenders asked for, counted where it arrives: nobody's own count is believed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

LATENCIES: Final = {"qonto": 0.060, "files": 0.030, "s3": 0.020, "other": 0.008}
"""Seconds from a request's last byte to the first of its answer; `other`: DynamoDB, SQS, Secrets Manager."""

NO_LATENCIES: Final = dict.fromkeys(LATENCIES, 0.0)


@dataclass
class Tally:
    """Requests by service and operation, and amounts that are paid for."""

    requests: Counter[str] = field(default_factory=Counter)
    amounts: Counter[str] = field(default_factory=Counter)

    def count(self, service: str, operation: str) -> None:
        """One more request."""
        self.requests[f"{service} {operation}"] += 1

    def add(self, amount: str, number: int) -> None:
        """So much more of it."""
        self.amounts[amount] += number

    def as_dict(self) -> dict[str, Any]:
        """Both, for JSON."""
        return {"requests": dict(self.requests), "amounts": dict(self.amounts)}
