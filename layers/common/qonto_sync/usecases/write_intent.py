"""Write intents: a slow or crashed writer cannot leave stale objects that the ledger calls current.

S3's compare-and-swap compares ETags, and an ETag is a hash of the content. When a document or a file returns to an
earlier content (A, B, A), a slow writer of B still passes the comparison and puts B over the newest A. And a writer
that crashes between S3 and the ledger leaves a row that names A where B lies; nothing would detect it, because Qonto
has A too.

Therefore a writer records a *write intent* in the ledger before it replaces an object, by compare-and-swap on the row's
version, and removes it with its last write. While a row has an intent, it is pending and is not trusted: every writer
of the invoice reads the objects' current ETags from S3. The intent stays until its writer has finished, or until the
longest possible invocation is over; no other writer removes it earlier. So a row without an intent names what the
bucket has, and no writer that is about to replace an object works from an older row.

The first version of an object needs no intent: it is written only where no object exists, and none is ever deleted.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from qonto_sync.domain import retry_schedule
from qonto_sync.domain.errors import ObjectChanged
from qonto_sync.domain.ids import Sha256
from qonto_sync.domain.times import ONE_SECOND, whole_seconds

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from qonto_sync.domain.invoice import Revision
    from qonto_sync.domain.ledger import LedgerRow, StoredObject
    from qonto_sync.ports import ArchiveStore, Clock, RowWriter

LONGEST_INVOCATION = timedelta(minutes=15)
"""Lambda's limit: a writer that recorded its intent earlier is no longer running."""


_UNKNOWN: Final = Sha256("")


class WriteIntent:
    """One writer's view of an invoice's objects, over all its attempts, and the intent that it records."""

    def __init__(self, archive: ArchiveStore, ledger: RowWriter, clock: Clock, *, trusts_objects: bool = True) -> None:
        """Without trust every object is read from S3, and replaced if it is not the one that the row names.

        The objects of a damaged row are never trusted.
        """
        self._trusts_objects = trusts_objects
        self._archive = archive
        self._ledger = ledger
        self._clock = clock
        self._to_verify: set[str] = set()
        self._actual: dict[str, StoredObject | None] = {}
        self._row: LedgerRow
        self._revision: Revision
        self._recorded = False
        self._outcome_unknown = False
        self._other_intent_expiry: datetime | None = None

    def begin(self, row: LedgerRow, revision: Revision) -> None:
        """Starts an attempt to archive this revision over what the row names.

        Reads from S3 every object that another writer, or an earlier attempt, may have replaced.
        """
        # Unless another writer wrote the row since this one recorded its intent, the intent in the row is its own.
        if not (self._recorded and row.version == self._row.version):
            self._recorded = False
            self._outcome_unknown = False
            # Evaluated before the objects are read, so that a later change cannot go unnoticed.
            is_live = row.intent_expires_at is not None and row.intent_expires_at > self._clock.now()
            self._other_intent_expiry = row.intent_expires_at if is_live else None
        self._trusts_objects &= not row.is_damaged
        if row.intent_expires_at or not self._trusts_objects:
            self._to_verify |= {stored.key for stored in row.objects}
        self._row = row
        self._revision = revision
        # Sorted, so that the order of the requests does not depend on the process.
        self._actual = {key: self._found(key) for key in sorted(self._to_verify)}

    def _found(self, key: str) -> StoredObject | None:
        found = self._archive.head(key)
        # Whoever changed an object may have kept its metadata, from which S3 tells the hash.
        return found if found is None or self._trusts_objects else replace(found, sha256=_UNKNOWN)

    def matches(self, stored: StoredObject) -> bool:
        """Whether the bucket has this object, as far as this writer knows."""
        actual = self._actual.get(stored.key, stored)
        return actual is not None and actual.etag == stored.etag

    def replace(
        self, key: str, known: StoredObject | None, put: Callable[[StoredObject | None], StoredObject]
    ) -> StoredObject:
        """Calls `put` with the object to replace under the key: `known`, unless S3 showed another.

        Raises:
            Conflict: another writer was faster; begin again.
        """
        expected = known if known and self.matches(known) else self._actual.get(key)
        if expected:
            self._record_intent()
        self._to_verify.add(key)
        self._outcome_unknown = True
        try:
            self._actual[key] = stored = put(expected)
        except ObjectChanged:
            self._outcome_unknown = False
            raise
        self._outcome_unknown = False
        return stored

    def finish(self, row: LedgerRow) -> LedgerRow:
        """Writes the row, and removes this writer's intent if the bucket has everything that the row names.

        Another writer's intent stays, and keeps the invoice pending, until it expires.
        """
        is_verified = not self._outcome_unknown and all(self.matches(stored) for stored in row.objects)
        expires_at = self._other_intent_expiry if is_verified else self._row.intent_expires_at
        pending = row.pending
        if expires_at and pending is None:
            pending = retry_schedule.after_write_intent(None, self._clock.now(), expires_at)
        return self._ledger.write(
            replace(row, version=self._row.version, intent_expires_at=expires_at, pending=pending)
        )

    def _record_intent(self) -> None:
        if self._recorded and self._row.revision and self._row.revision >= self._revision:
            return
        now = self._clock.now()
        expires_at = whole_seconds(now) + LONGEST_INVOCATION + ONE_SECOND
        expires_at = max(expires_at, self._other_intent_expiry or expires_at)
        pending = retry_schedule.after_write_intent(self._row.pending, now, expires_at)
        # With the revision, so that a writer of an older one sees that it is too late; after a conflict with the newer.
        recorded = replace(self._row, revision=self._revision, intent_expires_at=expires_at, pending=pending)
        self._row = self._ledger.write(recorded)
        self._recorded = True
