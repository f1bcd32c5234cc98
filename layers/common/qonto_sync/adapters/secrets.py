"""A connection's secret in Secrets Manager."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from aws_lambda_powertools.utilities.parameters import SecretsProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from botocore.exceptions import ClientError

from qonto_sync.adapters.aws import error_code, translated
from qonto_sync.errors import InvalidSecret
from qonto_sync.keys import WEBHOOK_SECRETS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from mypy_boto3_secretsmanager import SecretsManagerClient

SHAPES = (
    'an API key is {"login": "…", "secret_key": "…"},'
    ' OAuth is {"client_id": "…", "client_secret": "…", "refresh_token": "…"}'
)
"""What a secret may be, for a person."""

_CACHE_SECONDS = 300
_SENDABLE = re.compile(r"[\x20-\x7e]*")


class SecretStore:
    """See `ports.Secret`. Read through a short-lived cache. What signs webhooks is not given, and kept."""

    def __init__(self, client: SecretsManagerClient, name: str) -> None:
        self._client = client
        self._provider = SecretsProvider(boto3_client=client)
        self._name = name
        self._webhook_secrets: dict[str, Any] = {}

    @property
    def name(self) -> str:
        """The secret's name in Secrets Manager."""
        return self._name

    def read(self, *, fresh: bool = False) -> Mapping[str, str]:
        """See `ports.Secret`.

        Raises:
            InvalidSecret: it is missing, or is not an object of texts that can be sent.
        """
        with translated(f"secret {self._name!r}"):
            try:
                text = self._provider.get(self._name, max_age=_CACHE_SECONDS, force_fetch=fresh)
            except GetParameterError as error:
                raise self._cause(error) from error
        try:
            fields = json.loads(str(text or ""))
        except (ValueError, RecursionError):
            # The parser's error has the secret in it, so it is not chained.
            raise InvalidSecret(f"The secret {self._name!r} is not JSON: {SHAPES}") from None
        if isinstance(fields, dict):
            self._webhook_secrets = {name: fields.pop(name) for name in (WEBHOOK_SECRETS,) if name in fields}
        if not isinstance(fields, dict) or not all(isinstance(value, str) for value in fields.values()):
            raise InvalidSecret(f"The secret {self._name!r} is not a JSON object of texts: {SHAPES}")
        for name, value in fields.items():
            if not _SENDABLE.fullmatch(value) or value != value.strip():
                raise InvalidSecret(
                    f"The secret {self._name!r} has a {name!r} with a character that can't be sent, or with space"
                    " around it: perhaps a line break was copied along"
                )
        return fields

    def write(self, fields: Mapping[str, str]) -> None:
        """See `ports.Secret`: stores a new version, and forgets the cached one."""
        # The operator's command changes those under an intent of its own, so they are still as they were read.
        with translated(f"secret {self._name!r}"):
            text = json.dumps({**self._webhook_secrets, **fields})
            self._client.put_secret_value(SecretId=self._name, SecretString=text)
        self.read(fresh=True)

    def _cause(self, error: GetParameterError) -> Exception:
        """Powertools puts boto3's error into a text of its own; the error is its cause."""
        cause = error.__context__
        if isinstance(cause, ClientError) and error_code(cause) == "ResourceNotFoundException":
            return InvalidSecret(
                f"The secret {self._name!r} does not exist. Create it, for example: aws secretsmanager"
                f" create-secret --name {self._name} --secret-string file://secret.json, where {SHAPES}"
            )
        return cause if isinstance(cause, Exception) else error
