"""Whatever the token endpoint answers, the outcome is tokens, or an error of this project; no new token is lost."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qonto_sync.domain.errors import SyncError
from qonto_sync.qonto.token_endpoint import OAuthTokenEndpoint
from tests.fuzz.documents import budget, corrupted, mutated
from tests.unit.qonto.scripted_http import Bench, answer

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")

TOKENS: dict[str, Any] = {
    "access_token": "access-token-1",
    "expires_in": 3600,
    "refresh_token": "refresh-token-1",
    "scope": "offline_access",
    "token_type": "bearer",
}
FIELDS = {"client_id": "c", "client_secret": "s", "refresh_token": "old"}
answers = mutated(TOKENS)


@pytest.mark.slow
@budget(1_500)
@given(answers | corrupted(answers), st.sampled_from([200, 200, 200, 201, 204, 302, 400, 401, 404, 500]))
def test_a_usable_new_refresh_token_is_never_lost(body: bytes, status: int) -> None:
    """Where the standard parser finds one, it is returned; no error contains a token."""
    bench = Bench([answer(status, None, body)])
    endpoint = OAuthTokenEndpoint("https://oauth.example/token", lambda _: bench.client, bench.clock)
    returned, told = None, ""
    try:
        returned = endpoint.exchange(FIELDS).refresh_token
    except SyncError as error:
        told = repr(error)
    assert "token-1" not in told
    if status in {200, 201}:
        assert returned == new_refresh_token(body)


def new_refresh_token(body: bytes) -> str | None:
    """What an answer has that a secret can keep and a form can send."""
    found = None
    with suppress(ValueError, RecursionError, AttributeError):
        text = body.decode(json.detect_encoding(body), "replace")
        found = json.loads(text, strict=False, parse_int=float).get("refresh_token")
    return found if isinstance(found, str) and re.fullmatch(r"[!-~]{1,8000}", found) else None
