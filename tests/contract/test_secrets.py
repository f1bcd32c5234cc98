"""Credentials from Secrets Manager (moto), used on the simulator."""

from __future__ import annotations

import json
import uuid
from contextlib import suppress
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from local.aws import session
from local.qonto_simulator import OAuthClient, Simulator, World
from qonto_sync.aws.cached_secrets import CachedSecrets
from qonto_sync.aws.refresh_leases import DynamoDbRefreshLeases
from qonto_sync.aws.secrets import SecretStore
from qonto_sync.aws.state_table import StateTable
from qonto_sync.domain.errors import CredentialsRejected, InvalidSecret, Retriable
from qonto_sync.domain.request_counts import RequestCounter
from qonto_sync.domain.times import to_text
from qonto_sync.domain.window import Window
from qonto_sync.qonto.api import QontoApi
from qonto_sync.qonto.authenticated_client import AuthenticatedClient
from qonto_sync.qonto.http_client import HttpClient
from qonto_sync.qonto.http_pool import http_pool
from qonto_sync.qonto.token_endpoint import OAuthTokenEndpoint
from qonto_sync.usecases.credentials import REJECTED_FOR, RejectedCredentials, SecretCredentials
from qonto_sync.usecases.token_refresh import GRACE, TokenRefresh
from tests.contract.table import create_state_table
from tests.fakes import CONNECTION, LAYOUT, START, CountedDeadline, InMemoryQueue, ManualClock

if TYPE_CHECKING:
    from collections.abc import Iterator

STACK = "123456789012/eu-central-1/qonto-sync"
WINDOW = Window(START, START.replace(hour=13))


class Connection:
    """A connection whose secret a test may change at any time."""

    def __init__(self, endpoint_url: str, simulator: Simulator, clock: ManualClock) -> None:
        self.client: Any = session().client("secretsmanager", endpoint_url=endpoint_url)
        self.secrets = CachedSecrets(self.client, clock)
        self.stack = STACK
        self.name = f"qonto/{uuid.uuid4().hex}"
        self.simulator = simulator
        self.clock = clock
        self.rejected = RejectedCredentials(clock)
        self.queue = InMemoryQueue()
        self.table = create_state_table(endpoint_url)
        self.days_left: list[float] = []
        self._owners = count(1)
        self.api = self.invocation()

    def invocation(self) -> QontoApi:
        """What one invocation builds; all invocations share the cache and the rejected credentials."""
        http = HttpClient(
            http_pool(1, self.clock),
            clock=self.clock,
            deadline=CountedDeadline(),
            random=lambda: 0.5,
            requests=RequestCounter(),
        )
        store = SecretStore(self.secrets, self.name, self.stack)
        self.refresh = TokenRefresh(
            CONNECTION,
            secret=store,
            endpoint=OAuthTokenEndpoint(self.simulator.token_url, lambda _: http, self.clock),
            leases=DynamoDbRefreshLeases(StateTable(*self.table)),
            queue=self.queue,
            clock=self.clock,
            deadline=CountedDeadline(),
            new_owner=lambda: f"owner-{next(self._owners)}",
        )
        self.credentials = SecretCredentials(
            store,
            refresh=self.refresh,
            rejected=self.rejected,
            clock=self.clock,
            report_days_left=self.days_left.append,
        )
        return QontoApi(AuthenticatedClient(self.simulator.api_url, http, self.credentials), self.clock)

    def store(self, secret: Any) -> None:
        text = secret if isinstance(secret, str) else json.dumps(secret)
        try:
            self.client.create_secret(Name=self.name, SecretString=text)
        except self.client.exceptions.ResourceExistsException:
            self.client.put_secret_value(SecretId=self.name, SecretString=text)

    def store_bytes(self, data: bytes) -> None:
        self.client.create_secret(Name=self.name, SecretBinary=data)

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
    assert connection.api.page(WINDOW, 1, LAYOUT).total_count == 0


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_secret_saved_as_bytes_is_read(connection: Connection, encoding: str) -> None:
    """As editors and PowerShell save a file, with or without a byte order mark; a refresh stores it as text."""
    connection.store_bytes(json.dumps(connection.oauth()).encode(encoding))
    assert connection.api.page(WINDOW, 1, LAYOUT).total_count == 0
    assert connection.stored().keys() > connection.oauth().keys()
    assert connection.invocation().page(WINDOW, 1, LAYOUT).total_count == 0


