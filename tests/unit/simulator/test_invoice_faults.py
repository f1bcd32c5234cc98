"""Faults of single invoices, as a client meets them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.qonto_simulator import Behaviour

from .conftest import STARTED_AT, Client, ManualClock
from .test_list_invoices import refusal

HOUR = timedelta(hours=1)


def statuses(client: Client, query: str, pages: int) -> list[int]:
    """Return the statuses of the first pages of a list."""
    return [client.get(f"/v2/client_invoices?{query}&page={page}").status for page in range(1, pages + 1)]


def status_of(client: Client, invoice_id: str) -> int:
    """Return the status of one request for one invoice."""
    return client.get(f"/v2/client_invoices/{invoice_id}").status


@pytest.fixture
def ids(client: Client, clock: ManualClock) -> list[str]:
    """The ids of ten invoices with a PDF each, oldest first."""
    for _ in range(10):
        client.simulator.world.create()
        clock.move(1)
    clock.move(60)
    return client.simulator.world.invoice_ids()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("per_page=3&sort_by=created_at:asc", [200, 500, 200, 200]),
        ("per_page=1&sort_by=created_at:asc", [200, 200, 200, 200, 500, 200, 200, 200, 200, 200]),
        ("per_page=3&sort_by=created_at:desc", [200, 500, 200, 200]),
        ("per_page=100", [500]),
        ("filter[created_at_to]=2026-11-02T09:00:03Z", [200]),
        ("filter[created_at_from]=2026-11-02T09:00:04Z&filter[created_at_to]=2026-11-02T09:00:04Z", [500]),
        ("filter[created_at_from]=2026-11-02T09:00:05Z", [200]),
        ("filter[status]=paid", [200]),
    ],
)
def test_a_poisoned_invoice(client: Client, ids: list[str], query: str, expected: list[int]) -> None:
    """Every list page that would contain it fails, whatever the layout and filter, and no other page does."""
    client.simulator.faults.invoices.poison(ids[4], 500)
    assert statuses(client, query, len(expected)) == expected
    assert statuses(client, query, len(expected)) == expected
    assert status_of(client, ids[4]) == 200


@pytest.mark.parametrize(("status", "code"), [(500, "internal_server_error"), (422, "unprocessable_content")])
def test_the_status_of_a_poisoned_invoice(client: Client, ids: list[str], status: int, code: str) -> None:
    """It is chosen, and comes in the envelope."""
    client.simulator.faults.invoices.poison(ids[4], status)
    seen, error = refusal(client, "page=1")
    assert (seen, error["code"]) == (status, code)


def test_poison_follows_the_order_of_ties(client: Client) -> None:
    """When equal rows change pages, the page that fails is the one that has the row."""
    (first, *_) = client.simulator.world.create_many(45, at=STARTED_AT)
    client.simulator.faults.invoices.poison(first, 500)
    client.simulator.behaviour = Behaviour(ties="random")
    failing = {tuple(statuses(client, "per_page=10", 5)) for _ in range(5)}
    assert len(failing) > 1


@pytest.mark.parametrize("status", [200, 302, 399, 600, -1])
def test_a_poisoned_invoice_has_an_error_status(client: Client, status: int) -> None:
    """Anything that is no status of an error is a mistake of the caller."""
    with pytest.raises(ValueError, match="no status of an error"):
        client.simulator.faults.invoices.poison("some", status)


def test_a_hidden_invoice(client: Client, ids: list[str]) -> None:
    """The next requests for it answer 404, though it exists and is listed; other invoices answer as always."""
    client.simulator.faults.invoices.hide(ids[4], times=2)
    assert client.page()[1]["total_count"] == 10
    assert [status_of(client, each) for each in (ids[4], ids[3], ids[4], ids[4])] == [404, 200, 404, 200]


def test_a_hidden_invoice_looks_deleted(client: Client, ids: list[str]) -> None:
    """The body is that of an unknown invoice, but for the trace id."""
    client.simulator.faults.invoices.hide(ids[4])
    hidden = client.get(f"/v2/client_invoices/{ids[4]}").json()
    unknown = client.get("/v2/client_invoices/00000000-0000-4000-8000-000000000000").json()
    assert hidden["errors"] == unknown["errors"]


def test_hidden_for_ever(client: Client, ids: list[str]) -> None:
    """Without a number it stays hidden."""
    client.simulator.faults.invoices.hide(ids[4], times=None)
    assert {status_of(client, ids[4]) for _ in range(5)} == {404}


@pytest.mark.parametrize("times", [0, -1])
def test_hiding_takes_at_least_one_request(client: Client, times: int) -> None:
    """Hiding for no request is a mistake of the caller."""
    with pytest.raises(ValueError, match="at least once"):
        client.simulator.faults.invoices.hide("some", times=times)


def test_a_lost_file(client: Client, ids: list[str]) -> None:
    """The API still says where the file is; the file host answers 404, for new editions too."""
    world = client.simulator.world
    lost, kept = (client.get(f"/v2/client_invoices/{each}").json()["client_invoice"] for each in ids[4:6])
    client.simulator.faults.invoices.lose_file(ids[4])
    world.regenerate_pdf(ids[4])
    for invoice, status in ((lost, 404), (kept, 200), (lost, 404)):
        response = client.get(client.attachment(invoice["attachment_id"])["url"])
        assert response.status == status
        assert (b"<Code>NoSuchKey</Code>" in response.data) is (status == 404)


def test_restoring_ends_all_faults_of_one_invoice(client: Client, ids: list[str]) -> None:
    """It answers as before; an invoice without a fault can be restored too."""
    faults = client.simulator.faults.invoices
    for each in ids[4:6]:
        faults.poison(each, 500)
        faults.hide(each, times=None)
        faults.lose_file(each)
    faults.restore(ids[4])
    faults.restore(ids[0])
    assert statuses(client, "per_page=1&sort_by=created_at:asc", 7) == [200, 200, 200, 200, 200, 500, 200]
    assert [status_of(client, each) for each in ids[4:6]] == [200, 404]
    urls = [client.attachment(each)["url"] for each in client.simulator.world.attachment_ids()[4:6]]
    assert [client.get(url).status for url in urls] == [200, 404]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, 13),
        ({"updated_at_to": "2026-11-02T11:00:00Z"}, 13),
        ({"updated_at_from": "2026-11-02T11:00:00Z"}, 3),
        ({"updated_at_to": "2026-11-02T10:59:59Z"}, 10),
        ({"created_at_from": "2026-11-02T10:00:00Z", "created_at_to": "2026-11-02T10:00:00Z"}, 3),
        ({"created_at_from": "2026-11-02T10:00:01Z"}, 0),
        ({"status": "paid"}, 0),
        ({"exclude_imported": "false"}, 13),
    ],
)
def test_phantoms(client: Client, ids: list[str], filters: dict[str, str], expected: int) -> None:
    """Rows that are counted wherever the filters include them, and never listed."""
    client.simulator.faults.invoices.add_phantom(STARTED_AT + 2 * HOUR, created_at=STARTED_AT + HOUR, count=3)
    listed, meta = client.page(**filters)
    assert meta["total_count"] == expected
    assert {invoice["id"] for invoice in listed} <= set(ids)
    assert len(listed) == expected - (3 if expected in {3, 13} else 0)


def test_phantoms_count_in_pages(client: Client, ids: list[str]) -> None:
    """The number of pages follows the count, so that the last page has too few rows, or none."""
    client.simulator.faults.invoices.add_phantom(STARTED_AT)
    found = [client.page(per_page=5, page=page) for page in (1, 2, 3)]
    assert [len(invoices) for invoices, _ in found] == [5, 5, 0]
    assert [(meta["total_count"], meta["total_pages"]) for _, meta in found] == [(11, 3)] * 3
    assert client.page(created_at_to="2026-11-02T09:00:00Z")[1]["total_count"] == len(ids[:1]) + 1


def test_phantoms_obey_the_bounds(client: Client) -> None:
    """They are filtered as invoices are."""
    client.simulator.faults.invoices.add_phantom(datetime(2026, 11, 2, 10, tzinfo=UTC))
    bound: dict[str, Any] = {"updated_at_from": "2026-11-02T10:00:00Z"}
    assert client.page(**bound)[1]["total_count"] == 1
    client.simulator.behaviour = Behaviour(bounds="exclusive")
    assert client.page(**bound)[1]["total_count"] == 0


def test_a_phantom_needs_an_offset_and_a_number(client: Client) -> None:
    """Times without an offset and counts below one are mistakes of the caller."""
    add_phantom = client.simulator.faults.invoices.add_phantom
    naive = datetime(2026, 11, 2)  # noqa: DTZ001 - on purpose
    with pytest.raises(ValueError, match="offset"):
        add_phantom(naive, created_at=STARTED_AT)
    with pytest.raises(ValueError, match="offset"):
        add_phantom(STARTED_AT, created_at=naive)
    with pytest.raises(ValueError, match="at least one"):
        add_phantom(STARTED_AT, count=0)


def test_clearing_ends_them_all(client: Client, ids: list[str]) -> None:
    """After it, the list is whole and every invoice and file is there; the behaviour stays as set."""
    faults = client.simulator.faults
    client.simulator.behaviour = Behaviour(extra_count=2)
    faults.invoices.poison(ids[1], 500)
    faults.invoices.hide(ids[2], times=None)
    faults.invoices.lose_file(ids[3])
    faults.invoices.add_phantom(STARTED_AT, count=7)
    faults.clear()
    assert client.page()[1]["total_count"] == 12
    assert status_of(client, ids[2]) == 200
    urls = [client.attachment(each)["url"] for each in client.simulator.world.attachment_ids()]
    assert {client.get(url).status for url in urls} == {200}
