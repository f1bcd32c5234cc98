"""The invoices: any number of them, each told by its index, so that none takes memory until it is edited."""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

_TEMPLATE = (Path(__file__).parent / "invoice.json").read_bytes().strip()
_YEARS = timedelta(days=2 * 365)
_PDF = b"%PDF-1.7\n%"
_NUMBER_BYTES = 12


class File(NamedTuple):
    """A file as it is sent: its own first bytes, and a filling that all files share."""

    body: tuple[bytes, memoryview]
    etag: str


class Organization:
    """So many invoices, created evenly over the two years that ended yesterday; each has a PDF of the same size."""

    def __init__(self, count: int, file_bytes: int) -> None:
        self.count = count
        self.file_bytes = file_bytes
        self._filling = memoryview(bytes(max(file_bytes - len(_PDF) - _NUMBER_BYTES, 0)))
        self._first = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1) - _YEARS
        self._step = _YEARS / max(count, 1)
        self._created = [self._first + self._step * index for index in range(count)]
        self._edited: dict[int, datetime] = {}
        self._listed: dict[tuple[datetime, datetime], list[int]] = {}
        self._index = {id_of("invoice", index): index for index in range(count)}
        self._attachment_index = {id_of("attachment", index): index for index in range(count)}

    def edit(self, number: int, updated_at: datetime) -> None:
        """Marks so many invoices, from all over the list, as paid at that time."""
        for place in range(number):
            self._edited[place * self.count // number] = updated_at
        self._listed.clear()

    def updated_between(self, start: datetime, end: datetime) -> list[int]:
        """Who was updated then, bounds included, in the order of creation."""
        # Every page of a window asks for the same.
        if (start, end) not in self._listed:
            self._listed[start, end] = self._search(start, end)
        return self._listed[start, end]

    def _search(self, start: datetime, end: datetime) -> list[int]:
        untouched = range(bisect_left(self._created, start), bisect_right(self._created, end))
        edited = {index for index, moment in self._edited.items() if start <= moment <= end}
        return sorted(edited.union(untouched).difference(self._edited.keys() - edited))

    def index(self, invoice_id: str) -> int:
        """Raises `KeyError` when there is none."""
        return self._index[invoice_id]

    def document(self, index: int) -> bytes:
        """The invoice as JSON, 3 KB of it."""
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
        """Raises `KeyError` when there is none."""
        return self._attachment_index[attachment_id]

    def file(self, index: int) -> File:
        """The same bytes whenever it is asked for."""
        own = _PDF + b"%012d" % index
        return File((own, self._filling), f'"{hashlib.md5(own, usedforsecurity=False).hexdigest()}"')


def id_of(kind: str, index: int) -> str:
    """A UUID, as Qonto's ids are."""
    return str(UUID(bytes=hashlib.md5(f"{kind} {index}".encode(), usedforsecurity=False).digest(), version=4))


def _text(moment: datetime) -> bytes:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()