def test_a_byte_order_mark_is_no_part_of_a_secret(connection: Connection) -> None:
    """The AWS CLI passes it on from a file."""
    connection.store("\ufeff" + json.dumps(connection.api_key()))
    assert connection.api.page(WINDOW, 1, LAYOUT).total_count == 0


@pytest.mark.parametrize("data", [b"\x00\xff", b"\xff\xfe\x00", b'{"login": "\xff", "secret_key": "k"}'])
def test_bytes_that_are_no_text_are_reported(connection: Connection, data: bytes) -> None:
    """As any bad secret."""
    connection.store_bytes(data)
    with pytest.raises(InvalidSecret):
        connection.api.page(WINDOW, 1, LAYOUT)


def test_the_secret_is_read_once(connection: Connection) -> None:
    """And then kept for a few minutes."""
    connection.store(connection.api_key())
    connection.api.page(WINDOW, 1, LAYOUT)
    connection.client.delete_secret(SecretId=connection.name, ForceDeleteWithoutRecovery=True)
    connection.api.page(WINDOW, 1, LAYOUT)


@pytest.mark.parametrize(
    ("secret", "message"),
    [
        (None, r"does not exist. Create it, for example: aws secretsmanager create-secret --name qonto/"),
        ("not json", r"is not JSON: an API key is \{\"login\""),
        ("[]", "is not a JSON object: an API key is"),
        ('"login:not json"', "is not a JSON object: an API key is"),
        ({"login": 7, "secret_key": "not json"}, "has a 'login' that is no text"),
        ({"login": "a", "secret_key": ["not json"]}, "has a 'secret_key' that is no text"),
        ({}, "has nothing, but an API key is"),
        ({"login": "a"}, "has login, but an API key is"),
        ({"login": "a", "secret_key": ""}, r"has login, secret_key \(empty\), but an API key is"),
        ({"not json": "a"}, "has 1 field of another name, but an API key is"),
        ({"Authorization: a:not json": "", "key": "not json"}, "has 2 fields of another name, but an API key is"),
        ({"login": "a", "credentials": {"not json": "not json"}}, "has login, 1 field of another name, but an API"),
        ({"login": "a", "secret_key": "not json\n"}, "has a 'secret_key' with a character that can't be sent"),
        ({"login": "a", "secret_key": " not json"}, "or with space around it"),
        ("[" * 100_000, "is not JSON"),
    ],
)
def test_a_bad_secret_is_reported_by_name_and_format(connection: Connection, secret: Any, message: str) -> None:
    """Never by its content."""
    if secret is not None:
        connection.store(secret)
    with pytest.raises(InvalidSecret, match=message) as error:
        connection.api.page(WINDOW, 1, LAYOUT)
    assert connection.name in str(error.value)
    assert "not json" not in f"{error.value!r} {error.value.__cause__!r}"


def test_fields_of_other_names_are_ignored_and_kept(connection: Connection) -> None:
    """Whatever they are: a refresh writes them back."""
    more: dict[str, Any] = {"note": "line\nbreak", "owners": [1, None, {"a": 1.5}], "webhook_secrets": ["x"]}
    connection.store(connection.oauth() | more)
    assert connection.api.page(WINDOW, 1, LAYOUT).total_count == 0
    stored: dict[str, Any] = connection.stored()
    assert {name: stored[name] for name in more} == more
    assert stored["refresh_token"] != connection.oauth()["refresh_token"]


def test_a_secret_belongs_to_the_stack_that_refreshes_it(connection: Connection) -> None:
    """Another one uses neither its access token nor its refresh token, and says what to do."""
    connection.store(connection.oauth())
    connection.api.page(WINDOW, 1, LAYOUT)
    stored = connection.stored()
    assert stored["managed_by"] == STACK
    connection.stack = "123456789012/eu-central-1/other"
    other = connection.invocation()
    connection.clock.advance(minutes=56)
    with pytest.raises(InvalidSecret) as error:
        other.page(WINDOW, 1, LAYOUT)
    assert f"is refreshed by the stack {STACK}, and this stack is {connection.stack}. Give" in str(error.value)
    assert "QontoSecretPrefix of its own" in str(error.value)
    assert "remove managed_by" in str(error.value)
    assert connection.stored() == stored
    assert connection.asked("/oauth2/token") == 1

    del stored["managed_by"]
    connection.store(stored)
    connection.clock.advance(minutes=5)
    assert other.page(WINDOW, 1, LAYOUT).total_count == 0
    assert connection.stored()["managed_by"] == connection.stack


