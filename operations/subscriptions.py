"""Qonto's webhook subscriptions of one connection."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from operations.aws import OperationFailed
from qonto_sync.qonto.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Mapping

    import urllib3

    from qonto_sync.qonto.authenticated_client import AuthenticatedClient

TOPIC: Final = "v1/client-invoices"
_PATH: Final = "/v2/webhook_subscriptions"
_PER_PAGE: Final = 100
_MOST_PAGES: Final = 100
_LONGEST_REASON: Final = 200
_DESCRIPTION: Final = re.compile(r"qonto-sync, secret ([0-9a-f]{12})")
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription as Qonto shows it: without its secret. The description of one that we made identifies it."""

    id: str
    callback_url: str
    types: tuple[str, ...]
    description: str
    status: str

    @property
    def fingerprint(self) -> str | None:
        """That of its secret, if `qonto-sync webhook subscribe` made it."""
        found = _DESCRIPTION.fullmatch(self.description)
        return found[1] if found else None


class QontoSubscriptions:
    """The subscriptions of the connection's OAuth client; Qonto shows no others."""

    def __init__(self, client: AuthenticatedClient) -> None:
        self._client = client

    def create(self, callback_url: str, secret: str, fingerprint: str) -> Subscription:
        """Subscribes to client invoices.

        Raises:
            OperationFailed: Qonto rejected it; there is no subscription.
        """
        body = {
            "callback_url": callback_url,
            "types": [TOPIC],
            "secret": secret,
            "description": f"qonto-sync, secret {fingerprint}",
        }
        response = self._call("POST", "", body)
        if response.status not in {HTTPStatus.OK, HTTPStatus.CREATED}:
            raise _http_error(response, secret)
        fields = _object(response)
        return _subscription(fields.get("webhook_subscription") or fields.get("subscription") or fields)

    def all(self) -> list[Subscription]:
        """All of them; a short page ends the list, whatever Qonto's page numbers say."""
        found: dict[str, Subscription] = {}
        for page in range(1, _MOST_PAGES + 1):
            response = self._call("GET", f"?page={page}&per_page={_PER_PAGE}")
            if response.status != HTTPStatus.OK:
                raise _http_error(response)
            fields = _object(response)
            rows = fields.get("subscriptions") or fields.get("webhook_subscriptions") or []
            found |= {subscription.id: subscription for subscription in map(_subscription, rows)}
            if len(rows) < _PER_PAGE:
                break
        return list(found.values())

    def delete(self, subscription_id: str) -> None:
        """Ends it; one that does not exist is no error."""
        response = self._call("DELETE", f"/{subscription_id}")
        if response.status not in {HTTPStatus.OK, HTTPStatus.NO_CONTENT, HTTPStatus.NOT_FOUND}:
            raise _http_error(response)

    def _call(self, method: str, rest: str, body: Mapping[str, Any] | None = None) -> urllib3.BaseHTTPResponse:
        if not self._client.uses_oauth:
            raise OperationFailed(
                "Webhooks need OAuth: Qonto lets no API key subscribe. Store an OAuth client's credentials, with the"
                " scope `webhook`, in the connection's secret"
            )
        if body is None:
            return self._client.send(method, f"{_PATH}{rest}")
        headers = {"Content-Type": "application/json"}
        return self._client.send(method, f"{_PATH}{rest}", headers=headers, body=json.dumps(body).encode())


def _subscription(fields: Any) -> Subscription:
    if not isinstance(fields, dict) or not _ID.fullmatch(str(fields.get("id"))):
        raise OperationFailed("Qonto's answer has no usable subscription in it")
    types = fields.get("types")
    return Subscription(
        id=str(fields["id"]),
        callback_url=_shown(fields.get("callback_url")),
        types=tuple(_shown(topic) for topic in types) if isinstance(types, list) else (),
        description=_shown(fields.get("description")),
        status=_shown(fields.get("status")),
    )


def _http_error(response: urllib3.BaseHTTPResponse, secret: str = "") -> OperationFailed:
    errors = _object(response).get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    reason = redacted(" ".join(_shown(first.get(name)) for name in ("code", "detail")))[:_LONGEST_REASON].strip()
    if secret and secret in reason:
        reason = "no reason that could be shown"
    hint = ""
    if response.status == HTTPStatus.FORBIDDEN:
        hint = ". The consent has to include the scopes `webhook` and `client_invoices.read`: give it again"
    return OperationFailed(f"Qonto answered {response.status}: {reason or 'no reason given'}{hint}")


def _object(response: urllib3.BaseHTTPResponse) -> dict[str, Any]:
    try:
        fields = json.loads(response.data)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _shown(value: Any) -> str:
    """The text without control characters, which could affect the terminal."""
    return "".join(c for c in value if c.isprintable()) if isinstance(value, str) else ""
