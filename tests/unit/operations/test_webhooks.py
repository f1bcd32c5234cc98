"""Webhook subscriptions: what is stored, in which order, and that nothing undoes a refresh."""

from __future__ import annotations

import io
import json
import zipfile
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from local.aws import REGION
from local.qonto_simulator import OAuthClient, Simulator, World
from operations.cli import main
from operations.webhook_secrets import WebhookSecrets
from qonto_sync.aws.refresh_leases import DynamoDbRefreshLeases
from qonto_sync.aws.state_table import StateTable
from qonto_sync.domain.ids import ConnectionName
from qonto_sync.domain.secret import WEBHOOK_SECRETS
from tests.unit.operations.conftest import OUTPUTS, STACK

if TYPE_CHECKING:
    from collections.abc import Iterator

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
        status = main(["webhook", command, f"--stack={STACK}", *arguments, "acme"])
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
        """What signs webhooks; empty also while there is no readable secret."""
        client = self.operator.session.client("secretsmanager")
        with suppress(ClientError, ValueError, TypeError, KeyError):
            return list(
                json.loads(client.get_secret_value(SecretId="qonto/webhooks/acme")["SecretString"])[WEBHOOK_SECRETS]
            )
        return []

    def sign_with(self, *secrets: str) -> None:
        """Stores the secrets that sign webhooks; none: there is no such secret yet."""
        if secrets:
            self.store_text(json.dumps({WEBHOOK_SECRETS: secrets}))

    def store_text(self, text: str) -> None:
        client = self.operator.session.client("secretsmanager")
        try:
            client.create_secret(Name="qonto/webhooks/acme", SecretString=text)
        except client.exceptions.ResourceExistsException:
            client.put_secret_value(SecretId="qonto/webhooks/acme", SecretString=text)

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
    """Qonto knows the connection's own address, and the secret is stored apart from the credentials."""
    subscriber.store(**subscriber.oauth(), staging_token="kept")
    status, said, _ = subscriber.run("subscribe")
    (live,) = subscriber.live()
    assert status == 0
    assert live.callback_url == "http://127.0.0.1:1/webhooks/acme"
    assert live.types == ("v1/client-invoices",)
    assert subscriber.secrets() == [live.secret]
    assert subscriber.stored()["staging_token"] == "kept"
    assert subscriber.stored()["refresh_token"] != subscriber.oauth()["refresh_token"]
    assert live.secret not in subscriber.stored().values()
    assert "Its secret is stored in qonto/webhooks/acme, and accepted within ten seconds" in said
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
    assert f"qonto-sync webhook unsubscribe acme --stack books --id {older.id}" in said
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
    subscriber.sign_with("another")
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
    assert subscriber.secrets() == []


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
    assert main(["webhook", "list", f"--stack={STACK}", "unknown"]) == 1
    assert "There is no secret 'qonto/unknown'" in subscriber.operator.capsys.readouterr().err
    assert main(["webhook", "list", f"--stack={STACK}", "a/b"]) == 2


@pytest.mark.parametrize("exists", [True, False])
def test_two_operators_do_not_undo_each_other(
    subscriber: Subscriber, monkeypatch: pytest.MonkeyPatch, *, exists: bool
) -> None:
    """Another one stores a secret between this one's read and its write."""
    subscriber.sign_with(*(["old"] if exists else []))
    read, others = WebhookSecrets._read, iter(["theirs", "theirs too"])

    def read_too_early(self: WebhookSecrets) -> Any:
        found = read(self)
        if secret := next(others, None):
            subscriber.sign_with(secret, *subscriber.secrets())
        return found

    monkeypatch.setattr(WebhookSecrets, "_read", read_too_early)
    assert subscriber.run("subscribe")[0] == 0
    (live,) = subscriber.live()
    assert subscriber.secrets() == [live.secret, "theirs too", "theirs", *(["old"] if exists else [])]


def test_gives_up_when_others_never_stop(subscriber: Subscriber, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was changed, and Qonto was told nothing."""
    subscriber.sign_with("old")
    monkeypatch.setattr(WebhookSecrets, "_replace", lambda *_: False)
    status, _, errors = subscriber.run("subscribe")
    assert status == 1
    assert errors == "The secret 'qonto/webhooks/acme' was not changed: others are changing it. Try again\n"
    assert (subscriber.secrets(), subscriber.live()) == (["old"], [])


@pytest.mark.parametrize(
    "text", ["no json", "[]", '{"webhook_secrets": {}}', '{"webhook_secrets": ["whsec_a", 7]}', "null"]
)
def test_a_secret_of_another_form_is_not_written_over(subscriber: Subscriber, text: str) -> None:
    """The error has the form that it should have, and nothing of what is there."""
    subscriber.store_text(text)
    status, _, errors = subscriber.run("subscribe")
    assert status == 1
    assert errors == """The secret 'qonto/webhooks/acme' is not {"webhook_secrets": ["…"]}, so nothing was changed\n"""
    assert subscriber.live() == []


def test_what_else_is_in_the_secret_stays(subscriber: Subscriber) -> None:
    """A single text counts as a list; bytes with a byte order mark are read."""
    subscriber.store_text("{}")
    client = subscriber.operator.session.client("secretsmanager")
    client.put_secret_value(
        SecretId="qonto/webhooks/acme", SecretBinary='\ufeff{"webhook_secrets": "old", "note": [1]}'.encode()
    )
    subscriber.run("subscribe")
    (live,) = subscriber.live()
    text = client.get_secret_value(SecretId="qonto/webhooks/acme")["SecretString"]
    assert json.loads(text) == {"webhook_secrets": [live.secret, "old"], "note": [1]}


def test_a_secret_about_to_be_deleted_is_reported(subscriber: Subscriber) -> None:
    """With the command that keeps it."""
    subscriber.sign_with("old")
    subscriber.operator.session.client("secretsmanager").delete_secret(SecretId="qonto/webhooks/acme")
    status, _, errors = subscriber.run("subscribe")
    assert status == 1
    assert "The secret 'qonto/webhooks/acme' is about to be deleted, so nothing was changed" in errors
    assert "restore-secret --secret-id qonto/webhooks/acme" in errors
    assert subscriber.live() == []


def test_the_stacks_key_encrypts_the_secret(subscriber: Subscriber) -> None:
    """As everything else; the functions may use it."""
    key = f"arn:aws:kms:{REGION}:123456789012:key/1"
    subscriber.operator.session.client("cloudformation").update_stack(
        StackName=STACK,
        UsePreviousTemplate=True,
        Parameters=[{"ParameterKey": "KmsKeyArn", "ParameterValue": key}],
    )
    assert subscriber.run("subscribe")[0] == 0
    client = subscriber.operator.session.client("secretsmanager")
    assert client.describe_secret(SecretId="qonto/webhooks/acme")["KmsKeyId"] == key
