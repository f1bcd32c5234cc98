"""Reads of Secrets Manager through a cache in memory."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, NamedTuple

from qonto_sync.aws.clients import aws_errors
from qonto_sync.domain.errors import Misconfigured

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_secretsmanager.type_defs import GetSecretValueResponseTypeDef

    from qonto_sync.domain.instant import Instant
    from qonto_sync.ports import Clock

_MOST_KEPT = 1_000


class SecretText(NamedTuple):
    """What Secrets Manager returned, and when."""

    text: str | None
    """None: there was no such secret."""
    read_at: Instant


class CachedSecrets:
    """Reads secrets by name. The caller decides how old a kept text may be."""

    def __init__(self, client: SecretsManagerClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._kept: dict[str, SecretText] = {}

    def kept(self, name: str, max_age: float) -> SecretText | None:
        """The last response for this secret, if it is younger than `max_age` seconds."""
        found = self._kept.get(name)
        return found if found and found.read_at.seconds_until(self._clock.instant()) < max_age else None

    def fetch(self, name: str) -> str | None:
        """The secret's current text; None if it does not exist.

        It may be stored as a text or as bytes, with or without a byte order mark.
        """
        now = self._clock.instant()
        try:
            with aws_errors(f"secret {name!r}"):
                text = secret_text(self._client.get_secret_value(SecretId=name))
        except Misconfigured:
            text = None
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        self._kept[name] = SecretText(text, now)
        return text

    def store(self, name: str, text: str) -> None:
        """Writes a new version of the secret."""
        with aws_errors(f"secret {name!r}"):
            self._client.put_secret_value(SecretId=name, SecretString=text)


def secret_text(response: GetSecretValueResponseTypeDef) -> str:
    """What is stored, as a text or as bytes, without the byte order mark that it may begin with."""
    if text := response.get("SecretString", ""):
        return text.removeprefix("\ufeff")
    data = response.get("SecretBinary", b"")
    # Windows PowerShell writes UTF-16 with a mark. Bytes that are no text are replaced: the text's reader finds them.
    has_wide_mark = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if has_wide_mark else "utf-8-sig", "replace")
