"""Lists that are hard to read completely: equal sort keys, wrong counts, a limit on results."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from local.qonto_simulator import Behaviour, World

from .conftest import STARTED_AT, Client, ManualClock, Serve
from .test_list_invoices import refusal

ASCENDING = "created_at:asc"
DESCENDING = "created_at:desc"


def read_all(client: Client, per_page: int = 100, sort_by: str = ASCENDING) -> list[str]:
    """Return the ids of all pages, the last page first, as the sync reads them."""
    total_pages = client.page(per_page=per_page)[1]["total_pages"]
    pages = [
        client.page(per_page=per_page, sort_by=sort_by, page=page, exclude_imported="false")[0]
        for page in range(total_pages, 0, -1)
    ]
    return [invoice["id"] for page in reversed(pages) for invoice in page]


@pytest.fixture
def tied(world: World) -> list[str]:
    """The ids of 45 invoices with one `created_at`."""
    return world.create_many(45, at=STARTED_AT)


@pytest.mark.usefixtures("tied")
def test_ties_are_stable_by_default(client: Client) -> None:
    """Rows with equal `created_at` have one order, so that every reading is complete."""
    assert read_all(client, 10) == client.simulator.world.invoice_ids()
    assert read_all(client, 10, DESCENDING) == client.simulator.world.invoice_ids()[::-1]


def test_random_ties(client: Client, tied: list[str]) -> None:
    """Each request for a page orders equal rows anew, so that a reading has some rows twice and others not at all."""
    client.simulator.behaviour = Behaviour(ties="random")
    first, second = read_all(client, 10), read_all(client, 10)
    assert len(first) == len(second) == 45
    assert first != second
    assert set(first) < set(tied)
    assert client.page(per_page=10)[1]["total_count"] == 45


def test_random_ties_are_seeded(make_world: Callable[..., World], serve: Serve) -> None:
    """The same seed and the same requests give the same orders."""
    readings = []
    for seed in (1, 1, 2):
        world = make_world(seed=seed)
        ids = world.create_many(45, at=STARTED_AT)
        client = serve(world, behaviour=Behaviour(ties="random"))
        readings.append([ids.index(each) for each in read_all(client, 10)])
    assert readings[0] == readings[1]
    assert readings[0] != readings[2]


def test_ties_by_page(client: Client, tied: list[str]) -> None:
    """All pages of one layout miss the same row in every reading; another layout misses another row."""
    client.simulator.behaviour = Behaviour(ties="by_page")
    missed = {}
    for per_page, sort_by in ((10, ASCENDING), (10, DESCENDING), (7, ASCENDING)):
        first, second = read_all(client, per_page, sort_by), read_all(client, per_page, sort_by)
        assert first == second
        assert len(first) == 45
        (missed[per_page, sort_by],) = set(tied) - set(first)
    assert len(set(missed.values())) == 3


def test_ties_by_page_that_begin_on_a_later_page(client: Client, clock: ManualClock) -> None:
    """They miss one row, too, and rows before them are all there."""
    world = client.simulator.world
    for _ in range(12):
        world.create()
        clock.move(1)
    tied = world.create_many(20, at=STARTED_AT + timedelta(minutes=1))
    client.simulator.behaviour = Behaviour(ties="by_page")
    (missed,) = set(world.invoice_ids()) - set(read_all(client, 10))
    assert missed in tied


@pytest.mark.usefixtures("tied")
def test_ties_by_page_do_not_matter_on_one_page(client: Client) -> None:
    """A single page has every row once."""
    client.simulator.behaviour = Behaviour(ties="by_page")
    assert read_all(client) == client.simulator.world.invoice_ids()


@pytest.mark.parametrize("ties", ["stable", "random", "by_page"])
def test_rows_without_ties_keep_their_order(world: World, clock: ManualClock, serve: Serve, ties: Any) -> None:
    """Only rows with equal `created_at` change places: groups stay in the order of time."""
    for _ in range(12):
        world.create()
        clock.move(1)
    client = serve(world, behaviour=Behaviour(ties=ties))
    assert read_all(client, 5) == world.invoice_ids()
    assert read_all(client, 5, DESCENDING) == world.invoice_ids()[::-1]
    later = world.create_many(6, at=STARTED_AT + timedelta(minutes=1))
    assert set(read_all(client, 5)[:12]) == set(world.invoice_ids()) - set(later)


def test_a_count_that_is_too_high(client: Client) -> None:
    """The total is too high in every list, and the number of pages follows it."""
    client.simulator.world.create_many(20, at=STARTED_AT)
    client.simulator.behaviour = Behaviour(extra_count=1)
    metas = [client.page(per_page=10, page=page)[1] for page in (1, 2, 3)]
    assert [(meta["total_count"], meta["total_pages"]) for meta in metas] == [(21, 3)] * 3
    assert client.page(per_page=10, page=3)[0] == []
    assert client.page(status="paid")[1]["total_count"] == 1


@pytest.mark.parametrize("page", [1, 2, 9])
def test_a_limit_on_results(client: Client, page: int) -> None:
    """A list of more rows than the limit is refused on every page; a list of as many is not."""
    world = client.simulator.world
    world.create_many(3, at=STARTED_AT)
    world.create_many(1, at=STARTED_AT + timedelta(seconds=1))
    client.simulator.behaviour = Behaviour(search_limit=3)
    status, error = refusal(client, f"page={page}&per_page=2")
    assert (status, error["code"]) == (422, "search_limit_reached")
    assert client.page(created_at_to="2026-11-02T09:00:00Z")[1]["total_count"] == 3


def test_a_page_past_the_end_can_be_uncounted(client: Client) -> None:
    """It can answer 200 with totals of zero; all other pages have the right totals."""
    client.simulator.world.create_many(3, at=STARTED_AT)
    client.simulator.behaviour = Behaviour(past_end="uncounted")
    for page, totals in ((1, (3, 2)), (2, (3, 2)), (3, (0, 0)), (9, (0, 0))):
        meta = client.page(per_page=2, page=page)[1]
        assert (meta["total_count"], meta["total_pages"]) == totals
        assert meta["next_page"] == (2 if page == 1 else None)
    assert client.page(per_page=2, page=3)[0] == []


@pytest.mark.parametrize("per_page", [1, 7, 99, 100])
@pytest.mark.parametrize("sort_by", [ASCENDING, DESCENDING])
def test_every_layout_is_complete(
    make_world: Callable[..., World], serve: Serve, clock: ManualClock, per_page: int, sort_by: str
) -> None:
    """For any number of rows a page, and in both directions, the pages are every invoice once."""
    world = make_world()
    world.create_many(4, at=STARTED_AT)
    clock.move(60)
    ids = [*world.invoice_ids(), world.create()]
    found = read_all(serve(world, limits=None), per_page, sort_by)
    assert found == (ids if sort_by == ASCENDING else ids[::-1])


def test_the_filter_on_created_at_splits_one_updated_at(client: Client, clock: ManualClock) -> None:
    """Rows with one `updated_at` can be told apart by `created_at`, with both ends of a range."""
    world = client.simulator.world
    for second in range(4):
        world.create_many(1, at=STARTED_AT + timedelta(seconds=second))
    clock.move(3600)
    world.touch_many(4, at=STARTED_AT + timedelta(minutes=30))
    updated = {"updated_at_from": "2026-11-02T09:30:00Z", "updated_at_to": "2026-11-02T09:30:00Z"}
    created = {"created_at_from": "2026-11-02T09:00:01Z", "created_at_to": "2026-11-02T09:00:02Z"}
    assert client.page(**updated)[1]["total_count"] == 4
    found, meta = client.page(**updated, **created, sort_by=ASCENDING)
    assert [invoice["id"] for invoice in found] == world.invoice_ids()[1:3]
    assert meta["total_count"] == 2


@pytest.mark.slow
def test_large_lists_are_fast(world: World, serve: Serve) -> None:
    """22 000 invoices are there, and their 220 pages read, in seconds."""
    started = time.perf_counter()
    world.create_many(22_000, at=STARTED_AT)
    client = serve(world, limits=None, behaviour=Behaviour(ties="random"))
    assert len(read_all(client)) == 22_000
    assert time.perf_counter() - started < 60