def test_another_stack_is_noticed_under_the_lease(connection: Connection) -> None:
    """It wrote the secret a moment earlier: the token is not used, and there is nothing to recover."""
    connection.store(connection.oauth())
    fields = connection.refresh.secret.read(fresh=True)
    connection.store(connection.oauth() | {"managed_by": "123456789012/eu-central-1/other"})
    with pytest.raises(InvalidSecret, match="is refreshed by the stack 123456789012/eu-central-1/other"):
        connection.refresh.refresh(fields)
    connection.clock.advance(minutes=1)
    connection.refresh.recover()
    assert connection.asked("/oauth2/token") == 0
    assert len(connection.queue.recoveries) == 1


def test_an_interrupted_refresh_of_a_secret_that_is_spoiled_is_not_recovered_for_ever(connection: Connection) -> None:
    """The recovery fails once; later there is nothing to do."""
    connection.store(connection.oauth())
    connection.refresh._acquire(None, "token")
    connection.store("{}")
    connection.clock.advance(minutes=1)
    with pytest.raises(InvalidSecret):
        connection.refresh.recover()
    connection.clock.advance(minutes=1)
    connection.refresh.recover()
    assert len(connection.queue.recoveries) == 1


@pytest.mark.parametrize("owner", ["", STACK])
def test_an_api_key_belongs_to_any_stack(connection: Connection, owner: str) -> None:
    """And an empty `managed_by` is none."""
    connection.store(connection.api_key(managed_by="somebody"))
    assert connection.api.page(WINDOW, 1, LAYOUT).total_count == 0
    connection.store(connection.oauth() | {"managed_by": owner})
    assert connection.invocation().page(WINDOW, 1, LAYOUT).total_count == 0


def test_a_credential_in_the_place_of_the_stack_is_not_printed(connection: Connection) -> None:
    """Only what looks like a stack's name is."""
    connection.store(connection.oauth() | {"managed_by": "my-secret-key"})
    with pytest.raises(InvalidSecret, match="is refreshed by another stack, and this stack is") as error:
        connection.api.page(WINDOW, 1, LAYOUT)
    assert "my-secret-key" not in repr(error.value)


def test_a_rejected_key_is_tried_once(connection: Connection) -> None:
    """Nothing new in the secret: no second request with it."""
    connection.store(connection.api_key(secret_key="revoked"))
    with pytest.raises(CredentialsRejected):
        connection.api.page(WINDOW, 1, LAYOUT)
    assert connection.asked("/v2") == 1


def test_a_rotated_key_is_found(connection: Connection) -> None:
    """After a 401 the secret is read again, past the cache."""
    connection.store(connection.api_key(secret_key="revoked"))
    connection.credentials.headers()
    connection.store(connection.api_key())
    assert connection.api.page(WINDOW, 1, LAYOUT).total_count == 0
    assert connection.asked("/v2") == 2


def test_the_staging_token_goes_with_every_request(aws: str) -> None:
    """The sandbox asks for it."""
    clock = ManualClock()
    with Simulator(World(1, START, clock.now, invoices=0, activity=0), staging_token="letmein") as simulator:
        connection = Connection(aws, simulator, clock)
        connection.store(connection.api_key(staging_token="letmein"))
        assert connection.api.page(WINDOW, 1, LAYOUT).total_count == 0
        connection.store(connection.oauth() | {"staging_token": "letmein"})
        assert connection.invocation().page(WINDOW, 1, LAYOUT).total_count == 0


def test_oauth_stores_the_new_refresh_token_before_it_uses_the_access_token(connection: Connection) -> None:
    """The old refresh token is worthless from then on."""
    connection.store(connection.oauth())
    headers = connection.credentials.headers()
    stored = connection.stored()
    assert headers == {"Authorization": f"Bearer {stored['access_token']}"}
    assert stored["refresh_token"] != connection.oauth()["refresh_token"]
    assert connection.api.page(WINDOW, 1, LAYOUT).total_count == 0


