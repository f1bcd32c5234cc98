"""In-memory stand-ins for the ports. `tests/contract` holds each one to the real adapter."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, override

from qonto_sync.domain.certificate import ReconciliationRecord
from qonto_sync.domain.errors import NotFound, ObjectChanged, Retriable, RowChanged, Superseded
from qonto_sync.domain.ids import ConnectionName, ETag, InvoiceId, Sha256
from qonto_sync.domain.invoice import Attachment, FileKind, Invoice, InvoicePage
from qonto_sync.domain.ledger import LedgerRow, StoredObject
from qonto_sync.domain.reading import LARGEST_PAGE, LAYOUTS
from qonto_sync.domain.reconciliation import ListedObject
from qonto_sync.domain.times import from_text, to_precise_text
from qonto_sync.domain.window import EARLIEST, LATEST
from qonto_sync.ports import (
    ArchiveStore,
    AttachmentFiles,
    Checkpoints,
    Clock,
    Deadline,
    Gaps,
    InvoiceSource,
    Ledger,
    PendingIndex,
    Publication,
    Publications,
    Reconciliations,
    RetryQueue,
    SigningSecrets,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from qonto_sync.domain.checkpoint import Checkpoint
    from qonto_sync.domain.gap import Gap
    from qonto_sync.domain.ids import AttachmentId
    from qonto_sync.domain.messages import DelayedMessage, RetryMessage
    from qonto_sync.domain.reading import PageLayout
    from qonto_sync.domain.window import Window
    from qonto_sync.ports import Download

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
CONNECTION = ConnectionName("default")
LAYOUT = LAYOUTS[0]


class ManualClock(Clock):
    """Stands still until it is advanced or slept on."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._monotonic = start.timestamp()
        self.slept: list[float] = []

    @override
    def now(self) -> datetime:
        return self._now

    @override
    def monotonic(self) -> float:
        return self._monotonic

    @override
    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        # A timedelta knows no shorter time, and who waits for less would wait for ever.
        self.advance(seconds=max(seconds, 1e-6))

    def advance(self, **units: float) -> None:
        self._now += timedelta(**units)
        self._monotonic += timedelta(**units).total_seconds()

    def freeze(self, **units: float) -> None:
        """As Lambda may do with an idle execution environment: the monotonic clock stands still."""
        self._now += timedelta(**units)

    def set_back(self, **units: float) -> None:
        """The wall clock was wrong."""
        self._now -= timedelta(**units)


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
    updated_at: datetime | None = None


