"""A world with nightly reconciliations, and a hand that changes bucket, ledger and source without a trace.

After one reconciliation and the runs of a day all data are right again; after as many as each file's turn takes, all
files are. Then a reconciliation finds nothing, and the second reader finds everything as certified.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final, override

from local.in_memory.sqs import InMemorySqs
from operations.verify import verify
from qonto_sync.aws.ledger_items import row_from_item
from qonto_sync.domain import keys
from qonto_sync.usecases.window_run import RunPolicy
from tests.archives import VersionedObjects
from tests.fakes import CONNECTION
from tests.simulation.decisions import Kind
from tests.simulation.hand import Hand
from tests.simulation.invariants import Invariants
from tests.simulation.lambdas import Lambdas
from tests.simulation.network import Network
from tests.simulation.organization import Organization
from tests.simulation.qonto import ApiVariations
from tests.simulation.scheduler import Scheduler
from tests.simulation.services import SimulatedDynamoDb, SimulatedS3
from tests.simulation.trace import Trace
from tests.simulation.users import DocumentVariations, Users
from tests.simulation.world import START, Run, small_parts_and_no_logs

if TYPE_CHECKING:
    from datetime import datetime

    from local.in_memory import s3 as in_memory_s3
    from local.in_memory.expressions import Item
    from qonto_sync.domain.ledger import LedgerRow
    from tests.simulation.decisions import Decisions

_BUSY_HOURS: Final = 4
_INVOICES: Final = (7, 3, 10)
_SCRUB_DAYS: Final = (3, 30)
_HIDDEN: Final = (None, None, "i1", "i4")
_TIMEOUTS: Final = (900, 120)
"""Seconds; the shorter one makes a reconciliation go on in another run when calls are slow."""


@dataclass(slots=True)
class Certainty(Invariants):
    """Observes the product's effects. What must hold at last is in `wrong`."""

    stale_files: set[str] = field(default_factory=set)
    """The invoices whose file only its turn brings up to date."""

    @override
    def object_written(
        self, key: str, before: in_memory_s3.StoredObject | None, now: in_memory_s3.StoredObject
    ) -> None:
        if "/inventory/" in key:
            self._log(f"writes {key}")
            return
        # The hand may have put anything there before.
        super(Certainty, self).object_written(key, None, now)

    @override
    def item_written(self, before: Item | None, after: Item) -> None:
        is_note = before is not None and before["version"] == after["version"]
        if not is_note and not after["pk"]["S"].startswith(("invoice#", "reconciliation#")):
            super(Certainty, self).item_written(before, after)
            return
        self._further_at = self.scheduler.now()
        row = row_from_item(after) if after["pk"]["S"].startswith("invoice#") else None
        if row and row.deleted_at_source and row.invoice_id in self.organization.live:
            self.violated(f"{row.invoice_id} is marked as deleted, and is not")
        about = f"{row.pending.reason if row.pending else 'done'}" if row else "of the reconciliation"
        self._log(f"writes {after['pk']['S']} #{after['version']['N']}: {about}")

    @override
    def check(self) -> None:
        """While the hand is at work nothing can be promised."""

    def wrong(self, *, all_files: bool) -> list[str]:
        """What is not as it must be; of files that changed without a trace only if `all_files`."""
        found: list[str] = []
        for invoice_id, version in self.organization.live.items():
            row = self._row(invoice_id)
            if row is None:
                found.append(f"{invoice_id} has no ledger row")
            elif row.deleted_at_source:
                found.append(f"{invoice_id} counts as deleted, and is not")
            elif all_files or invoice_id not in self.stale_files:
                found += self._problems(row, version)
        known = {pk.rpartition("#")[2] for pk in self.dynamodb.items if pk.startswith("invoice#")}
        folder = keys.invoices_folder(self.connection)
        archived = {key.split("/")[-2] for key in self.s3.objects if key.startswith(folder)}
        found += [f"the archive has objects of {id_}, and the ledger has no row" for id_ in sorted(archived - known)]
        for invoice_id in sorted(known & self.organization.deleted):
            row = self._row(invoice_id)
            if row:
                found += self._problems_of_deleted(row)
        return found + [f"there is a gap: {window}" for window in self._gaps()]

    def _problems_of_deleted(self, row: LedgerRow) -> list[str]:
        if row.deleted_at_source is None:
            return [f"{row.invoice_id} was deleted, and the ledger does not say so"] if self._is_known(row) else []
        objects = [(stored, self.s3.objects.get(stored.key)) for stored in row.objects]
        is_damaged = any(found is None or found.etag != stored.etag for stored, found in objects)
        if is_damaged != row.is_damaged:
            return [f"{row.invoice_id} was deleted, and is {'not ' if is_damaged else ''}pending as damaged"]
        return []

    def lost(self) -> set[str]:
        """The keys of the objects that nobody can give again, and that the ledger says so of."""
        rows = [self._row(id_) for id_ in self.organization.deleted]
        return {
            stored.key for row in rows if row and row.deleted_at_source and row.is_damaged for stored in row.objects
        }

    def _is_known(self, row: LedgerRow) -> bool:
        """Whether anything but the ledger tells of the invoice: the bucket, or an inventory."""
        inventories = [body for key, bodies in self.s3.versions.items() if key.endswith(".csv") for body in bodies]
        is_listed = any(f"{row.invoice_id},".encode() in body for body in inventories)
        return is_listed or any(stored.key in self.s3.objects for stored in row.objects)


def simulate_nights(decisions: Decisions) -> Run:
    """Runs a world with a hand until each file had its turn, or something stays wrong."""
    world = _World(decisions)
    with small_parts_and_no_logs():
        world.run()
    return Run(decisions.deviations, decisions.met, tuple(world.trace.lines), tuple(world.trace.violations))


