"""Gaps: windows that could not be read completely, and are read again later."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from qonto_sync.domain.times import to_text

if TYPE_CHECKING:
    from datetime import datetime

    from qonto_sync.domain.ids import ConnectionName
    from qonto_sync.domain.window import Window


class GapReason(StrEnum):
    """Why a window could not be read completely."""

    UNCERTIFIED = "uncertified"
    """Qonto counts other invoices than it lists."""
    UNREADABLE = "unreadable"
    """Qonto answers other requests, but not those for some of the window's invoices."""
    UNFINISHED = "unfinished"
    """The run had no time to read all of it."""
    BACKFILL = "backfill"
    """A person asked for it to be read again, and that is not done."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A window that the checkpoint has passed, and that may have invoices which no run has seen."""

    connection: ConnectionName
    window: Window
    reason: GapReason
    detail: str
    """For a person: what happened, without content or credentials."""
    since: datetime
    due_at: datetime
    attempts: int
    """How many readings in a row ended with a gap here."""

    @property
    def id(self) -> str:
        """Names the window, so that two runs which meet the same gap record it once."""
        window = self.window
        bounds = [to_text(window.start), to_text(window.end)]
        if window.created_from or window.created_to:
            bounds += [to_text(at) if at else "" for at in (window.created_from, window.created_to)]
        return "/".join(bounds)
