"""The OAuth server: refresh tokens that rotate, access tokens that last an hour."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from urllib.parse import parse_qs

from local.qonto_simulator.messages import Request, Response, json_response

ACCESS_LIFETIME = timedelta(hours=1)
REFRESH_LIFETIME = timedelta(days=90)
GRACE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """An application and the refresh token that its consent gave it."""

    client_id: str = "simulator-client"
    client_secret: str = "simulator-client-secret"
    refresh_token: str = "simulator-refresh-token"
    scope: str = "offline_access client_invoices.read attachment.read webhook"


@dataclass(slots=True)
class _RefreshToken:
    issued_at: datetime
    first_used_at: datetime | None = None

    def is_usable(self, now: datetime) -> bool:
        in_grace = self.first_used_at is None or now <= self.first_used_at + GRACE
        return in_grace and now < self.issued_at + REFRESH_LIFETIME


class OAuth:
    """Exchanges refresh tokens; each exchange returns a new pair; the old one stays valid for a minute."""

    def __init__(self, client: OAuthClient, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._clock = clock
        self._lock = Lock()
        self._refresh_tokens = {client.refresh_token: _RefreshToken(clock())}
        self._access_tokens: dict[str, datetime] = {}
        self._issued = 0

    def is_valid(self, access_token: str) -> bool:
        """Return whether the access token gives access now."""
        with self._lock:
            expires_at = self._access_tokens.get(access_token)
        return expires_at is not None and self._clock() < expires_at

    def grants(self, scope: str) -> bool:
        """Return whether the consent included this."""
        return scope in self._client.scope.split()

    def answer(self, request: Request) -> Response:
        """Answer a request to the token endpoint."""
        if request.method != "POST":
            return _error(405, "invalid_request", "The token endpoint takes POST only")
        media_type = request.headers.get("content-type", "").partition(";")[0].strip()
        if media_type != "application/x-www-form-urlencoded":
            return _error(400, "invalid_request", "The body must be application/x-www-form-urlencoded")
        if "authorization" in request.headers:
            return _error(
                401,
                "invalid_client",
                "Client authentication failed (e.g., unknown client, no client authentication included, or "
                "unsupported authentication method).",
            )
        form = {name: values[-1] for name, values in parse_qs(request.body.decode(errors="replace")).items()}
        if (form.get("client_id"), form.get("client_secret")) != (
            self._client.client_id,
            self._client.client_secret,
        ):
            return _error(401, "invalid_client", "Client authentication failed (e.g., unknown client).")
        if form.get("grant_type") != "refresh_token":
            return _error(400, "unsupported_grant_type", "Only refresh_token is supported here")
        return self._refresh(form.get("refresh_token", ""))

    def _refresh(self, given: str) -> Response:
        now = self._clock()
        with self._lock:
            token = self._refresh_tokens.get(given)
            if token is None or not token.is_usable(now):
                return _error(400, "invalid_grant", "The provided refresh token is invalid, expired or revoked.")
            token.first_used_at = token.first_used_at or now
            access_token, refresh_token = self._new_token("access"), self._new_token("refresh")
            self._access_tokens[access_token] = now + ACCESS_LIFETIME
            self._refresh_tokens[refresh_token] = _RefreshToken(now)
        return json_response(
            200,
            {
                "access_token": access_token,
                "expires_in": int(ACCESS_LIFETIME.total_seconds()),
                "refresh_token": refresh_token,
                "scope": self._client.scope,
                "token_type": "bearer",
            },
        )

    def _new_token(self, kind: str) -> str:
        self._issued += 1
        seed = f"{kind}:{self._client.refresh_token}:{self._issued}".encode()
        return base64.urlsafe_b64encode(hashlib.sha256(seed).digest()).decode().rstrip("=")


def _error(status: int, error: str, description: str) -> Response:
    return json_response(status, {"error": error, "error_description": description})
