"""What the use cases need from the outside world. Adapters and the tests' fakes implement these protocols."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from qonto_sync.domain.instant import Instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from qonto_sync.domain.certificate import ReconciliationRecord
    from qonto_sync.domain.checkpoint import Checkpoint
    from qonto_sync.domain.gap import Gap
    from qonto_sync.domain.ids import AttachmentId, ConnectionName, InvoiceId
    from qonto_sync.domain.invoice import Attachment, FileKind, Invoice, InvoicePage
    from qonto_sync.domain.ledger import LedgerRow, StoredObject
    from qonto_sync.domain.messages import DelayedMessage, RetryMessage
    from qonto_sync.domain.reading import PageLayout
    from qonto_sync.domain.reconciliation import ListedObject
    from qonto_sync.domain.secret import RefreshLease, Tokens
    from qonto_sync.domain.window import Window


class Clock(Protocol):
    """Time, passed in."""

    def now(self) -> datetime:
        """The wall clock, in UTC."""

    def monotonic(self) -> float:
        """Seconds that never run backwards, for measuring within an invocation."""

    def instant(self) -> Instant:
        """This moment, for measuring across invocations."""
        return Instant(self.now(), self.monotonic())

    def sleep(self, seconds: float) -> None:
        """Waits."""


class Deadline(Protocol):
    """How long this invocation may still start new work."""

    def remaining(self) -> float:
        """Seconds until no new work may start; zero or less when that moment has passed."""


class InvoiceSource(Protocol):
    """One Qonto organization. Any method may raise `Fatal` or `ItemError`."""

    def page(self, window: Window, number: int, layout: PageLayout) -> InvoicePage:
        """A page of the invoices of the window, imported ones included, sorted by creation.

        A page past the end is empty, and tells no count. `ItemError` may be the fault of this page alone.
        """

    def invoice(self, invoice_id: InvoiceId) -> Invoice:
        """The current version of the invoice. Raises `NotFound` when Qonto does not have it."""

    def attachment(self, attachment_id: AttachmentId) -> Attachment:
        """The description of a file, with a fresh URL."""


class Download(Protocol):
    """A file that is being received: its type is known, its bytes arrive in parts and are checked on the way."""

    @property
    def kind(self) -> FileKind:
        """The type that the first bytes show."""

    @property
    def etag(self) -> str | None:
        """The host's ETag, for the next conditional request."""

    def parts(self, size: int) -> Iterator[bytes]:
        """The content in parts of `size` bytes, the last one shorter.

        The file is complete only when the iterator ends; it raises `Retriable` when the file is not.
        """


class AttachmentFiles(Protocol):
    """The file host."""

    def open(self, attachment: Attachment, if_none_match: str | None) -> AbstractContextManager[Download | None]:
        """Starts a download; None when the file still has this ETag."""


class ArchiveStore(Protocol):
    """The bucket. Each write is a compare-and-swap: it replaces `expected`, or creates the object when that is None.

    A write raises `ObjectChanged` when the bucket has something else. When it already has this content, whoever wrote
    it, nothing is written: equal bytes never make a second version.
    """

    def put_document(
        self, key: str, document: bytes, *, file_name: str | None, expected: StoredObject | None
    ) -> StoredObject:
        """Stores an invoice's JSON."""

    def put_file(
        self, key: str, download: Download, *, file_name: str | None, expected: StoredObject | None
    ) -> StoredObject:
        """Stores a file while it is received; the object appears only after all of it was checked."""

    def head(self, key: str) -> StoredObject | None:
        """The current object; None when there is none."""

    def document(self, stored: StoredObject) -> bytes | None:
        """The content of this object; None when the bucket has another one under its key, or none."""

    def objects(self, prefix: str, *, start_after: str) -> Iterator[ListedObject]:
        """The current objects whose keys begin so and come after `start_after`, in the order of their keys."""


class Publication(NamedTuple):
    """An inventory or a certificate as it is in the bucket."""

    stored: StoredObject
    content: bytes
    """Empty, if somebody made it larger than any of them can be; then its hash is that of nothing."""


class Publications(Protocol):
    """Inventories and certificates in the bucket. Writes are compare-and-swaps, as in `ArchiveStore`."""

    def put(self, key: str, content: bytes, *, content_type: str, expected: StoredObject | None) -> StoredObject:
        """Stores it over `expected`, or as a new object; nothing is written if that has this content."""

    def read(self, key: str) -> Publication | None:
        """The current object; None when there is none."""


class RowWriter(Protocol):
    """Writes a row of the ledger."""

    def write(self, row: LedgerRow) -> LedgerRow:
        """Writes the row over the version that it was made from, and returns it with its new version.

        Raises `RowChanged` when another writer was faster. A write that succeeded but whose response was lost is a
        success.
        """


