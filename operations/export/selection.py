"""Which invoices are exported: from inventories whose hashes the last certificate has."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from operations.certificates import inventory_key, inventory_rows, parse_certificate
from operations.export.names import date_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from operations.archives import Archive
    from operations.certificates import Certificate

_LEFT_OUT: Final = ("draft", "deleted")
"""No invoices: what was never issued, and what Qonto deleted."""


@dataclass(frozen=True, slots=True)
class Period:
    """Days of issue, both included, such as `2026-10-01` and `2026-10-31`."""

    first: str
    last: str


@dataclass(slots=True)
class Selection:
    """The rows of the inventories that were asked for, by date and number."""

    rows: list[dict[str, str]] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    """Why something may be missing or wrong; none if all is certified."""
    as_of: str = ""
    """When the certificate was written."""


def select(archive: Archive, connection: str, period: Period, statuses: frozenset[str]) -> Selection:
    """The invoices of the period with one of these statuses; with none of them named, all but drafts.

    Inventories are by month of creation, and an invoice may be issued in another one, so all of them are read.
    """
    selection = Selection()
    content = archive.certificate()
    certificate = parse_certificate(content) if content else None
    if certificate is None:
        selection.doubts.append("there is no certificate: no reconciliation has ended yet")
        inventories = _found_inventories(archive, connection, selection)
    else:
        selection.as_of = str(certificate.fields.get("reconciled_at", ""))
        _doubt(certificate, period, selection)
        inventories = _certified_inventories(archive, connection, certificate, selection)
    for rows in inventories:
        selection.rows += [row for row in rows if _is_wanted(row, period, statuses)]
    selection.rows.sort(key=lambda row: (date_of(row) or "", row["number"], row["invoice_id"]))
    return selection


def _doubt(certificate: Certificate, period: Period, selection: Selection) -> None:
    window = certificate.fields.get("window")
    until = str(window.get("to", ""))[:10] if isinstance(window, dict) else ""
    if period.last >= until:
        selection.doubts.append(
            f"the period ends after what the certificate covers, which is until {until or 'unknown'}"
        )
    for gap in certificate.fields["gaps"]:
        selection.doubts.append(f"the month {gap.get('month')} could not be compared: {gap.get('detail')}")


def _certified_inventories(
    archive: Archive, connection: str, certificate: Certificate, selection: Selection
) -> Iterator[list[dict[str, str]]]:
    for month in certificate.fields["months"]:
        key = inventory_key(connection, str(month.get("month")))
        content = archive.content(key)
        if content is None:
            selection.doubts.append(f"{key} is not there")
            continue
        if hashlib.sha256(content).hexdigest() != month.get("sha256"):
            selection.doubts.append(f"{key} is not the one that was certified")
        yield from _rows(key, content, selection)


def _found_inventories(archive: Archive, connection: str, selection: Selection) -> Iterator[list[dict[str, str]]]:
    months = sorted({"-".join(key.removeprefix(archive.prefix).split("/")[:2]) for key in archive.keys()})  # noqa: SIM118 - it is no mapping
    for month in months:
        key = inventory_key(connection, month)
        content = archive.content(key)
        if content is not None:
            yield from _rows(key, content, selection)


def _rows(key: str, content: bytes, selection: Selection) -> Iterator[list[dict[str, str]]]:
    try:
        rows = inventory_rows(content)
    except ValueError as error:
        selection.doubts.append(f"{key} is no inventory: {error}")
        return
    if missing := _NEEDED - (rows[0].keys() if rows else _NEEDED):
        selection.doubts.append(f"{key} is no inventory: it has no column {min(missing)}")
        return
    yield rows


_NEEDED: Final = frozenset(
    {"invoice_id", "number", "status", "issue_date", "created_at", "client_name", "currency", "total_amount", "state"}
    | {f"{kind}_{what}" for kind in ("document", "file") for what in ("key", "sha256")}
)


def _is_wanted(row: Mapping[str, str], period: Period, statuses: frozenset[str]) -> bool:
    day = date_of(row)
    status = "deleted" if row["state"] == "deleted" else row["status"]
    is_status = status in statuses if statuses else status not in _LEFT_OUT
    return is_status and day is not None and period.first <= day <= period.last
