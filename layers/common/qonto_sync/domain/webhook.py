"""A webhook's request and response, in API Gateway's payload format 2.0, which Function URLs use too."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from qonto_sync.domain.errors import RejectionReason, WebhookRejected
from qonto_sync.domain.ids import CONNECTION_PATTERN, ConnectionName, InvoiceId, is_usable_id

if TYPE_CHECKING:
    from collections.abc import Mapping

_SIGNATURE_HEADER = "x-qonto-signature"

_PATH = re.compile(rf"/webhooks/({CONNECTION_PATTERN.pattern})")
# Whether Qonto appends the event's name to the topic is not documented.
_TOPIC = re.compile(r"v1/client-invoices(?:[./:]\w+)?")
# `data` is documented as the invoice's fields. The API's own responses nest them as in the second path.
_ID_PATHS = (("data", "id"), ("data", "client_invoice", "id"))


class WebhookOutcome(StrEnum):
    """What became of a request."""

    ACCEPTED = "accepted"
    """A message for the invoice is on the retry queue."""
    IGNORED = "ignored"
    """It is genuine, and about something other than a client invoice."""
    REJECTED = "rejected"
    """It is not genuine, or malformed."""
    UNAVAILABLE = "unavailable"
    """The secret or the queue could not be reached; Qonto delivers it again."""


@dataclass(frozen=True, slots=True)
class WebhookResult:
    """What became of a request, and for which connection as far as that is known."""

    outcome: WebhookOutcome
    connection: ConnectionName | None = None
    rejection: RejectionReason | None = None


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A request as it was received; nothing in it is trusted before its signature is checked."""

    method: str
    path: str
    headers: Mapping[str, str]
    """By their names in lower case."""
    text: str
    is_base64: bool

    @staticmethod
    def of(event: Any) -> WebhookRequest:
        """The request in an event. A field that is missing or of a wrong type is empty, and is rejected later."""
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
        """The signature header, which only Qonto can make."""
        return self.headers.get(_SIGNATURE_HEADER, "")

    def connection(self) -> ConnectionName:
        """The connection that the path names.

        Raises:
            WebhookRejected: the request is no POST of JSON to a webhook's path.
        """
        if self.method != "POST":
            raise WebhookRejected(RejectionReason.METHOD)
        path = _PATH.fullmatch(self.path)
        if not path:
            raise WebhookRejected(RejectionReason.PATH)
        media_type = self.headers.get("content-type", "").partition(";")[0]
        if media_type.strip().lower() != "application/json":
            raise WebhookRejected(RejectionReason.CONTENT_TYPE)
        return ConnectionName(path[1])

    def body(self, max_bytes: int) -> bytes:
        """The bytes that were sent.

        Raises:
            WebhookRejected: there are more than `max_bytes`, or they cannot be decoded.
        """
        # Base64 encodes three bytes as four characters: a text that is much too long is not decoded.
        if len(self.text) > max_bytes * (4 / 3 if self.is_base64 else 1) + 4:
            raise WebhookRejected(RejectionReason.SIZE)
        try:
            body = base64.b64decode(self.text, validate=True) if self.is_base64 else self.text.encode()
        except ValueError as error:
            raise WebhookRejected(RejectionReason.MALFORMED) from error
        if len(body) > max_bytes:
            raise WebhookRejected(RejectionReason.SIZE)
        return body


def changed_invoice(body: bytes) -> InvoiceId | None:
    """The id of the invoice that a signed body is about; None when it is about something else.

    Raises:
        WebhookRejected: the body is no JSON object, or names no invoice.
    """
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise WebhookRejected(RejectionReason.MALFORMED) from error
    if not isinstance(fields, dict):
        raise WebhookRejected(RejectionReason.MALFORMED)
    if not _TOPIC.fullmatch(_text(fields.get("type"))):
        return None
    for *outer, last in _ID_PATHS:
        found = fields
        for name in outer:
            found = _object(found.get(name))
        if is_usable_id(invoice_id := found.get(last)):
            return InvoiceId(invoice_id)
    raise WebhookRejected(RejectionReason.NO_INVOICE)


_STATUS_OF_REJECTION = {
    RejectionReason.METHOD: HTTPStatus.METHOD_NOT_ALLOWED,
    RejectionReason.PATH: HTTPStatus.NOT_FOUND,
    RejectionReason.CONTENT_TYPE: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    RejectionReason.SIZE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    RejectionReason.MALFORMED: HTTPStatus.BAD_REQUEST,
    RejectionReason.STALE: HTTPStatus.UNAUTHORIZED,
    RejectionReason.SIGNATURE: HTTPStatus.UNAUTHORIZED,
    RejectionReason.NO_INVOICE: HTTPStatus.BAD_REQUEST,
}
_STATUS = {
    WebhookOutcome.ACCEPTED: HTTPStatus.ACCEPTED,
    WebhookOutcome.IGNORED: HTTPStatus.OK,
    # Qonto delivers again what is not acknowledged.
    WebhookOutcome.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}


def response_for(result: WebhookResult) -> dict[str, Any]:
    """The response: a status code without a body, so that a stranger learns nothing more."""
    status = _STATUS_OF_REJECTION[result.rejection] if result.rejection else _STATUS[result.outcome]
    headers = {"allow": "POST"} if status is HTTPStatus.METHOD_NOT_ALLOWED else {}
    return {"statusCode": int(status), "headers": headers, "body": ""}


def _object(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
