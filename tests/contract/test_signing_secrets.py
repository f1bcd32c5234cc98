"""`ports.SigningSecrets`: the fake, and Secrets Manager (moto)."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from local.aws import session
from qonto_sync.aws.cached_secrets import CachedSecrets
from qonto_sync.aws.clients import low_latency_config
from qonto_sync.aws.signing_secrets import (
    FRESH_SECONDS,
    KEPT_SECONDS,
    READS_PER_FRESH_SECONDS,
    SecretsManagerSigningSecrets,
)
from qonto_sync.domain.errors import Retriable
from qonto_sync.domain.ids import ConnectionName
from qonto_sync.settings import WebhookSettings
from tests.fakes import CONNECTION, InMemorySigningSecrets, ManualClock


class Stored:
    """Secrets on moto, under a prefix of their own, and their readers."""

    def __init__(self, endpoint_url: str) -> None:
        self.client: Any = session().client("secretsmanager", endpoint_url=endpoint_url)
        self.prefix = f"{uuid.uuid4().hex}/"
        self.clock = ManualClock()
        self.secrets = CachedSecrets(self.client, self.clock)
        self.adapter = SecretsManagerSigningSecrets(self.secrets, self.prefix, self.clock)
        self.fake = InMemorySigningSecrets()

    def put(self, secret: Any, connection: str = CONNECTION) -> None:
        text = secret if isinstance(secret, str) else json.dumps(secret)
        try:
            self.client.create_secret(Name=f"{self.prefix}webhooks/{connection}", SecretString=text)
        except self.client.exceptions.ResourceExistsException:
            self.client.put_secret_value(SecretId=f"{self.prefix}webhooks/{connection}", SecretString=text)


@pytest.fixture
def stored(aws: str) -> Stored:
    """No secret yet."""
    return Stored(aws)


def test_a_connection_has_those_of_its_secret(stored: Stored) -> None:
    """Apart from its credentials, the newest first."""
    stored.put({"webhook_secrets": ["new", "old"]})
    stored.fake.stored[CONNECTION] = ["new", "old"]
    for secrets in (stored.adapter, stored.fake):
        assert list(secrets.read(CONNECTION)) == ["new", "old"]
        assert list(secrets.read(ConnectionName("nobody"))) == []


@pytest.mark.parametrize(
    ("secret", "expected"),
    [
        ({"webhook_secrets": "only"}, ("only",)),
        ({"webhook_secrets": ["", "one", 7, None, ["x"]]}, ("one",)),
        ({"webhook_secrets": []}, ()),
        ({"webhook_secrets": {"a": "b"}}, ()),
        ({"login": "a"}, ()),
        ("[]", ()),
        ("no json", ()),
        ("[" * 60_000, ()),
    ],
)
def test_what_is_no_secret_signs_nothing(stored: Stored, secret: Any, expected: tuple[str, ...]) -> None:
    """An empty one would be everybody's; and a secret of another form has none."""
    stored.put(secret)
    assert stored.adapter.read(CONNECTION) == expected


def test_a_secret_is_kept_for_a_while(stored: Stored) -> None:
    """A rotated secret is found after seconds with `fresh`, after minutes without."""
    stored.put({"webhook_secrets": ["old"]})
    assert stored.adapter.read(CONNECTION) == ("old",)
    stored.put({"webhook_secrets": ["new"]})
    assert stored.adapter.read(CONNECTION, fresh=True) == ("old",)
    stored.clock.advance(seconds=FRESH_SECONDS)
    assert stored.adapter.read(CONNECTION) == ("old",)
    assert stored.adapter.read(CONNECTION, fresh=True) == ("new",)
    stored.put({"webhook_secrets": ["newer"]})
    stored.clock.advance(seconds=KEPT_SECONDS)
    assert stored.adapter.read(CONNECTION) == ("newer",)


def test_a_removed_secret_does_not_outlive_a_frozen_environment(stored: Stored) -> None:
    """The wall clock ends the cache when the monotonic clock stood still, and the reverse."""
    stored.put({"webhook_secrets": ["old"]})
    assert stored.adapter.read(CONNECTION) == ("old",)
    stored.put({"webhook_secrets": ["new"]})
    stored.clock.freeze(seconds=KEPT_SECONDS)
    assert stored.adapter.read(CONNECTION) == ("new",)
    stored.put({"webhook_secrets": ["newer"]})
    stored.clock.set_back(days=1)
    stored.clock.advance(seconds=KEPT_SECONDS)
    assert stored.adapter.read(CONNECTION) == ("newer",)


def test_names_are_looked_up_again_after_a_frozen_environment(stored: Stored) -> None:
    """The limit on reads is one of seconds, by either clock."""
    for number in range(READS_PER_FRESH_SECONDS):
        stored.adapter.read(ConnectionName(f"nobody-{number}"))
    stored.clock.freeze(seconds=FRESH_SECONDS)
    assert stored.adapter.read(ConnectionName("one-more")) == ()


def test_the_fake_keeps_them_too() -> None:
    """Until it is asked for fresh ones; and it can be out of reach."""
    fake = InMemorySigningSecrets({CONNECTION: ["old"]})
    assert fake.read(CONNECTION) == ["old"]
    fake.stored[CONNECTION] = ["new"]
    assert fake.read(CONNECTION) == ["old"]
    assert fake.read(CONNECTION, fresh=True) == ["new"]
    fake.broken = True
    with pytest.raises(Retriable):
        fake.read(CONNECTION)


def test_made_up_names_are_not_all_looked_up(stored: Stored) -> None:
    """A flood of names costs a few requests; known connections are served meanwhile, others a few seconds later."""
    stored.put({"webhook_secrets": ["mine"]})
    stored.adapter.read(CONNECTION)
    for number in range(READS_PER_FRESH_SECONDS - 1):
        assert stored.adapter.read(ConnectionName(f"nobody-{number}")) == ()
    with pytest.raises(Retriable, match="too many secrets were asked for"):
        stored.adapter.read(ConnectionName("one-more"))
    assert stored.adapter.read(ConnectionName("nobody-0"), fresh=True) == ()
    assert stored.adapter.read(CONNECTION) == ("mine",)
    stored.clock.advance(seconds=FRESH_SECONDS)
    assert stored.adapter.read(ConnectionName("one-more")) == ()


def test_what_is_known_does_not_grow_without_end(stored: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many names are made up."""
    monkeypatch.setattr("qonto_sync.aws.cached_secrets._MOST_KEPT", 3)
    for number in range(READS_PER_FRESH_SECONDS):
        stored.adapter.read(ConnectionName(f"nobody-{number}"))
    assert len(stored.secrets._kept) <= 3


def test_out_of_reach_is_not_unknown() -> None:
    """Qonto delivers again; the response comes within a second, whatever AWS does."""
    environment = {"QONTO_SECRET_PREFIX": "qonto/", "RETRY_QUEUE_URL": "http://127.0.0.1:1/retry"}
    config: Any = low_latency_config(WebhookSettings.from_environment(environment).call_timeout)
    assert config.retries == {"mode": "standard", "total_max_attempts": 1}
    assert 2 * (config.connect_timeout + config.read_timeout) <= 0.9
    client = session().client("secretsmanager", endpoint_url="http://127.0.0.1:1", config=config)
    with pytest.raises(Retriable):
        SecretsManagerSigningSecrets(CachedSecrets(client, ManualClock()), "qonto/", ManualClock()).read(CONNECTION)
