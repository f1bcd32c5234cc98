"""The certificate of a reconciliation, and what is kept from one reconciliation to the next. Pure.

Each certificate has the hashes of all inventories, which have the hashes of all objects, and the hash of the
certificate before. So whoever keeps the hash of one certificate can check everything that was certified until then.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from qonto_sync.domain.ids import Sha256
from qonto_sync.domain.months import month_text
from qonto_sync.domain.reconciliation import Difference
from qonto_sync.domain.times import to_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from qonto_sync.domain.ids import ConnectionName


@dataclass(frozen=True, slots=True)
class MonthRecord:
    """What was certified of the invoices that were created in a month."""

    month: datetime
    source: int
    """Invoices that Qonto listed."""
    archived: int
    pending: int
    deleted: int
    """Invoices that the archive has and Qonto deleted."""
    sha256: Sha256
    """Of the month's inventory."""
    intended: Sha256 | None = None
    """Of the inventory that a run began to write over it; None if none is being written."""


@dataclass(frozen=True, slots=True)
class UncertifiedMonth:
    """A month of which no reading certified that it saw all."""

    month: datetime
    detail: str


@dataclass(frozen=True, slots=True)
class Pass:
    """One reconciliation of all months, oldest first. It may take several runs."""

    started_at: datetime
    until: datetime
    """Invoices created later are not part of it."""
    next_month: datetime
    found: Counter[Difference] = field(default_factory=Counter)
    repaired: int = 0
    gaps: tuple[UncertifiedMonth, ...] = ()
    breaks: tuple[str, ...] = ()
    """What somebody did to inventories and to the certificate before, if they are not what was written."""


@dataclass(frozen=True, slots=True)
class ReconciliationRecord:
    """What is known of a connection's reconciliations. It is written only over the version that was read."""

    version: int = 0
    """0: it is not in the table yet."""
    certificate_version: int = 0
    """Of the last certificate; 0: there is none."""
    certificate_sha256: Sha256 | None = None
    certified_at: datetime | None = None
    months: tuple[MonthRecord, ...] = ()
    """Oldest first; those that a pass in progress has yet to reach are from the one before."""
    current: Pass | None = None
    """None when the last pass is finished."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a reconciliation found. `to_bytes` is what is stored, hashed and checked."""

    version: int
    connection: ConnectionName
    organization_id: str | None
    reconciled_at: datetime
    done: Pass
    months: tuple[MonthRecord, ...]
    previous_sha256: Sha256 | None

    def as_dict(self) -> dict[str, object]:
        """The fields by name, for JSON."""
        first = self.months[0].month if self.months else self.done.until
        return {
            "version": self.version,
            "connection": self.connection,
            "organization_id": self.organization_id,
            "reconciled_at": to_text(self.reconciled_at),
            "window": {"from": to_text(first), "to": to_text(self.done.until)},
            "invoices": invoice_counts(self.months),
            "found": found_counts(self.done.found),
            "repaired": self.done.repaired,
            "gaps": [{"month": month_text(gap.month), "detail": gap.detail} for gap in self.done.gaps],
            "months": [
                {"month": month_text(each.month), "invoices": each.source, "sha256": each.sha256}
                for each in self.months
            ],
            "previous_sha256": self.previous_sha256,
            **({"breaks": list(self.done.breaks)} if self.done.breaks else {}),
        }

    def to_bytes(self) -> bytes:
        """JSON in UTF-8, readable, with a line break at its end."""
        return (json.dumps(self.as_dict(), indent=1, ensure_ascii=False) + "\n").encode("utf-8", "replace")


def sha256_of(content: bytes) -> Sha256:
    """The hash that a certificate and an inventory are known by."""
    return Sha256(hashlib.sha256(content).hexdigest())


def invoice_counts(months: Iterable[MonthRecord]) -> dict[str, int]:
    """The sums over these months, by name."""
    counts = Counter({"source": 0, "archived": 0, "pending": 0, "deleted": 0})
    for each in months:
        counts.update(source=each.source, archived=each.archived, pending=each.pending, deleted=each.deleted)
    return dict(counts)


def found_counts(found: Mapping[Difference, int]) -> dict[str, int]:
    """All kinds of difference, those that were not found, too."""
    return {kind.value: found.get(kind, 0) for kind in Difference}
