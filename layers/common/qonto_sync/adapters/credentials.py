"""What makes a request to Qonto ours: an API key, or an OAuth token that is kept fresh."""

from __future__ import annotations

import hashlib
import threading
from datetime import timedelta
from typing import TYPE_CHECKING

from qonto_sync.adapters.oauth import FIELDS as OAUTH
from qonto_sync.adapters.oauth import staging_headers
from qonto_sync.adapters.secrets import SHAPES
from qonto_sync.errors import CredentialsRefused, InvalidSecret
from qonto_sync.times import from_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from qonto_sync.adapters.secrets import SecretStore
    from qonto_sync.ports import Clock
    from qonto_sync.token_refresh import TokenRefresh

RENEW_BEFORE = timedelta(minutes=5)
"""An access token is renewed so long before it lapses: no request is spent on a 401."""

REFRESH_TOKEN_LIFE = timedelta(days=90)

REFUSED_FOR = timedelta(minutes=10)
"""How long refused credentials are not tried again. Qonto throttles an address after 200 answers of 401 in an hour."""

_API_KEY = ("login", "secret_key")


class Refusals:
    """Credentials that Qonto refused, as all invocations of this process know them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[str, datetime] = {}

    def remember(self, headers: Mapping[str, str]) -> None:
        """They are not to be used for a while."""
        self._until[_digest(headers)] = self._clock.now() + REFUSED_FOR

    def include(self, headers: Mapping[str, str]) -> bool:
        """Whether they are not to be used now."""
        until = self._until.get(_digest(headers))
        return until is not None and self._clock.now() < until


class SecretCredentials:
    """See `adapters.qonto_api.Credentials`. Shared by all threads of an invocation."""

    def __init__(
        self,
        store: SecretStore,
        *,
        refresh: TokenRefresh,
        refusals: Refusals,
        clock: Clock,
        tell_days_left: Callable[[float], None],
    ) -> None:
        """`tell_days_left` is told, once an invocation, for how many days the refresh token is still good."""
        self._store = store
        self._refresh = refresh
        self._refusals = refusals
        self._clock = clock
        self._tell_days_left = tell_days_left
        self._told = False
        self._lock = threading.Lock()

    def headers(self) -> Mapping[str, str]:
        """The headers of every request to Qonto.

        Raises:
            InvalidSecret: the secret lacks a field.
            CredentialsRefused: Qonto refused these a moment ago, or does not accept the refresh token.
        """
        with self._lock:
            fields = self._store.read()
            if self._refusals.include(self._headers(fields)):
                fields = self._store.read(fresh=True)
            if _names(fields, OAUTH):
                self._tell_age(fields)
                if self._is_lapsing(fields):
                    fields = self._renewed(self._store.read(fresh=True))
            headers = self._headers(fields)
            if self._refusals.include(headers):
                raise CredentialsRefused(
                    f"Qonto refused the credentials a moment ago, and {self._store.name!r} has no others since"
                )
            return headers

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Looks for a new key or token in the secret; an OAuth token is refreshed if there is none."""
        with self._lock:
            fields = self._store.read(fresh=True)
            self._refusals.remember(refused)
            if self._headers(fields) == refused and _names(fields, OAUTH) and not self._is_new(fields):
                fields = self._renewed(fields)
            return not self._refusals.include(self._headers(fields))

    def _renewed(self, fields: Mapping[str, str]) -> Mapping[str, str]:
        """The secret with a token that is good for a while; by us only if nobody else has done it."""
        if not self._is_lapsing(fields) and not self._refusals.include(self._headers(fields)):
            return fields
        try:
            return self._refresh.refresh(fields)
        except CredentialsRefused as error:
            raise CredentialsRefused(
                f"{error}: give consent again and store the new refresh_token in {self._store.name!r}"
            ) from error

    def _headers(self, fields: Mapping[str, str]) -> dict[str, str]:
        if _names(fields, _API_KEY):
            headers = {"Authorization": f"{fields['login']}:{fields['secret_key']}"}
        elif _names(fields, OAUTH):
            headers = {"Authorization": f"Bearer {fields.get('access_token', '')}"}
        else:
            found = ", ".join(sorted(fields)) or "nothing"
            raise InvalidSecret(f"The secret {self._store.name!r} has {found}, but {SHAPES}")
        return headers | staging_headers(fields)

    def _is_lapsing(self, fields: Mapping[str, str]) -> bool:
        expires_at = from_text(fields.get("expires_at"))
        return not fields.get("access_token") or expires_at is None or expires_at - self._clock.now() < RENEW_BEFORE

    def _is_new(self, fields: Mapping[str, str]) -> bool:
        """Whether the token was renewed a moment ago: if even that is refused, another one will be, too."""
        refreshed_at = from_text(fields.get("refreshed_at"))
        return refreshed_at is not None and self._clock.now() - refreshed_at < REFUSED_FOR

    def _tell_age(self, fields: Mapping[str, str]) -> None:
        refreshed_at = from_text(fields.get("refreshed_at"))
        if refreshed_at and not self._told:
            self._told = True
            left = refreshed_at + REFRESH_TOKEN_LIFE - self._clock.now()
            self._tell_days_left(left / timedelta(days=1))


def _names(fields: Mapping[str, str], names: tuple[str, ...]) -> bool:
    return all(fields.get(name) for name in names)


def _digest(headers: Mapping[str, str]) -> str:
    """So that what is remembered is no credential."""
    return hashlib.sha256("\n".join(f"{name}:{headers[name]}" for name in sorted(headers)).encode()).hexdigest()
