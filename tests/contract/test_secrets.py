"""Credentials from Secrets Manager (moto), used on the simulator."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from local.aws import session
from local.qonto_simulator import OAuthClient, Simulator, World
from qonto_sync.adapters.http_client import HttpClient, connection_pool
from qonto_sync.adapters.qonto_api import QontoApi
from qonto_sync.adapters.secrets import SecretCredentials, SecretStore
from qonto_sync.errors import CredentialsRefused, InvalidSecret
from qonto_sync.result import Requests
from qonto_sync.window import Window
from tests.fakes import START, CountedDeadline, ManualClock

if TYPE_CHECKING:
    from collections.abc import Iterator

WINDOW = Window(START, START.replace(hour=13))


class Connection:
    """A connection whose secret a test may change at any time."""

    def __init__(self, endpoint_url: str, simulator: Simulator, clock: ManualClock) -> None:
        self.client: Any = session().client("secretsmanager", endpoint_url=endpoint_url)
        self.name = f"qonto/{uuid.uuid4().hex}"
        self.simulator = simulator
        self.clock = clock
        http = HttpClient(
            connection_pool(1), clock=clock, deadline=CountedDeadline(), random=lambda: 0.5, requests=Requests()
        )
        self.credentials = SecretCredentials(
            SecretStore(self.client, self.name), token_url=simulator.token_url, http=http, clock=clock
        )
        self.api = QontoApi(simulator.api_url, http, self.credentials, clock)

    def store(self, secret: Any) -> None:
        text = secret if isinstance(secret, str) else json.dumps(secret)
        try:
            self.client.create_secret(Name=self.name, SecretString=text)
        except self.client.exceptions.ResourceExistsException:
            self.client.put_secret_value(SecretId=self.name, SecretString=text)

    def stored(self) -> dict[str, str]:
        return dict(json.loads(self.client.get_secret_value(SecretId=self.name)["SecretString"]))

    def api_key(self, **fields: str) -> dict[str, str]:
        return {"login": self.simulator.login, "secret_key": self.simulator.secret_key, **fields}

    def oauth(self) -> dict[str, str]:
        client = self.simulator.oauth_client
        return {
            "client_id": client.client_id,
            "client_secret": client.client_secret,
            "refresh_token": client.refresh_token,
        }

    def asked(self, path: str) -> int:
        return sum(request.path.startswith(path) for request in self.simulator.requests)


@pytest.fixture
def connection(aws: str) -> Iterator[Connection]:
    """A connection without a secret."""
    clock = ManualClock()
    with Simulator(World(1, START, clock.now, invoices=0, activity=0), oauth_client=OAuthClient()) as simulator:
        yield Connection(aws, simulator, clock)


def test_an_api_key(connection: Connection) -> None:
    """`login:secret_key`, plain."""
    connection.store(connection.api_key())
    assert connection.api.page(WINDOW, 1).total_count == 0


def test_the_secret_is_read_once(connection: Connection) -> None:
    """And then kept for a few minutes."""
    connection.store(connection.api_key())
    connection.api.page(WINDOW, 1)
    connection.client.delete_secret(SecretId=connection.name, ForceDeleteWithoutRecovery=True)
    connection.api.page(WINDOW, 1)


@pytest.mark.parametrize(
    ("secret", "message"),
    [
        (None, r"does not exist. Create it, for example: aws secretsmanager create-secret --name qonto/"),
        ("not json", r"is not JSON: an API key is \{\"login\""),
        ("[]", "is not a JSON object of texts"),
        ({"login": 7, "secret_key": "x"}, "is not a JSON object of texts"),
        ({}, "has nothing, but an API key is"),
        ({"login": "a"}, "has login, but an API key is"),
        ({"login": "a", "secret_key": ""}, "has login, secret_key, but an API key is"),
    ],
)
def test_a_bad_secret_is_told_by_name_and_shape(connection: Connection, secret: Any, message: str) -> None:
    """Never by its content."""
    if secret is not None:
        connection.store(secret)
    with pytest.raises(InvalidSecret, match=message) as error:
        connection.api.page(WINDOW, 1)
    assert connection.name in str(error.value)
    assert "not json" not in str(error.value)


def test_a_refused_key_is_tried_once(connection: Connection) -> None:
    """Nothing new in the secret: no second request with it."""
    connection.store(connection.api_key(secret_key="revoked"))
    with pytest.raises(CredentialsRefused):
        connection.api.page(WINDOW, 1)
    assert connection.asked("/v2") == 1


def test_a_rotated_key_is_found(connection: Connection) -> None:
    """After a 401 the secret is read again, past the cache."""
    connection.store(connection.api_key(secret_key="revoked"))
    connection.credentials.headers()
    connection.store(connection.api_key())
    assert connection.api.page(WINDOW, 1).total_count == 0
    assert connection.asked("/v2") == 2


def test_the_staging_token_goes_with_every_request(aws: str) -> None:
    """The sandbox asks for it."""
    clock = ManualClock()
    with Simulator(World(1, START, clock.now, invoices=0, activity=0), staging_token="letmein") as simulator:
        connection = Connection(aws, simulator, clock)
        connection.store(connection.api_key(staging_token="letmein"))
        assert connection.api.page(WINDOW, 1).total_count == 0
        connection.store(connection.oauth() | {"staging_token": "letmein"})
        connection.credentials.renew({})
        assert connection.api.page(WINDOW, 1).total_count == 0


def test_oauth_stores_the_new_refresh_token_before_it_uses_the_access_token(connection: Connection) -> None:
    """The old refresh token is worthless from then on."""
    connection.store(connection.oauth())
    headers = connection.credentials.headers()
    stored = connection.stored()
    assert headers == {"Authorization": f"Bearer {stored['access_token']}"}
    assert stored["refresh_token"] != connection.oauth()["refresh_token"]
    assert connection.api.page(WINDOW, 1).total_count == 0


def test_oauth_refreshes_before_the_token_lapses(connection: Connection) -> None:
    """No request is spent on a 401."""
    connection.store(connection.oauth())
    connection.api.page(WINDOW, 1)
    connection.clock.advance(minutes=54)
    connection.api.page(WINDOW, 1)
    assert connection.asked("/oauth2/token") == 1
    connection.clock.advance(minutes=2)
    connection.api.page(WINDOW, 1)
    assert connection.asked("/oauth2/token") == 2
    assert {request.status for request in connection.simulator.requests} == {200}


def test_a_dead_refresh_token_asks_for_consent(connection: Connection) -> None:
    """Fatal, with what to do, and without the token."""
    connection.store(connection.oauth() | {"refresh_token": "dead-token"})
    with pytest.raises(CredentialsRefused, match=r"invalid_grant: give consent again and store the new") as error:
        connection.api.page(WINDOW, 1)
    assert "dead-token" not in str(error.value)
