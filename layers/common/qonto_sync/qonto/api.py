"""The Qonto Business API, v2: client invoices and attachments, read only."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, override
from urllib.parse import urlencode

from qonto_sync.domain.errors import (
    AccessDenied,
    CredentialsRejected,
    NotFound,
    Permanent,
    Retriable,
    error_for_status,
)
from qonto_sync.domain.ids import path_segment
from qonto_sync.domain.invoice import Attachment, Invoice, InvoicePage
from qonto_sync.domain.reading import LAYOUTS
from qonto_sync.domain.times import from_text, to_text
from qonto_sync.domain.window import BEFORE_ALL
from qonto_sync.ports import InvoiceSource
from qonto_sync.qonto.http_client import http_date, trace_suffix
from qonto_sync.qonto.raw_json import members
from qonto_sync.qonto.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    import urllib3

    from qonto_sync.domain.errors import SyncError
    from qonto_sync.domain.ids import AttachmentId, InvoiceId
    from qonto_sync.domain.reading import PageLayout
    from qonto_sync.domain.window import Window
    from qonto_sync.ports import Clock
    from qonto_sync.qonto.authenticated_client import AuthenticatedClient
    from qonto_sync.qonto.raw_json import RawValue

_LONGEST_REASON = 200
_REFUSALS = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_LONGEST_SIZE = 18
"""Digits. No file is as big."""


class QontoApi(InvoiceSource):
    """The invoices and attachments of one connection."""

    def __init__(self, client: AuthenticatedClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    @override
    def page(self, window: Window, number: int, layout: PageLayout) -> InvoicePage:
        requested_at = self._clock.now()
        response = self._client.send("GET", f"/v2/client_invoices?{_query(window, number, layout)}")
        skew = _clock_skew(response, requested_at, self._clock.now())
        if response.status == HTTPStatus.UNPROCESSABLE_ENTITY and number > 1:
            # A page past the end; the response has no totals.
            return InvoicePage(number, (), None, 0, skew)
        if response.status != HTTPStatus.OK:
            raise _list_error(response)
        listed_until = window.filter_bounds[1] or requested_at
        listed = partial(_listed, requested_at=requested_at, listed_until=listed_until)
        answer = _object(response, "the list of client invoices", {"client_invoices": listed})
        if "client_invoices" not in answer:
            raise Retriable(f"the list of client invoices is not there{trace_suffix(response)}")
        invoices = tuple(answer["client_invoices"].value)
        if number > 1 and not invoices:
            # Past the end: whatever it says of the count, it does not count the pages before it.
            return InvoicePage(number, (), None, 0, skew)
        total_count, total_pages = _totals(answer, response, layout.per_page)
        if number == 1 and len({invoice.id for invoice in invoices}) < len(invoices) >= layout.per_page:
            # If Qonto counts invoices but cuts pages by rows, an invoice that is listed twice hides another one.
            total_pages = max(total_pages, 2)
        return InvoicePage(number, invoices, total_count, total_pages, skew)

    @override
    def invoice(self, invoice_id: InvoiceId) -> Invoice:
        requested_at = self._clock.now()
        response = self._resource(f"/v2/client_invoices/{path_segment(invoice_id)}")
        if response.status != HTTPStatus.OK:
            raise _resource_error(response, "the invoice")
        answer = _object(response, "the invoice")
        try:
            invoice = _invoice(answer["client_invoice"], requested_at)
        except (KeyError, ValueError) as error:
            raise Retriable(f"the answer for the invoice is malformed: {error}{trace_suffix(response)}") from error
        if invoice.id != invoice_id:
            raise Retriable(f"the answer is another invoice than the one asked for{trace_suffix(response)}")
        return invoice

    @override
    def attachment(self, attachment_id: AttachmentId) -> Attachment:
        response = self._resource(f"/v2/attachments/{path_segment(attachment_id)}")
        if response.status == HTTPStatus.NOT_FOUND:
            # A new attachment may not be readable yet.
            raise Retriable(f"the attachment is not there (404){trace_suffix(response)}")
        if response.status != HTTPStatus.OK:
            raise _resource_error(response, "the attachment")
        answer = _object(response, "the attachment").get("attachment")
        fields = answer.value if answer else None
        if not isinstance(fields, dict) or not isinstance(fields.get("url"), str):
            raise Retriable(f"the answer for the attachment has no URL{trace_suffix(response)}")
        if fields.get("id", attachment_id) != attachment_id:
            raise Retriable(f"the answer is another attachment than the one asked for{trace_suffix(response)}")
        name = fields.get("file_name")
        return Attachment(
            id=attachment_id,
            url=fields["url"],
            file_name=name if isinstance(name, str) else None,
            file_size=_size(fields.get("file_size")),
            updated_at=from_text(fields.get("updated_at")),
        )

    def _resource(self, path: str) -> urllib3.BaseHTTPResponse:
        """The response for one invoice or attachment, whatever its status.

        Qonto may refuse one of them to a good key, and refuses each of them to a bad one. The list tells which it is.

        Raises:
            CredentialsRejected, AccessDenied: the list is refused, too.
        """
        response = self._client.send("GET", path, renews=False)
        if response.status not in _REFUSALS:
            return response
        listing = self._client.send("GET", f"/v2/client_invoices?{_query(BEFORE_ALL, 1, LAYOUTS[0])}")
        if listing.status in _REFUSALS:
            raise _list_error(listing)
        # The list's 401 may have renewed the token.
        return self._client.send("GET", path, renews=False) if response.status == HTTPStatus.UNAUTHORIZED else response


def _query(window: Window, number: int, layout: PageLayout) -> str:
    bounds = (*window.filter_bounds, *window.created_filter_bounds)
    names = ("updated_at_from", "updated_at_to", "created_at_from", "created_at_to")
    filters = {f"filter[{name}]": to_text(bound) for name, bound in zip(names, bounds, strict=True) if bound}
    parameters: dict[str, str | int] = {
        **filters,
        "exclude_imported": "false",
        "sort_by": "created_at:desc" if layout.newest_first else "created_at:asc",
        "per_page": layout.per_page,
        "page": number,
    }
    return urlencode(parameters)


def _object(
    response: urllib3.BaseHTTPResponse, what: str, convert: Mapping[str, Callable[[RawValue], object]] | None = None
) -> dict[str, RawValue]:
    try:
        # Bytes that are not UTF-8 in one invoice are kept as they are, so that they do not lose the others.
        return members(response.data.decode("utf-8-sig", "surrogateescape"), convert)
    except ValueError as error:
        # With status 200 this is usually the HTML of a login page.
        raise Retriable(f"the answer for {what} is not what it should be: {error}{trace_suffix(response)}") from error


def _listed(row: RawValue, requested_at: datetime, listed_until: datetime) -> Invoice:
    try:
        return _invoice(row, requested_at, listed_until=listed_until)
    except ValueError:
        return Invoice.unidentified(_document(row), requested_at)


def _invoice(row: RawValue, requested_at: datetime, *, listed_until: datetime | None = None) -> Invoice:
    value = row.value
    # An entry that is nested too deeply was not parsed, so its members are read one by one; another type has none.
    fields = value if isinstance(value, dict) else {name: part.value for name, part in members(row.text).items()}
    return Invoice.of(fields, _document(row), requested_at, listed_until=listed_until)


def _document(row: RawValue) -> bytes:
    return row.text.encode("utf-8", "surrogateescape")


def _totals(answer: Mapping[str, RawValue], response: urllib3.BaseHTTPResponse, per_page: int) -> tuple[int, int]:
    """`total_count` and the number of pages. Nothing else in `meta` is reliable."""
    meta = answer["meta"].value if "meta" in answer else None
    if not isinstance(meta, dict):
        raise Retriable(f"the list of client invoices has no meta{trace_suffix(response)}")
    total_count = meta.get("total_count")
    if not isinstance(total_count, int) or isinstance(total_count, bool) or total_count < 0:
        raise Retriable(f"the list of client invoices does not tell meta.total_count{trace_suffix(response)}")
    pages = meta.get("total_pages")
    announced = pages if isinstance(pages, int) and not isinstance(pages, bool) else 0
    # One page too many is empty; one too few would lose invoices. A page has at least one invoice.
    return total_count, max(min(announced, total_count), -(-total_count // per_page))


def _size(value: Any) -> int | None:
    """The size, which the API sends as a text and was seen as a number; None when it is neither."""
    if isinstance(value, str) and value.isdecimal() and len(value) <= _LONGEST_SIZE:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _clock_skew(response: urllib3.BaseHTTPResponse, requested_at: datetime, answered_at: datetime) -> timedelta:
    """How far Qonto's `Date` lies outside the duration of the request, allowing for its whole seconds."""
    qonto_now = http_date(response.headers.get("Date", ""))
    if qonto_now is None:
        return timedelta(0)
    early = requested_at - timedelta(seconds=1) - qonto_now
    late = qonto_now - answered_at
    return max(early, late, timedelta(0))


