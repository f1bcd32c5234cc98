"""The secrets that sign a connection's webhooks, in its secret in Secrets Manager.

The functions write the same secret when they refresh its token, and Secrets Manager has no conditional write: a process
that writes back what it read a moment ago may undo a refresh, which locks the connection out. Therefore a process
writes it only under the connection's lease, which one process holds at a time.
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
"""One a second: a refresh in progress ends sooner, and an interrupted one can be recovered sooner."""


def new_secret() -> str:
    """A random signing secret, in Qonto's notation."""
    return f"whsec_{secrets.token_urlsafe(32)}"


def fingerprint(secret: str) -> str:
    """Identifies a secret without revealing it: the first digits of its hash."""
    return hashlib.sha256(secret.encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class WebhookSecrets:
    """The list, newest first. Each secret in it is accepted."""

    connection: ConnectionName
    name: str
    """Of the secret in Secrets Manager."""
    client: SecretsManagerClient
    leases: RefreshLeases
    recover_refresh: Callable[[], None]
    clock: Clock

    def fingerprints(self) -> list[str]:
        """The fingerprints of the stored secrets."""
        return [fingerprint(secret) for secret in _listed(self._read())]

    def add(self, secret: str) -> None:
        """Stores it as the first of the list.

        Raises:
            OperationFailed: it is not stored.
        """
        with self._under_lease() as fields:
            fields[WEBHOOK_SECRETS] = [secret, *_listed(fields)]

    def remove(self, unwanted: str) -> bool:
        """Removes the secret with this fingerprint, and returns whether there was one.

        Raises:
            OperationFailed: it is still stored.
        """
        with self._under_lease() as fields:
            before = _listed(fields)
            fields[WEBHOOK_SECRETS] = [secret for secret in before if fingerprint(secret) != unwanted]
            return len(fields[WEBHOOK_SECRETS]) < len(before)

    @contextmanager
    def _under_lease(self) -> Iterator[dict[str, Any]]:
        """All fields of the secret, to be changed; no other process writes them meanwhile."""
        lease = self._acquire()
        try:
            fields = self._read()
            yield fields
            # Fails if this process was suspended, with the laptop's lid closed, and its lease was taken over.
            lease = self.leases.write(self.connection, replace(lease, acquired_at=self.clock.now()))
            self.client.put_secret_value(SecretId=self.name, SecretString=json.dumps(fields))
        except RowChanged as error:
            raise OperationFailed(f"The secret {self.name!r} was not changed: this took too long. Try again") from error
        finally:
            self._release(lease)

    def _acquire(self) -> RefreshLease:
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
            # It expires by itself.
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
    """The secrets; a single text counts as a list, as in the webhook function."""
    found = fields.get(WEBHOOK_SECRETS) or []
    return [secret for secret in (found if isinstance(found, list) else [found]) if isinstance(secret, str)]
