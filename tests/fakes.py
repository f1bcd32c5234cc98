"""In-memory stand-ins for the ports. `tests/contract` holds each one to the real adapter."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, override

from qonto_sync.domain.errors import NotFound, ObjectChanged, Retriable, RowChanged, Superseded
from qonto_sync.domain.ids import ConnectionName, ETag, InvoiceId, Sha256
from qonto_sync.domain.invoice import Attachment, FileKind, Invoice, InvoicePage
from qonto_sync.domain.ledger import StoredObject
from qonto_sync.domain.times import from_text, to_precise_text
from qonto_sync.ports import (
    ArchiveStore,
    AttachmentFiles,
    Checkpoints,
    Clock,
    Deadline,
    InvoiceSource,
    Ledger,
    RetryQueue,
    SigningSecrets,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from qonto_sync.domain.checkpoint import Checkpoint
    from qonto_sync.domain.ids import AttachmentId
    from qonto_sync.domain.ledger import LedgerRow, Pending
    from qonto_sync.domain.messages import DelayedMessage
    from qonto_sync.domain.window import Window
    from qonto_sync.ports import Download

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
CONNECTION = ConnectionName("default")


class ManualClock(Clock):
    """Stands still until it is advanced or slept on."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self.slept: list[float] = []

    @override
    def now(self) -> datetime:
        return self._now

    @override
    def monotonic(self) -> float:
        return self._now.timestamp()

    @override
    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds=seconds)

    def advance(self, **units: float) -> None:
        self._now += timedelta(**units)


@dataclass
class CountedDeadline(Deadline):
    """Is reached after a number of checks."""

    looks: float = float("inf")

    @override
    def remaining(self) -> float:
        self.looks -= 1
        return 1_000 if self.looks >= 0 else 0


