"""The organization behind the API: all its invoices and files, driven by a clock.

The same seed, start and clock readings give the same world, byte for byte, in any process: nothing happens
because somebody reads it, and events that became due since the last read are applied in order, at their own time.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from threading import RLock
from typing import Any

from local.qonto_simulator.activity import HOUR, Activity
from local.qonto_simulator.behaviour import Ties
from local.qonto_simulator.composition import awkward_upload, compose
from local.qonto_simulator.documents import Documents
from local.qonto_simulator.history import History
from local.qonto_simulator.invoices import Attachment, Upload, identifier
from local.qonto_simulator.lifecycle import PDF_DELAY, Lifecycle, Listener
from local.qonto_simulator.store import Predicate, Store
from local.qonto_simulator.ties import TieOrder
from local.qonto_simulator.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of the matching invoices, their ids and JSON texts, and how many match in all."""

    ids: list[str]
    documents: list[bytes]
    total: int


class World:
    """A Qonto organization in memory, safe to use from several threads.

    `with_updated_at=False` leaves that field out of the documents; `plain_files` makes tiny files at once
    instead of drawing invoices. Unknown and deleted ids raise `KeyError`; what Qonto would refuse raises `ValueError`.
    """

    def __init__(
        self,
        seed: int,
        started_at: datetime,
        clock: Callable[[], datetime],
        invoices: int = 240,
        activity: int = 12,
        *,
        with_updated_at: bool = True,
        plain_files: bool = False,
    ) -> None:
        self.seed = seed
        self.started_at = started_at.astimezone(UTC)
        self._clock = clock
        self._lock = RLock()
        self._store = Store(with_updated_at=with_updated_at)
        self._timeline = Timeline()
        self._lifecycle = Lifecycle(self._store, self._timeline)
        self._activity = Activity(seed, activity, self._store, self._timeline, self._lifecycle)
        self._documents = Documents(plain=plain_files)
        self._tie_order = TieOrder(seed)
        self._next_hour = 0
        self._created = 0
        History(seed, self.started_at, self._store, self._timeline, self._lifecycle).plan(invoices)

    def now(self) -> datetime:
        """Return the time of the world, in UTC."""
        return self._clock().astimezone(UTC)

    def listen(self, listener: Listener) -> None:
        """Calls the listener for every change from now on, under the world's lock."""
        self._lifecycle.listeners.append(listener)

    def catch_up(self) -> datetime:
        """Apply every event that is due, and return the time."""
        with self._present() as now:
            return now

    def create(
        self,
        *,
        draft: bool = False,
        upload: Upload | None = None,
        imported: bool = False,
        pdf_after: timedelta | None = PDF_DELAY,
        **fields: Any,
    ) -> str:
        """Add an invoice now and return its id; fields replace those made up.

        `pdf_after=None` means that there never is a PDF. An imported invoice brings its file with it.
        """
        with self._present() as now:
            self._created += 1
            invoice_id = identifier(self.seed, "created", self._created)
            rng = Random(invoice_id)
            imported = imported or upload is not None
            body = compose(rng, now, draft=draft, imported=imported) | fields
            if imported:
                body["number"] = body["number"] or f"{now.year}/{self._created:04d}"
                upload = upload or awkward_upload(rng)
            self._lifecycle.create(now, invoice_id, body, upload=upload, pdf_after=pdf_after)
            return invoice_id

    def create_many(self, count: int, *, at: datetime) -> list[str]:
        """Add finalized invoices and return their ids; both their times are exactly `at`, cut to milliseconds.

        They are there now, even if `at` is another time. Each has its PDF ten seconds after `at`.
        """
        _check_bulk(count, at)
        with self._present():
            ids = []
            for _ in range(count):
                self._created += 1
                ids.append(identifier(self.seed, "created", self._created))
                self._lifecycle.create(at, ids[-1], compose(Random(ids[-1]), at))
            return ids

    def touch_many(self, count: int, *, at: datetime) -> list[str]:
        """Set `updated_at` of the oldest invoices to exactly `at`, cut to milliseconds, and return their ids.

        This is what a bulk update at Qonto does: `created_at` and all other fields stay as they are.
        """
        _check_bulk(count, at)
        with self._present():
            ids = self._store.oldest(count)
            for invoice_id in ids:
                self._lifecycle.edit(at, invoice_id, {})
            return ids

    def edit(self, invoice_id: str, /, touch: bool = True, **fields: Any) -> None:  # noqa: FBT001, FBT002 - its name says it
        """Change fields now, with a new `updated_at` unless untouched.

        A touched invoice whose paper changed (due date, terms, lines) has a new PDF ten seconds later.
        """
        with self._present() as now:
            self._lifecycle.edit(now, invoice_id, fields, touch=touch)

    def edit_again(self, at: datetime, invoice_id: str, fields: Mapping[str, Any]) -> None:
        """Replay an edit that was made by hand in an earlier run of this world; call it before the world is used."""
        self._timeline.plan(at, lambda moment: self._lifecycle.edit(moment, invoice_id, fields))

    def finalize(self, invoice_id: str) -> None:
        """Finalize a draft now; for ten seconds more the draft's PDF is served."""
        with self._present() as now:
            self._lifecycle.finalize(now, invoice_id)

    def delete(self, invoice_id: str) -> None:
        """Delete a draft now."""
        with self._present():
            self._lifecycle.delete(invoice_id)

    def regenerate_pdf(self, invoice_id: str, *, touch: bool = False) -> None:
        """Print the file again now, with other bytes under the same attachment id."""
        with self._present() as now:
            self._lifecycle.print_file(now, invoice_id, touch=touch)

    def document(self, invoice_id: str) -> bytes:
        """Return the exact JSON text of the invoice object, as every endpoint serves it now."""
        with self._present():
            return self._store.document(invoice_id)

    def listing(
        self, predicates: Iterable[Predicate], *, descending: bool, page: int, per_page: int, ties: Ties
    ) -> Listing:
        """Return one page of the matching invoices, all of it read at one moment."""
        with self._present():
            matching = self._store.select(predicates)
            if descending:
                matching.reverse()
            ids = [invoice.id for invoice in self._tie_order.page(matching, page, per_page, ties)]
            return Listing(ids, [self._store.document(each) for each in ids], len(matching))

    def attachment(self, attachment_id: str) -> Attachment:
        """Return the current edition of the file, without making its content."""
        with self._present():
            return self._store.attachments[attachment_id]

    def file(self, attachment_id: str) -> bytes:
        """Return the exact content of the file, as the file host serves it now."""
        return self._documents.content(self.attachment(attachment_id))

    def size_and_etag(self, attachment: Attachment) -> tuple[int, str]:
        """Return size and ETag of an edition, as the API and the file host report them."""
        return self._documents.size_and_etag(attachment)

    def content(self, attachment: Attachment) -> bytes:
        """Return the content of an edition, which may have been replaced since."""
        return self._documents.content(attachment)

    def invoice_ids(self) -> list[str]:
        """Return the ids of all invoices, imported ones too, oldest first."""
        with self._present():
            return [invoice.id for invoice in self._store.select(())]

    def attachment_ids(self) -> list[str]:
        """Return the ids of all files that are there now."""
        with self._present():
            return list(self._store.attachments)

    def deleted_ids(self) -> list[str]:
        """Return the ids of deleted drafts, in the order of deletion."""
        with self._present():
            return list(self._store.deleted)

    @contextmanager
    def _present(self) -> Iterator[datetime]:
        """Hold the lock, after every event that is due was applied."""
        with self._lock:
            now = self.now()
            self._catch_up(now)
            yield now

    def _catch_up(self, now: datetime) -> None:
        while True:
            due = self._timeline.next_at()
            # An hour is planned when it begins, not when it is read, so that events at equal times have one order only.
            hour_starts_at = self.started_at + self._next_hour * HOUR
            if hour_starts_at <= (now if due is None else min(now, due)):
                self._activity.plan_hour(self._next_hour, hour_starts_at)
                self._next_hour += 1
            elif due is not None and due <= now:
                self._timeline.do_next()
            else:
                return


def _check_bulk(count: int, at: datetime) -> None:
    if count < 0:
        raise ValueError(f"a count cannot be negative: {count}")
    if at.tzinfo is None:
        raise ValueError(f"{at} has no offset")
