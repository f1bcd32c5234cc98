"""The credentials of a connection: an API key, or an OAuth token that is renewed before it expires."""

from __future__ import annotations

import hashlib
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, override

from qonto_sync.domain.errors import CredentialsRejected
from qonto_sync.domain.secret import API_KEY_FIELDS, OAUTH_FIELDS, has_fields, staging_headers
from qonto_sync.domain.times import from_text
from qonto_sync.ports import Credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from qonto_sync.ports import Clock, Secret
    from qonto_sync.usecases.token_refresh import TokenRefresh

RENEW_BEFORE = timedelta(minutes=5)
"""An access token is renewed so long before it expires, so that no request gets a 401 for it; one that lives for less
than twice as long, in the second half of its life."""

REFRESH_TOKEN_LIFE = timedelta(days=90)

REJECTED_FOR = timedelta(minutes=10)
"""How long rejected credentials are not tried again: Qonto throttles an address after 200 times 401 in an hour."""


class RejectedCredentials:
    """Credentials that Qonto rejected, remembered by all invocations of this process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[str, datetime] = {}

    def add(self, headers: Mapping[str, str]) -> None:
        """They are not used for `REJECTED_FOR`."""
        self._until[_digest(headers)] = self._clock.now() + REJECTED_FOR

    def __contains__(self, headers: Mapping[str, str]) -> bool:
        until = self._until.get(_digest(headers))
        return until is not None and self._clock.now() < until


class SecretCredentials(Credentials):
    """Credentials from the connection's secret. Shared by all threads of an invocation."""

    def __init__(
        self,
        secret: Secret,
        *,
        refresh: TokenRefresh,
        rejected: RejectedCredentials,
        clock: Clock,
        report_days_left: Callable[[float], None],
    ) -> None:
        """`report_days_left` is called once per invocation with the days until the refresh token expires."""
        self._secret = secret
        self._refresh = refresh
        self._rejected = rejected
        self._clock = clock
        self._report_days_left = report_days_left
        self._reported = False
        self._lock = threading.Lock()

    @override
    def headers(self) -> Mapping[str, str]:
        """The headers of every request to Qonto.

        Raises:
            InvalidSecret: the secret cannot be used as it is.
            CredentialsRejected: Qonto rejected these a moment ago, or does not accept the refresh token.
        """
        with self._lock:
            fields = self._secret.read()
            if self._headers(fields) in self._rejected:
                fields = self._secret.read(fresh=True)
            if has_fields(fields, OAUTH_FIELDS):
                self._report_age(fields)
                if self._is_expiring(fields):
                    fields = self._renewed(self._secret.read(fresh=True))
            headers = self._headers(fields)
            if headers in self._rejected:
                raise CredentialsRejected(
                    f"Qonto rejected the credentials a moment ago, and {self._secret.name!r} has no others since"
                )
            return headers

    @override
    def renew(self, rejected: Mapping[str, str]) -> bool:
        """Reads the secret again for other credentials; if there are none, an OAuth token is refreshed."""
        with self._lock:
            fields = self._secret.read(fresh=True)
            self._rejected.add(rejected)
            if self._headers(fields) == rejected and has_fields(fields, OAUTH_FIELDS) and not self._is_new(fields):
                fields = self._renewed(fields)
            return self._headers(fields) not in self._rejected

    def _renewed(self, fields: Mapping[str, str]) -> Mapping[str, str]:
        """The secret with a token that is valid for a while; refreshed only if no other process has done so."""
        if not self._is_expiring(fields) and self._headers(fields) not in self._rejected:
            return fields
        try:
            return self._refresh.refresh(fields)
        except CredentialsRejected as error:
            raise CredentialsRejected(
                f"{error}: give consent again and store the new refresh_token in {self._secret.name!r}"
            ) from error

    def _headers(self, fields: Mapping[str, str]) -> dict[str, str]:
        if has_fields(fields, API_KEY_FIELDS):
            headers = {"Authorization": f"{fields['login']}:{fields['secret_key']}"}
        else:
            headers = {"Authorization": f"Bearer {fields.get('access_token', '')}"}
        return headers | staging_headers(fields)

    def _is_expiring(self, fields: Mapping[str, str]) -> bool:
        expires_at, refreshed_at = from_text(fields.get("expires_at")), from_text(fields.get("refreshed_at"))
        if not fields.get("access_token") or expires_at is None:
            return True
        # A token with a short life is used for half of it, instead of being renewed for each request.
        half = max((expires_at - refreshed_at) / 2, timedelta()) if refreshed_at else RENEW_BEFORE
        return expires_at - self._clock.now() < min(RENEW_BEFORE, half)

    def _is_new(self, fields: Mapping[str, str]) -> bool:
        """Whether the token was renewed a moment ago: when it is rejected all the same, another one would be, too."""
        refreshed_at = from_text(fields.get("refreshed_at"))
        return refreshed_at is not None and self._clock.now() - refreshed_at < REJECTED_FOR

    def _report_age(self, fields: Mapping[str, str]) -> None:
        refreshed_at = from_text(fields.get("refreshed_at"))
        if refreshed_at and not self._reported:
            self._reported = True
            left = refreshed_at + REFRESH_TOKEN_LIFE - self._clock.now()
            self._report_days_left(left / timedelta(days=1))


def _digest(headers: Mapping[str, str]) -> str:
    """Identifies credentials without being one."""
    return hashlib.sha256("\n".join(f"{name}:{headers[name]}" for name in sorted(headers)).encode()).hexdigest()