def test_oauth_refreshes_before_the_token_lapses(connection: Connection) -> None:
    """No request is spent on a 401."""
    connection.store(connection.oauth())
    connection.api.page(WINDOW, 1, LAYOUT)
    connection.clock.advance(minutes=54)
    connection.api.page(WINDOW, 1, LAYOUT)
    assert connection.asked("/oauth2/token") == 1
    connection.clock.advance(minutes=2)
    connection.api.page(WINDOW, 1, LAYOUT)
    assert connection.asked("/oauth2/token") == 2
    assert {request.status for request in connection.simulator.requests} == {200}


@pytest.mark.parametrize(
    "kind",
    [
        "token_without_expiry",
        "token_expiry_as_text",
        "token_expiry_too_long",
        "token_expiry_infinite",
        "token_as_201_with_bom",
    ],
)
def test_an_odd_answer_with_tokens_is_used(connection: Connection, kind: str) -> None:
    """Once for many requests, and refreshed from as usual."""
    connection.store(connection.oauth())
    connection.simulator.faults.install(kind, "/oauth2/token")
    for _ in range(3):
        connection.api.page(WINDOW, 1, LAYOUT)
    assert connection.asked("/oauth2/token") == 1
    assert connection.stored()["refresh_token"] != connection.oauth()["refresh_token"]
    connection.clock.advance(minutes=59)
    connection.api.page(WINDOW, 1, LAYOUT)


def test_a_new_refresh_token_is_kept_without_an_access_token(connection: Connection) -> None:
    """It is stored, and the next read exchanges it, after the old token's grace period too."""
    connection.store(connection.oauth() | {"access_token": "lapsed", "expires_at": to_text(START)})
    connection.simulator.faults.install("no_access_token", "/oauth2/token")
    with pytest.raises(Retriable, match="a new refresh token, but no access token yet"):
        connection.api.page(WINDOW, 1, LAYOUT)
    assert connection.asked("/v2") == 0
    stored = connection.stored()
    assert stored.keys() >= {"client_id", "client_secret", "refreshed_at"}
    assert stored["refresh_token"] != connection.oauth()["refresh_token"]
    assert stored.keys().isdisjoint({"access_token", "expires_at"})
    connection.clock.advance(seconds=GRACE.total_seconds() + 1)
    connection.refresh.recover()
    assert connection.invocation().page(WINDOW, 1, LAYOUT).total_count == 0


def test_the_old_refresh_token_stays_without_a_new_one(connection: Connection) -> None:
    """As RFC 6749 allows."""
    connection.store(connection.oauth())
    connection.simulator.faults.install("no_refresh_token", "/oauth2/token")
    connection.api.page(WINDOW, 1, LAYOUT)
    assert connection.stored()["refresh_token"] == connection.oauth()["refresh_token"]


def test_a_token_with_a_short_life_is_used_for_half_of_it(connection: Connection) -> None:
    """Not renewed for each request."""
    fields = {"access_token": "a", "refreshed_at": to_text(START), "expires_at": to_text(START + timedelta(minutes=2))}
    connection.store(connection.oauth() | fields)
    connection.clock.advance(seconds=50)
    assert connection.credentials.headers() == {"Authorization": "Bearer a"}
    connection.clock.advance(seconds=20)
    assert connection.credentials.headers() != {"Authorization": "Bearer a"}


@pytest.mark.parametrize(("slow", "is_stored"), [(1, True), (15, False)])
def test_new_tokens_are_stored_though_the_lease_cannot_be_extended(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, *, slow: int, is_stored: bool
) -> None:
    """Unless so little of the lease is left that another process might write the secret."""
    connection.store(connection.oauth())
    exchange, write = OAuthTokenEndpoint.exchange, DynamoDbRefreshLeases.write
    exchanged = []

    def exchange_slowly(self: OAuthTokenEndpoint, fields: Any) -> Any:
        connection.clock.advance(seconds=slow)
        exchanged.append(fields)
        return exchange(self, fields)

    def write_before(self: DynamoDbRefreshLeases, name: Any, lease: Any) -> Any:
        if exchanged:
            raise Retriable("the table is out of reach")
        return write(self, name, lease)

    monkeypatch.setattr(OAuthTokenEndpoint, "exchange", exchange_slowly)
    monkeypatch.setattr(DynamoDbRefreshLeases, "write", write_before)
    with suppress(Retriable):
        connection.credentials.headers()
    assert (connection.stored()["refresh_token"] != connection.oauth()["refresh_token"]) == is_stored
    assert connection.queue.recoveries == [(CONNECTION, 20)]