def _resource_error(response: urllib3.BaseHTTPResponse, what: str) -> SyncError:
    """The error for an invoice or an attachment. What Qonto refuses for one of them, it may allow for all others."""
    refused = response.status in _REFUSALS
    return (Permanent if refused else error_for_status(response.status))(_error_text(response, what))


def _list_error(response: urllib3.BaseHTTPResponse) -> SyncError:
    """The error for the list: without access to it there is no run, and no page is missing for good."""
    text = _error_text(response, "the list of client invoices")
    kind = error_for_status(response.status)
    if kind is CredentialsRejected:
        return CredentialsRejected(f"{text}. Check the connection's secret: it may be revoked or mistyped")
    if response.status == HTTPStatus.FORBIDDEN:
        return AccessDenied(text)
    return (Permanent if kind is NotFound else kind)(text)


def _error_text(response: urllib3.BaseHTTPResponse, what: str) -> str:
    """What Qonto refused, with its reason and trace id."""
    text = f"Qonto answered {response.status} for {what}: {_reason(response)}{trace_suffix(response)}"
    if response.status == HTTPStatus.FORBIDDEN and "scope" in text:
        return f"{text}. The credentials need the scopes client_invoices.read and attachment.read"
    return text


def _reason(response: urllib3.BaseHTTPResponse) -> str:
    """Code and detail of the first error in the body, in any of the known shapes; never the body itself."""
    try:
        body = json.loads(response.data)
    except (ValueError, RecursionError):
        return "no reason given"
    errors = body.get("errors") if isinstance(body, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else body
    if not isinstance(first, dict):
        return "no reason given"
    texts = [first.get(name) for name in ("code", "detail", "message")]
    text = " ".join(" ".join(text for text in texts if isinstance(text, str)).split())
    return redacted("".join(c for c in text if c.isprintable()))[:_LONGEST_REASON].strip() or "no reason given"
