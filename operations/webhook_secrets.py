"""The secrets that sign a connection's webhooks, in its secret in Secrets Manager.

The functions write the same secret when they refresh its token, and Secrets Manager has no conditional write: whoever
writes back what he read a moment ago may undo a refresh, which locks the connection out for good. Therefore nobody
writes it without the connection's open lease, which one process has at a time.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from operations.aws import OperationFailed
from qonto_sync.domain.errors import Retriable, RowChanged
from qonto_sync.domain.secret import WEBHOOK_SECRETS, RefreshLease

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_secretsmanager import SecretsManagerClient

    from qonto_sync.domain.ids import ConnectionName
    from qonto_sync.ports import Clock, RefreshLeases

_TRIES: Final = 60
"""One a second: a refresh that is under way ends sooner, and one that was interrupted can be finished sooner."""


def new_secret() -> str:
    """One that nobody can guess, in Qonto's notation."""
    return f"whsec_{secrets.token_urlsafe(32)}"


def fingerprint(secret: str) -> str:
    """Tells two secrets apart without being one: a few digits of a hash of something unguessable."""
    return hashlib.sha256(secret.encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class WebhookSecrets:
    """The list, newest first. Whatever is in it is accepted."""

    connection: ConnectionName
    name: str
    """Of the secret in Secrets Manager."""
    client: SecretsManagerClient
    leases: RefreshLeases
    recover_refresh: Callable[[], None]
    clock: Clock

    def fingerprints(self) -> list[str]:
        """Those of the secrets that are stored."""
        return [fingerprint(secret) for secret in _listed(self._read())]

    def add(self, secret: str) -> None:
        """Stores it before all others.

        Raises:
            OperationFailed: it is not stored.
        """
        with self._alone() as fields:
            fields[WEBHOOK_SECRETS] = [secret, *_listed(fields)]

    def remove(self, unwanted: str) -> bool:
        """Forgets the secret with this fingerprint, and tells whether there was one.

        Raises:
            OperationFailed: it is still stored.
        """
        with self._alone() as fields:
            before = _listed(fields)
            fields[WEBHOOK_SECRETS] = [secret for secret in before if fingerprint(secret) != unwanted]
            return len(fields[WEBHOOK_SECRETS]) < len(before)

    @contextmanager
    def _alone(self) -> Iterator[dict[str, Any]]:
        """All fields of the secret, to be changed; nobody else writes them meanwhile."""
        lease = self._claimed()
        try:
            fields = self._read()
            yield fields
            # Whoever was suspended since then, lid closed, is not to write what he read long ago.
            lease = self.leases.write(self.connection, replace(lease, acquired_at=self.clock.now()))
            self.client.put_secret_value(SecretId=self.name, SecretString=json.dumps(fields))
        except RowChanged as error:
            raise OperationFailed(f"The secret {self.name!r} was not changed: this took too long. Try again") from error
        finally:
            self._release(lease)

    def _claimed(self) -> RefreshLease:
        for _ in range(_TRIES):
            found = self.leases.read(self.connection)
            try:
                if found and found.is_active:
                    self.recover_refresh()
                    continue
                # No token: a process that takes this lease over finds that there is nothing to repeat.
                owner = f"operator-{uuid.uuid4().hex}"
                version = found.version if found else 0
                lease = RefreshLease(version, owner, token="", acquired_at=self.clock.now(), is_active=True)
                return self.leases.write(self.connection, lease)
            except (Retriable, RowChanged):
                self.clock.sleep(1)
        raise OperationFailed(f"The secret {self.name!r} was not changed: its token is being refreshed. Try again")

    def _release(self, lease: RefreshLease) -> None:
        try:
            self.leases.write(self.connection, replace(lease, is_active=False))
        except (Retriable, RowChanged):
            # It lapses by itself.
            return

    def _read(self) -> dict[str, Any]:
        text = self.client.get_secret_value(SecretId=self.name)["SecretString"]
        try:
            fields = json.loads(text)
        except ValueError:
            fields = None
        if not isinstance(fields, dict):
            # The parser's error has the secret in it, so it is not chained.
            raise OperationFailed(f"The secret {self.name!r} is no JSON object, so nothing was changed") from None
        return fields


def _listed(fields: dict[str, Any]) -> list[str]:
    """The webhook function accepts one that is no list, too."""
    found = fields.get(WEBHOOK_SECRETS) or []
    return [secret for secret in (found if isinstance(found, list) else [found]) if isinstance(secret, str)]
