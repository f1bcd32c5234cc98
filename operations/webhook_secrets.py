"""The secrets that sign a connection's webhooks, in a secret of their own: all that the webhook function can read.

Only these commands write it. Secrets Manager has no conditional write, but its label `AWSCURRENT` moves by
compare-and-swap: a new version is stored beside the current one, and becomes the current one only if that is still the
version which was read. So two operators never undo each other's change.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from operations.aws import OperationFailed
from qonto_sync.aws.cached_secrets import secret_text
from qonto_sync.domain.secret import WEBHOOK_SECRETS

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_secretsmanager.type_defs import CreateSecretRequestTypeDef

_TRIES: Final = 5
_NEXT: Final = "qonto-sync-next"
"""Labels the version that is about to become the current one."""


def new_secret() -> str:
    """A random signing secret, in Qonto's notation."""
    return f"whsec_{secrets.token_urlsafe(32)}"


def fingerprint(secret: str) -> str:
    """Identifies a secret without revealing it: the first digits of its hash."""
    return hashlib.sha256(secret.encode()).hexdigest()[:12]


class _Version(NamedTuple):
    """A version of the secret in Secrets Manager."""

    id: str
    fields: dict[str, Any]
    listed: list[str]


@dataclass(frozen=True, slots=True)
class WebhookSecrets:
    """The list, newest first. Each secret in it is accepted."""

    name: str
    """Of the secret in Secrets Manager. It need not exist."""
    kms_key_arn: str
    """Encrypts it once it is created; empty: AWS's key."""
    client: SecretsManagerClient

    def fingerprints(self) -> list[str]:
        """The fingerprints of the stored secrets."""
        found = self._read()
        return [fingerprint(secret) for secret in found.listed] if found else []

    def add(self, secret: str) -> None:
        """Stores it as the first of the list.

        Raises:
            OperationFailed: it is not stored.
        """
        self._change(lambda listed: [secret, *listed])

    def remove(self, unwanted: str) -> bool:
        """Removes the secret with this fingerprint, and returns whether there was one.

        Raises:
            OperationFailed: it is still stored.
        """
        return self._change(lambda listed: [secret for secret in listed if fingerprint(secret) != unwanted])

    def _change(self, change: Callable[[list[str]], list[str]]) -> bool:
        """Whether the list is another one now."""
        for _ in range(_TRIES):
            found = self._read()
            before = found.listed if found else []
            after = change(before)
            if after == before:
                return False
            text = json.dumps({**(found.fields if found else {}), WEBHOOK_SECRETS: after})
            if self._replace(found.id, text) if found else self._create(text):
                return True
        raise OperationFailed(f"The secret {self.name!r} was not changed: others are changing it. Try again")

    def _create(self, text: str) -> bool:
        request: CreateSecretRequestTypeDef = {
            "Name": self.name,
            "Description": "Signs Qonto's webhooks; made by qonto-sync",
            "SecretString": text,
        }
        if self.kms_key_arn:
            request["KmsKeyId"] = self.kms_key_arn
        try:
            self.client.create_secret(**request)
        except self.client.exceptions.ResourceExistsException:
            return False
        return True

    def _replace(self, version: str, text: str) -> bool:
        stored = self.client.put_secret_value(SecretId=self.name, SecretString=text, VersionStages=[_NEXT])
        try:
            self.client.update_secret_version_stage(
                SecretId=self.name,
                VersionStage="AWSCURRENT",
                RemoveFromVersionId=version,
                MoveToVersionId=stored["VersionId"],
            )
        except (self.client.exceptions.InvalidParameterException, self.client.exceptions.InvalidRequestException):
            # Another version has become the current one meanwhile.
            return False
        return True

    def _read(self) -> _Version | None:
        try:
            response = self.client.get_secret_value(SecretId=self.name)
        except self.client.exceptions.ResourceNotFoundException:
            return None
        except self.client.exceptions.InvalidRequestException as error:
            raise OperationFailed(
                f"The secret {self.name!r} is about to be deleted, so nothing was changed. Keep it first:\n"
                f"  aws secretsmanager restore-secret --secret-id {self.name}"
            ) from error
        try:
            fields = json.loads(secret_text(response))
        except (ValueError, RecursionError):
            fields = None
        listed = fields.get(WEBHOOK_SECRETS, []) if isinstance(fields, dict) else None
        # A single text counts as a list, as in the webhook function.
        listed = [listed] if isinstance(listed, str) else listed
        if not isinstance(listed, list) or not all(isinstance(secret, str) for secret in listed):
            # The parser's error has the secret in it, so it is not chained.
            raise OperationFailed(
                f'The secret {self.name!r} is not {{"{WEBHOOK_SECRETS}": ["…"]}}, so nothing was changed'
            ) from None
        return _Version(response["VersionId"], fields, listed)
