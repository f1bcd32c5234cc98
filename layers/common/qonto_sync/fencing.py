"""The objects of one invoice, replaced so that no writer, however slow or dead, leaves an old one unnoticed.

S3's compare-and-swap is on the ETag, and the ETag is a hash of the content. So if a document or a file goes back to
what it was before (A, B, A), a slow writer of B passes, and over the newest A lies B. And a writer that dies between
S3 and the ledger leaves a row that says A where B lies; nobody would look, for the source says A as well.

Therefore a writer *announces* in the ledger that it is about to replace an object, by compare-and-swap on the row's
version, and takes that back with its last write. While an announcement stands, the row is pending and its word is not
trusted: whoever works on the invoice looks at the objects themselves. It stands until its writer has finished, or
can't be alive any more: nobody else takes it back before. So where a row has no announcement, what it says lies there,
and nobody who is about to replace it knows an older row.

The first version of an object needs none of this: it is written only where nothing is, and nothing is ever deleted.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from qonto_sync import schedule
from qonto_sync.errors import ObjectChanged
from qonto_sync.times import ONE_SECOND, whole_seconds

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from qonto_sync.model import LedgerRow, Revision, StoredObject
    from qonto_sync.ports import Archive, Clock, RowWriter

LONGEST_LIFE = timedelta(minutes=15)
"""The longest that a Lambda function may run: a writer that announced itself earlier is dead."""


class FencedObjects:
    """What one writer knows of the objects of an invoice, over all its attempts."""

    def __init__(self, archive: Archive, ledger: RowWriter, clock: Clock) -> None:
        self._archive = archive
        self._ledger = ledger
        self._clock = clock
        self._doubtful: set[str] = set()
        self._there: dict[str, StoredObject | None] = {}
        self._row: LedgerRow
        self._revision: Revision
        self._announced = False
        self._unsure = False
        self._others: datetime | None = None

    def begin(self, row: LedgerRow, revision: Revision) -> None:
        """Starts an attempt to archive this revision over what the row says.

        What another writer, or an earlier attempt, may have replaced is looked at.
        """
        # Unless somebody wrote the row since we announced ourselves, the announcement in it is our own.
        if not (self._announced and row.version == self._row.version):
            self._announced = False
            self._unsure = False
            # Looked at before the objects, so that nothing can change after that unnoticed.
            alive = row.writing_until is not None and row.writing_until > self._clock.now()
            self._others = row.writing_until if alive else None
        if row.writing_until:
            self._doubtful |= {stored.key for stored in row.objects}
        self._row = row
        self._revision = revision
        self._there = {key: self._archive.head(key) for key in self._doubtful}

    def holds(self, stored: StoredObject) -> bool:
        """Whether this lies in the archive, as far as we know."""
        there = self._there.get(stored.key, stored)
        return there is not None and there.etag == stored.etag

    def replace(
        self, key: str, known: StoredObject | None, put: Callable[[StoredObject | None], StoredObject]
    ) -> StoredObject:
        """Has `put` write over what lies under the key: `known`, unless we know better.

        Raises:
            Conflict: another writer was faster; begin again.
        """
        over = known if known and self.holds(known) else self._there.get(key)
        if over:
            self._announce()
        self._doubtful.add(key)
        self._unsure = True
        try:
            self._there[key] = stored = put(over)
        except ObjectChanged:
            self._unsure = False
            raise
        self._unsure = False
        return stored

    def finish(self, row: LedgerRow) -> LedgerRow:
        """Writes the row, and takes our announcement back if the row is true: all that it names lies there.

        Another writer's stays, and keeps the invoice pending, until that writer can't be alive.
        """
        is_true = not self._unsure and all(self.holds(stored) for stored in row.objects)
        until = self._others if is_true else self._row.writing_until
        pending = row.pending
        if until and pending is None:
            pending = schedule.after_announcement(None, self._clock.now(), until)
        return self._ledger.write(replace(row, version=self._row.version, writing_until=until, pending=pending))

    def _announce(self) -> None:
        if self._announced:
            return
        now = self._clock.now()
        until = whole_seconds(now) + LONGEST_LIFE + ONE_SECOND
        until = max(until, self._others or until)
        pending = schedule.after_announcement(self._row.pending, now, until)
        # With the revision, so that who holds an older one sees that it is too late.
        announced = replace(self._row, revision=self._revision, writing_until=until, pending=pending)
        self._row = self._ledger.write(announced)
        self._announced = True
