"""What must hold after every effect, and when the world has come to rest.

1. Each invoice that was updated up to the committed `synced_until` is archived as it is at Qonto now, or pending in the
   ledger, or in a gap. A version that became visible later than the lag counts when `resume_from` has passed it.
2. The checkpoint never moves back, its version grows by one, and a run returns `superseded` only if another committed.
3. The content under a key is always a real version of that very invoice or file, and is never replaced by an older one.
   Versions that share an `updated_at`, or have none, are exempt: they may replace each other while the ledger says that
   the work is not done (invariant 1 still holds for them).
4. If a slice's list keeps its order and only shrinks, one reading of it meets every invoice that stays. (Otherwise
   invariant 1 would still hold, because an incomplete reading is repeated; but it might never complete.)
5. At rest everything is archived, the ledger points to it, and the only pending invoices are those whose PDF does not
   exist, or whose pages cannot be read.
6. Some hours after the last deviation the checkpoint is near the present, whatever cannot be read.
7. An invoice that cannot be archived is asked for once a day at last.
8. A run is followed by another one at once only if something got further while it ran.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from qonto_sync.aws.dynamodb_gaps import gap_from_item
from qonto_sync.aws.ledger_items import row_from_item
from qonto_sync.domain.events import SyncRequest
from qonto_sync.domain.gap import GapReason
from qonto_sync.domain.ids import InvoiceId
from qonto_sync.domain.keys import checkpoint_key, ledger_key
from qonto_sync.domain.result import ReconcileResult, RunOutcome
from qonto_sync.domain.times import from_text, whole_seconds

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from local.in_memory import s3 as in_memory_s3
    from local.in_memory.expressions import Item
    from qonto_sync.domain.ids import ConnectionName
    from qonto_sync.domain.ledger import LedgerRow, StoredObject
    from qonto_sync.domain.reading import PageLayout
    from qonto_sync.domain.result import RunResult
    from qonto_sync.domain.window import Window
    from tests.simulation.organization import Organization, Version
    from tests.simulation.scheduler import Process, Scheduler
    from tests.simulation.services import SimulatedDynamoDb, SimulatedS3
    from tests.simulation.trace import Trace


class _Commit(NamedTuple):
    synced_until: datetime
    resume_from: datetime
    by: str
    at: datetime
    is_complete: bool
    """Whether the run has seen all up to `synced_until`: no late commit entered a list while it was read."""

    def is_passed_by(self, later: _Commit) -> bool:
        return later.synced_until >= self.synced_until and later.resume_from >= self.resume_from


@dataclass(slots=True)
class _Reading:
    """The pages of one window and layout that a process has read since its first request for page 1."""

    of: tuple[Window, PageLayout]
    at_first: set[str]
    stayed: set[str]
    met: set[str] = field(default_factory=set)
    pages: int = 0
    grew: bool = False


@dataclass(slots=True)
class Invariants:
    """Observes every effect on the world, and adds violations to the trace."""

    connection: ConnectionName
    organization: Organization
    s3: SimulatedS3
    dynamodb: SimulatedDynamoDb
    scheduler: Scheduler
    trace: Trace
    lag: timedelta
    unreadable: Collection[str]
    """The invoice whose pages can never be read, if there is one; its gaps stay."""
    phantom_at: datetime | None
    first_due: datetime
    """What changed before is left to a backfill, which has no promise but to be done in the end."""
    has_stable_order: bool = True
    """Whether invoices keep their order in the list, so that a reading from the last page to the first misses none."""
    _commits: list[_Commit] = field(default_factory=list)
    _due: set[tuple[str, int]] = field(default_factory=set)
    _disturbed: set[tuple[str, Window]] = field(default_factory=set)
    _entered: set[str] = field(default_factory=set)
    """Processes into whose list a late commit entered. It may hide that another invoice left, and so a third one."""
    _readings: dict[str, _Reading] = field(default_factory=dict)
    has_backfill: bool = False
    """Whether a backfill has recorded what it is to read."""
    _further_at: datetime | None = None
    """When an object, a commit, a gap or an invoice's first row was written last."""

    def violated(self, text: str) -> None:
        """Reports a violation."""
        self.trace.add_violation(self.scheduler.now(), text)

    def page_failed(self, window: Window) -> None:
        """From now on the process reads parts of this window's pages, which make no whole reading."""
        self._disturbed.add((self.scheduler.current.name, window))

    def page_read(
        self, window: Window, layout: PageLayout, number: int, listed: list[str], on_the_page: list[str]
    ) -> None:
        """Checks invariant 4."""
        process = self.scheduler.current.name
        if (process, window) in self._disturbed:
            return
        reading = self._readings.get(process)
        if reading is None or reading.of != (window, layout):
            reading = self._readings[process] = _Reading((window, layout), set(listed), set(listed))
        reading.grew |= not reading.at_first.issuperset(listed)
        if reading.grew:
            self._entered.add(process)
        reading.stayed.intersection_update(listed)
        reading.met.update(on_the_page)
        reading.pages += 1
        if number == 1 and reading.pages > 1:
            del self._readings[process]
            missed = reading.stayed - reading.met
            if missed and not reading.grew and self.has_stable_order:
                self.violated(f"{process} read all pages and missed {min(missed)}, which was in the list all the time")

    def object_written(
        self, key: str, before: in_memory_s3.StoredObject | None, now: in_memory_s3.StoredObject
    ) -> None:
        """Checks invariant 3."""
        self._further_at = self.scheduler.now()
        invoice_id, name = key.split("/")[-2:]
        if name == "invoice.json":
            versions = [known.document for known in self.organization.invoices.get(invoice_id, [])]
        else:
            versions = self.organization.files.get(name.removesuffix(".pdf"), [])
        if now.body not in versions:
            self.violated(f"{key} got content that never existed at Qonto")
            return
        self._log(f"writes {invoice_id} {name} {_name(versions, now.body)} to S3")
        earlier = before.body if before else None
        is_older = earlier is not None and _last(versions, earlier) > _last(versions, now.body)
        if earlier and is_older and versions.count(earlier) == 1 and not self._tied(invoice_id, earlier, name):
            change = f"from {_name(versions, earlier)} to {_name(versions, now.body)}"
            self.violated(f"{invoice_id} {name} went back {change} in S3")

    def item_written(self, before: Item | None, after: Item) -> None:
        """Checks invariant 2 for a checkpoint, and logs a ledger row or a gap."""
        if before is None or not after["pk"]["S"].startswith("invoice#"):
            self._further_at = self.scheduler.now()
        if after["pk"]["S"].startswith("gap#"):
            self.has_backfill |= after["reason"]["S"] == GapReason.BACKFILL
            self._log(f"writes {after['pk']['S']}, {after['reason']['S']}, attempt {after['attempts']['N']}")
            return
        if after["pk"]["S"] != checkpoint_key(self.connection):
            row = row_from_item(after)
            pending = f", pending: {row.pending.reason} until {row.pending.due_at:%d %H:%M:%S}" if row.pending else ""
            self._log(f"writes ledger row {row.invoice_id} #{row.version} ({self._archived(row)}{pending})")
            if row.pending and row.pending.detail.startswith("unexpected"):
                self.violated(f"{row.invoice_id}: {row.pending.detail}")
            return
        commit = self._commit(after)
        self._log(f"commits checkpoint #{after['version']['N']} up to {commit.synced_until:%d %H:%M:%S}")
        if before and not self._commits[-1].is_passed_by(commit):
            self.violated("the checkpoint moved back")
        if int(after["version"]["N"]) != len(self._commits) + 1:
            self.violated("the checkpoint's version did not grow by one")
        self._commits.append(commit)

    def run_ended(self, process: Process, result: RunResult | ReconcileResult) -> None:
        """Checks invariant 8, and of a run that commits invariant 2, and that the result agrees with the commits."""
        if result.goes_on_with and (self._further_at is None or self._further_at < process.started):
            self.violated(f"{process.name} goes on, and nothing got further meanwhile")
        if isinstance(result, ReconcileResult):
            return
        others = [commit for commit in self._commits if commit.by != process.name and commit.at >= process.started]
        if result.outcome is RunOutcome.SUPERSEDED and not others:
            self.violated(f"{process.name} returned superseded, but no other run committed")
        own = sum(commit.by == process.name for commit in self._commits)
        if result.tally.slices_committed != own and isinstance(result.request, SyncRequest):
            self.violated(f"{process.name} returned {result.tally.slices_committed} commits, but made {own}")

    def check(self) -> None:
        """Checks invariant 1."""
        if not self._commits or self.trace.violations:
            return
        for invoice_id, version in self.organization.live.items():
            if self._is_due(invoice_id, version) and not any(_contains(gap, version) for gap in self._gaps()):
                missing = self._missing(invoice_id, version)
                if missing:
                    until = self._commits[-1].synced_until
                    self.violated(f"{missing}, and it is not pending, but the checkpoint is at {until:%d %H:%M:%S}")

    def unsettled(self) -> list[str]:
        """What keeps the world from being at rest: the violations of invariant 5, if nothing were to follow."""
        problems: list[str] = []
        for invoice_id, version in self.organization.live.items():
            if invoice_id in self.unreadable:
                continue
            row = self._row(invoice_id)
            if row is None:
                problems.append(f"{invoice_id} has no ledger row")
                continue
            problems += self._problems(row, version)
        for pk in self.dynamodb.items:
            if pk.startswith("invoice#") and pk.split("#")[-1] in self.organization.deleted:
                row = self._row(pk.split("#")[-1])
                if row and row.pending:
                    problems.append(f"{row.invoice_id} was deleted, but is pending")
        problems += [f"there is a gap: {window}" for window in self._gaps() if not self._is_explained(window)]
        return problems

    def _is_explained(self, gap: Window) -> bool:
        """Whether the gap is a few seconds around something that can never be read."""
        instants = [
            version.updated_at for id_ in self.unreadable for version in self.organization.invoices.get(id_, ())
        ]
        instants += [self.phantom_at] if self.phantom_at else []
        margin = timedelta(seconds=3)
        return any(at - margin <= gap.start and gap.end <= at + margin for at in instants)

    def check_progress(self, now: datetime) -> None:
        """Checks invariant 6, some hours after the last deviation."""
        last = self._commits[-1].synced_until if self._commits else None
        if last is None or now - last > timedelta(hours=2):
            self.violated(f"the checkpoint is at {last}, long ago")

    def check_pace(self, calls: Mapping[str, list[datetime]], since: datetime) -> None:
        """Checks invariant 7, from when on the attempts at an invoice have become rare."""
        for invoice_id, times in calls.items():
            days = (self.scheduler.now() - since) / timedelta(days=1)
            recent = sum(at > since for at in times)
            if recent > days + 1:
                self.violated(f"{invoice_id} was asked for {recent} times in {days:.1f} days")

    def _problems(self, row: LedgerRow, version: Version) -> list[str]:
        id_ = row.invoice_id
        problems: list[str] = []
        if not self._points_to(row.document, version.document):
            problems.append(f"{id_} v{version.number} is not archived, or the ledger does not point to it")
        if version.attachment_id is None:
            waits = row.pending is not None and row.pending.reason == "awaiting_attachment"
            if waits == version.is_draft:
                problems.append(f"{id_} has no PDF, and is {'' if waits else 'not '}waiting for one")
            return problems
        content = self.organization.file(version.attachment_id)
        if content is None:
            return problems if row.pending else [*problems, f"{id_} has no file, and is not pending"]
        if row.file is None or row.file.attachment_id != version.attachment_id:
            problems.append(f"{id_} {version.attachment_id} is not archived")
        elif not self._points_to(row.file.object, content):
            problems.append(f"{id_} {version.attachment_id} is not the latest, or the ledger does not point to it")
        if row.pending:
            problems.append(f"{id_} is pending: {row.pending.reason}: {row.pending.detail}")
        return problems

    def _points_to(self, stored: StoredObject | None, content: bytes) -> bool:
        found = self.s3.objects.get(stored.key) if stored else None
        return (
            stored is not None
            and found is not None
            and found.body == content
            and found.etag == stored.etag
            and stored.sha256 == hashlib.sha256(content).hexdigest()
        )

    def _is_due(self, invoice_id: str, version: Version) -> bool:
        """Whether a committed run must have seen this version, or one that it replaced with the same `updated_at`."""
        if (invoice_id, version.number) not in self._due:
            if version.updated_at < self.first_due:
                return False
            in_time = version.visible_at <= version.updated_at + self.lag
            last = self._commits[-1]
            # The next window includes `resume_from` itself.
            if in_time and last.is_complete:
                is_passed = version.updated_at <= last.synced_until
            else:
                is_passed = version.updated_at < last.resume_from
            if not is_passed:
                return False
            self._due.add((invoice_id, version.number))
        return True

    def _missing(self, invoice_id: str, version: Version) -> str | None:
        """What is neither archived nor pending."""
        item = self.dynamodb.items.get(ledger_key(self.connection, InvoiceId(invoice_id)))
        if item is None:
            return f"{invoice_id} v{version.number} is not in the ledger"
        if "due_at" in item:
            return None
        if not self._is_archived(item.get("document"), version.document):
            return f"{invoice_id} v{version.number} is not archived"
        attachment_id = version.attachment_id
        if attachment_id is None:
            return None if version.is_draft else f"{invoice_id} waits for its PDF"
        file = item.get("file")
        content = self.organization.file(attachment_id)
        if file is None or file["M"]["attachment_id"]["S"] != attachment_id or not self._is_archived(file, content):
            return f"the PDF {attachment_id} of {invoice_id} is not archived as it is now"
        return None

    def _is_archived(self, stored: Any, content: bytes | None) -> bool:
        found = self.s3.objects.get(stored["M"]["key"]["S"]) if stored else None
        return found is not None and found.body == content

    def _tied(self, invoice_id: str, earlier: bytes, name: str) -> bool:
        """Whether no `updated_at` in the documents tells which of the versions is the later one."""
        if name != "invoice.json":
            return False
        versions = self.organization.invoices[invoice_id]
        known = next(version for version in versions if version.document == earlier)
        return "updated_at" not in known.fields or [v.updated_at for v in versions].count(known.updated_at) > 1

    def _row(self, invoice_id: str) -> LedgerRow | None:
        item = self.dynamodb.items.get(ledger_key(self.connection, InvoiceId(invoice_id)))
        return row_from_item(item) if item else None

    def _commit(self, item: Item) -> _Commit:
        synced_until, resume_from = from_text(item["synced_until"]["S"]), from_text(item["resume_from"]["S"])
        if synced_until is None or resume_from is None:
            raise ValueError("synced_until or resume_from is not a time")
        by = item["run_id"]["S"]
        return _Commit(synced_until, resume_from, by, self.scheduler.now(), is_complete=by not in self._entered)

    def _gaps(self) -> list[Window]:
        gaps = [gap_from_item(item) for pk, item in self.dynamodb.items.items() if pk.startswith("gap#")]
        return [gap.window for gap in gaps if gap]

    def _archived(self, row: LedgerRow) -> str:
        documents = [version.document for version in self.organization.invoices[row.invoice_id]]
        digests = [hashlib.sha256(document).hexdigest() for document in documents]
        document = f"v{digests.index(row.document.sha256) + 1}" if row.document else "nothing"
        return f"{document} + {row.file.attachment_id}" if row.file else document

    def _log(self, line: str) -> None:
        self.trace.add(self.scheduler.now(), f"{self.scheduler.current.name} {line}")


def _contains(window: Window, version: Version) -> bool:
    """Whether the window's list has the version, by the filter that has the fewest: it compares whole seconds."""
    updated_at, created_at = whole_seconds(version.updated_at), whole_seconds(version.created_at)
    if not window.start <= updated_at <= window.end:
        return False
    after = window.created_from is None or window.created_from <= created_at
    return after and (window.created_to is None or created_at <= window.created_to)


def _last(versions: list[bytes], content: bytes) -> int:
    """The number of the last version with this content."""
    return len(versions) - versions[::-1].index(content)


def _name(versions: list[bytes], content: bytes) -> str:
    return f"v{_last(versions, content)}"
