"""How far a connection is archived."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from qonto_sync.domain.ids import RunId


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Every invoice updated up to `synced_until` is archived, or recorded as pending."""

    synced_until: datetime
    version: int
    """1 for the first commit of a connection, then one more for each."""
    run_id: RunId
    """The run that committed it."""
