"""The control endpoints: the world changed from outside."""

from typing import Any

import pytest

from .conftest import Client, ManualClock


def test_state(client: Client, clock: ManualClock) -> None:
    """The state tells the clock, what there is, what fired and what was asked, and needs no credentials."""
    client.simulator.world.create()
    clock.move(10)
    client.simulator.faults.install("500")
    client.get("/v2/client_invoices")
    state = client.get("/_simulator/", {}).json()
    assert state == {
        "now": "2026-11-02T09:00:10.000Z",
        "started_at": "2026-11-02T09:00:00.000Z",
        "seed": 1,
        "invoices": 1,
        "attachments": 1,
        "deleted": 0,
        "webhook_subscriptions": 0,
        "fault_rate": 0.0,
        "faults_fired": {"500": 1},
        "invoice_faults": {"poisoned": {}, "hidden": {}, "lost_files": [], "phantoms": 0},
        "requests": {"api 500": 1},
    }


def test_the_life_of_an_invoice(client: Client, clock: ManualClock) -> None:
    """Create, edit, finalize and print again, all by request."""
    created = client.control("invoices", draft=True, footer="made by hand")
    invoice = created.json()["client_invoice"]
    action = f"invoices/{invoice['id']}"
    assert (created.status, invoice["status"], invoice["footer"]) == (201, "draft", "made by hand")
    clock.move(10)
    assert client.control(f"{action}/edit", touch=False, due_date="2027-02-03").status == 200
    finalized = client.control(f"{action}/finalize").json()["client_invoice"]
    assert (finalized["number"], finalized["due_date"]) == ("F-2026-001", "2027-02-03")
    world = client.simulator.world
    before = world.file(finalized["attachment_id"])
    assert client.control(f"{action}/regenerate_pdf", touch=True).status == 200
    assert world.file(finalized["attachment_id"]) != before


def test_an_upload_by_request(client: Client) -> None:
    """An imported invoice brings a file of a name and type."""
    client.control("invoices", upload={"file_name": "a.webp", "content_type": "image/webp"})
    world = client.simulator.world
    assert world.file(world.attachment_ids()[0])[8:12] == b"WEBP"


def test_deletion(client: Client) -> None:
    """A draft can be deleted once; a final invoice never."""
    world = client.simulator.world
    draft, final = world.create(draft=True), world.create()
    assert client.control(f"invoices/{draft}/delete").status == 204
    assert client.control(f"invoices/{draft}/delete").status == 404
    assert client.control(f"invoices/{final}/delete").status == 422
    assert world.deleted_ids() == [draft]


def test_faults_by_request(client: Client) -> None:
    """Faults are installed, set and cleared by request."""
    assert client.control("faults", kind="503", path="/v2/", times=2).status == 200
    assert [client.get("/v2/client_invoices").status for _ in range(3)] == [503, 503, 200]
    assert client.control("faults", rate=1).json()["fault_rate"] == 1.0
    assert client.control("faults", clear=True).json()["fault_rate"] == 0.0
    assert client.get("/v2/client_invoices").status == 200


def test_faults_of_one_invoice_by_request(client: Client, clock: ManualClock) -> None:
    """An invoice is poisoned, hidden, robbed of its file and restored by request."""
    invoice_id = client.simulator.world.create()
    clock.move(10)
    action = f"invoices/{invoice_id}"
    assert client.control(f"{action}/poison", status=422).status == 200
    assert client.control(f"{action}/hide", times=2).status == 200
    state = client.control(f"{action}/lose_file").json()
    assert state["invoice_faults"] == {
        "poisoned": {invoice_id: 422},
        "hidden": {invoice_id: 2},
        "lost_files": [invoice_id],
        "phantoms": 0,
    }
    (attachment_id,) = client.simulator.world.attachment_ids()
    seen = ("/v2/client_invoices", f"/v2/client_invoices/{invoice_id}", client.attachment(attachment_id)["url"])
    assert [client.get(url).status for url in seen] == [422, 404, 404]
    assert client.get("/_simulator/").json()["invoice_faults"]["hidden"] == {invoice_id: 1}
    client.control(f"{action}/hide", times=None)
    client.control(f"{action}/restore")
    assert [client.get(url).status for url in seen] == [200, 200, 200]


