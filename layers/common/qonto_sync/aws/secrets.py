"""A connection's secret in Secrets Manager."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, override

from qonto_sync.domain.errors import InvalidSecret
from qonto_sync.domain.secret import CREDENTIAL_FORMATS, WEBHOOK_SECRETS
from qonto_sync.ports import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from qonto_sync.aws.cached_secrets import CachedSecrets

_CACHE_SECONDS = 300
_SENDABLE = re.compile(r"[\x20-\x7e]*")


class SecretStore(Secret):
    """The secret's fields, except the webhook secrets, which `write` keeps as they are."""

    def __init__(self, secrets: CachedSecrets, name: str) -> None:
        self._secrets = secrets
        self._name = name
        self._webhook_secrets: dict[str, Any] = {}

    @property
    @override
    def name(self) -> str:
        return self._name

    @override
    def read(self, *, fresh: bool = False) -> Mapping[str, str]:
        """The fields, up to five minutes old unless `fresh`.

        Raises:
            InvalidSecret: it does not exist, or is not an object of texts that an HTTP header can carry.
        """
        kept = None if fresh else self._secrets.kept(self._name, _CACHE_SECONDS)
        text = kept.text if kept and kept.text is not None else self._secrets.fetch(self._name)
        if text is None:
            raise InvalidSecret(
                f"The secret {self._name!r} does not exist. Create it, for example: aws secretsmanager"
                f" create-secret --name {self._name} --secret-string file://secret.json, where {CREDENTIAL_FORMATS}"
            )
        try:
            fields = json.loads(text)
        except (ValueError, RecursionError):
            # The parser's error contains the secret, so it is not chained.
            raise InvalidSecret(f"The secret {self._name!r} is not JSON: {CREDENTIAL_FORMATS}") from None
        if isinstance(fields, dict):
            self._webhook_secrets = {name: fields.pop(name) for name in (WEBHOOK_SECRETS,) if name in fields}
        if not isinstance(fields, dict) or not all(isinstance(value, str) for value in fields.values()):
            raise InvalidSecret(f"The secret {self._name!r} is not a JSON object of texts: {CREDENTIAL_FORMATS}")
        for name, value in fields.items():
            if not _SENDABLE.fullmatch(value) or value != value.strip():
                raise InvalidSecret(
                    f"The secret {self._name!r} has a {name!r} with a character that can't be sent, or with space"
                    " around it: perhaps a line break was copied along"
                )
        return fields

    @override
    def write(self, fields: Mapping[str, str]) -> None:
        # An operator's command changes the webhook secrets only under the connection's lease, so they are unchanged.
        self._secrets.store(self._name, json.dumps({**self._webhook_secrets, **fields}))
        self.read(fresh=True)
