"""What happened in a run, one readable line each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(slots=True)
class Story:
    """The lines of one run, and the promises that were broken in it."""

    lines: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def tell(self, at: datetime, line: str) -> None:
        """Adds a line such as `12:00:03 sync-2 writes invoice i3 v2 to S3`."""
        self.lines.append(f"{at:%d %H:%M:%S} {line}")

    def broken(self, at: datetime, promise: str) -> None:
        """Adds a broken promise."""
        self.violations.append(promise)
        self.tell(at, f"BROKEN: {promise}")
