"""A connection's credentials: the fields of its secret, and the lease to refresh its token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, override

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

API_KEY_FIELDS = ("login", "secret_key")
"""What the secret of a connection with an API key has."""

OAUTH_FIELDS = ("client_id", "client_secret", "refresh_token")
"""What the secret of an OAuth connection has at least; a refresh adds more."""

_OF_A_REFRESH = ("access_token", "expires_at", "refreshed_at", "managed_by")

MANAGED_BY = "managed_by"
"""In the secret of an OAuth connection: the stack that refreshes its token, written by the first refresh."""

KNOWN_FIELDS = (*API_KEY_FIELDS, *OAUTH_FIELDS, *_OF_A_REFRESH, "staging_token")
"""All that is read of a secret. Only these names appear in errors: another one may be a credential itself."""

WEBHOOK_SECRETS = "webhook_secrets"
"""What a secret for webhooks has: the texts that they are signed with, the newest first."""

WEBHOOKS = "webhooks/"
"""Between the prefix of the secrets and a connection's name: the secret for its webhooks. No connection's credentials
are there, because its name has no slash."""

CREDENTIAL_FORMATS = (
    'an API key is {"login": "…", "secret_key": "…"},'
    ' OAuth is {"client_id": "…", "client_secret": "…", "refresh_token": "…"}'
)
"""The two forms of a secret, for error messages."""


def has_fields(fields: Mapping[str, str], names: tuple[str, ...]) -> bool:
    """Whether the secret has all of these, and none is empty."""
    return all(fields.get(name) for name in names)


def described(fields: Mapping[str, object]) -> str:
    """What a secret has, for error messages: the known fields by name, the others by number."""
    known = [name if fields[name] else f"{name} (empty)" for name in KNOWN_FIELDS if name in fields]
    others = len(fields) - len(known)
    if others:
        known.append(f"{others} field{'s' if others > 1 else ''} of another name")
    return ", ".join(known) or "nothing"


def staging_headers(fields: Mapping[str, str]) -> dict[str, str]:
    """The header that Qonto's sandbox requires on every request; none when the secret has no `staging_token`."""
    return {"X-Qonto-Staging-Token": fields["staging_token"]} if fields.get("staging_token") else {}


@dataclass(frozen=True, slots=True)
class RefreshLease:
    """The right to use a connection's refresh token. It is written only over the version that was read."""

    version: int
    """0: the lease is not in the table yet."""
    owner: str
    token: str
    """Identifies the refresh token, as a short hash."""
    acquired_at: datetime
    is_active: bool
    """False once its owner released it."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the token endpoint returned for a refresh token."""

    access_token: str | None
    """None when the answer had a new refresh token only."""
    expires_at: datetime
    refresh_token: str | None
    """The next one; None when the old one stays valid."""

    @override
    def __repr__(self) -> str:
        """Without the tokens, so that no log line or traceback shows them."""
        return f"Tokens(expires_at={self.expires_at!r})"
