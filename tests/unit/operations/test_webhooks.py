"""Webhook subscriptions: what is stored, in which order, and that nothing undoes a refresh."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from local.qonto_simulator import OAuthClient, Simulator, World
from operations import webhook_secrets, webhooks
from operations.webhook_secrets import fingerprint
from qonto_sync.aws.refresh_leases import DynamoDbRefreshLeases
from qonto_sync.aws.state_table import StateTable
from qonto_sync.domain.ids import ConnectionName
from qonto_sync.domain.secret import RefreshLease
from tests.unit.operations.conftest import OUTPUTS, STACK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.unit.operations.conftest import Operator

ACME = ConnectionName("acme")
WEBHOOK_URL = "http://127.0.0.1:1/webhooks/<connection>"
PATH = "/v2/webhook_subscriptions"


@dataclass
class Subscriber:
    """An operator whose stack takes in webhooks, and a simulated Qonto."""

    operator: Operator
    simulator: Simulator

    def run(self, command: str, *arguments: str) -> tuple[int, str, str]:
        """The exit status, what was printed, and the errors; never with a secret."""
        status = webhooks.main([command, f"--stack={STACK}", *arguments, "acme"])
        said = self.operator.capsys.readouterr()
        for secret in (*self.secrets(), *self.stored().values()):
            assert not isinstance(secret, str) or secret not in f"{said}"
        return status, said.out, said.err

    def store(self, **fields: Any) -> None:
        client = self.operator.session.client("secretsmanager")
        client.put_secret_value(SecretId="qonto/acme", SecretString=json.dumps(fields))

    def stored(self) -> dict[str, Any]:
        client = self.operator.session.client("secretsmanager")
        fields: dict[str, Any] = json.loads(client.get_secret_value(SecretId="qonto/acme")["SecretString"])
        return fields

    def secrets(self) -> list[str]:
        return list(self.stored().get("webhook_secrets", []))

    def live(self) -> list[Any]:
        """The subscriptions, as Qonto has them."""
        return self.simulator.webhooks._subscriptions.live()

    def intents(self) -> DynamoDbRefreshLeases:
        return DynamoDbRefreshLeases(
            StateTable(self.operator.session.client("dynamodb"), self.operator.output("StateTableName"))
        )

    def oauth(self) -> dict[str, str]:
        client = self.simulator.oauth_client
        names = ("client_id", "client_secret", "refresh_token")
        return {name: getattr(client, name) for name in names}


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """A Qonto without invoices."""
    now = datetime.now(UTC)
    with Simulator(World(1, now, lambda: datetime.now(UTC), invoices=0, activity=0)) as running:
        yield running


@pytest.fixture
def subscriber(newcomer: Operator, simulator: Simulator) -> Subscriber:
    """Has stored OAuth credentials for acme, and deployed with webhooks enabled."""
    newcomer.deploy(OUTPUTS | {"WebhookUrl": WEBHOOK_URL, "RetryQueueUrl": "unused"})
    newcomer.store_secret("acme")
    found = Subscriber(newcomer, simulator)
    found.store(**found.oauth())
    _deploy_function(found)
    return found


def _deploy_function(subscriber: Subscriber) -> None:
    """Its environment is what the commands ask for."""
    session = subscriber.operator.session
    queue = session.client("sqs").create_queue(QueueName="retry")["QueueUrl"]
    role = session.client("iam").create_role(RoleName="books-sync", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    content = io.BytesIO()
    zipfile.ZipFile(content, "w").close()
    session.client("lambda").create_function(
        FunctionName="books-sync",
        Runtime="python3.13",
        Role=role,
        Handler="app.lambda_handler",
        Code={"ZipFile": content.getvalue()},
        Environment={
            "Variables": {
                "QONTO_API_URL": subscriber.simulator.api_url,
                "QONTO_TOKEN_URL": subscriber.simulator.token_url,
                "QONTO_SECRET_PREFIX": "qonto/",
                "STACK": "123456789012/eu-central-1/books",
                "STATE_TABLE": subscriber.operator.output("StateTableName"),
                "ARCHIVE_BUCKET": subscriber.operator.output("ArchiveBucketName"),
                "RETRY_QUEUE_URL": queue,
                "INITIAL_SYNC_FROM": "2016-01-01T00:00:00Z",
                "ATTACHMENT_HOSTS": subscriber.simulator.files_origin,
            }
        },
    )


def test_subscribes(subscriber: Subscriber) -> None:
    """Qonto knows the connection's own address, and the secret is stored beside the refreshed token."""
    subscriber.store(**subscriber.oauth(), staging_token="kept")
    status, said, _ = subscriber.run("subscribe")
    (live,) = subscriber.live()
    assert status == 0
    assert live.callback_url == "http://127.0.0.1:1/webhooks/acme"
    assert live.types == ("v1/client-invoices",)
    assert subscriber.secrets() == [live.secret]
    assert subscriber.stored()["staging_token"] == "kept"
    assert subscriber.stored()["refresh_token"] != subscriber.oauth()["refresh_token"]
    assert f"Webhook {live.id} subscribed: v1/client-invoices to http://127.0.0.1:1/webhooks/acme" in said
    intent = subscriber.intents().read(ACME)
    assert intent
    assert not intent.is_active


