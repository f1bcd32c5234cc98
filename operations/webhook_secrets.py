"""The secrets that sign a connection's webhooks, in its secret in Secrets Manager.

The functions write the same secret when they refresh its token, and Secrets Manager has no conditional write: whoever
writes back what he read a moment ago may undo a refresh, which locks the connection out for good. Therefore nobody
writes it without the connection's open intent, which one process has at a time.
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
from qonto_sync.errors import Retriable, RowChanged
from qonto_sync.keys import WEBHOOK_SECRETS
from qonto_sync.model import RefreshIntent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_secretsmanager import SecretsManagerClient

    from qonto_sync.model import ConnectionName
    from qonto_sync.ports import Clock, RefreshIntents

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
    intents: RefreshIntents
    finish_refresh: Callable[[], None]
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
        intent = self._claimed()
        try:
            fields = self._read()
            yield fields
            # Whoever was suspended since then, lid closed, is not to write what he read long ago.
            intent = self.intents.write(self.connection, replace(intent, opened_at=self.clock.now()))
            self.client.put_secret_value(SecretId=self.name, SecretString=json.dumps(fields))
        except RowChanged as error:
            raise OperationFailed(f"The secret {self.name!r} was not changed: this took too long. Try again") from error
        finally:
            self._release(intent)

    def _claimed(self) -> RefreshIntent:
        for _ in range(_TRIES):
            found = self.intents.read(self.connection)
            try:
                if found and found.is_open:
                    self.finish_refresh()
                    continue
                # No token: whoever takes this intent over finds that there is nothing to repeat.
                owner = f"operator-{uuid.uuid4().hex}"
                version = found.version if found else 0
                intent = RefreshIntent(version, owner, token="", opened_at=self.clock.now(), is_open=True)
                return self.intents.write(self.connection, intent)
            except (Retriable, RowChanged):
                self.clock.sleep(1)
        raise OperationFailed(f"The secret {self.name!r} was not changed: its token is being refreshed. Try again")

    def _release(self, intent: RefreshIntent) -> None:
        try:
            self.intents.write(self.connection, replace(intent, is_open=False))
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