class InlineExecutor(Executor):
    """Runs each call at once, in the thread that submits it."""

    @override
    def submit[**P, T](self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to the future
            future.set_exception(error)
        return future


@dataclass
class FakeFile:
    """A file at the source."""

    content: bytes
    name: str = "invoice.pdf"


class FakeQonto(InvoiceSource, AttachmentFiles):
    """One organization in memory: invoices and files.

    `before_page` is called before each page is answered, `fail_next` makes the next calls of a kind raise.
    """

    def __init__(self, clock: ManualClock, *, per_page: int = 100, inclusive: bool = True) -> None:
        self._clock = clock
        self._per_page = per_page
        # Whether the bounds of a filter belong to it: the documentation does not say.
        self._margin = timedelta(0) if inclusive else timedelta(microseconds=1)
        self.invoices: dict[str, dict[str, Any]] = {}
        self.files: dict[str, FakeFile] = {}
        self.skew = timedelta(0)
        self.pages_read: list[int] = []
        self.calls: list[str] = []
        self.before_page: Callable[[int], None] = lambda _: None
        self._failures: dict[str, list[Exception]] = {}

    def put(self, invoice_id: str, *, attachment_id: str | None = "", **fields: Any) -> None:
        """Creates or edits an invoice, now; with a PDF of its own unless another attachment is named, or None."""
        now = to_precise_text(self._clock.now())
        if attachment_id == "":
            attachment_id = f"file-{invoice_id}"
            self.files.setdefault(attachment_id, FakeFile(b"%PDF-1.7 " + invoice_id.encode()))
        before = self.invoices.get(invoice_id, {"id": invoice_id, "status": "unpaid", "created_at": now})
        self.invoices[invoice_id] = {**before, "updated_at": now, "attachment_id": attachment_id, **fields}

    def fail_next(self, call: str, *errors: Exception) -> None:
        """The next calls of this kind (`page`, `invoice`, `attachment`, `open`) raise these."""
        self._failures.setdefault(call, []).extend(errors)

    def document(self, invoice_id: str) -> bytes:
        return json.dumps(self.invoices[invoice_id]).encode()

    @override
    def page(self, window: Window, number: int) -> InvoicePage:
        self._called("page")
        self.before_page(number)
        self.pages_read.append(number)
        start, end = window.filter_bounds
        start, end = start + self._margin, end - self._margin
        found = sorted(
            (fields for fields in self.invoices.values() if start <= _at(fields["updated_at"]) <= end),
            key=lambda fields: (_at(fields["created_at"]), fields["id"]),
        )
        first = (number - 1) * self._per_page
        listed = found[first : first + self._per_page]
        rows = tuple(self._invoice(fields["id"], listed_until=window.filter_bounds[1]) for fields in listed)
        return InvoicePage(number, rows, len(found), -(-len(found) // self._per_page), self.skew)

    @override
    def invoice(self, invoice_id: InvoiceId) -> Invoice:
        self._called("invoice")
        return self._invoice(invoice_id)

    @override
    def attachment(self, attachment_id: AttachmentId) -> Attachment:
        self._called("attachment")
        file = self.files.get(attachment_id)
        if file is None:
            raise Retriable("the attachment is not there (404)")
        return Attachment(attachment_id, f"https://files.example/{attachment_id}?secret", file.name, len(file.content))

    @override
    @contextmanager
    def open(self, attachment: Attachment, if_none_match: str | None) -> Iterator[FakeDownload | None]:
        self._called("open")
        download = FakeDownload(self.files[attachment.id].content)
        if download.etag == if_none_match:
            self.calls.append("not_modified")
            yield None
        else:
            yield download

    def _invoice(self, invoice_id: str, *, listed_until: datetime | None = None) -> Invoice:
        if invoice_id not in self.invoices:
            raise NotFound("Qonto answered 404 for the invoice")
        fields, document = self.invoices[invoice_id], self.document(invoice_id)
        return Invoice.of(fields, document, self._clock.now(), listed_until=listed_until)

    def _called(self, call: str) -> None:
        self.calls.append(call)
        if self._failures.get(call):
            raise self._failures[call].pop(0)


class FakeDownload:
    """A file that is being received, complete and correct."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.etag: str | None = f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
        self.kind = FileKind.PDF

    def parts(self, size: int) -> Iterator[bytes]:
        for first in range(0, len(self._content), size):
            yield self._content[first : first + size]


@dataclass(frozen=True)
class FakeObject:
    """An object in the bucket."""

    content: bytes
    etag: ETag
    headers: tuple[str, str | None]


@dataclass
class InMemoryArchive(ArchiveStore):
    """A bucket that keeps all versions. `before_put` is called before each write."""

    versions: dict[str, list[FakeObject]] = field(default_factory=dict)
    before_put: Callable[[str], None] = lambda _: None

    def content(self, key: str) -> bytes:
        return self.versions[key][-1].content

    @override
    def put_document(
        self, key: str, document: bytes, *, file_name: str | None, expected: StoredObject | None
    ) -> StoredObject:
        return self._put(key, document, ("application/json", file_name), expected)

    @override
    def put_file(
        self, key: str, download: Download, *, file_name: str | None, expected: StoredObject | None
    ) -> StoredObject:
        content = b"".join(download.parts(8 * 1024 * 1024))
        return self._put(key, content, (download.kind.content_type, file_name), expected)

    @override
    def head(self, key: str) -> StoredObject | None:
        return _stored(key, self.versions[key][-1]) if key in self.versions else None

    def _put(
        self, key: str, content: bytes, headers: tuple[str, str | None], expected: StoredObject | None
    ) -> StoredObject:
        self.before_put(key)
        if expected and expected.sha256 == hashlib.sha256(content).hexdigest():
            return expected
        there = self.head(key)
        if (there.etag if there else None) != (expected.etag if expected else None):
            if there and there.sha256 == hashlib.sha256(content).hexdigest():
                return there
            raise ObjectChanged(f"{key} is not what the ledger names")
        etag = ETag(f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"')
        written = FakeObject(content, etag, headers)
        self.versions.setdefault(key, []).append(written)
        return _stored(key, written)


def _stored(key: str, found: FakeObject) -> StoredObject:
    return StoredObject(key, found.etag, Sha256(hashlib.sha256(found.content).hexdigest()), len(found.content))


@dataclass
class InMemoryLedger(Ledger):
    """A ledger. `before_write` is called before each write; insertions fail with `fail_insert`."""

    saved: dict[tuple[ConnectionName, InvoiceId], LedgerRow] = field(default_factory=dict)
    before_write: Callable[[LedgerRow], None] = lambda _: None
    reads: int = 0
    inserted: list[Sequence[LedgerRow]] = field(default_factory=list)
    fail_insert: Exception | None = None

    @override
    def rows(self, connection: ConnectionName, invoice_ids: Sequence[InvoiceId]) -> Mapping[InvoiceId, LedgerRow]:
        self.reads += 1
        return {id_: self.saved[connection, id_] for id_ in invoice_ids if (connection, id_) in self.saved}

    @override
    def write(self, row: LedgerRow) -> LedgerRow:
        self.before_write(row)
        key = (row.connection, row.invoice_id)
        if (self.saved[key].version if key in self.saved else 0) != row.version:
            raise RowChanged("another writer changed the ledger row")
        self.saved[key] = replace(row, version=row.version + 1)
        return self.saved[key]

    @override
    def insert(self, rows: Sequence[LedgerRow]) -> list[LedgerRow]:
        if self.fail_insert:
            raise self.fail_insert
        self.inserted.append(rows)
        if any((row.connection, row.invoice_id) in self.saved for row in rows):
            raise RowChanged("another writer was at one of these ledger rows")
        return [self.write(row) for row in rows]

    @override
    def pending(self, connection: ConnectionName) -> Iterator[tuple[InvoiceId, Pending]]:
        pending = [
            (row.invoice_id, row.pending) for row in self.saved.values() if row.connection == connection and row.pending
        ]
        yield from sorted(pending, key=lambda item: item[1].due_at)

    def row(self, invoice_id: str) -> LedgerRow:
        """The row of the default connection."""
        return self.saved[CONNECTION, InvoiceId(invoice_id)]


@dataclass
class InMemoryCheckpoints(Checkpoints):
    """Checkpoints. `before_commit` is called before each commit."""

    saved: dict[ConnectionName, Checkpoint] = field(default_factory=dict)
    history: list[Checkpoint] = field(default_factory=list)
    before_commit: Callable[[], None] = lambda: None

    @override
    def read(self, connection: ConnectionName) -> Checkpoint | None:
        return self.saved.get(connection)

    @override
    def commit(self, connection: ConnectionName, checkpoint: Checkpoint) -> None:
        self.before_commit()
        found = self.saved.get(connection)
        if (found.version if found else 0) != checkpoint.version - 1:
            if found == checkpoint:
                return
            raise Superseded(f"another run committed the checkpoint of {connection!r}")
        self.saved[connection] = checkpoint
        self.history.append(checkpoint)


@dataclass
class InMemoryQueue(RetryQueue):
    """A queue. While it is `broken`, nothing can be sent."""

    sent: list[DelayedMessage] = field(default_factory=list)
    recoveries: list[tuple[ConnectionName, int]] = field(default_factory=list)
    delayed: dict[str, int] = field(default_factory=dict)
    broken: bool = False

    @override
    def send(self, wakes: Iterable[DelayedMessage]) -> int:
        wakes = list(wakes)
        if self.broken:
            return len(wakes)
        self.sent += wakes
        return 0

    @override
    def schedule_recovery(self, connection: ConnectionName, delay_seconds: int) -> bool:
        if not self.broken:
            self.recoveries.append((connection, delay_seconds))
        return not self.broken

    @override
    def delay(self, receipt: str, seconds: int) -> None:
        self.delayed[receipt] = seconds


@dataclass
class InMemorySigningSecrets(SigningSecrets):
    """Signing secrets, cached until they are read `fresh`. While it is `broken`, reading raises."""

    stored: dict[ConnectionName, list[str]] = field(default_factory=dict)
    broken: bool = False
    reads: int = 0
    _known: dict[ConnectionName, list[str]] = field(default_factory=dict)

    @override
    def read(self, connection: ConnectionName, *, fresh: bool = False) -> Sequence[str]:
        if self.broken:
            raise Retriable("no secret can be read now")
        self.reads += 1
        if fresh or connection not in self._known:
            self._known[connection] = self.stored.get(connection, [])
        return self._known[connection]


def _at(text: str) -> datetime:
    instant = from_text(text)
    assert instant is not None
    return instant
