"""Webhook subscriptions, and what is delivered to them."""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import pytest

from local.qonto_simulator import Faults, OAuthClient, World
from local.qonto_simulator.deliveries import Deliveries, signed
from local.qonto_simulator.http_server import HttpServer
from local.qonto_simulator.messages import Request, Response

from .conftest import Client, ManualClock, Serve

PATH = "/v2/webhook_subscriptions"
SECRET = "s" * 40


@dataclass
class Subscriber:
    """An endpoint that acknowledges, unless told otherwise."""

    url: str = ""
    received: list[Request] = field(default_factory=list)
    status: int | None = 200
    told_once: Event = field(default_factory=Event)

    def answer(self, request: Request) -> Response | None:
        self.received.append(request)
        self.told_once.set()
        return None if self.status is None else Response(self.status)

    def events(self) -> list[dict[str, Any]]:
        """The bodies received."""
        return [json.loads(request.body) for request in self.received]

    def told(self) -> list[tuple[str, str]]:
        """Event and invoice, of each body received."""
        return [(event["data"]["event"], event["data"]["id"]) for event in self.events()]


@pytest.fixture
def subscriber(clock: ManualClock) -> Iterator[Subscriber]:
    """One that listens."""
    found = Subscriber()
    server = HttpServer("127.0.0.1", 0, clock)
    server.start(found.answer)
    found.url = f"http://127.0.0.1:{server.port}/webhooks/acme"
    yield found
    server.stop()


def ask(client: Client, method: str, path: str = PATH, **fields: Any) -> Any:
    """Asks with a fresh access token."""
    token = client.token().json()["access_token"]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    return client.request(method, path, headers, json.dumps(fields).encode() if fields else None)


def subscribe(client: Client, url: str, **fields: Any) -> dict[str, Any]:
    """The new subscription."""
    answer = ask(client, "POST", callback_url=url, types=["v1/client-invoices"], secret=SECRET, **fields)
    assert answer.status == 201, answer.data
    created: dict[str, Any] = answer.json()["webhook_subscription"]
    return created


def after(client: Client, clock: ManualClock, seconds: float) -> Deliveries:
    """Lets time pass, and has delivered what became due."""
    clock.move(seconds)
    client.simulator.webhooks.deliver()
    return client.simulator.webhooks


def test_the_secret_is_shown_once(client: Client, subscriber: Subscriber) -> None:
    """By the answer that made it; neither one nor the list nor an update tells it."""
    created = subscribe(client, subscriber.url, description="ours")
    assert created["secret"] == SECRET
    listed = ask(client, "GET").json()
    assert [each["id"] for each in listed["subscriptions"]] == [created["id"]]
    assert listed["meta"]["total_count"] == 1
    one = ask(client, "GET", f"{PATH}/{created['id']}")
    changed = ask(client, "PUT", f"{PATH}/{created['id']}", description="theirs")
    assert changed.json()["webhook_subscription"]["description"] == "theirs"
    assert SECRET not in f"{listed} {one.data!r} {changed.data!r}"


def test_a_secret_is_made_if_none_is_given(client: Client, subscriber: Subscriber) -> None:
    """In Qonto's notation."""
    answer = ask(client, "POST", callback_url=subscriber.url, types=["v1/client-invoices"])
    assert answer.json()["webhook_subscription"]["secret"].startswith("whsec_")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("callback_url", "http://example.com/webhooks"),
        ("callback_url", "https://example.com/" + 500 * "x"),
        ("callback_url", None),
        ("types", []),
        ("types", ["v1/client-invoice"]),
        ("types", "v1/client-invoices"),
        ("secret", "short"),
        ("secret", "x" * 129),
        ("description", "x" * 257),
        ("status", "active"),
    ],
)
def test_what_the_documentation_does_not_allow_is_refused(client: Client, field: str, value: Any) -> None:
    """With the name of the field."""
    fields = {"callback_url": "https://example.com", "types": ["v1/client-invoices"]} | {field: value}
    refused = ask(client, "POST", **fields)
    assert (refused.status, refused.json()["errors"][0]["source"]["parameter"]) == (422, field)


def test_only_oauth_with_its_scope(world: World, serve: Serve) -> None:
    """Neither an API key nor a consent without `webhook`."""
    client = serve(world)
    assert client.get(PATH).status == 403
    without = serve(world, oauth_client=OAuthClient(scope="offline_access client_invoices.read"))
    assert ask(without, "GET").status == 403


