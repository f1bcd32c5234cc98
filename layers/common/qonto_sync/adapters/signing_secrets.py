"""The key `webhook_secrets` of the connections' secrets in Secrets Manager."""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from qonto_sync.adapters.aws import translated
from qonto_sync.errors import Misconfigured, Retriable
from qonto_sync.keys import WEBHOOK_SECRETS

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

    from qonto_sync.model import ConnectionName
    from qonto_sync.ports import Clock

KEPT_SECONDS = 300
"""How long a secret that was taken back may still be accepted."""

FRESH_SECONDS = 10
"""How long a new secret, or a new connection, may be unknown."""

READS_PER_FRESH_SECONDS = 20
"""A stranger can make up names, and each costs a request to Secrets Manager."""

_MOST_KNOWN = 1_000


class _Known(NamedTuple):
    read_at: float
    secrets: tuple[str, ...]


class SecretsManagerSigningSecrets:
    """See `ports.SigningSecrets`. That there are none is remembered like any other answer."""

    def __init__(self, client: SecretsManagerClient, prefix: str, clock: Clock) -> None:
        self._client = client
        self._prefix = prefix
        self._clock = clock
        self._known: dict[ConnectionName, _Known] = {}
        self._reads: deque[float] = deque(maxlen=READS_PER_FRESH_SECONDS)

    def read(self, connection: ConnectionName, *, fresh: bool = False) -> tuple[str, ...]:
        """See `ports.SigningSecrets`."""
        now = self._clock.monotonic()
        found = self._known.get(connection)
        if found and now - found.read_at < (FRESH_SECONDS if fresh else KEPT_SECONDS):
            return found.secrets
        self._count(now)
        secrets = self._fetch(connection)
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[connection] = _Known(now, secrets)
        return secrets

    def _count(self, now: float) -> None:
        if len(self._reads) == READS_PER_FRESH_SECONDS and now - self._reads[0] < FRESH_SECONDS:
            raise Retriable("too many secrets were asked for within a few seconds")
        self._reads.append(now)

    def _fetch(self, connection: ConnectionName) -> tuple[str, ...]:
        name = f"{self._prefix}{connection}"
        try:
            with translated(f"secret {name!r}"):
                answer = self._client.get_secret_value(SecretId=name)
        except Misconfigured:
            return ()
        return signing_secrets(answer.get("SecretString", ""))


def signing_secrets(text: str) -> tuple[str, ...]:
    """Those in a connection's secret; none when it has another form, which the sync tells a person."""
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    listed = fields.get(WEBHOOK_SECRETS) if isinstance(fields, dict) else None
    secrets = listed if isinstance(listed, list) else [listed]
    # An empty one would be everybody's.
    return tuple(secret for secret in secrets if isinstance(secret, str) and secret)
