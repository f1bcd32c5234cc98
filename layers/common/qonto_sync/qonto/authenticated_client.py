"""Requests to Qonto's API with a connection's credentials."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import urllib3

    from qonto_sync.ports import Credentials
    from qonto_sync.qonto.http_client import HttpClient


class AuthenticatedClient:
    """Sends requests to one base URL; after a 401 it renews the credentials and tries once more."""

    def __init__(self, base_url: str, http: HttpClient, credentials: Credentials) -> None:
        self._base_url = base_url
        self._http = http
        self._credentials = credentials

    @property
    def uses_oauth(self) -> bool:
        """Whether the connection has an OAuth token rather than an API key."""
        return self._credentials.headers().get("Authorization", "").startswith("Bearer ")

    def send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        renews: bool = True,
    ) -> urllib3.BaseHTTPResponse:
        """The response, whatever its status. Without `renews` a 401 says nothing about the credentials.

        Raises:
            Retriable, Permanent: as `HttpClient.send`.
            CredentialsRejected, InvalidSecret: as `Credentials.headers`.
        """
        credentials = self._credentials.headers()
        response = self._send(method, path, {**credentials, **(headers or {})}, body)
        if renews and response.status == HTTPStatus.UNAUTHORIZED and self._credentials.renew(credentials):
            response = self._send(method, path, {**self._credentials.headers(), **(headers or {})}, body)
        return response

    def _send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> urllib3.BaseHTTPResponse:
        headers = {**headers, "Accept": "application/json"}
        return self._http.send(method, f"{self._base_url}{path}", headers=headers, body=body, kind="qonto")
