"""Qonto's token endpoint."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeIs
from urllib.parse import urlencode

from qonto_sync.errors import CredentialsRefused, Retriable, fate_of
from qonto_sync.model import Tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qonto_sync.adapters.http_client import HttpClient
    from qonto_sync.ports import Clock

FIELDS = ("client_id", "client_secret", "refresh_token")
"""What an OAuth secret has, at least."""

EXCHANGE_SECONDS = 8.0
"""No attempt begins later than this: with its own timeouts, an exchange ends within the lease of its intent."""

_LONGEST_LIFE_SECONDS = 86_400
_TOKEN = re.compile(r"[\x21-\x7e]{1,8000}")
_ERROR_CODE = re.compile(r"[a-z_]{1,40}")


class OAuthTokenEndpoint:
    """See `ports.TokenEndpoint`. The client's credentials go in the body: Qonto refuses them in a header."""

    def __init__(self, url: str, http_within: Callable[[float], HttpClient], clock: Clock) -> None:
        """`http_within` gives a client that begins no request after so many seconds."""
        self._url = url
        self._http_within = http_within
        self._clock = clock

    def exchange(self, fields: Mapping[str, str]) -> Tokens:
        """See `ports.TokenEndpoint`."""
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        form = urlencode({"grant_type": "refresh_token", **{name: fields[name] for name in FIELDS}})
        response = self._http_within(EXCHANGE_SECONDS).send(
            "POST", self._url, headers={**headers, **staging_headers(fields)}, body=form.encode(), kind="qonto"
        )
        answer = _json_object(response.data)
        if response.status != HTTPStatus.OK:
            code = answer.get("error")
            # An error code is a word; anything else in its place is not repeated.
            word = f" {code}" if isinstance(code, str) and _ERROR_CODE.fullmatch(code) else ""
            reason = f"Qonto's token endpoint answered {response.status}{word}"
            if fate_of(response.status) is Retriable or not word:
                # Without the word it was not the token endpoint that said no, but something on the way to it.
                raise Retriable(reason)
            raise CredentialsRefused(reason)
        access_token, refresh_token = answer.get("access_token"), answer.get("refresh_token")
        if not _is_token(access_token) or not (refresh_token is None or _is_token(refresh_token)):
            raise Retriable("Qonto's token endpoint answered without usable tokens")
        seconds = answer.get("expires_in")
        if not isinstance(seconds, int) or not 0 < seconds <= _LONGEST_LIFE_SECONDS:
            raise Retriable("Qonto's token endpoint answered without a usable expires_in")
        return Tokens(access_token, self._clock.now() + timedelta(seconds=seconds), refresh_token)


def staging_headers(fields: Mapping[str, str]) -> dict[str, str]:
    """What the sandbox asks for with every request."""
    return {"X-Qonto-Staging-Token": fields["staging_token"]} if fields.get("staging_token") else {}


def _is_token(value: object) -> TypeIs[str]:
    return isinstance(value, str) and _TOKEN.fullmatch(value) is not None


def _json_object(data: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}