def test_rotates_without_a_pause(subscriber: Subscriber) -> None:
    """Both secrets are stored, the newest first, until the older subscription is ended."""
    subscriber.run("subscribe")
    _, said, _ = subscriber.run("subscribe")
    older, newer = subscriber.live()
    assert subscriber.secrets() == [newer.secret, older.secret]
    assert f"make webhook-unsubscribe NAME=acme STACK=books ID={older.id}" in said
    _, listed, _ = subscriber.run("list")
    assert [line.split()[:4] for line in listed.splitlines()[1:]] == [
        [live.id, "v1/client-invoices", "-", "stored"] for live in (older, newer)
    ]
    status, said, _ = subscriber.run("unsubscribe", f"--id={older.id}")
    assert status == 0
    assert f"Webhook {older.id} unsubscribed" in said
    assert subscriber.live() == [newer]
    assert subscriber.secrets() == [newer.secret]


def test_ends_the_only_one_without_its_id(subscriber: Subscriber) -> None:
    """With several, or none, nothing is guessed."""
    for _ in range(2):
        subscriber.run("subscribe")
    status, _, errors = subscriber.run("unsubscribe")
    assert status == 1
    assert "There are several" in errors
    assert len(subscriber.live()) == 2
    status, _, errors = subscriber.run("unsubscribe", "--id=other")
    assert status == 1
    assert "There is no subscription 'other'" in errors
    subscriber.run("unsubscribe", f"--id={subscriber.live()[0].id}")
    assert subscriber.run("unsubscribe")[0] == 0
    assert subscriber.live() == subscriber.secrets() == []
    assert subscriber.run("unsubscribe")[2] == "There is no webhook subscription\n"


def test_a_secret_by_hand_is_left_alone(subscriber: Subscriber) -> None:
    """Nobody but its owner knows to which subscription it belongs."""
    subscriber.run("subscribe")
    (live,) = subscriber.live()
    subscriber.simulator.webhooks._subscriptions._live[live.id] = replace(live, description="by hand")
    _, listed, _ = subscriber.run("list")
    assert listed.splitlines()[1].split()[3] == "unknown"
    _, said, _ = subscriber.run("unsubscribe")
    assert "take it out of webhook_secrets" in said
    assert subscriber.secrets() == [live.secret]


def test_a_secret_that_is_not_stored_is_reported(subscriber: Subscriber) -> None:
    """Its webhooks are rejected."""
    subscriber.run("subscribe")
    subscriber.store(**{**subscriber.stored(), "webhook_secrets": []})
    _, listed, _ = subscriber.run("list")
    assert listed.splitlines()[1].split()[3] == "missing"


def test_nothing_is_left_of_a_rejected_subscription(subscriber: Subscriber) -> None:
    """The secret, which was stored first, is taken back."""
    subscriber.run("subscribe")
    before = subscriber.secrets()
    subscriber.simulator.faults.install("403", f"{PATH}$")
    status, _, errors = subscriber.run("subscribe")
    assert status == 1
    assert errors.startswith("Qonto answered 403: no reason given. The consent has to include the scopes `webhook`")
    assert subscriber.secrets() == before
    assert len(subscriber.live()) == 1


def test_a_lost_response_leaves_one_subscription(subscriber: Subscriber) -> None:
    """The request is sent again, and the twin that its first try made is ended."""
    subscriber.simulator.faults.install("truncated", f"{PATH}$")
    assert subscriber.run("subscribe")[0] == 0
    (live,) = subscriber.live()
    assert subscriber.secrets() == [live.secret]


