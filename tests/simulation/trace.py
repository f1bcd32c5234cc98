"""What happened in a run, one readable line per event."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(slots=True)
class Trace:
    """The lines of one run, and the violations of invariants among them."""

    lines: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def add(self, at: datetime, line: str) -> None:
        """Adds a line such as `12:00:03 sync-2 writes invoice i3 v2 to S3`."""
        self.lines.append(f"{at:%d %H:%M:%S} {line}")

    def add_violation(self, at: datetime, text: str) -> None:
        """Adds the violation of an invariant."""
        self.violations.append(text)
        self.add(at, f"VIOLATION: {text}")
