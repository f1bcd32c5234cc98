"""Whole runs against a hostile server: nothing it lists is lost, and nothing it says leads astray."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from qonto_sync.domain.errors import SyncError
from qonto_sync.domain.ids import InvoiceId, is_identified
from qonto_sync.domain.ledger import PendingReason
from qonto_sync.domain.messages import RetryMessage, message_body, parse_message
from qonto_sync.domain.result import RunOutcome
from tests.fakes import CONNECTION, CountedDeadline
from tests.fuzz.documents import ATTACHMENT, DEEP, ERROR, INVOICE, budget, corrupted, mutated, odd_scalars
from tests.fuzz.hostile import LONG_AGO, HostileServer, HostileWorld, Row

if TYPE_CHECKING:
    from qonto_sync.domain.ledger import LedgerRow

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")

rows = st.builds(
    Row,
    st.integers(0, 3).flatmap(lambda number: mutated({**INVOICE, "id": f"i{number}"}, most=2)),
    st.sampled_from([0, 0, 1, 60, 86_400]).map(lambda seconds: LONG_AGO + timedelta(seconds=seconds)),
)
# No body that is a valid page, because a response that is consistently wrong cannot be detected.
mishaps = st.tuples(
    st.sampled_from([200, 200, 204, 403, 404, 422, 429, 500]),
    st.one_of(st.just(b""), st.just(b""), mutated(ERROR), st.sampled_from([b"<html>", b'{"client_invoices": ['])),
)
servers = st.builds(
    HostileServer,
    rows=st.lists(rows, max_size=6),
    page_size=st.sampled_from([100, 100, 3, 1, 1_000]),
    count_off_by=st.sampled_from([0, 0, 0, 0, 1, 10**12]),
    told_pages=st.none() | st.none() | odd_scalars,
    mishaps=st.just([]) | st.lists(mishaps, max_size=6),
    invoice=mutated(INVOICE),
    attachment=mutated(ATTACHMENT) | corrupted(mutated(ATTACHMENT)),
)


def archived(world: HostileWorld, row: LedgerRow) -> bytes | None:
    """The archived JSON under the key in the ledger."""
    return world.archive.content(row.document.key) if row.document else None


def own_id(text: bytes) -> Any:
    """The id that a listed row has, as the standard parser reads it."""
    shallow = text.decode("utf-8", "surrogateescape").replace(DEEP, "0")
    fields = json.loads(shallow, strict=False, parse_int=str)
    return fields.get("id") if isinstance(fields, dict) else None


def is_kept(world: HostileWorld, text: bytes) -> bool:
    """Archived to the byte, under its own id or one of its bytes; or pending; or another row has the same id."""
    identified = [row for (_, id_), row in world.ledger.saved.items() if is_identified(id_)]
    stand_in = InvoiceId(f"unidentified-{hashlib.sha256(text).hexdigest()[:32]}")
    if row := world.ledger.saved.get((CONNECTION, stand_in)):
        assert row.pending
        assert row.pending.reason is PendingReason.REJECTED
        return archived(world, row) == text
    if any(archived(world, row) == text or (row.pending and row.invoice_id == own_id(text)) for row in identified):
        return True
    twins = [listed.text for listed in world.server.rows if own_id(listed.text) == own_id(text)]
    return any(archived(world, row) in twins for row in identified)


def is_in_gap(world: HostileWorld, row: Row) -> bool:
    """Whether its window is to be read again."""
    windows = [gap.window for gap in world.ledger.gaps.values()]
    return any(window.start <= row.changed_at <= window.end for window in windows)


@pytest.mark.slow
@budget(200)
@given(servers)
def test_nothing_that_is_listed_is_lost(server: HostileServer) -> None:
    """Whatever happens to the run, its retries and another run a day later."""
    world = HostileWorld(server)
    world.deadline = CountedDeadline(looks=20_000)
    for _ in range(2):
        try:
            outcome = world.sync().outcome
        except SyncError as error:
            event(type(error).__name__)
        else:
            event(outcome)
            assert outcome is RunOutcome.COMMITTED
            assert [row.text for row in server.rows if not is_kept(world, row.text) and not is_in_gap(world, row)] == []
        for wake in world.queue.sent[:20]:
            with suppress(SyncError):
                message = parse_message(message_body(wake.message))
                assert isinstance(message, RetryMessage)
                assert message == wake.message
                world.retry().retry(message)
        world.clock.advance(days=1)
    for key in world.archive.versions:
        connection, kind, year, month, _, _ = key.split("/")
        assert (connection, kind) == (CONNECTION, "client_invoices")
        assert f"{year}{month}".isdecimal()
    assert len(server.asked) < 3_000


@pytest.mark.slow
@budget(300)
@given(st.lists(rows, min_size=1, max_size=6), mutated(ATTACHMENT))
def test_no_row_stops_the_run(listed: list[Row], attachment: bytes) -> None:
    """If only rows and files are odd, each run commits."""
    world = HostileWorld(HostileServer(listed, 100, 0, None, [], b"{}", attachment))
    assert world.sync().outcome is RunOutcome.COMMITTED
    assert [row.text for row in listed if not is_kept(world, row.text)] == []