def test_a_subscription_that_may_exist_keeps_its_secret(
    subscriber: Subscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The subscription may exist: without its secret every webhook would be rejected."""
    monkeypatch.setattr("time.sleep", lambda _: None)
    subscriber.simulator.faults.install("truncated", f"{PATH}$", times=99)
    status, _, errors = subscriber.run("subscribe")
    assert status == 1
    assert "Perhaps Qonto made the subscription all the same. Its secret is stored" in errors
    assert {live.secret for live in subscriber.live()} == set(subscriber.secrets())


def test_needs_the_scope(subscriber: Subscriber) -> None:
    """Told before anything is stored."""
    subscriber.simulator._api._oauth._client = replace(OAuthClient(), scope="client_invoices.read")
    status, _, errors = subscriber.run("subscribe")
    assert status == 1
    assert "Qonto answered 403: forbidden missing required oauth scope. The consent has to include" in errors
    assert "webhook_secrets" not in subscriber.stored()


def test_an_api_key_cannot_subscribe(subscriber: Subscriber) -> None:
    """And is not sent for nothing."""
    subscriber.store(login="acme-4217", secret_key="s3cret")
    status, _, errors = subscriber.run("subscribe")
    assert status == 1
    assert errors.startswith("Webhooks need OAuth: Qonto lets no API key subscribe.")
    assert subscriber.simulator.requests == []


def test_needs_an_endpoint(subscriber: Subscriber) -> None:
    """Without an endpoint the error names the command that deploys it, and Qonto is not called."""
    cloudformation = subscriber.operator.session.client("cloudformation")
    cloudformation.delete_stack(StackName=STACK)
    subscriber.operator.deploy()
    status, _, errors = subscriber.run("subscribe")
    assert status == 1
    assert "Webhooks are not enabled in the stack 'books'" in errors
    assert "--parameter-overrides WebhookEnabled=true" in errors
    assert subscriber.simulator.requests == []


def test_needs_a_secret(subscriber: Subscriber) -> None:
    """The error has the command that stores it; the name is checked before anything is asked."""
    assert webhooks.main(["list", f"--stack={STACK}", "unknown"]) == 1
    assert "There is no secret 'qonto/unknown'" in subscriber.operator.capsys.readouterr().err
    assert webhooks.main(["list", f"--stack={STACK}", "a/b"]) == 2


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], list[float]]:
    """Has something happen while the operator's command waits."""
    slept: list[float] = []

    def during(act: Callable[[], None]) -> list[float]:
        def sleep(seconds: float) -> None:
            slept.append(seconds)
            act()

        monkeypatch.setattr("qonto_sync.clock.time.sleep", sleep)
        return slept

    return during


def test_waits_for_a_refresh(
    subscriber: Subscriber, waits: Callable[[Callable[[], None]], list[float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function is about to write its new token: it is not written over with the old one."""
    subscriber.run("list")
    intents = subscriber.intents()
    found = intents.read(ACME)
    assert found
    opened = intents.write(ACME, replace(found, is_active=True, acquired_at=datetime.now(UTC)))

    def function_ends() -> None:
        if not (current := intents.read(ACME)) or not current.is_active:
            return
        subscriber.store(**{**subscriber.stored(), "refresh_token": "of the function"})
        intents.write(ACME, replace(opened, is_active=False))

    slept = waits(function_ends)
    assert subscriber.run("subscribe")[0] == 0
    assert slept == [1]
    assert subscriber.stored()["refresh_token"] == "of the function"
    assert len(subscriber.secrets()) == 1


def test_who_was_suspended_writes_nothing(subscriber: Subscriber, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process took the intent over meanwhile: what was read before is old."""
    subscriber.run("list")

    def lid_closed(fields: dict[str, Any]) -> list[str]:
        intents = subscriber.intents()
        found = intents.read(ACME)
        assert found
        intents.write(ACME, RefreshLease(found.version, "a function", "", datetime.now(UTC), is_active=True))
        subscriber.store(**{**fields, "refresh_token": "of the function"})
        return []

    monkeypatch.setattr(webhook_secrets, "_listed", lid_closed)
    status, _, errors = subscriber.run("subscribe")
    assert status == 1
    assert errors == "The secret 'qonto/acme' was not changed: this took too long. Try again\n"
    assert subscriber.stored()["refresh_token"] == "of the function"
    assert subscriber.live() == []


def test_recovers_an_interrupted_refresh(subscriber: Subscriber) -> None:
    """A function crashed after it used its token: that is recovered before the secret is changed."""
    subscriber.run("list")
    used = subscriber.stored()["refresh_token"]
    intents = subscriber.intents()
    found = intents.read(ACME)
    assert found
    token = hashlib.sha256(used.encode()).hexdigest()[:16]
    half_a_minute_ago = datetime.now(UTC) - timedelta(seconds=30)
    intents.write(ACME, replace(found, token=token, is_active=True, acquired_at=half_a_minute_ago))
    assert subscriber.run("subscribe")[0] == 0
    assert subscriber.stored()["refresh_token"] != used
    assert [fingerprint(secret) for secret in subscriber.secrets()] == [
        live.description.rpartition(" ")[2] for live in subscriber.live()
    ]
