"""A connection's secret in Secrets Manager."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, override

from qonto_sync.domain.errors import InvalidSecret
from qonto_sync.domain.secret import (
    API_KEY_FIELDS,
    CREDENTIAL_FORMATS,
    KNOWN_FIELDS,
    MANAGED_BY,
    OAUTH_FIELDS,
    described,
    has_fields,
)
from qonto_sync.ports import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qonto_sync.aws.cached_secrets import CachedSecrets

_CACHE_SECONDS = 300
_SENDABLE = re.compile(r"[\x20-\x7e]*")
_STACK = re.compile(r"\d{12}/[a-z0-9-]{1,40}/[A-Za-z][A-Za-z0-9-]{0,127}", re.ASCII)


class SecretStore(Secret):
    """The credentials in a secret, which belongs to one stack if its token is refreshed.

    Fields of other names are ignored, and `write` keeps them. No error contains a value, or a name that is not known:
    people put credentials in the wrong places.
    """

    def __init__(self, secrets: CachedSecrets, name: str, stack: str) -> None:
        """`stack` identifies the deployment, as `<account>/<region>/<name of the stack>`."""
        self._secrets = secrets
        self._name = name
        self._stack = stack
        self._others: dict[str, Any] = {}

    @property
    @override
    def name(self) -> str:
        return self._name

    @override
    def read(self, *, fresh: bool = False) -> Mapping[str, str]:
        """The known fields, up to five minutes old unless `fresh`: those of an API key, or of OAuth.

        Raises:
            InvalidSecret: it does not exist, is no JSON object, lacks a field, has a known one that is no text which an
                HTTP header can carry, or another stack refreshes its token.
        """
        kept = None if fresh else self._secrets.kept(self._name, _CACHE_SECONDS)
        text = kept.text if kept and kept.text is not None else self._secrets.fetch(self._name)
        if text is None:
            raise InvalidSecret(
                f"The secret {self._name!r} does not exist. Create it, for example: aws secretsmanager"
                f" create-secret --name {self._name} --secret-string file://secret.json, where {CREDENTIAL_FORMATS}"
            )
        content = self._object(text)
        fields = {name: self._sendable(name, content.pop(name)) for name in KNOWN_FIELDS if name in content}
        if not has_fields(fields, API_KEY_FIELDS) and not has_fields(fields, OAUTH_FIELDS):
            found = described(fields | content)
            raise InvalidSecret(f"The secret {self._name!r} has {found}, but {CREDENTIAL_FORMATS}")
        self._check_owner(fields)
        self._others = content
        return fields

    @override
    def write(self, fields: Mapping[str, str]) -> None:
        self._secrets.store(self._name, json.dumps({**self._others, **fields, MANAGED_BY: self._stack}))
        self.read(fresh=True)

    def _object(self, text: str) -> dict[str, Any]:
        try:
            content = json.loads(text)
        except (ValueError, RecursionError):
            # The parser's error contains the secret, so it is not chained.
            raise InvalidSecret(f"The secret {self._name!r} is not JSON: {CREDENTIAL_FORMATS}") from None
        if not isinstance(content, dict):
            raise InvalidSecret(f"The secret {self._name!r} is not a JSON object: {CREDENTIAL_FORMATS}")
        return content

    def _sendable(self, name: str, value: object) -> str:
        if not isinstance(value, str):
            raise InvalidSecret(f"The secret {self._name!r} has a {name!r} that is no text: {CREDENTIAL_FORMATS}")
        if not _SENDABLE.fullmatch(value) or value != value.strip():
            raise InvalidSecret(
                f"The secret {self._name!r} has a {name!r} with a character that can't be sent, or with space"
                " around it: perhaps a line break was copied along"
            )
        return value

    def _check_owner(self, fields: Mapping[str, str]) -> None:
        owner = fields.get(MANAGED_BY) or self._stack
        if owner == self._stack or not has_fields(fields, OAUTH_FIELDS):
            return
        # Each refresh uses the refresh token up, and only one stack's lease protects it.
        other = f"the stack {owner}" if _STACK.fullmatch(owner) else "another stack"
        raise InvalidSecret(
            f"The token in the secret {self._name!r} is refreshed by {other}, and this stack is {self._stack}. Give"
            " this stack a QontoSecretPrefix of its own, and a secret with a refresh_token of its own; or, if the other"
            f" stack does not use the secret any more, remove {MANAGED_BY} from it"
        )
