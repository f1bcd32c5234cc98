"""Whatever lies in a connection's secret, the outcome is its fields, or an error that repeats nothing of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qonto_sync.aws.cached_secrets import CachedSecrets
from qonto_sync.aws.secrets import SecretStore
from qonto_sync.aws.signing_secrets import signing_secrets
from qonto_sync.domain.errors import InvalidSecret
from qonto_sync.domain.secret import API_KEY_FIELDS, OAUTH_FIELDS, has_fields
from tests.fakes import ManualClock
from tests.fuzz.documents import budget, corrupted, mutated

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")

KEY = "4f1c9e-key-7a52d0"
"""A credential, put in right and wrong places."""

API_KEY: dict[str, Any] = {"login": "acme-1234", "secret_key": KEY}
OAUTH: dict[str, Any] = {
    "access_token": KEY,
    "client_id": "c",
    "client_secret": KEY,
    "expires_at": "2026-03-01T12:00:00Z",
    "managed_by": "123456789012/eu-central-1/qonto-sync",
    "refresh_token": KEY,
    "refreshed_at": "2026-03-01T11:00:00Z",
    "staging_token": KEY,
    "webhook_secrets": [KEY],
}
MISPLACED: dict[str, Any] = {KEY: "acme-1234", f"Authorization: acme-1234:{KEY}": "", "secret_key": [KEY], "login": KEY}

secrets = mutated(API_KEY) | mutated(OAUTH) | mutated(MISPLACED)
as_stored = secrets | corrupted(secrets) | st.sampled_from([b"", KEY.encode(), json.dumps(KEY).encode()])


class _Client:
    """Secrets Manager with one secret."""

    def __init__(self, data: bytes, *, is_binary: bool) -> None:
        self.stored: dict[str, Any] = (
            {"SecretBinary": data} if is_binary else {"SecretString": data.decode(errors="replace")}
        )

    def get_secret_value(self, **_: str) -> Mapping[str, Any]:
        return self.stored

    def put_secret_value(self, *, SecretString: str, **_: str) -> None:  # noqa: N803 - boto3's names
        self.stored = {"SecretString": SecretString}


@pytest.mark.slow
@budget(2_000)
@given(as_stored, st.booleans())
def test_a_secret_is_read_or_refused_without_being_repeated(data: bytes, is_binary: bool) -> None:  # noqa: FBT001
    """What is read is complete, can be sent and is stored again with all that lies beside it."""
    client: Any = _Client(data, is_binary=is_binary)
    store = SecretStore(CachedSecrets(client, ManualClock()), "qonto/default", OAUTH["managed_by"])
    signing_secrets(str(client.stored.get("SecretString")))
    fields, told = None, ""
    try:
        fields = store.read()
    except InvalidSecret as error:
        told = f"{error!r} {error.__cause__!r}"
    assert KEY not in told
    if fields is None:
        return
    assert has_fields(fields, API_KEY_FIELDS) or has_fields(fields, OAUTH_FIELDS)
    assert all(value.isascii() and value.isprintable() for value in fields.values())
    before = store._others
    store.write(fields)
    assert store.read(fresh=True) == {**fields, "managed_by": OAUTH["managed_by"]}
    assert repr(store._others) == repr(before)
