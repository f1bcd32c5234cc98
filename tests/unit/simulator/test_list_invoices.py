"""The list endpoint: filters, pages, order, and everything it refuses."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import quote

import pytest

from local.qonto_simulator import Behaviour, World

from .conftest import Client, ManualClock, Serve

NOON = "2026-11-02T12:00:00Z"


def refusal(client: Client, query: str) -> tuple[int, dict[str, Any]]:
    """Return the status and the only error of a refused list request."""
    response = client.get(f"/v2/client_invoices?{query}")
    body = response.json()
    assert body["trace_id"] == response.headers["X-Tyk-Trace-Id"]
    (error,) = body["errors"]
    return response.status, error


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("current_page", "2"),
        ("status", "paid"),
        ("updated_at_from", NOON),
        ("filter[updated_from]", NOON),
        ("filter[updated_at]", NOON),
        ("filter[exclude_imported]", "false"),
        ("per_page", "0"),
        ("per_page", "101"),
        ("per_page", "ten"),
        ("page", "0"),
        ("page", "-1"),
        ("page", ""),
        ("page", "\u0661"),
        ("sort_by", "updated_at:asc"),
        ("sort_by", "created_at"),
        ("exclude_imported", "no"),
        ("filter[updated_at_from]", "2026-11-02"),
        ("filter[updated_at_from]", "2026-11-02T12:00:00"),
        ("filter[updated_at_from]", "2026-11-02 12:00:00Z"),
        ("filter[updated_at_from]", "2026-11-02T12:00:00.1Z"),
        ("filter[updated_at_from]", "2026-13-02T12:00:00Z"),
        ("filter[created_at_to]", "2026-11-02T12:00:00+0100"),
        ("filter[created_at_to]", "yesterday"),
        ("filter[due_date]", "02/11/2026"),
        ("filter[due_date_to]", "2026-02-30"),
    ],
)
def test_what_is_not_documented_is_refused(client: Client, parameter: str, value: str) -> None:
    """An unknown parameter or a malformed value is a 422 that names the parameter."""
    status, error = refusal(client, f"{quote(parameter)}={quote(value)}")
    assert (status, error["source"]) == (422, {"parameter": parameter})


def test_an_unescaped_plus_is_a_space(client: Client) -> None:
    """An offset has to be escaped: a plus in a query string is a space, and no datetime has one."""
    status, _ = refusal(client, "filter[updated_at_from]=2026-11-02T12:00:00+01:00")
    assert status == 422


def test_a_parameter_given_twice_is_refused(client: Client) -> None:
    """Several statuses go into one parameter, separated by commas."""
    status, _ = refusal(client, "filter[status]=paid&filter[status]=unpaid")
    assert status == 422


def test_a_malformed_query_is_a_bad_request(client: Client) -> None:
    """A query string that is none is a 400."""
    status, error = refusal(client, "page")
    assert (status, error["code"]) == (400, "bad_request")


@pytest.mark.parametrize("value", ["2026-11-02T12:00:00Z", "2026-11-02T12:00:00.000Z", "2026-11-02T14:00:00+02:00"])
def test_every_documented_datetime_is_understood(client: Client, clock: ManualClock, value: str) -> None:
    """Seconds or milliseconds, Z or an offset: all mean the same moment."""
    clock.move(3 * 3600)
    invoice_id = client.simulator.world.create()
    found, _ = client.page(updated_at_from=value, updated_at_to=value)
    assert [invoice["id"] for invoice in found] == [invoice_id]


@pytest.mark.parametrize(("bounds", "expected"), [("inclusive", [1, 2, 3]), ("exclusive", [2])])
@pytest.mark.parametrize("field", ["created_at", "updated_at"])
def test_bounds(
    world: World, clock: ManualClock, serve: Serve, *, field: str, bounds: Any, expected: list[int]
) -> None:
    """Whether both ends of a datetime range belong to it is a setting."""
    for number in range(5):
        world.create(number=str(number))
        clock.move(1)
    client = serve(world, behaviour=Behaviour(bounds=bounds))
    bounds_of_range = {f"{field}_from": "2026-11-02T09:00:01Z", f"{field}_to": "2026-11-02T09:00:03Z"}
    found, meta = client.page(sort_by="created_at:asc", **bounds_of_range)
    assert [int(invoice["number"]) for invoice in found] == expected
    assert meta["total_count"] == len(expected)


def test_bounds_see_milliseconds(client: Client, clock: ManualClock) -> None:
    """A bound in whole seconds does not reach what happened within that second."""
    clock.move(0.25)
    client.simulator.world.create()
    assert client.page(updated_at_to="2026-11-02T09:00:00Z")[1]["total_count"] == 0
    assert client.page(updated_at_to="2026-11-02T09:00:00.250Z")[1]["total_count"] == 1


def test_an_edit_moves_an_invoice_out_of_a_closed_window(client: Client, clock: ManualClock) -> None:
    """The filter is on what an invoice is now: one that is edited leaves every window of the past."""
    world = client.simulator.world
    invoice_id = world.create()
    clock.move(60)
    window = {"updated_at_to": "2026-11-02T09:00:30Z"}
    assert client.page(**window)[1]["total_count"] == 1
    world.edit(invoice_id, footer="new")
    assert client.page(**window)[1]["total_count"] == 0


@pytest.mark.parametrize(
    ("status", "numbers"),
    [
        ("paid", {"1"}),
        ("paid,draft", {"1", "2"}),
        ("paid,pending", {"1"}),
        ("pending", set()),
        ("partially_paid", set()),
        ("cancelled", set()),
        ("canceled", {"3"}),
        ("", set()),
    ],
)
def test_status(client: Client, status: str, numbers: set[str]) -> None:
    """Statuses are separated by commas; one that the documentation does not know matches nothing, silently."""
    for number, each in enumerate(("unpaid", "paid", "draft", "canceled", "partially_paid")):
        client.simulator.world.create(number=str(number), status=each)
    found, _ = client.page(status=status)
    assert {invoice["number"] for invoice in found} == numbers


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        ({"due_date": "2026-12-02"}, {"2"}),
        ({"due_date_from": "2026-12-02"}, {"2", "3"}),
        ({"due_date_to": "2026-12-02"}, {"1", "2"}),
        ({"due_date_from": "2026-12-02", "due_date_to": "2026-12-02"}, {"2"}),
    ],
)
def test_due_dates(client: Client, filters: dict[str, str], numbers: set[str]) -> None:
    """Due dates are days, and both ends of a range belong to it; an invoice without one matches none."""
    for number, day in (("1", "2026-12-01"), ("2", "2026-12-02"), ("3", "2026-12-03"), ("4", None)):
        client.simulator.world.create(number=number, due_date=day)
    found, _ = client.page(**filters)
    assert {invoice["number"] for invoice in found} == numbers


def test_imported_invoices_are_hidden_by_default(client: Client) -> None:
    """Only who asks for imported invoices gets them."""
    world = client.simulator.world
    made, imported = world.create(), world.create(imported=True)
    assert [invoice["id"] for invoice in client.page()[0]] == [made]
    assert {invoice["id"] for invoice in client.page(exclude_imported="false")[0]} == {made, imported}


def test_pages_are_complete_and_in_order(make_world: Callable[..., World], serve: Serve) -> None:
    """The pages together are every invoice once, by creation and then by id, in either direction."""
    world = make_world(invoices=230)
    client = serve(world)
    pages = [client.page(page=page, exclude_imported="false", sort_by="created_at:asc") for page in (1, 2, 3)]
    ids = [invoice["id"] for found, _ in pages for invoice in found]
    assert [len(found) for found, _ in pages] == [100, 100, 30]
    assert ids == world.invoice_ids()
    assert len(set(ids)) == 230
    order = [(datetime.fromisoformat(each["created_at"]), each["id"]) for found, _ in pages for each in found]
    assert order == sorted(order)
    newest_first = [
        invoice["id"] for page in (1, 2, 3) for invoice in client.page(page=page, exclude_imported="false")[0]
    ]
    assert newest_first == ids[::-1]


def test_meta(make_world: Callable[..., World], serve: Serve) -> None:
    """The page numbers are those that the documentation describes."""
    client = serve(make_world(invoices=25))
    asked: dict[str, str | int] = {"per_page": 10, "exclude_imported": "false"}
    common = {"total_pages": 3, "total_count": 25, "per_page": 10}
    assert client.page(page=1, **asked)[1] == {"current_page": 1, "next_page": 2, "prev_page": None} | common
    assert client.page(page=3, **asked)[1] == {"current_page": 3, "next_page": None, "prev_page": 2} | common


@pytest.mark.parametrize(
    ("style", "first", "last"),
    [
        ("without_next_page", {"prev_page": None}, {"prev_page": 1}),
        ("next_page_zero", {"next_page": 2, "prev_page": None}, {"next_page": 0, "prev_page": 1}),
        ("previous_page", {"next_page": 2, "previous_page": None}, {"next_page": None, "previous_page": 1}),
    ],
)
def test_odd_metas(
    make_world: Callable[..., World], serve: Serve, style: Any, first: dict[str, Any], last: dict[str, Any]
) -> None:
    """The deviations seen live can be had."""
    client = serve(make_world(invoices=2), behaviour=Behaviour(meta=style))
    for page, expected in ((1, first), (2, last)):
        meta = client.page(page=page, per_page=1, exclude_imported="false")[1]
        assert {name: meta[name] for name in meta if name.endswith(("next_page", "prev_page", "previous_page"))} == (
            expected
        )


def test_a_page_past_the_end_is_empty(client: Client) -> None:
    """Past the last page there is nothing, and that is no error."""
    client.simulator.world.create()
    found, meta = client.page(page=2)
    assert (found, meta["total_count"], meta["next_page"]) == ([], 1, None)


def test_a_page_past_the_end_can_be_refused(world: World, serve: Serve) -> None:
    """The other behaviour that is told of: 422, but never for the first page."""
    client = serve(world, behaviour=Behaviour(past_end="refused"))
    assert client.page(page=1)[0] == []
    status, error = refusal(client, "page=2")
    assert (status, error["source"]) == (422, {"parameter": "page"})


def test_the_list_serves_the_exact_documents(make_world: Callable[..., World], serve: Serve) -> None:
    """An invoice in a list is byte for byte the document that the world tells."""
    world = make_world(invoices=60)
    body = serve(world).get("/v2/client_invoices?exclude_imported=false&sort_by=created_at:asc").data
    documents = b",".join(world.document(invoice_id) for invoice_id in world.invoice_ids())
    assert body.startswith(b'{"client_invoices":[' + documents + b'],"meta":{')
