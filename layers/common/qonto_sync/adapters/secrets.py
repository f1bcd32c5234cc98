"""A connection's credentials, from its secret in Secrets Manager.

`{"login", "secret_key"}` is an API key. `{"client_id", "client_secret", "refresh_token"}` is OAuth 2.0, whose
refresh token changes with each use: the new one is stored in the secret before anything else is done with it.
"""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from aws_lambda_powertools.utilities.parameters import SecretsProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from botocore.exceptions import ClientError

from qonto_sync.adapters.aws import translated
from qonto_sync.errors import CredentialsRefused, InvalidSecret, Retriable, fate_of
from qonto_sync.times import from_text, to_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_secretsmanager import SecretsManagerClient

    from qonto_sync.adapters.http_client import HttpClient
    from qonto_sync.ports import Clock

_CACHE_SECONDS = 300
_RENEW_BEFORE = timedelta(minutes=5)
_API_KEY = ("login", "secret_key")
_OAUTH = ("client_id", "client_secret", "refresh_token")
_SHAPES = (
    'an API key is {"login": "…", "secret_key": "…"},'
    ' OAuth is {"client_id": "…", "client_secret": "…", "refresh_token": "…"}'
)


class SecretStore:
    """One secret, read through a short-lived cache."""

    def __init__(self, client: SecretsManagerClient, name: str) -> None:
        self._client = client
        self._provider = SecretsProvider(boto3_client=client)
        self._name = name

    @property
    def name(self) -> str:
        """The secret's name in Secrets Manager."""
        return self._name

    def read(self, *, fresh: bool = False) -> dict[str, str]:
        """The secret's fields.

        Raises:
            InvalidSecret: it is missing, or is not an object of texts.
        """
        with translated(f"secret {self._name!r}"):
            try:
                text = self._provider.get(self._name, max_age=_CACHE_SECONDS, force_fetch=fresh)
            except GetParameterError as error:
                raise self._cause(error) from error
        try:
            fields = json.loads(str(text or ""))
        except ValueError as error:
            raise InvalidSecret(f"The secret {self._name!r} is not JSON: {_SHAPES}") from error
        if not isinstance(fields, dict) or not all(isinstance(value, str) for value in fields.values()):
            raise InvalidSecret(f"The secret {self._name!r} is not a JSON object of texts: {_SHAPES}")
        return fields

    def write(self, fields: Mapping[str, str]) -> None:
        """Stores a new version, and forgets the cached one."""
        with translated(f"secret {self._name!r}"):
            self._client.put_secret_value(SecretId=self._name, SecretString=json.dumps(dict(fields)))
        self.read(fresh=True)

    def _cause(self, error: GetParameterError) -> Exception:
        """Powertools puts boto3's error into a text of its own; the error is its cause."""
        cause = error.__context__
        if isinstance(cause, ClientError) and cause.response["Error"]["Code"] == "ResourceNotFoundException":
            return InvalidSecret(
                f"The secret {self._name!r} does not exist. Create it, for example: aws secretsmanager"
                f" create-secret --name {self._name} --secret-string file://secret.json, where {_SHAPES}"
            )
        return cause if isinstance(cause, Exception) else error


class SecretCredentials:
    """See `adapters.qonto_api.Credentials`. Shared by all threads of a process."""

    def __init__(self, store: SecretStore, *, token_url: str, http: HttpClient, clock: Clock) -> None:
        self._store = store
        self._token_url = token_url
        self._http = http
        self._clock = clock
        self._lock = threading.Lock()

    def headers(self) -> Mapping[str, str]:
        """The headers of every request to Qonto.

        Raises:
            InvalidSecret: the secret lacks a field.
            CredentialsRefused: the refresh token is not accepted.
        """
        with self._lock:
            fields: Mapping[str, str] = self._store.read()
            if _names(fields, _OAUTH) and self._is_lapsing(fields):
                fields = self._refresh(self._store.read(fresh=True))
            return self._headers(fields)

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Looks for a new key or token in the secret; an OAuth token is refreshed if there is none."""
        with self._lock:
            fields = self._store.read(fresh=True)
            if self._headers(fields) != refused:
                return True
            if not _names(fields, _OAUTH):
                return False
            self._refresh(fields)
            return True

    def _headers(self, fields: Mapping[str, str]) -> dict[str, str]:
        if _names(fields, _API_KEY):
            headers = {"Authorization": f"{fields['login']}:{fields['secret_key']}"}
        elif _names(fields, _OAUTH):
            headers = {"Authorization": f"Bearer {fields.get('access_token', '')}"}
        else:
            found = ", ".join(sorted(fields)) or "nothing"
            raise InvalidSecret(f"The secret {self._store.name!r} has {found}, but {_SHAPES}")
        return headers | self._staging_headers(fields)

    @staticmethod
    def _staging_headers(fields: Mapping[str, str]) -> dict[str, str]:
        return {"X-Qonto-Staging-Token": fields["staging_token"]} if fields.get("staging_token") else {}

    def _is_lapsing(self, fields: Mapping[str, str]) -> bool:
        expires_at = from_text(fields.get("expires_at"))
        return expires_at is None or expires_at - self._clock.now() < _RENEW_BEFORE

    def _refresh(self, fields: Mapping[str, str]) -> Mapping[str, str]:
        """A new access token, in the secret before it is used: the refresh token that came with it is the only one."""
        form = urlencode({"grant_type": "refresh_token", **{name: fields[name] for name in _OAUTH}})
        response = self._http.send(
            "POST",
            self._token_url,
            headers={
                "Content-Type": "application/x-www-form-urlencoded",
                "Accept": "application/json",
                **self._staging_headers(fields),
            },
            body=form.encode(),
            kind="qonto",
        )
        answer = _json_object(response.data)
        if response.status != HTTPStatus.OK:
            code = answer.get("error")
            reason = f"Qonto's token endpoint answered {response.status} {code if isinstance(code, str) else ''}"
            if fate_of(response.status) is Retriable:
                raise Retriable(reason)
            raise CredentialsRefused(
                f"{reason.strip()}: give consent again and store the new refresh_token in {self._store.name!r}"
            )
        token, seconds = answer.get("access_token"), answer.get("expires_in")
        if not isinstance(token, str) or not isinstance(seconds, int):
            raise Retriable("Qonto's token endpoint answered without access_token or expires_in")
        refresh_token = answer.get("refresh_token")
        renewed = {
            **fields,
            "access_token": token,
            "expires_at": to_text(self._clock.now() + timedelta(seconds=seconds)),
            "refresh_token": refresh_token if isinstance(refresh_token, str) else fields["refresh_token"],
        }
        self._store.write(renewed)
        return renewed


def _names(fields: Mapping[str, str], names: tuple[str, ...]) -> bool:
    return all(fields.get(name) for name in names)


def _json_object(data: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(data)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