def test_a_dead_refresh_token_asks_for_consent(connection: Connection) -> None:
    """Fatal, with what to do, and without the token."""
    connection.store(connection.oauth() | {"refresh_token": "dead-token"})
    with pytest.raises(CredentialsRejected, match=r"invalid_grant: give consent again and store the new") as error:
        connection.api.page(WINDOW, 1, LAYOUT)
    assert "dead-token" not in str(error.value)


def test_a_rejected_key_is_not_tried_again_for_a_while(connection: Connection) -> None:
    """By no invocation of this process: many answers of 401 throttle everybody behind this address."""
    connection.store(connection.api_key(secret_key="revoked"))
    for _ in range(30):
        with pytest.raises(CredentialsRejected):
            connection.invocation().page(WINDOW, 1, LAYOUT)
    assert connection.asked("/v2") == 1
    connection.store(connection.api_key())
    assert connection.invocation().page(WINDOW, 1, LAYOUT).total_count == 0


def test_a_rejected_key_is_tried_again_after_a_while(connection: Connection) -> None:
    """The 401 may have been Qonto's mistake; then nothing needs a person."""
    connection.store(connection.api_key())
    connection.simulator.faults.install("401", times=1)
    with pytest.raises(CredentialsRejected):
        connection.invocation().page(WINDOW, 1, LAYOUT)
    connection.clock.advance(seconds=REJECTED_FOR.total_seconds() + 1)
    assert connection.invocation().page(WINDOW, 1, LAYOUT).total_count == 0


def test_a_rejected_token_is_renewed_once(connection: Connection) -> None:
    """After a second 401 a moment later no third token is requested."""
    connection.store(connection.oauth())
    connection.api.page(WINDOW, 1, LAYOUT)
    connection.clock.advance(seconds=REJECTED_FOR.total_seconds() + 1)
    connection.simulator.faults.install("401", "/v2", times=50)
    for _ in range(10):
        with pytest.raises(CredentialsRejected):
            connection.invocation().page(WINDOW, 1, LAYOUT)
    assert connection.asked("/oauth2/token") == 2
    assert connection.asked("/v2") - 1 <= 3, "the old token, and the new one once or twice"


def test_an_interrupted_refresh_is_finished_within_the_grace(connection: Connection) -> None:
    """The answer is lost, the message comes, the old token is good once more."""
    connection.store(connection.oauth())
    connection.simulator.faults.install("reset", "/oauth2", times=1)
    used = connection.oauth()["refresh_token"]
    leases = DynamoDbRefreshLeases(StateTable(*connection.table))
    acquired = connection.refresh._acquire(None, "")
    assert acquired == leases.read(CONNECTION)
    connection.clock.advance(seconds=GRACE.total_seconds() / 2)
    connection.credentials.headers()
    assert connection.stored()["refresh_token"] != used
    assert connection.queue.recoveries == [(CONNECTION, 20)]
    released = leases.read(CONNECTION)
    assert released
    assert not released.is_active
    connection.refresh.recover()
    assert connection.asked("/oauth2/token") == 2, "the lost answer, and the repetition"


def test_the_days_that_a_refresh_token_is_left_are_reported(connection: Connection) -> None:
    """Once an invocation; ninety days after the last refresh a person must consent again."""
    long_ago = START - timedelta(days=80)
    connection.store(connection.oauth() | {"refreshed_at": to_text(long_ago)})
    connection.api.page(WINDOW, 1, LAYOUT)
    connection.api.page(WINDOW, 1, LAYOUT)
    assert connection.days_left == [10.0]


def test_no_token_is_in_the_table(connection: Connection) -> None:
    """The intent names the refresh token by a short hash."""
    connection.store(connection.oauth())
    connection.api.page(WINDOW, 1, LAYOUT)
    client, name = connection.table
    items = json.dumps(client.scan(TableName=name)["Items"])
    assert "refresh#default" in items
    for secret in (connection.oauth()["refresh_token"], *connection.stored().values()):
        assert secret not in items
