"""A clock to turn by hand, worlds, a running simulator and a client that speaks to it."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from urllib.parse import urlencode

import pytest
import urllib3

from local.qonto_simulator import Simulator, World

STARTED_AT = datetime(2026, 11, 2, 9, tzinfo=UTC)


@dataclass
class ManualClock:
    """Stands still until moved."""

    now: datetime = STARTED_AT

    def __call__(self) -> datetime:
        """Read the clock."""
        return self.now

    def move(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)


class Client:
    """Asks a simulator with the right API key, without retries."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.credentials = {"Authorization": f"{simulator.login}:{simulator.secret_key}"}
        self._pool = urllib3.PoolManager(retries=False, timeout=5)

    def request(
        self, method: str, url: str, headers: dict[str, str] | None = None, body: bytes | None = None
    ) -> urllib3.BaseHTTPResponse:
        """Ask for a path of the API, or any URL; without headers, with the API key."""
        if url.startswith("/"):
            url = self.simulator.api_url + url
            headers = self.credentials if headers is None else headers
        return self._pool.request(method, url, headers=headers, body=body)

    def get(self, url: str, headers: dict[str, str] | None = None) -> urllib3.BaseHTTPResponse:
        """Ask with GET."""
        return self.request("GET", url, headers)

    def page(self, **parameters: str | int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Return one page of invoices and its meta; `updated_at_from=` stands for the filter of that name."""
        names = {name: f"filter[{name}]" for name in parameters if name.endswith(("_from", "_to", "status", "date"))}
        query = urlencode({names.get(name, name): value for name, value in parameters.items()})
        response = self.get(f"/v2/client_invoices?{query}")
        assert response.status == 200, response.data
        answer = response.json()
        return answer["client_invoices"], answer["meta"]

    def attachment(self, attachment_id: str) -> dict[str, Any]:
        """Return what the API says about an attachment."""
        response = self.get(f"/v2/attachments/{attachment_id}")
        assert response.status == 200, response.data
        answer: dict[str, Any] = response.json()["attachment"]
        return answer

    def token(self, **form: str) -> urllib3.BaseHTTPResponse:
        """Ask for a new access token, with the right client unless told otherwise."""
        client = self.simulator.oauth_client
        form = {
            "grant_type": "refresh_token",
            "client_id": client.client_id,
            "client_secret": client.client_secret,
            "refresh_token": client.refresh_token,
        } | form
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.request("POST", self.simulator.token_url, headers, urlencode(form).encode())

    def control(self, path: str, /, **fields: Any) -> urllib3.BaseHTTPResponse:
        """Post to a control endpoint."""
        return self.request("POST", f"/_simulator/{path}", {}, json.dumps(fields).encode())

    def close(self) -> None:
        """Close all connections."""
        self._pool.clear()


class Serve(Protocol):
    """Starts a simulator of a world and returns a client of it; both end with the test."""

    def __call__(self, world: World, **options: Any) -> Client:
        """Start one."""
        ...


@pytest.fixture
def clock() -> ManualClock:
    """A clock at the start of the world."""
    return ManualClock()


@pytest.fixture
def make_world(clock: ManualClock) -> Callable[..., World]:
    """Makes worlds on the clock; small, quiet, and with plain files unless told otherwise."""

    def make(**options: Any) -> World:
        defaults: dict[str, Any] = {"seed": 1, "invoices": 0, "activity": 0, "plain_files": True}
        return World(started_at=STARTED_AT, clock=clock, **(defaults | options))

    return make


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """An empty world in which nothing happens by itself."""
    return make_world()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts simulators."""
    with ExitStack() as stack:

        def start(world: World, **options: Any) -> Client:
            client = Client(stack.enter_context(Simulator(world, **options)))
            stack.callback(client.close)
            return client

        yield start


@pytest.fixture
def client(world: World, serve: Serve) -> Client:
    """A client of the empty world."""
    return serve(world)
