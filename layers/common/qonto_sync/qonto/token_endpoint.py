"""Qonto's token endpoint."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeIs, override
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

_LONGEST_LIFE_SECONDS = 86_400
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
        if response.status != HTTPStatus.OK:
            code = answer.get("error")
            # An OAuth error code is one word; any other text is not repeated.
            word = f" {code}" if isinstance(code, str) and _ERROR_CODE.fullmatch(code) else ""
            reason = f"Qonto's token endpoint answered {response.status}{word}"
            if error_for_status(response.status) is Retriable or not word:
                # A response without an error code is not from the token endpoint, but from something in front of it.
                raise Retriable(reason)
            raise CredentialsRejected(reason)
        access_token, refresh_token = answer.get("access_token"), answer.get("refresh_token")
        if not _is_token(access_token) or not (refresh_token is None or _is_token(refresh_token)):
            raise Retriable("Qonto's token endpoint answered without usable tokens")
        seconds = answer.get("expires_in")
        if not isinstance(seconds, int) or not 0 < seconds <= _LONGEST_LIFE_SECONDS:
            raise Retriable("Qonto's token endpoint answered without a usable expires_in")
        return Tokens(access_token, self._clock.now() + timedelta(seconds=seconds), refresh_token)


def _is_token(value: object) -> TypeIs[str]:
    return isinstance(value, str) and _TOKEN.fullmatch(value) is not None


def _json_object(data: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}
