"""The control endpoints: the world changed from outside."""

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


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        ("faults", {"kind": "earthquake"}, 422),
        ("faults", {"kind": "500", "path": "("}, 422),
        ("faults", {"colour": "red"}, 422),
        ("invoices/unknown/edit", {"footer": "x"}, 404),
        ("invoices/unknown/explode", {}, 404),
        ("nothing", {}, 404),
    ],
)
def test_mistakes_are_told(client: Client, path: str, fields: dict[str, str], status: int) -> None:
    """What cannot be done is an error that says why."""
    response = client.control(path, **fields)
    assert response.status == status
    assert response.json()["errors"][0]["detail"]


@pytest.mark.parametrize("body", [b"{", b"[]"])
def test_a_body_has_to_be_an_object(client: Client, body: bytes) -> None:
    """Anything but a JSON object is refused."""
    assert client.request("POST", "/_simulator/faults", body=body).status == 422
