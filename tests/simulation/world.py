"""One run: the organization, the services and the functions together, controlled by decisions."""

from __future__ import annotations

import json
import logging
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from local.in_memory.sqs import InMemorySqs
from qonto_sync.aws import s3_archive
from qonto_sync.domain.errors import Permanent, Retriable
from qonto_sync.domain.window import Window
from qonto_sync.usecases.window_run import RunPolicy
from tests.fakes import CONNECTION
from tests.simulation.decisions import Kind
from tests.simulation.invariants import Invariants
from tests.simulation.lambdas import Lambdas
from tests.simulation.network import Network
from tests.simulation.organization import Organization
from tests.simulation.qonto import ApiVariations, Poison
from tests.simulation.scheduler import Scheduler
from tests.simulation.services import SimulatedDynamoDb, SimulatedS3
from tests.simulation.trace import Trace
from tests.simulation.users import DocumentVariations, Users
from tests.simulation.webhooks import Webhooks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.simulation.decisions import Decisions, Point

START = datetime(2026, 3, 1, tzinfo=UTC)
"""The first run of the schedule."""

_BUSY_HOURS = 3
_QUIET_HOURS = 80
"""Enough for three daily retries of an invoice: a world that is not at rest by then will never be."""

_PART_BYTES = 64
_INVOICES = (7, 2, 10, 14)
"""Of few invoices, each is processed by several processes more often; many make more pages."""
_PAGES_PER_SLICE = (1, 2, 20)
_RETENTION_MINUTES = (360, 90)
_INDEX_LAG_SECONDS = (0, 2, 120)
_IMPORTED = (0, 0, 0, 7)
"""Invoices with equal times: several pages that no window can divide."""
_SLOW_PAGES = ((900, 0), (900, 0), (120, 0), (120, 5))
"""The function's timeout, and the seconds that a page takes: the last run has time for twenty pages, which are four
readings of the import."""
_POISONS = (None, None, None, Retriable, Permanent, AttributeError)
_POISONED = ("i2", "i6", "i103")
_POISONED_HOURS = (_BUSY_HOURS, _BUSY_HOURS, 10_000)
_REST_HOURS, _SLOW_REST_HOURS = 4, 30
"""So many runs after the last deviation the checkpoint is near the present, where pages are fast and where not."""
_DAMAGES = (
    None,
    None,
    {"reason": {"S": "of a later version"}},
    {"revision": {"S": "yesterday"}},
    {"version": {"S": "one"}},
    {"detail": None, "attempts": None},
)
"""What a person or another version of this code writes into a pending row."""


@dataclass(frozen=True, slots=True)
class Run:
    """The decisions of a run, and its result."""

    deviations: dict[Point, int]
    met: dict[Point, int]
    """The number of options of each decision point."""
    trace: tuple[str, ...]
    violations: tuple[str, ...]


