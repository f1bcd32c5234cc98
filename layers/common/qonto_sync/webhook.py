"""A webhook's request and its answer, in API Gateway's format 2.0, which is that of a Function URL, too."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from qonto_sync.errors import WebhookRefused
from qonto_sync.keys import CONNECTION_PATTERN
from qonto_sync.model import ConnectionName, InvoiceId, is_usable_id

if TYPE_CHECKING:
    from collections.abc import Mapping

_SIGNATURE_HEADER = "x-qonto-signature"

_PATH = re.compile(rf"/webhooks/({CONNECTION_PATTERN.pattern})")
# What Qonto appends to a topic, if anything, is not documented.
_TOPIC = re.compile(r"v1/client-invoices(?:[./:]\w+)?")
# `data` is documented as the invoice's fields. The second place is where the API's own answers have them.
_PLACES_OF_THE_ID = (("data", "id"), ("data", "client_invoice", "id"))


class Refusal(StrEnum):
    """Why nothing is done for a request. The sender is told a status and nothing more."""

    METHOD = "method"
    PATH = "path"
    CONTENT_TYPE = "content_type"
    SIZE = "size"
    MALFORMED = "malformed"
    STALE = "stale"
    SIGNATURE = "signature"
    NO_INVOICE = "no_invoice"


class Outcome(StrEnum):
    """What became of a request."""

    ACCEPTED = "accepted"
    IGNORED = "ignored"
    REFUSED = "refused"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a request, and whom it was for as far as that is known."""

    outcome: Outcome
    connection: ConnectionName | None = None
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A request as it came in: hostile, until its signature was checked."""

    method: str
    path: str
    headers: Mapping[str, str]
    """By their names in lower case."""
    text: str
    is_base64: bool

    @staticmethod
    def of(event: Any) -> WebhookRequest:
        """The request in an event. What is missing or of another type is empty, and so refused later."""
        fields = _object(event)
        headers = {str(name).lower(): _text(value) for name, value in _object(fields.get("headers")).items()}
        return WebhookRequest(
            method=_text(_object(_object(fields.get("requestContext")).get("http")).get("method")),
            path=_text(fields.get("rawPath")),
            headers=headers,
            text=_text(fields.get("body")),
            is_base64=fields.get("isBase64Encoded") is True,
        )

    @property
    def signature(self) -> str:
        """The header that nobody but Qonto can write right."""
        return self.headers.get(_SIGNATURE_HEADER, "")

    def connection(self) -> ConnectionName:
        """The connection that the path names.

        Raises:
            WebhookRefused: this is no POST of JSON to a webhook's path.
        """
        if self.method != "POST":
            raise WebhookRefused(Refusal.METHOD)
        path = _PATH.fullmatch(self.path)
        if not path:
            raise WebhookRefused(Refusal.PATH)
        media_type = self.headers.get("content-type", "").partition(";")[0]
        if media_type.strip().lower() != "application/json":
            raise WebhookRefused(Refusal.CONTENT_TYPE)
        return ConnectionName(path[1])

    def body(self, most: int) -> bytes:
        """The bytes that were sent, at most so many.

        Raises:
            WebhookRefused: there are more, or none that could be sent.
        """
        # Base64 makes four characters of three bytes: what is much too long is not decoded.
        if len(self.text) > most * (4 / 3 if self.is_base64 else 1) + 4:
            raise WebhookRefused(Refusal.SIZE)
        try:
            body = base64.b64decode(self.text, validate=True) if self.is_base64 else self.text.encode()
        except ValueError as error:
            raise WebhookRefused(Refusal.MALFORMED) from error
        if len(body) > most:
            raise WebhookRefused(Refusal.SIZE)
        return body


def changed_invoice(body: bytes) -> InvoiceId | None:
    """The invoice that a signed body tells of, and nothing else of it; None when it is about something else.

    Raises:
        WebhookRefused: it is no JSON object, or names no invoice.
    """
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise WebhookRefused(Refusal.MALFORMED) from error
    if not isinstance(fields, dict):
        raise WebhookRefused(Refusal.MALFORMED)
    if not _TOPIC.fullmatch(_text(fields.get("type"))):
        return None
    for *outer, last in _PLACES_OF_THE_ID:
        found = fields
        for name in outer:
            found = _object(found.get(name))
        if is_usable_id(invoice_id := found.get(last)):
            return InvoiceId(invoice_id)
    raise WebhookRefused(Refusal.NO_INVOICE)


_STATUS_OF_REFUSAL = {
    Refusal.METHOD: HTTPStatus.METHOD_NOT_ALLOWED,
    Refusal.PATH: HTTPStatus.NOT_FOUND,
    Refusal.CONTENT_TYPE: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    Refusal.SIZE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Refusal.MALFORMED: HTTPStatus.BAD_REQUEST,
    Refusal.STALE: HTTPStatus.UNAUTHORIZED,
    Refusal.SIGNATURE: HTTPStatus.UNAUTHORIZED,
    Refusal.NO_INVOICE: HTTPStatus.BAD_REQUEST,
}
_STATUS = {
    Outcome.ACCEPTED: HTTPStatus.ACCEPTED,
    Outcome.IGNORED: HTTPStatus.OK,
    # Qonto delivers again what was not acknowledged.
    Outcome.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}


def response_of(receipt: Receipt) -> dict[str, Any]:
    """The answer: a status, and no word to a stranger about what is right or wrong here."""
    status = _STATUS_OF_REFUSAL[receipt.refusal] if receipt.refusal else _STATUS[receipt.outcome]
    headers = {"allow": "POST"} if status is HTTPStatus.METHOD_NOT_ALLOWED else {}
    return {"statusCode": int(status), "headers": headers, "body": ""}


def _object(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
