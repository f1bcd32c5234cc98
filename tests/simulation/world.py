"""One run: the organization, the services and the functions together, driven by decisions."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from unittest.mock import patch

from local.in_memory.sqs import InMemorySqs
from qonto_sync.adapters import s3_archive
from qonto_sync.sync import SyncPolicy
from tests.fakes import CONNECTION
from tests.simulation.decisions import Kind
from tests.simulation.lambdas import Lambdas
from tests.simulation.network import Network
from tests.simulation.organization import Organization
from tests.simulation.qonto import Habits
from tests.simulation.scheduler import Scheduler
from tests.simulation.services import SimulatedDynamoDb, SimulatedS3
from tests.simulation.story import Story
from tests.simulation.users import Clerk, Users
from tests.simulation.watch import Watch
from tests.simulation.webhooks import Webhooks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.simulation.decisions import Decisions, Point

START = datetime(2026, 3, 1, tzinfo=UTC)
"""The first run of the schedule."""

_BUSY_HOURS = 3
_QUIET_HOURS = 80
"""More than three daily looks at an invoice: by then all is settled, or never will be."""

_PART_BYTES = 64
_INVOICES = (7, 2, 10, 14)
"""Few are met by several processes more often, many make more pages."""
_PAGES_PER_SLICE = (1, 2, 20)
_RETENTION_MINUTES = (20_160, 90)
_INDEX_LAG_SECONDS = (0, 2, 120)


@dataclass(frozen=True, slots=True)
class Run:
    """What a run was and what came of it."""

    departures: dict[Point, int]
    met: dict[Point, int]
    story: tuple[str, ...]
    violations: tuple[str, ...]


def simulate(decisions: Decisions) -> Run:
    """Runs the world until it has come to rest, or a promise is broken."""
    world = _World(decisions)
    with _small_parts_and_no_logs():
        world.run()
    return Run(decisions.taken, decisions.met, tuple(world.story.lines), tuple(world.story.violations))


class _World:
    def __init__(self, decisions: Decisions) -> None:
        def choose[T](what: str, courses: tuple[T, ...]) -> T:
            return courses[decisions.pick("world", what, Kind.WORLD, len(courses))]

        self.story = Story()
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
        self._watch = Watch(CONNECTION, organization, s3, dynamodb, scheduler, self.story, lag)
        s3.on_write = self._watch.object_written
        dynamodb.on_write = self._watch.item_written
        habits = Habits(
            inclusive=choose("inclusive bounds", (True, False)),
            counts_past_the_end=choose("totals past the end", (True, False)),
            order_may_change=choose("unstable order", (False, True)),
        )
        users = Users(
            organization,
            scheduler,
            decisions,
            self.story,
            Clerk(
                tells_updated_at=choose("updated_at is told", (True, True, False)),
                whole_seconds=choose("whole seconds", (False, True)),
                repeats_pdfs=choose("PDFs repeat", (False, True)),
            ),
            changed=self._watch.check,
            webhook=lambda invoice_id: self._webhooks.tell(invoice_id),  # noqa: PLW0108 - they are made later
        )
        users.follow_script(START, choose("invoices", _INVOICES))
        network = Network(scheduler, decisions, self.story, users.interlude, self._watch.check)
        self._webhooks = Webhooks(network, sqs, self._watch)
        self._lambdas = Lambdas(
            organization,
            habits,
            s3,
            dynamodb,
            sqs,
            network,
            SyncPolicy(
                initial_sync_from=START - timedelta(days=1),
                overlap=overlap,
                lag=lag,
                pages_per_slice=choose("pages per slice", _PAGES_PER_SLICE),
                in_flight=4,
            ),
            self._watch,
        )
        sqs.on_change = self._lambdas.come_back

    def run(self) -> None:
        """Busy hours, then quiet ones."""
        for hour in range(_BUSY_HOURS + _QUIET_HOURS):
            self._go_on_to(START + timedelta(hours=hour))
            if hour == _BUSY_HOURS:
                self._decisions.quiet = True
                self.story.tell(self._scheduler.now(), "All is quiet from now on")
            if self.story.violations or (hour > _BUSY_HOURS + 1 and self._is_at_rest()):
                break
            self._lambdas.hourly()
        self._scheduler.close()
        if not self.story.violations:
            for problem in self._watch.unsettled():
                self._watch.broken(f"after {hour - _BUSY_HOURS} quiet hours, {problem}")

    def _is_at_rest(self) -> bool:
        return self._scheduler.idle and not self._watch.unsettled()

    def _go_on_to(self, when: datetime) -> None:
        self._scheduler.run(when, stop=lambda: bool(self.story.violations))


@contextmanager
def _small_parts_and_no_logs() -> Iterator[None]:
    """Files of several parts without megabytes of them, and a story instead of logs."""
    logging.disable(logging.CRITICAL)
    try:
        with patch.object(s3_archive, "PART_BYTES", _PART_BYTES):
            yield
    finally:
        logging.disable(logging.NOTSET)
