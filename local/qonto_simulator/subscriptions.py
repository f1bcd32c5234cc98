"""Webhook subscriptions, and the endpoints that manage them."""

import dataclasses
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Any, Final
from urllib.parse import urlsplit

from local.qonto_simulator.invoices import identifier
from local.qonto_simulator.messages import RefusedError, Request, Response, json_response
from local.qonto_simulator.query import read_page, refuse_parameters
from local.qonto_simulator.timestamps import zulu

PATH: Final = "/v2/webhook_subscriptions"
SCOPE: Final = "webhook"
CLIENT_INVOICES: Final = "v1/client-invoices"

_ROUTE = re.compile(PATH + r"(?:/(?P<id>[^/]+))?")
_TOPICS = {
    CLIENT_INVOICES,
    "v1/transactions",
    "v1/accounts",
    "v1/organizations",
    "v1/memberships",
    "v1/cards",
    "v1/clients",
    "v1/payment-links",
    "v1/consent-revocations",
}
_FIELDS = {"callback_url", "types", "secret", "description"}
_LONGEST_URL, _LONGEST_DESCRIPTION = 512, 256
_SHORTEST_SECRET, _LONGEST_SECRET = 32, 128
# Qonto requires https; here an endpoint on this machine may use http.
_LOOPBACK = {"127.0.0.1", "localhost", "172.17.0.1"}


@dataclass(frozen=True, slots=True)
class Subscription:
    """One address that receives webhooks."""

    id: str
    callback_url: str
    types: tuple[str, ...]
    secret: str = field(repr=False)
    description: str | None
    created_at: datetime
    updated_at: datetime


class Subscriptions:
    """All that the OAuth client has; a secret is shown once, in the response that created it."""

    def __init__(self, seed: int, present: Callable[[], datetime]) -> None:
        self.organization_id = identifier(seed, "organization")
        self.membership_id = identifier(seed, "membership")
        self._seed = seed
        self._present = present
        self._lock = Lock()
        self._live: dict[str, Subscription] = {}
        self._made = 0

    def live(self) -> list[Subscription]:
        """Return those that are not deleted, oldest first."""
        with self._lock:
            return list(self._live.values())

    def find(self, subscription_id: str) -> Subscription | None:
        """Return it as it is now, None if it is deleted."""
        return self._live.get(subscription_id)

    def answer(self, request: Request) -> Response:
        """Answer an authenticated request, or raise `RefusedError`."""
        route = _ROUTE.fullmatch(request.path)
        if route is None:
            raise RefusedError(404, "not_found", f"no such path: {request.path}")
        if request.method == "GET" and route["id"] is None:
            return self._list(request.query)
        refuse_parameters(request.query)
        match (request.method, route["id"]):
            case ("POST", None):
                return self._create(_fields(request))
            case ("GET", str(id_)):
                return self._shown(self._known(id_))
            case ("PUT", str(id_)):
                return self._update(self._known(id_), _fields(request))
            case ("DELETE", str(id_)):
                return self._delete(id_)
            case _:
                raise RefusedError(405, "method_not_allowed", f"{request.method} is not allowed here")

    def _list(self, query: str) -> Response:
        page, per_page = read_page(query)
        everything = self.live()
        pages = -(-len(everything) // per_page)
        meta = {
            "current_page": page,
            "next_page": page + 1 if page < pages else None,
            "prev_page": page - 1 if page > 1 else None,
            "total_pages": pages,
            "total_count": len(everything),
            "per_page": per_page,
        }
        shown = [self._without_secret(each) for each in everything[(page - 1) * per_page : page * per_page]]
        return json_response(200, {"subscriptions": shown, "meta": meta})

    def _create(self, fields: dict[str, Any]) -> Response:
        for name in ("callback_url", "types"):
            if name not in fields:
                raise _unprocessable(name, "is missing")
        # After every due event, because a subscription gets no webhook for earlier ones.
        now = self._present()
        with self._lock:
            self._made += 1
            made = hashlib.sha256(f"{self._seed}:webhook secret:{self._made}".encode()).hexdigest()
            subscription = Subscription(
                id=identifier(self._seed, "webhook subscription", self._made),
                callback_url=fields["callback_url"],
                types=tuple(fields["types"]),
                secret=fields.get("secret") or f"whsec_{made}",
                description=fields.get("description"),
                created_at=now,
                updated_at=now,
            )
            self._live[subscription.id] = subscription
        shown = self._without_secret(subscription) | {"secret": subscription.secret}
        return json_response(201, {"webhook_subscription": shown})

    def _update(self, known: Subscription, fields: dict[str, Any]) -> Response:
        if "types" in fields:
            fields["types"] = tuple(fields["types"])
        changed = dataclasses.replace(known, updated_at=self._present(), **fields)
        with self._lock:
            self._live[known.id] = changed
        return self._shown(changed)

    def _delete(self, subscription_id: str) -> Response:
        self._known(subscription_id)
        with self._lock:
            self._live.pop(subscription_id, None)
        return Response(204)

    def _known(self, subscription_id: str) -> Subscription:
        found = self.find(subscription_id)
        if found is None:
            raise RefusedError(404, "not_found", "webhook subscription not found")
        return found

    def _shown(self, subscription: Subscription) -> Response:
        return json_response(200, {"webhook_subscription": self._without_secret(subscription)})

    def _without_secret(self, subscription: Subscription) -> dict[str, Any]:
        return {
            "id": subscription.id,
            "organization_id": self.organization_id,
            "membership_id": self.membership_id,
            "callback_url": subscription.callback_url,
            "types": list(subscription.types),
            "description": subscription.description,
            "created_at": zulu(subscription.created_at),
            "updated_at": zulu(subscription.updated_at),
        }


def _fields(request: Request) -> dict[str, Any]:
    """Return the body's fields, each in the documented form."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise RefusedError(415, "unsupported_media_type", "the body must be application/json")
    try:
        fields = json.loads(request.body)
    except ValueError as error:
        raise RefusedError(400, "bad_request", "the body is not JSON") from error
    if not isinstance(fields, dict):
        raise RefusedError(400, "bad_request", "the body must be a JSON object")
    for name, value in fields.items():
        _check(name, value)
    return fields


def _check(name: str, value: Any) -> None:
    match name, value:
        case "callback_url", str() if len(value) <= _LONGEST_URL and _is_reachable(value):
            return
        case "types", [_, *_] if all(isinstance(topic, str) and topic in _TOPICS for topic in value):
            return
        case "secret", str() if _SHORTEST_SECRET <= len(value) <= _LONGEST_SECRET:
            return
        case "description", None | str() if len(value or "") <= _LONGEST_DESCRIPTION:
            return
    # Never the value: it may be the secret.
    raise _unprocessable(name, "is not valid" if name in _FIELDS else "is not a field of a subscription")


def _is_reachable(url: str) -> bool:
    parts = urlsplit(url)
    return parts.hostname is not None and (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    )


def _unprocessable(name: str, what: str) -> RefusedError:
    return RefusedError(422, "invalid", f"{name} {what}", name)
