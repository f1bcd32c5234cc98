"""Qonto's token endpoint: whatever is usable in an answer is kept, because the old token is used up."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from qonto_sync.domain.errors import CredentialsRejected, Retriable
from qonto_sync.qonto.token_endpoint import ASSUMED_LIFE, OAuthTokenEndpoint
from qonto_sync.usecases.credentials import RENEW_BEFORE
from tests.unit.qonto.scripted_http import Bench, answer

FIELDS = {"client_id": "c", "client_secret": "s", "refresh_token": "old"}
TOKENS: dict[str, Any] = {"access_token": "a", "refresh_token": "r", "expires_in": 3600, "token_type": "bearer"}
HOUR = timedelta(hours=1)


def exchange(body: Any, status: int = 200) -> tuple[str | None, timedelta, str | None]:
    """The tokens, and how long the access token is used."""
    bench = Bench([answer(status, None, body)])
    tokens = OAuthTokenEndpoint("https://oauth.example/token", lambda _: bench.client, bench.clock).exchange(FIELDS)
    return tokens.access_token, tokens.expires_at - bench.clock.now(), tokens.refresh_token


@pytest.mark.parametrize(
    ("expires_in", "life"),
    [
        (b"3600", HOUR),
        (b'"3600"', HOUR),
        (b'"3600.0"', HOUR),
        (b"3600.0", HOUR),
        (b"604800", timedelta(days=1)),
        (b'"604800"', timedelta(days=1)),
        (b"1e300", timedelta(days=1)),
        (b"9" * 300, timedelta(days=1)),
        (b"9" * 5_000, ASSUMED_LIFE),
        (b"1e400", ASSUMED_LIFE),
        (b'"1e400"', ASSUMED_LIFE),
        (b"1e-9", ASSUMED_LIFE),
        (b"NaN", ASSUMED_LIFE),
        (b"-Infinity", ASSUMED_LIFE),
        (b"0", ASSUMED_LIFE),
        (b"-3600", ASSUMED_LIFE),
        (b'"-3600"', ASSUMED_LIFE),
        (b"true", ASSUMED_LIFE),
        (b"null", ASSUMED_LIFE),
        (b"[3600]", ASSUMED_LIFE),
        (b'"an hour"', ASSUMED_LIFE),
    ],
)
def test_tokens_are_kept_whatever_their_life_is_said_to_be(expires_in: bytes, life: timedelta) -> None:
    """An hour in any notation is an hour; what says nothing is a short life; nothing is longer than a day."""
    body = b'{"access_token": "a", "refresh_token": "r", "expires_in": ' + expires_in + b"}"
    assert exchange(body) == ("a", life, "r")


def test_a_life_that_is_not_told_is_long_enough_to_be_used() -> None:
    """A token that is about to expire at once would be renewed for every request."""
    assert exchange({"access_token": "a"}) == ("a", ASSUMED_LIFE, None)
    assert ASSUMED_LIFE > RENEW_BEFORE


@pytest.mark.parametrize("odd", [None, "", 7, True, ["r"], {"r": "r"}, "a\nb", "é"])
def test_one_odd_token_does_not_cost_the_other(odd: Any) -> None:
    """Without a usable new refresh token the old one stays; without an access token the next refresh gets one."""
    assert exchange(TOKENS | {"refresh_token": odd}) == ("a", HOUR, None)
    assert exchange(TOKENS | {"access_token": odd}) == (None, HOUR, "r")
    with pytest.raises(Retriable, match="without usable tokens"):
        exchange(TOKENS | {"access_token": odd, "refresh_token": odd})


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (TOKENS, 201),
        (TOKENS | {"token_type": "BEARER"}, 200),
        (b'\xef\xbb\xbf{"access_token": "a", "refresh_token": "r", "expires_in": 3600}', 200),
        ('{"access_token": "a", "refresh_token": "r", "expires_in": 3600}'.encode("utf-16"), 200),
        (b'{"scope": "\xff\n", "access_token": "a", "refresh_token": "r", "expires_in": 3600}', 200),
    ],
)
def test_the_rest_of_the_answer_may_be_odd(body: Any, status: int) -> None:
    """Its status, its encoding, and texts that nobody needs."""
    assert exchange(body, status) == ("a", HOUR, "r")


def test_an_error_is_no_answer_with_tokens() -> None:
    """Whatever else it has."""
    with pytest.raises(CredentialsRejected, match="400 invalid_grant"):
        exchange(TOKENS | {"error": "invalid_grant"}, 400)
