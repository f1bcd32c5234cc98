"""What the use cases need of the world. An adapter speaks the world's language; a test's fake keeps it in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from qonto_sync.model import (
        Attachment,
        AttachmentId,
        Checkpoint,
        ConnectionName,
        FileKind,
        Invoice,
        InvoiceId,
        InvoicePage,
        LedgerRow,
        Pending,
        RefreshIntent,
        RetryMessage,
        StoredObject,
        Tokens,
    )
    from qonto_sync.window import Window


class Clock(Protocol):
    """Time, passed in."""

    def now(self) -> datetime:
        """The wall clock, in UTC."""

    def monotonic(self) -> float:
        """Seconds that never run backwards, for measuring."""

    def sleep(self, seconds: float) -> None:
        """Waits."""


class Deadline(Protocol):
    """How long this invocation may still go on."""

    def remaining(self) -> float:
        """Seconds until no new work may start; zero or less when that moment has passed."""


class InvoiceSource(Protocol):
    """One Qonto organization. Anything may raise `Fatal` or `ItemError`."""

    def page(self, window: Window, number: int) -> InvoicePage:
        """A page of the invoices of the window, imported ones included, oldest creation first.

        A page past the end is empty.
        """

    def invoice(self, invoice_id: InvoiceId) -> Invoice:
        """The invoice as it is now. Raises `NotFound` when it is not there (any more)."""

    def attachment(self, attachment_id: AttachmentId) -> Attachment:
        """What is known of a file, with a fresh URL."""


class Download(Protocol):
    """A file on its way: its type is known, its bytes come in parts and are checked as they do."""

    @property
    def kind(self) -> FileKind:
        """What the first bytes say that it is."""

    @property
    def etag(self) -> str | None:
        """The host's ETag, for the next conditional request."""

    def parts(self, size: int) -> Iterator[bytes]:
        """The content in parts of `size` bytes, the last one shorter.

        Only the iterator's end says that the file is whole: it raises `Retriable` instead if it is not.
        """


class AttachmentFiles(Protocol):
    """The file host."""

    def open(self, attachment: Attachment, if_none_match: str | None) -> AbstractContextManager[Download | None]:
        """Starts a download, or gives None when the file still has this ETag."""


class Archive(Protocol):
    """The bucket. A write is a compare-and-swap: it succeeds only over `over`, None meaning that nothing is there.

    The writes raise `ObjectChanged` when something else is there. Content that is there already, whoever put it,
    is not written again: no second version of equal bytes.
    """

    def put_document(
        self, key: str, document: bytes, *, file_name: str | None, over: StoredObject | None
    ) -> StoredObject:
        """Stores an invoice's JSON."""

    def put_file(
        self, key: str, download: Download, *, file_name: str | None, over: StoredObject | None
    ) -> StoredObject:
        """Stores a file while it comes in; nothing is visible under the key before all of it was checked."""

    def head(self, key: str) -> StoredObject | None:
        """What is there now."""


class RowWriter(Protocol):
    """Writes a row of the ledger."""

    def write(self, row: LedgerRow) -> LedgerRow:
        """Writes the row over the version that it was made from, and returns it with its new version.

        Raises `RowChanged` when another writer was faster; a write of ours that succeeded and lost its answer
        is a success.
        """


class Ledger(RowWriter, Protocol):
    """One row per invoice."""

    def rows(self, connection: ConnectionName, invoice_ids: Sequence[InvoiceId]) -> Mapping[InvoiceId, LedgerRow]:
        """The rows that exist, read consistently."""

    def insert(self, rows: Sequence[LedgerRow]) -> list[LedgerRow]:
        """Writes up to a hundred rows of invoices that have none yet, all or none, and returns them as written.

        Raises `RowChanged` when one of them has a row by now, or is being written by somebody else.
        """

    def pending(self, connection: ConnectionName) -> Iterator[tuple[InvoiceId, Pending]]:
        """All invoices that are pending, the first one due first; as they were a moment ago."""


class Checkpoints(Protocol):
    """One checkpoint per connection."""

    def read(self, connection: ConnectionName) -> Checkpoint | None:
        """The last committed checkpoint, read consistently."""

    def commit(self, connection: ConnectionName, checkpoint: Checkpoint) -> None:
        """Moves the checkpoint from version `checkpoint.version - 1` to this one; version 1 is the first.

        Raises `Superseded` when another run committed; a commit of ours that lost its answer is a success.
        """


class Wake(NamedTuple):
    """A message and when it shall arrive."""

    message: RetryMessage
    delay_seconds: int


class RetryQueue(Protocol):
    """Wakes the retry worker."""

    def send(self, wakes: Iterable[Wake]) -> int:
        """Sends what it can and returns how many it could not: the ledger remembers those."""

    def guard_refresh(self, connection: ConnectionName, delay_seconds: int) -> bool:
        """Has the worker see, after this time, whether the connection's refresh was finished; whether that was sent."""

    def postpone(self, receipt: str, seconds: int) -> None:
        """Delivers a received message again after this time; if that can't be said, when its queue thinks fit."""


class Secret(Protocol):
    """A connection's secret: its credentials, by name."""

    def read(self, *, fresh: bool = False) -> Mapping[str, str]:
        """The fields, as they were a few minutes ago or, `fresh`, as they are. Raises `InvalidSecret`."""

    def write(self, fields: Mapping[str, str]) -> None:
        """Replaces all fields that `read` gives; the next one gives these."""


class SigningSecrets(Protocol):
    """What Qonto signs a connection's webhooks with."""

    def read(self, connection: ConnectionName, *, fresh: bool = False) -> Sequence[str]:
        """All that are valid, of which there are none for a connection that nobody knows.

        As they were a few minutes ago or, `fresh`, a few seconds ago. Raises `Retriable` when that can't be told now.
        """


class TokenEndpoint(Protocol):
    """Where a refresh token is exchanged."""

    def exchange(self, fields: Mapping[str, str]) -> Tokens:
        """New tokens for the secret's refresh token, which is used up by this.

        Raises `CredentialsRefused` when it is not accepted. `Retriable` may mean that it was used and the answer lost.
        """


class RefreshIntents(Protocol):
    """One intent per connection."""

    def read(self, connection: ConnectionName) -> RefreshIntent | None:
        """The last one, read consistently."""

    def write(self, connection: ConnectionName, intent: RefreshIntent) -> RefreshIntent:
        """Writes it over the version that it was made from, and returns it with its new version.

        Raises `RowChanged` when another process was faster; a write of ours that lost its answer is a success.
        """