def simulate(decisions: Decisions) -> Run:
    """Runs a world until it has come to rest, or an invariant is violated."""
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
        organization = Organization()
        s3 = SimulatedS3()
        dynamodb = SimulatedDynamoDb(
            scheduler,
            index_lag=lambda: timedelta(
                seconds=_INDEX_LAG_SECONDS[decisions.pick("index", "lag", Kind.ORDER, len(_INDEX_LAG_SECONDS))]
            ),
        )
        sqs = InMemorySqs(
            scheduler.now,
            visibility_timeout=timedelta(seconds=720),
            max_receive_count=8,
            retention=timedelta(minutes=choose("retention of the queue", _RETENTION_MINUTES)),
        )
        lag, overlap = timedelta(seconds=60), timedelta(minutes=10)
        error = choose("poison", _POISONS)
        poison = error and Poison(
            choose("poisoned invoice", _POISONED),
            partial(error, "simulated"),
            START + timedelta(hours=choose("hours of poison", _POISONED_HOURS)),
        )
        is_for_ever = poison and poison.until > START + timedelta(hours=_BUSY_HOURS)
        has_phantom = choose("phantom", (False, False, True))
        phantom_at = START - timedelta(minutes=145, seconds=0.5) if has_phantom else None
        has_backfill = choose("backfill", (False, False, True))
        self._invariants = Invariants(
            CONNECTION,
            organization,
            s3,
            dynamodb,
            scheduler,
            self.trace,
            lag,
            unreadable={poison.invoice_id} if poison and is_for_ever else frozenset(),
            phantom_at=phantom_at,
            first_due=START if has_backfill else START - timedelta(days=1),
        )
        s3.on_write = self._invariants.object_written
        dynamodb.on_write = self._invariants.item_written
        sync_seconds, page_seconds = choose("slow pages", _SLOW_PAGES)
        variations = ApiVariations(
            inclusive=choose("inclusive bounds", (True, False)),
            order_may_change=choose("unstable order", (False, True)),
            ties_by_page=choose("ties by page", (False, True)),
            page_seconds=page_seconds,
            poison=poison,
            phantom_at=phantom_at,
        )
        self._invariants.has_stable_order = not (variations.order_may_change or variations.ties_by_page)
        users = Users(
            organization,
            scheduler,
            decisions,
            self.trace,
            DocumentVariations(
                has_updated_at=choose("updated_at", (True, True, False)),
                whole_seconds=choose("whole seconds", (False, True)),
                repeats_pdfs=choose("PDFs repeat", (False, True)),
            ),
            on_change=self._invariants.check,
            send_webhook=lambda invoice_id: self._webhooks.send(invoice_id),  # noqa: PLW0108 - they are created later
        )
        self._rest_hours = _REST_HOURS if page_seconds == 0 else _SLOW_REST_HOURS
        self._has_dead_file = choose("dead file", (False, False, True))
        imported = choose("imported", _IMPORTED)
        users.follow_script(START, choose("invoices", _INVOICES), imported=imported, has_dead_file=self._has_dead_file)
        damage = choose("damage", _DAMAGES)
        if damage:
            scheduler.at(START + timedelta(minutes=72), partial(_damage, dynamodb, damage))
        if choose("unknown message", (False, True)):
            scheduler.at(START + timedelta(minutes=80), partial(_send_unknown_message, sqs))
        network = Network(scheduler, decisions, self.trace, users.may_act, self._invariants.check)
        self._webhooks = Webhooks(network, sqs, self._invariants)
        self._lambdas = Lambdas(
            organization,
            variations,
            s3,
            dynamodb,
            sqs,
            network,
            RunPolicy(
                initial_sync_from=self._invariants.first_due,
                overlap=overlap,
                lag=lag,
                pages_per_slice=choose("pages per slice", _PAGES_PER_SLICE),
                in_flight=4,
            ),
            self._invariants,
            sync_seconds,
        )
        sqs.on_change = self._lambdas.schedule_poll
        if has_backfill:
            window = Window(START - timedelta(days=1), START)
            scheduler.at(START + timedelta(minutes=50), partial(self._lambdas.ask_for_backfill, window))

    def run(self) -> None:
        """Some hours with deviations, then hours without, until the world is at rest."""
        for hour in range(_BUSY_HOURS + _QUIET_HOURS):
            self._run_until(START + timedelta(hours=hour))
            if hour == _BUSY_HOURS:
                self._decisions.quiet = True
                self.trace.add(self._scheduler.now(), "No deviations from now on")
            if hour == _BUSY_HOURS + self._rest_hours:
                self._invariants.check_progress(self._scheduler.now())
            if self.trace.violations or (hour > _BUSY_HOURS + 1 and self._is_at_rest() and not self._has_dead_file):
                break
            self._lambdas.run_schedule()
        if self._has_dead_file and not self.trace.violations:
            self._invariants.check_pace(self._lambdas.calls, START + timedelta(hours=_BUSY_HOURS + _QUIET_HOURS - 49))
        self._scheduler.close()
        if not self.trace.violations:
            for problem in self._invariants.unsettled():
                self._invariants.violated(f"after {hour - _BUSY_HOURS} quiet hours, {problem}")

    def _is_at_rest(self) -> bool:
        return self._scheduler.idle and not self._invariants.unsettled()

    def _run_until(self, when: datetime) -> None:
        self._scheduler.run(when, stop=lambda: bool(self.trace.violations))


def _damage(dynamodb: SimulatedDynamoDb, change: dict[str, Any]) -> None:
    """Damages the first pending row, if there is one."""
    for item in dynamodb.items.values():
        if item["pk"]["S"].startswith("invoice#") and "due_at" in item:
            damaged = {name: value for name, value in {**item, **change}.items() if value is not None}
            dynamodb.damage(damaged)
            return


def _send_unknown_message(sqs: InMemorySqs) -> None:
    """Sends a message whose reason another version of this code may know."""
    body = json.dumps({"version": 1, "connection": CONNECTION, "invoice_id": "i1", "reason": "why not"})
    sqs.send_message_batch(Entries=[{"Id": "0", "MessageBody": body}])


@contextmanager
def small_parts_and_no_logs() -> Iterator[None]:
    """Lets small files have several parts, and silences the product's logs."""
    logging.disable(logging.CRITICAL)
    try:
        with patch.object(s3_archive, "PART_BYTES", _PART_BYTES):
            yield
    finally:
        logging.disable(logging.NOTSET)
