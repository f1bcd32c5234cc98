"""A secret that holds another organization's key for a while: nothing is mixed up, and nothing is missed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from qonto_sync.domain.errors import Retriable, WrongOrganization
from qonto_sync.domain.ids import InvoiceId
from qonto_sync.domain.ledger import PendingReason
from tests.fakes import CONNECTION

if TYPE_CHECKING:
    from typing import Any

    from tests.unit.conftest import World


@pytest.fixture
def ours(world: World) -> World:
    """A connection that has archived one invoice of its organization."""
    put(world, "a")
    world.sync()
    return world


def put(world: World, invoice_id: str, organization_id: str | None = "ours", **fields: Any) -> None:
    """An invoice that names its organization."""
    world.qonto.put(invoice_id, organization_id=organization_id, **fields)


def with_other_key(world: World, *foreign: str) -> dict[str, Any]:
    """From now on Qonto shows another organization with these invoices; the result is what it had before."""
    before = world.qonto.invoices
    world.qonto.invoices = {}
    for invoice_id in foreign:
        put(world, invoice_id, "theirs")
    return before


def test_the_first_commit_pins_the_organization(ours: World) -> None:
    """As the invoices name it; later commits keep it."""
    assert ours.checkpoints.saved[CONNECTION].organization_id == "ours"
    ours.sync()
    assert ours.checkpoints.saved[CONNECTION].organization_id == "ours"


def test_another_organization_stops_the_run(ours: World) -> None:
    """Nothing of it is written, and the checkpoint stays."""
    archived, saved = dict(ours.archive.versions), dict(ours.checkpoints.saved)
    rows = dict(ours.ledger.saved)
    with_other_key(ours, "x", "y")
    with pytest.raises(WrongOrganization, match=r"'theirs'.*'ours'"):
        ours.sync()
    assert (ours.archive.versions, ours.checkpoints.saved, ours.ledger.saved) == (archived, saved, rows)


def test_two_organizations_in_a_first_run_stop_it(world: World) -> None:
    """The first invoice decides; nothing is committed."""
    put(world, "a")
    put(world, "x", "theirs")
    with pytest.raises(WrongOrganization):
        world.sync()
    assert not world.checkpoints.saved


def test_invoices_that_name_no_organization_pass(ours: World) -> None:
    """The field is not documented as always there."""
    put(ours, "b", None)
    ours.sync()
    assert ours.archived("b") == ours.source("b")
    assert ours.checkpoints.saved[CONNECTION].organization_id == "ours"


@pytest.mark.parametrize("foreign", [[], ["x"]])
def test_what_changed_under_the_wrong_key_is_archived_later(ours: World, foreign: list[str]) -> None:
    """For three hours the secret has another key, whose list has changes of its own, or none in any of the windows."""
    before = with_other_key(ours)
    for invoice_id in foreign:
        put(ours, invoice_id, "theirs")
    theirs = ours.qonto.invoices
    for hour in range(3):
        ours.qonto.invoices = before
        put(ours, f"missed-{hour}")
        ours.qonto.invoices = theirs
        ours.clock.advance(hours=1)
        if foreign:
            with pytest.raises(WrongOrganization):
                ours.sync()
        else:
            ours.sync()
    ours.qonto.invoices = before
    ours.sync()
    for hour in range(3):
        assert ours.archived(f"missed-{hour}") == ours.source(f"missed-{hour}")


def test_a_quiet_run_asks_no_more_than_before(ours: World) -> None:
    """An empty list is read again with the next window, not asked about."""
    ours.sync()
    ours.qonto.calls.clear()
    for _ in range(3):
        ours.clock.advance(hours=1)
        ours.sync()
    assert ours.qonto.calls == ["page"] * 3


def test_reading_goes_on_where_the_organization_was_last_seen(ours: World) -> None:
    """`synced_until` moves with every run, `resume_from` only over invoices."""
    ours.clock.advance(hours=1)
    ours.sync()
    quiet = ours.checkpoints.saved[CONNECTION]
    ours.clock.advance(hours=1)
    ours.sync()
    later = ours.checkpoints.saved[CONNECTION]
    assert (later.resume_from == quiet.resume_from, later.synced_until > quiet.synced_until) == (True, True)
    put(ours, "b")
    ours.sync()
    seen = ours.checkpoints.saved[CONNECTION]
    assert seen.resume_from
    assert seen.resume_from == seen.synced_until - ours.policy.overlap


def test_a_404_for_another_organizations_key_deletes_nothing(ours: World) -> None:
    """Every invoice is unknown to that key; a draft would be marked as deleted after the second look."""
    put(ours, "draft", status="draft")
    ours.sync()
    before = with_other_key(ours, "x")
    with pytest.raises(WrongOrganization):
        ours.connected_archiver().archive_latest(InvoiceId("draft"))
    ours.clock.advance(hours=1)
    with pytest.raises(WrongOrganization):
        ours.connected_archiver().archive_latest(InvoiceId("draft"))
    ours.qonto.invoices = before
    ours.connected_archiver().archive_latest(InvoiceId("draft"))
    assert ours.ledger.row("draft").deleted_at_source is None


def test_a_404_counts_only_if_the_list_answers(ours: World) -> None:
    """Whose key it is cannot be told, so the invoice stays pending."""
    put(ours, "draft", status="draft")
    ours.sync()
    del ours.qonto.invoices["draft"]
    ours.clock.advance(hours=1)
    ours.qonto.fail_next("page", Retriable("status 503"))
    pending = ours.connected_archiver().archive_latest(InvoiceId("draft")).row.pending
    assert pending
    assert pending.reason is PendingReason.FAILED


def test_the_retry_worker_writes_nothing_of_another_organization(ours: World) -> None:
    """It reads the checkpoint's organization itself."""
    with_other_key(ours, "x")
    with pytest.raises(WrongOrganization):
        ours.connected_archiver().archive_latest(InvoiceId("x"))
    assert (CONNECTION, InvoiceId("x")) not in ours.ledger.saved


def test_another_organizations_list_closes_no_gap(ours: World) -> None:
    """It has nothing in the gap's window, and would read it completely."""
    put(ours, "b")
    ours.qonto.poisoned = {"b"}
    ours.sync()
    assert len(ours.ledger.gaps) == 1
    ours.qonto.poisoned = set()
    before = with_other_key(ours)
    ours.clock.advance(days=2)
    ours.sync()
    assert len(ours.ledger.gaps) == 1
    ours.qonto.invoices = before
    ours.clock.advance(days=2)
    ours.sync()
    assert not ours.ledger.gaps
    assert ours.archived("b") == ours.source("b")


def test_a_gap_alone_is_not_found_anew_by_each_run(ours: World) -> None:
    """Where nothing but the gap was read, an invoice of any time shows whose list it is, so that reading goes on."""
    ours.clock.advance(days=1)
    put(ours, "b")
    ours.qonto.poisoned = {"b"}
    ours.sync()
    ours.clock.advance(hours=1)
    ours.sync()
    checkpoint = ours.checkpoints.saved[CONNECTION]
    assert checkpoint.resume_from
    assert checkpoint.synced_until - checkpoint.resume_from < timedelta(hours=3)
