"""The secrets that sign webhooks, in a secret of their own for each connection."""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING, override

from qonto_sync.domain.errors import Retriable
from qonto_sync.domain.secret import WEBHOOK_SECRETS, WEBHOOKS
from qonto_sync.ports import SigningSecrets

if TYPE_CHECKING:
    from qonto_sync.aws.cached_secrets import CachedSecrets
    from qonto_sync.domain.ids import ConnectionName
    from qonto_sync.domain.instant import Instant
    from qonto_sync.ports import Clock

KEPT_SECONDS = 300
"""How long a secret that was removed may still be accepted."""

FRESH_SECONDS = 10
"""How long a new secret, or a new connection, may be unknown."""

READS_PER_FRESH_SECONDS = 20
"""Limits what a stranger who invents connection names can cost: each name is one request to Secrets Manager."""


class SecretsManagerSigningSecrets(SigningSecrets):
    """Read through the cache; that a connection has none is kept like any other answer."""

    def __init__(self, secrets: CachedSecrets, prefix: str, clock: Clock) -> None:
        self._secrets = secrets
        self._prefix = prefix
        self._clock = clock
        self._reads: deque[Instant] = deque(maxlen=READS_PER_FRESH_SECONDS)

    @override
    def read(self, connection: ConnectionName, *, fresh: bool = False) -> tuple[str, ...]:
        name = f"{self._prefix}{WEBHOOKS}{connection}"
        kept = self._secrets.kept(name, FRESH_SECONDS if fresh else KEPT_SECONDS)
        if kept:
            return signing_secrets(kept.text or "")
        self._count_read()
        return signing_secrets(self._secrets.fetch(name) or "")

    def _count_read(self) -> None:
        now = self._clock.instant()
        if len(self._reads) == READS_PER_FRESH_SECONDS and self._reads[0].seconds_until(now) < FRESH_SECONDS:
            raise Retriable("too many secrets were asked for within a few seconds")
        self._reads.append(now)


def signing_secrets(text: str) -> tuple[str, ...]:
    """The signing secrets in a secret for webhooks; none when it has another form."""
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    listed = fields.get(WEBHOOK_SECRETS) if isinstance(fields, dict) else None
    secrets = listed if isinstance(listed, list) else [listed]
    # Anybody can sign with an empty secret.
    return tuple(secret for secret in secrets if isinstance(secret, str) and secret)