class FakeQonto(InvoiceSource, AttachmentFiles):
    """One organization in memory: invoices and files.

    `before_page` is called before each page is answered, `fail_next` makes the next calls of a kind raise. `arrange`
    sorts the rows of a list for one of its pages. A page with a poisoned invoice raises `poison`. Each list counts
    `uncounted` invoices that it never lists. `more_fields` are added to an invoice in the list, or alone.
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
        self.arrange: Callable[[list[dict[str, Any]], int, PageLayout], list[dict[str, Any]]] = _by_creation
        self.poisoned: set[str] = set()
        self.poison: Exception = Retriable("status 500")
        self.uncounted = 0
        self.more_fields: dict[str, Callable[[], dict[str, Any]]] = {"listed": dict, "alone": dict}
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
    def page(self, window: Window, number: int, layout: PageLayout) -> InvoicePage:
        self._called("page")
        self.before_page(number)
        self.pages_read.append(number)
        found = self.arrange(self._matching(window), number, layout)
        per_page = self._page_size(layout)
        first = (number - 1) * per_page
        listed = found[first : first + per_page]
        if not self.poisoned.isdisjoint(fields["id"] for fields in listed):
            raise self.poison
        listed_until = window.filter_bounds[1] or self._clock.now()
        rows = tuple(self._invoice(fields["id"], listed_until=listed_until) for fields in listed)
        if number > 1 and not rows:
            return InvoicePage(number, (), None, 0, self.skew)
        count = len(found) + self.uncounted
        return InvoicePage(number, rows, count, -(-count // per_page), self.skew)

    def _page_size(self, layout: PageLayout) -> int:
        """`per_page` for the largest pages; smaller pages have so many fewer rows, but at least one."""
        return max(self._per_page - (LARGEST_PAGE - layout.per_page), 1)

    def _matching(self, window: Window) -> list[dict[str, Any]]:
        start, end = (bound or limit for bound, limit in zip(window.filter_bounds, (EARLIEST, LATEST), strict=True))
        start, end = start + self._margin, end - self._margin
        created_from, created_to = window.created_filter_bounds
        return [
            fields
            for fields in self.invoices.values()
            if start <= _at(fields["updated_at"]) <= end
            and (created_from is None or _is_ordered(created_from + self._margin, fields["created_at"]))
            and (created_to is None or _is_ordered(fields["created_at"], created_to - self._margin))
        ]

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
        url = f"https://files.example/{attachment_id}?secret"
        return Attachment(attachment_id, url, file.name, len(file.content), file.updated_at)

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
        form = "alone" if listed_until is None else "listed"
        fields = {**self.invoices[invoice_id], **self.more_fields[form]()}
        document = json.dumps(fields).encode()
        return Invoice.of(fields, document, self._clock.now(), listed_until=listed_until)

    def _called(self, call: str) -> None:
        self.calls.append(call)
        if self._failures.get(call):
            raise self._failures[call].pop(0)


def _by_creation(found: list[dict[str, Any]], _number: int, layout: PageLayout) -> list[dict[str, Any]]:
    return sorted(found, key=lambda fields: (str(fields["created_at"]), fields["id"]), reverse=layout.newest_first)


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
class InMemoryArchive(ArchiveStore, Publications):
    """A bucket that keeps all versions. `before_put` is called before each write."""

    versions: dict[str, list[FakeObject]] = field(default_factory=dict)
    before_put: Callable[[str], None] = lambda _: None
    documents_read: int = 0

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

    @override
    def document(self, stored: StoredObject) -> bytes | None:
        self.documents_read += 1
        there = self.head(stored.key)
        return self.content(stored.key) if there and there.etag == stored.etag else None

    @override
    def objects(self, prefix: str, *, start_after: str) -> Iterator[ListedObject]:
        for key in sorted(self.versions):
            if key.startswith(prefix) and key > start_after:
                found = self.versions[key][-1]
                yield ListedObject(key, found.etag, len(found.content))

    @override
    def put(self, key: str, content: bytes, *, content_type: str, expected: StoredObject | None) -> StoredObject:
        return self._put(key, content, (content_type, None), expected)

    @override
    def read(self, key: str) -> Publication | None:
        found = self.head(key)
        return Publication(found, self.content(key)) if found else None

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
class InMemoryLedger(Ledger, Gaps, PendingIndex):
    """A ledger, its gaps, and the index of both. `before_write` is called before each write of a row.

    Insertions fail with `fail_insert`.
    """

    saved: dict[tuple[ConnectionName, InvoiceId], LedgerRow] = field(default_factory=dict)
    before_write: Callable[[LedgerRow], None] = lambda _: None
    reads: int = 0
    inserted: list[Sequence[LedgerRow]] = field(default_factory=list)
    fail_insert: Exception | None = None
    gaps: dict[str, Gap] = field(default_factory=dict)
    messages_noted: int = 0

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
    def insert(self, rows: Sequence[LedgerRow]) -> list[LedgerRow | None]:
        if self.fail_insert:
            raise self.fail_insert
        self.inserted.append(rows)
        return [None if (row.connection, row.invoice_id) in self.saved else self.write(row) for row in rows]

    @override
    def mark_message_sent(self, row: LedgerRow, until: datetime) -> None:
        key = (row.connection, row.invoice_id)
        stored = self.saved[key]
        if stored.version == row.version and stored.pending:
            self.saved[key] = replace(stored, pending=replace(stored.pending, message_until=until))
            self.messages_noted += 1

    @override
    def pending(self, connection: ConnectionName) -> Iterator[LedgerRow | Gap]:
        rows = [row for row in self.saved.values() if row.connection == connection and row.pending]
        gaps = [gap for gap in self.gaps.values() if gap.connection == connection]
        entries: list[LedgerRow | Gap] = [*rows, *gaps]
        yield from sorted(entries, key=_due_at)

    @override
    def record(self, gap: Gap) -> bool:
        return self.gaps.setdefault(gap.id, gap) is gap

    @override
    def postpone(self, gap: Gap) -> None:
        if gap.id in self.gaps:
            self.gaps[gap.id] = gap

    @override
    def remove(self, gap: Gap) -> None:
        self.gaps.pop(gap.id, None)

    def row(self, invoice_id: str) -> LedgerRow:
        """The row of the default connection."""
        return self.saved[CONNECTION, InvoiceId(invoice_id)]


@dataclass
class InMemoryCheckpoints(Checkpoints):
    """Checkpoints. `before_commit` is called before each commit."""

    clock: Clock = field(default_factory=ManualClock)
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
        uncertified_since = found.uncertified_since if found else self.clock.now()
        self.saved[connection] = replace(checkpoint, uncertified_since=uncertified_since)
        self.history.append(checkpoint)

    @override
    def note_certificate(self, connection: ConnectionName, certified_at: datetime) -> None:
        if connection in self.saved:
            self.saved[connection] = replace(self.saved[connection], uncertified_since=certified_at)


@dataclass
class InMemoryReconciliations(Reconciliations):
    """The records."""

    saved: dict[ConnectionName, ReconciliationRecord] = field(default_factory=dict)

    @override
    def read(self, connection: ConnectionName) -> ReconciliationRecord:
        return self.saved.get(connection, ReconciliationRecord())

    @override
    def write(self, connection: ConnectionName, record: ReconciliationRecord) -> ReconciliationRecord:
        if self.read(connection).version != record.version:
            raise RowChanged(f"another run wrote the record of {connection!r}")
        self.saved[connection] = replace(record, version=record.version + 1)
        return self.saved[connection]


@dataclass
class InMemoryQueue(RetryQueue):
    """A queue. While it is `broken`, nothing can be sent."""

    sent: list[DelayedMessage] = field(default_factory=list)
    recoveries: list[tuple[ConnectionName, int]] = field(default_factory=list)
    delayed: dict[str, int] = field(default_factory=dict)
    broken: bool = False

    @override
    def send(self, messages: Iterable[DelayedMessage]) -> list[RetryMessage]:
        messages = list(messages)
        if self.broken:
            return [delayed.message for delayed in messages]
        self.sent += messages
        return []

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


def _due_at(entry: LedgerRow | Gap) -> datetime:
    if isinstance(entry, LedgerRow):
        assert entry.pending
        return entry.pending.due_at
    return entry.due_at


def _is_ordered(first: datetime | str | None, second: datetime | str | None) -> bool:
    """As a database compares: nothing is before or after a time that is not known."""
    instants = [_at(value) if isinstance(value, str) else value for value in (first, second)]
    return None not in instants and instants[0] <= instants[1]  # type: ignore[operator]


def _at(text: str) -> datetime:
    instant = from_text(text)
    assert instant is not None
    return instant