def test_tells_what_changes_from_then_on(client: Client, clock: ManualClock, subscriber: Subscriber) -> None:
    """Created and updated; nothing that was before, and nothing that nobody can see."""
    world = client.simulator.world
    old = world.create(draft=True)
    clock.move(60)
    subscribe(client, subscriber.url)
    new = world.create()
    clock.move(60)
    world.edit(old, terms_and_conditions="new terms")
    clock.move(60)
    world.finalize(old)
    world.edit(new, touch=False, header="hidden")
    after(client, clock, 60)
    assert subscriber.told() == [("created", new), ("updated", old), ("updated", old)]
    assert "einvoicing_lifecycle_events" not in subscriber.events()[0]["data"]


def test_tells_nothing_of_before(
    make_world: Callable[..., World], serve: Serve, clock: ManualClock, subscriber: Subscriber
) -> None:
    """Not even of what nobody has looked at since."""
    client = serve(make_world(activity=60))
    clock.move(1_800)
    subscribe(client, subscriber.url)
    assert client.simulator.webhooks.next_at() is None


def test_is_signed_over_the_raw_body(client: Client, clock: ManualClock, subscriber: Subscriber) -> None:
    """With the time of the delivery."""
    assert (
        signed("test-secret", 1704110400, b'{"test":"data"}')
        == "56aff06dc227db80d6568a5070f912c601c31f20451745d257cbc0b5dfa93805"
    )
    subscribe(client, subscriber.url)
    client.simulator.world.create()
    after(client, clock, 5)
    (request,) = subscriber.received
    timestamp = int(clock.now.timestamp())
    digest = hmac.new(SECRET.encode(), b"%d." % timestamp + request.body, hashlib.sha256).hexdigest()
    assert request.headers["x-qonto-signature"] == f"t={timestamp},v1={digest}"


def test_tries_again_later_and_later(client: Client, clock: ManualClock, subscriber: Subscriber) -> None:
    """The same event, until it is acknowledged; after three days no more."""
    subscribe(client, subscriber.url)
    client.simulator.world.create()
    subscriber.status = 500
    after(client, clock, 5)
    webhooks = after(client, clock, 9)
    assert len(subscriber.received) == 1
    after(client, clock, 1)
    after(client, clock, 19)
    assert len(subscriber.received) == 2
    subscriber.status = None
    while (at := webhooks.next_at()) is not None:
        after(client, clock, (at - clock.now).total_seconds())
    assert 14 < len(subscriber.received) < 20
    assert len({event["id"] for event in subscriber.events()}) == 1


def test_stops_when_acknowledged_or_unsubscribed(client: Client, clock: ManualClock, subscriber: Subscriber) -> None:
    """Nothing is tried again then."""
    created = subscribe(client, subscriber.url)
    client.simulator.world.create()
    webhooks = after(client, clock, 5)
    assert webhooks.next_at() is None
    client.simulator.world.create()
    assert ask(client, "DELETE", f"{PATH}/{created['id']}").status == 204
    after(client, clock, 5)
    assert len(subscriber.received) == 1
    assert ask(client, "GET", f"{PATH}/{created['id']}").status == 404


def test_may_be_lost_or_doubled(client: Client, clock: ManualClock, subscriber: Subscriber) -> None:
    """When a fault says so."""
    subscribe(client, subscriber.url)
    faults = client.simulator.faults
    for kind in ("lost", "duplicate"):
        faults.install(kind, "/webhooks")
        client.simulator.world.create()
        after(client, clock, 5)
    first, second = subscriber.events()
    assert first == second
    assert client.simulator.webhooks.next_at() is None


def test_the_same_changes_make_the_same_webhooks(
    make_world: Callable[..., World], serve: Serve, clock: ManualClock, subscriber: Subscriber
) -> None:
    """Ids and bodies, in any process; only faults at random have a seed of their own."""
    for _ in range(2):
        client = serve(make_world(activity=60), faults=Faults(rate=0.0))
        subscribe(client, subscriber.url)
        after(client, clock, 1_200)
        clock.move(-1_200)
    half = len(subscriber.received) // 2
    assert half > 5
    bodies = [request.body for request in subscriber.received]
    assert bodies[:half] == bodies[half:]


def test_a_thread_delivers_if_asked_to(world: World, serve: Serve, clock: ManualClock, subscriber: Subscriber) -> None:
    """For a simulator that runs by itself."""
    client = serve(world, webhooks_every=0.01)
    subscribe(client, subscriber.url)
    world.create()
    clock.move(5)
    assert subscriber.told_once.wait(30)