class Ledger(RowWriter, Protocol):
    """One row per invoice."""

    def rows(self, connection: ConnectionName, invoice_ids: Sequence[InvoiceId]) -> Mapping[InvoiceId, LedgerRow]:
        """The rows that exist, read consistently."""

    def insert(self, rows: Sequence[LedgerRow]) -> list[LedgerRow | None]:
        """Writes up to 100 rows of invoices that have none yet, and returns them as written.

        None stands for a row that exists by now, or that another writer is writing: it was not written.
        """

    def mark_message_sent(self, row: LedgerRow, until: datetime) -> None:
        """Notes in a pending row that a message for it may be on its way until then.

        It does nothing when another writer has changed the row since.
        """


class Gaps(Protocol):
    """The gaps of all connections."""

    def record(self, gap: Gap) -> bool:
        """Records a gap; False when it is recorded already, which then stays as it is."""

    def postpone(self, gap: Gap) -> None:
        """Replaces a recorded gap by one with the same window; does nothing when it is no longer recorded."""

    def remove(self, gap: Gap) -> None:
        """Removes a gap; one that is not recorded is no error."""


class PendingIndex(Protocol):
    """Everything that is incomplete."""

    def pending(self, connection: ConnectionName) -> Iterator[LedgerRow | Gap]:
        """The rows of all pending invoices, and all gaps, the earliest due first; eventually consistent."""


class Checkpoints(Protocol):
    """One checkpoint per connection."""

    def read(self, connection: ConnectionName) -> Checkpoint | None:
        """The last committed checkpoint, read consistently."""

    def commit(self, connection: ConnectionName, checkpoint: Checkpoint) -> None:
        """Replaces version `checkpoint.version - 1` by this one; version 1 is the first.

        Raises `Superseded` when another run committed. A commit that succeeded but whose response was lost is a
        success.
        """

    def note_certificate(self, connection: ConnectionName, certified_at: datetime) -> None:
        """Notes when the connection was certified, for `Checkpoint.uncertified_since`; does nothing without one.

        It changes nothing else of the checkpoint, so that it never supersedes a run.
        """


class Reconciliations(Protocol):
    """One record per connection."""

    def read(self, connection: ConnectionName) -> ReconciliationRecord:
        """The last written record, read consistently; an empty one before the first."""

    def write(self, connection: ConnectionName, record: ReconciliationRecord) -> ReconciliationRecord:
        """Writes the record over the version that it was made from, and returns it with its new version.

        Raises `RowChanged` when another run was faster. A write that succeeded but whose response was lost is a
        success.
        """


class RetryQueue(Protocol):
    """Sends messages to the retry worker."""

    def send(self, messages: Iterable[DelayedMessage]) -> list[RetryMessage]:
        """Sends the messages, and returns those that could not be sent."""

    def schedule_recovery(self, connection: ConnectionName, delay_seconds: int) -> bool:
        """Has the worker check after this time whether the connection's refresh ended; False when it cannot be sent."""

    def delay(self, receipt_handle: str, seconds: int) -> None:
        """Redelivers a received message after `seconds`; on failure the queue's visibility timeout applies."""


class Secret(Protocol):
    """A connection's secret: its credentials, by field."""

    @property
    def name(self) -> str:
        """The secret's name, for error messages."""

    def read(self, *, fresh: bool = False) -> Mapping[str, str]:
        """The fields of an API key or of OAuth, up to a few minutes old unless `fresh`.

        Raises `InvalidSecret` when it has neither, or belongs to another stack.
        """

    def write(self, fields: Mapping[str, str]) -> None:
        """Replaces the fields that `read` returns; the next `read` returns these."""


class SigningSecrets(Protocol):
    """The secrets that Qonto signs a connection's webhooks with."""

    def read(self, connection: ConnectionName, *, fresh: bool = False) -> Sequence[str]:
        """All valid secrets; empty for an unknown connection.

        Up to a few minutes old, or a few seconds with `fresh`. Raises `Retriable` when they cannot be read now.
        """


class TokenEndpoint(Protocol):
    """Exchanges a refresh token for new tokens."""

    def exchange(self, fields: Mapping[str, str]) -> Tokens:
        """New tokens for the secret's refresh token, which this uses up.

        Raises `CredentialsRejected` when it is not accepted. After `Retriable` the token may have been used.
        """


class RefreshLeases(Protocol):
    """One lease per connection."""

    def read(self, connection: ConnectionName) -> RefreshLease | None:
        """The last written lease, read consistently."""

    def write(self, connection: ConnectionName, lease: RefreshLease) -> RefreshLease:
        """Writes the lease over the version that it was made from, and returns it with its new version.

        Raises `RowChanged` when another process was faster. A write that succeeded but whose response was lost is a
        success.
        """


class Credentials(Protocol):
    """What authenticates requests to Qonto."""

    def headers(self) -> Mapping[str, str]:
        """The headers to send; a token about to expire is renewed first."""

    def renew(self, rejected: Mapping[str, str]) -> bool:
        """After a 401 for these headers: whether there are other credentials to try."""
