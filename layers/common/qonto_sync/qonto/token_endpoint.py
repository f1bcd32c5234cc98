"""Qonto's token endpoint."""

from __future__ import annotations

import json
import math
import re
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, override
from urllib.parse import urlencode

from qonto_sync.domain.errors import CredentialsRejected, Retriable, error_for_status
from qonto_sync.domain.secret import OAUTH_FIELDS, Tokens, staging_headers
from qonto_sync.ports import TokenEndpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qonto_sync.ports import Clock
    from qonto_sync.qonto.http_client import HttpClient

EXCHANGE_SECONDS = 8.0
"""No attempt begins later than this: with the request's timeouts, an exchange ends within its lease."""

ASSUMED_LIFE = timedelta(minutes=10)
"""Of an access token whose `expires_in` says nothing usable. Longer than the time before its end in which it is
renewed, so that it is used at all."""

_LONGEST_LIFE = timedelta(days=1)
_SECONDS = re.compile(r"\d{1,20}(\.\d{1,20})?")
_TOKEN = re.compile(r"[\x21-\x7e]{1,8000}")
_ERROR_CODE = re.compile(r"[a-z_]{1,40}")


class OAuthTokenEndpoint(TokenEndpoint):
    """Sends the client's credentials in the body, because Qonto rejects them in a header."""

    def __init__(self, url: str, http_within: Callable[[float], HttpClient], clock: Clock) -> None:
        """`http_within` returns a client that begins no request after so many seconds."""
        self._url = url
        self._http_within = http_within
        self._clock = clock

    @override
    def exchange(self, fields: Mapping[str, str]) -> Tokens:
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        form = urlencode({"grant_type": "refresh_token", **{name: fields[name] for name in OAUTH_FIELDS}})
        response = self._http_within(EXCHANGE_SECONDS).send(
            "POST", self._url, headers={**headers, **staging_headers(fields)}, body=form.encode(), kind="qonto"
        )
        answer = _json_object(response.data)
        if not HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
            code = answer.get("error")
            # An OAuth error code is one word; any other text is not repeated.
            word = f" {code}" if isinstance(code, str) and _ERROR_CODE.fullmatch(code) else ""
            reason = f"Qonto's token endpoint answered {response.status}{word}"
            if error_for_status(response.status) is Retriable or not word:
                # A response without an error code is not from the token endpoint, but from something in front of it.
                raise Retriable(reason)
            raise CredentialsRejected(reason)
        # The old refresh token is used up: what is usable is kept, however odd the rest is.
        access_token, refresh_token = _token(answer.get("access_token")), _token(answer.get("refresh_token"))
        if access_token is None and refresh_token is None:
            raise Retriable("Qonto's token endpoint answered without usable tokens")
        return Tokens(access_token, self._clock.now() + _life(answer.get("expires_in")), refresh_token)


def _token(value: object) -> str | None:
    return value if isinstance(value, str) and _TOKEN.fullmatch(value) else None


def _life(expires_in: object) -> timedelta:
    """How long the access token is used; never longer than a day."""
    if isinstance(expires_in, str) and _SECONDS.fullmatch(expires_in):
        expires_in = float(expires_in)
    if not isinstance(expires_in, float) or not math.isfinite(expires_in):
        return ASSUMED_LIFE
    life = timedelta(seconds=min(expires_in, _LONGEST_LIFE.total_seconds())) if expires_in > 0 else timedelta()
    # Less than a microsecond is nothing.
    return life or ASSUMED_LIFE


def _json_object(data: bytes) -> dict[str, Any]:
    """The answer, with all numbers as floats, because an integer of any length is one; empty if it is no object."""
    try:
        text = data.decode(json.detect_encoding(data), "replace")
        answer = json.loads(text, strict=False, parse_int=float)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}