def test_phantoms_by_request(client: Client) -> None:
    """Phantoms are added by request, and go with all other faults."""
    times = {"updated_at": "2026-11-02T10:00:00+01:00", "created_at": "2026-11-01T09:00:00Z"}
    assert client.control("phantoms", **times, count=3).json()["invoice_faults"]["phantoms"] == 3
    assert client.page(updated_at_from="2026-11-02T09:00:00Z")[1]["total_count"] == 3
    assert client.page(created_at_from="2026-11-01T09:00:01Z")[1]["total_count"] == 0
    assert client.control("faults", clear=True).json()["invoice_faults"]["phantoms"] == 0
    assert client.page()[1]["total_count"] == 0


def test_many_invoices_by_request(client: Client) -> None:
    """Many invoices are created, and the oldest of them touched, by request."""
    assert client.control("create_many", count=7, at="2026-11-01T09:00:00Z").json()["invoices"] == 7
    assert client.control("touch_many", count=5, at="2026-11-02T08:00:00Z").status == 200
    assert client.page(updated_at_from="2026-11-02T08:00:00Z")[1]["total_count"] == 5
    assert client.page(created_at_to="2026-11-01T09:00:00Z")[1]["total_count"] == 7


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        ("faults", {"kind": "earthquake"}, 422),
        ("faults", {"kind": "500", "path": "("}, 422),
        ("faults", {"colour": "red"}, 422),
        ("invoices/unknown/edit", {"footer": "x"}, 404),
        ("invoices/unknown/poison", {"status": 500}, 404),
        ("invoices/unknown/restore", {}, 404),
        ("invoices/{id}/poison", {}, 422),
        ("invoices/{id}/poison", {"status": 200}, 422),
        ("invoices/{id}/poison", {"status": [500]}, 422),
        ("invoices/{id}/hide", {"times": 0}, 422),
        ("invoices/{id}/hide", {"times": "2"}, 422),
        ("invoices/{id}/lose_file", {"times": 1}, 422),
        ("phantoms", {}, 422),
        ("phantoms", {"updated_at": "2026-11-02T09:00:00"}, 422),
        ("phantoms", {"updated_at": "2026-11-02T09:00:00Z", "count": 0}, 422),
        ("phantoms", {"updated_at": "2026-11-02T09:00:00Z", "count": 1.5}, 422),
        ("invoices", {"upload": {"file_name": "a.txt", "content_type": "text/plain"}}, 422),
        ("invoices", {"upload": {"content_type": "application/pdf"}}, 422),
        ("invoices", {"upload": {"file_name": 7, "content_type": "application/pdf"}}, 422),
        ("invoices", {"upload": "a.pdf"}, 422),
        ("create_many", {"count": -1, "at": "2026-11-02T09:00:00Z"}, 422),
        ("create_many", {"count": 1, "at": "2026-11-02T09:00:00"}, 422),
        ("create_many", {"count": 1, "at": "yesterday"}, 422),
        ("create_many", {"count": 1}, 422),
        ("touch_many", {"count": -1, "at": "2026-11-02T09:00:00Z"}, 422),
        ("touch_many", {"count": 1, "at": 7}, 422),
        ("invoices/unknown/explode", {}, 404),
        ("nothing", {}, 404),
    ],
)
def test_mistakes_are_told(client: Client, path: str, fields: dict[str, Any], status: int) -> None:
    """What cannot be done is an error that says why, and changes nothing."""
    path = path.format(id=client.simulator.world.create())
    before = client.get("/_simulator/", {}).json()
    response = client.control(path, **fields)
    assert client.get("/_simulator/", {}).json() == before
    assert response.status == status
    assert response.json()["errors"][0]["detail"]


@pytest.mark.parametrize("body", [b"{", b"[]"])
def test_a_body_has_to_be_an_object(client: Client, body: bytes) -> None:
    """Anything but a JSON object is refused."""
    assert client.request("POST", "/_simulator/faults", body=body).status == 422
