"""No invoice is lost while pages are read, whatever happens between two pages: the whole run, under any disturbance."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from qonto_sync.domain.ids import InvoiceId
from qonto_sync.domain.times import to_precise_text
from tests.fakes import CONNECTION, START
from tests.unit.conftest import World

if TYPE_CHECKING:
    from datetime import datetime

LATEST_COMMIT = timedelta(minutes=11)
"""Lag and overlap together: what Qonto commits later than this after its `updated_at` is not promised."""

EXAMPLES = 400
DRAFT: dict[str, Any] = {"attachment_id": None, "status": "draft"}
"""Settles without a file, so that only the reading of the list counts here."""

events = st.one_of(
    st.tuples(st.just("edit"), st.integers(0, 40), st.just(0)),
    st.tuples(st.just("delete"), st.integers(0, 40), st.just(0)),
    st.tuples(st.just("create"), st.just(0), st.just(0)),
    st.tuples(st.just("edit late"), st.integers(0, 40), st.integers(0, int(LATEST_COMMIT.total_seconds()))),
    st.tuples(st.just("create late"), st.integers(0, 10**6), st.integers(0, int(LATEST_COMMIT.total_seconds()))),
)


class Disturbed:
    """An organization whose invoices change at every page that is read."""

    def __init__(self, world: World, script: list[list[tuple[str, int, int]]]) -> None:
        self._world = world
        self._script = script
        self._made = 0
        world.qonto.before_page = self._disturb

    def create(self, *, created_at: datetime | None = None, updated_at: datetime | None = None) -> None:
        """Adds an invoice; an earlier `updated_at` means that it was committed late."""
        self._made += 1
        now = self._world.clock.now()
        self._world.qonto.put(
            f"i{self._made:03d}",
            created_at=to_precise_text(created_at or now),
            updated_at=to_precise_text(updated_at or now),
            **DRAFT,
        )

    def _disturb(self, _: int) -> None:
        for kind, number, seconds in self._script.pop(0) if self._script else []:
            self._happen(kind, number, seconds)
        self._world.clock.advance(seconds=1)

    def _happen(self, kind: str, number: int, seconds: int) -> None:
        now, invoices = self._world.clock.now(), self._world.qonto.invoices
        late = now - timedelta(seconds=seconds)
        match kind.split():
            case ["create"]:
                self.create()
            case ["create", "late"]:
                # Its place in the order may be anywhere before now.
                self.create(created_at=min(late, START - timedelta(seconds=number)), updated_at=late)
            case [change, *_] if invoices:
                id_ = sorted(invoices)[number % len(invoices)]
                if change == "delete":
                    del invoices[id_]
                else:
                    edits = invoices[id_].get("edits", 0) + 1
                    self._world.qonto.put(id_, updated_at=to_precise_text(late), edits=edits, **DRAFT)


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    script=st.lists(st.lists(events, max_size=4), max_size=40),
    before=st.lists(st.integers(0, 4_000), max_size=12),
    pauses=st.lists(st.sampled_from([1, 5, 11, 60, 600]), min_size=1, max_size=4),
    per_page=st.integers(1, 4),
    pages_per_slice=st.integers(1, 5),
    inclusive=st.booleans(),
)
def test_every_invoice_is_archived_as_it_is(
    *,
    script: list[list[tuple[str, int, int]]],
    before: list[int],
    pauses: list[int],
    per_page: int,
    pages_per_slice: int,
    inclusive: bool,
) -> None:
    """Edits, deletions, creations and late commits between any two pages; any page and slice size; both bounds."""
    world = World(per_page=per_page, inclusive=inclusive)
    world.policy = replace(world.policy, pages_per_slice=pages_per_slice)
    disturbed = Disturbed(world, script)
    for seconds in before:
        world.clock.advance(seconds=seconds)
        disturbed.create()
    for minutes in pauses:
        world.clock.advance(minutes=minutes)
        world.run().execute()
    script.clear()
    # The last change may have been committed late, up to this moment.
    world.clock.advance(minutes=2)
    world.run().execute()
    # A stale read is requested once more.
    world.clock.advance(minutes=30)
    world.run().execute()
    for wake in world.queue.sent:
        world.retry().retry(wake.message)
    for id_ in world.qonto.invoices:
        row = world.ledger.saved.get((CONNECTION, InvoiceId(id_)))
        assert row, f"{id_} was never met"
        assert row.digest == world.qonto.invoice(InvoiceId(id_)).digest, f"{id_} is stale"
