"""How far a connection is archived."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from qonto_sync.domain.ids import RunId


@dataclass(frozen=True, slots=True)
class CatchUp:
    """Where the latest runs that were behind the present began to read, and when: for people who wait for them."""

    start: datetime
    """Equal to `synced_until` when the connection has caught up."""
    since: datetime


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Every invoice updated up to `synced_until` is archived, or recorded as pending, itself or in a gap.

    Of the time after `resume_from` this holds as far as Qonto listed an invoice in it. Where it listed none, the next
    run asks again: with another organization's key the list would be as empty.
    """

    synced_until: datetime
    version: int
    """1 for the first commit of a connection, then one more for each."""
    run_id: RunId
    """The run that committed it."""
    resume_from: datetime | None = None
    """Where the next run begins to read: what is older is proven. None in a checkpoint of version 0.1."""
    organization_id: str | None = None
    """Whose invoices these are; None until an invoice says so."""
    catch_up: CatchUp | None = None
    """None in a checkpoint of version 0.1."""
    committed_at: datetime | None = field(default=None, compare=False)
    """When it was committed, by the clock of the run; set when it is read."""
    uncertified_since: datetime | None = field(default=None, compare=False)
    """When the connection was last certified, or first committed; set when it is read. None if that is not known."""