class _World:
    def __init__(self, decisions: Decisions) -> None:
        def choose[T](what: str, options: tuple[T, ...]) -> T:
            return options[decisions.pick("world", what, Kind.WORLD, len(options))]

        self.trace = Trace()
        self._decisions = decisions
        self._scheduler = scheduler = Scheduler(START - timedelta(hours=6))
        organization, self._s3 = Organization(), SimulatedS3()
        dynamodb = SimulatedDynamoDb(scheduler, index_lag=lambda: timedelta(0))
        sqs = InMemorySqs(
            scheduler.now, visibility_timeout=timedelta(seconds=720), max_receive_count=8, retention=timedelta(hours=6)
        )
        policy = RunPolicy(
            initial_sync_from=START - timedelta(days=1),
            overlap=timedelta(minutes=10),
            lag=timedelta(seconds=60),
            pages_per_slice=20,
            in_flight=4,
        )
        self._certainty = Certainty(
            CONNECTION,
            organization,
            self._s3,
            dynamodb,
            scheduler,
            self.trace,
            policy.lag,
            unreadable=(),
            phantom_at=None,
            first_due=policy.initial_sync_from,
        )
        self._s3.on_write = self._certainty.object_written
        dynamodb.on_write = self._certainty.item_written
        self._hand = hand = Hand(
            organization,
            self._s3,
            dynamodb,
            scheduler=scheduler,
            decisions=decisions,
            trace=self.trace,
            spares_certificate=choose("spared", (False, True)),
        )
        self._certainty.stale_files = hand.stale_files
        users = Users(
            organization,
            scheduler,
            decisions,
            self.trace,
            DocumentVariations(has_updated_at=True, whole_seconds=False, repeats_pdfs=False),
            on_change=lambda: None,
            send_webhook=lambda _: None,
        )
        users.follow_script(START, choose("invoices", _INVOICES), imported=0, has_dead_file=False)

        def before_call(actor: str, place: str) -> None:
            users.may_act(actor, place)
            hand.may_act(actor, place)

        self._scrub_days = choose("scrub days", _SCRUB_DAYS)
        self._lambdas = Lambdas(
            organization,
            ApiVariations(
                inclusive=choose("inclusive bounds", (True, False)),
                order_may_change=False,
                truth_after_lie=timedelta(days=1_000),
                hidden=choose("hidden", _HIDDEN),
                hidden_until=START + timedelta(hours=_BUSY_HOURS),
            ),
            self._s3,
            dynamodb,
            sqs,
            Network(scheduler, decisions, self.trace, before_call, lambda: None),
            policy,
            self._certainty,
            choose("timeout", _TIMEOUTS),
            self._scrub_days,
        )
        sqs.on_change = self._lambdas.schedule_poll

    def run(self) -> None:
        """Some hours with hand, crashes and faults; then nights without."""
        for hour in range(_BUSY_HOURS):
            self._run_until(START + timedelta(hours=hour))
            self._lambdas.run_schedule()
            self._scheduler.after(1_200, self._lambdas.reconcile)
        quiet_from = START + timedelta(hours=_BUSY_HOURS)
        self._run_until(quiet_from)
        self._decisions.quiet = True
        self.trace.add(quiet_from, "No deviations from now on")
        for day in range(self._scrub_days + 3):
            self._day(quiet_from + timedelta(days=2 * day if day < 2 else day + 1), hours=40 if day == 0 else 3)
            if day == 0:
                self._require(self._certainty.wrong(all_files=False), "after one reconciliation and the runs of a day")
            if self.trace.violations:
                break
        self._scheduler.close()
        self._require(self._certainty.wrong(all_files=True), "after each file had its turn")
        self._require(self._unproven(), "at last")

    def _day(self, start: datetime, *, hours: int) -> None:
        """Hourly runs, and a reconciliation after the second one: what it compares, an hourly run has read."""
        for hour in range(hours):
            self._run_until(start + timedelta(hours=hour))
            self._lambdas.run_schedule()
            if hour == 1:
                self._scheduler.after(1_200, self._lambdas.reconcile)
        self._run_until(start + timedelta(hours=hours))

    def _unproven(self) -> list[str]:
        """What the last certificate found, and what the second reader finds."""
        key = keys.certificate_key(CONNECTION)
        versions = {key: [found.body] for key, found in self._s3.objects.items()} | {key: self._s3.versions[key]}
        verdict = verify(VersionedObjects(CONNECTION, versions), lambda _done, _total: None)
        last = json.loads(self._s3.objects[key].body) if key in self._s3.objects else {"found": {}, "gaps": []}
        found = [f"the last reconciliation found {count} {kind}" for kind, count in last["found"].items() if count]
        found += [f"the month {gap['month']} has a gap: {gap['detail']}" for gap in last["gaps"]]
        if not self._hand.wrote_publications:
            found += [f"certificates have a break: {what}" for body in self._s3.versions[key] for what in _breaks(body)]
        known = self._certainty.lost()
        return [*found, *(f"{key}: {what}" for key, what in verdict.differences if key not in known)]

    def _require(self, problems: list[str], when: str) -> None:
        if problems and not self.trace.violations:
            self._certainty.violated(f"{when}: {problems[0]}")

    def _run_until(self, when: datetime) -> None:
        self._scheduler.run(when, stop=lambda: bool(self.trace.violations))


def _breaks(certificate: bytes) -> list[str]:
    breaks: list[str] = json.loads(certificate).get("breaks", [])
    return breaks
