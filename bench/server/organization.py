"""Any number of invoices. Documents and files are computed from an invoice's index, so they take no memory."""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

_TEMPLATE = (Path(__file__).parent / "invoice.json").read_bytes().strip()
_YEAR = timedelta(days=365)
_PDF = b"%PDF-1.7\n%"
_NUMBER_BYTES = 12


class File(NamedTuple):
    """The content of a file: its own first bytes, and a padding that all files share."""

    body: tuple[bytes, memoryview]
    etag: str


class Organization:
    """Invoices with `created_at` spread evenly over the years before yesterday; their PDFs have the same size."""

    def __init__(self, count: int, file_bytes: int, years: int) -> None:
        self.count = count
        self.file_bytes = file_bytes
        self._padding = memoryview(bytes(max(file_bytes - len(_PDF) - _NUMBER_BYTES, 0)))
        self._first = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1) - years * _YEAR
        self._step = years * _YEAR / max(count, 1)
        self._created = [self._first + self._step * index for index in range(count)]
        self._edited: dict[int, datetime] = {}
        self._listed: dict[tuple[datetime, datetime], list[int]] = {}
        self._index = {id_of("invoice", index): index for index in range(count)}
        self._attachment_index = {id_of("attachment", index): index for index in range(count)}

    def edit(self, number: int, updated_at: datetime) -> None:
        """Marks so many invoices, spread evenly over the list, as paid at this time."""
        for edit in range(number):
            self._edited[edit * self.count // number] = updated_at
        self._listed.clear()

    def updated_between(self, start: datetime, end: datetime) -> list[int]:
        """The indexes of the invoices updated in this window, bounds included, by `created_at`."""
        # Cached, because every page of a window needs the same list.
        if (start, end) not in self._listed:
            self._listed[start, end] = self._search(start, end)
        return self._listed[start, end]

    def created_between(self, start: datetime, end: datetime) -> range:
        """The indexes of the invoices created in this window, bounds included."""
        return range(bisect_left(self._created, start), bisect_right(self._created, end))

    def _search(self, start: datetime, end: datetime) -> list[int]:
        untouched = self.created_between(start, end)
        edited = {index for index, moment in self._edited.items() if start <= moment <= end}
        return sorted(edited.union(untouched).difference(self._edited.keys() - edited))

    def index(self, invoice_id: str) -> int:
        """The index of an invoice. Raises `KeyError` if there is none."""
        return self._index[invoice_id]

    def document(self, index: int) -> bytes:
        """The invoice as JSON, about 3 KB."""
        edited = self._edited.get(index)
        created = self._created[index]
        return _TEMPLATE % {
            b"id": id_of("invoice", index).encode(),
            b"attachment_id": id_of("attachment", index).encode(),
            b"number": index,
            b"status": b"paid" if edited else b"unpaid",
            b"created_at": _text(created),
            b"updated_at": _text(edited or created),
        }

    def attachment_index(self, attachment_id: str) -> int:
        """The index of an attachment's invoice. Raises `KeyError` if there is none."""
        return self._attachment_index[attachment_id]

    def file(self, index: int) -> File:
        """The file of an invoice; its bytes never change."""
        own = _PDF + b"%012d" % index
        return File((own, self._padding), f'"{hashlib.md5(own, usedforsecurity=False).hexdigest()}"')


def id_of(kind: str, index: int) -> str:
    """The id of an invoice or attachment: a UUID, like Qonto's ids."""
    return str(UUID(bytes=hashlib.md5(f"{kind} {index}".encode(), usedforsecurity=False).digest(), version=4))


def _text(moment: datetime) -> bytes:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()
