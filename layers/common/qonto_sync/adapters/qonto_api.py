"""The Qonto Business API, v2: client invoices and attachments, read only."""

from __future__ import annotations

import json
import re
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlencode

from qonto_sync.adapters.raw_json import members
from qonto_sync.errors import (
    AccessDenied,
    CredentialsRefused,
    Misconfigured,
    NotFound,
    Permanent,
    Retriable,
    fate_of,
)
from qonto_sync.model import Attachment, Invoice, InvoicePage
from qonto_sync.redaction import redacted
from qonto_sync.times import to_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    import urllib3

    from qonto_sync.adapters.http_client import HttpClient
    from qonto_sync.adapters.raw_json import RawValue
    from qonto_sync.errors import SyncError
    from qonto_sync.model import AttachmentId, InvoiceId
    from qonto_sync.ports import Clock
    from qonto_sync.window import Window

PER_PAGE = 100
"""The most that Qonto gives."""

_TRACE_HEADER = "X-Tyk-Trace-Id"
_LONGEST_TRACE_ID = 64
_LONGEST_REASON = 200
_LONGEST_SIZE = 18
"""Digits. No file is as big."""


class Credentials(Protocol):
    """What makes a request ours."""

    def headers(self) -> Mapping[str, str]:
        """The headers to send, renewed when they are about to lapse."""

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Whether there is, after a 401 for these headers, another try with others."""


class QontoApi:
    """The source of one connection's invoices."""

    def __init__(self, base_url: str, http: HttpClient, credentials: Credentials, clock: Clock) -> None:
        self._base_url = base_url
        self._http = http
        self._credentials = credentials
        self._clock = clock

    def page(self, window: Window, number: int) -> InvoicePage:
        """See `ports.InvoiceSource`. The totals of a page past the end are zero when Qonto does not tell them."""
        start, end = window.filter_bounds
        query = urlencode(
            {
                "filter[updated_at_from]": to_text(start),
                "filter[updated_at_to]": to_text(end),
                "exclude_imported": "false",
                "sort_by": "created_at:asc",
                "per_page": PER_PAGE,
                "page": number,
            }
        )
        requested_at = self._clock.now()
        response = self._get(f"/v2/client_invoices?{query}")
        skew = _clock_skew(response, requested_at, self._clock.now())
        if response.status == HTTPStatus.UNPROCESSABLE_ENTITY and number > 1:
            return InvoicePage(number, (), 0, 0, skew)
        if response.status != HTTPStatus.OK:
            raise _run_refusal(response)
        listed = partial(_listed, requested_at=requested_at, listed_until=end)
        answer = _object(response, "the list of client invoices", {"client_invoices": listed})
        if "client_invoices" not in answer:
            raise Retriable(f"the list of client invoices is not there{_trace(response)}")
        invoices = tuple(answer["client_invoices"].value)
        total_count, total_pages = _totals(answer, response)
        if number == 1 and len({invoice.id for invoice in invoices}) < len(invoices) >= PER_PAGE:
            # If Qonto counts invoices but cuts pages by rows, one that is listed twice hides another.
            total_pages = max(total_pages, 2)
        return InvoicePage(number, invoices, total_count, total_pages, skew)

    def invoice(self, invoice_id: InvoiceId) -> Invoice:
        """See `ports.InvoiceSource`."""
        requested_at = self._clock.now()
        response = self._get(f"/v2/client_invoices/{_segment(invoice_id)}")
        if response.status != HTTPStatus.OK:
            raise _refusal(response, "the invoice")
        answer = _object(response, "the invoice")
        try:
            invoice = _invoice(answer["client_invoice"], requested_at)
        except (KeyError, ValueError) as error:
            raise Retriable(f"the answer for the invoice is malformed: {error}{_trace(response)}") from error
        if invoice.id != invoice_id:
            raise Retriable(f"the answer is another invoice than the one asked for{_trace(response)}")
        return invoice

    def attachment(self, attachment_id: AttachmentId) -> Attachment:
        """See `ports.InvoiceSource`. Raises `Retriable` when there is none: a new one may not be there yet."""
        response = self._get(f"/v2/attachments/{_segment(attachment_id)}")
        if response.status == HTTPStatus.NOT_FOUND:
            raise Retriable(f"the attachment is not there (404){_trace(response)}")
        if response.status != HTTPStatus.OK:
            raise _refusal(response, "the attachment")
        answer = _object(response, "the attachment").get("attachment")
        fields = answer.value if answer else None
        if not isinstance(fields, dict) or not isinstance(fields.get("url"), str):
            raise Retriable(f"the answer for the attachment has no URL{_trace(response)}")
        if fields.get("id", attachment_id) != attachment_id:
            raise Retriable(f"the answer is another attachment than the one asked for{_trace(response)}")
        name = fields.get("file_name")
        return Attachment(
            id=attachment_id,
            url=fields["url"],
            file_name=name if isinstance(name, str) else None,
            file_size=_size(fields.get("file_size")),
        )

    def _get(self, path: str) -> urllib3.BaseHTTPResponse:
        headers = self._credentials.headers()
        response = self._send(path, headers)
        if response.status == HTTPStatus.UNAUTHORIZED and self._credentials.renew(headers):
            response = self._send(path, self._credentials.headers())
        return response

    def _send(self, path: str, headers: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
        return self._http.send(
            "GET", f"{self._base_url}{path}", headers={**headers, "Accept": "application/json"}, kind="qonto"
        )


def _segment(source_id: str) -> str:
    """The id as one segment of a path; of dots only, it would be taken for a way up."""
    return quote(source_id, safe="").replace(".", "%2E")


def _object(
    response: urllib3.BaseHTTPResponse, what: str, convert: Mapping[str, Callable[[RawValue], object]] | None = None
) -> dict[str, RawValue]:
    try:
        # What is no UTF-8 in one invoice is kept as it is, and must not lose the others.
        return members(response.data.decode("utf-8-sig", "surrogateescape"), convert)
    except ValueError as error:
        # With status 200 this is a login page more often than broken JSON.
        raise Retriable(f"the answer for {what} is not what it should be: {error}{_trace(response)}") from error


def _listed(row: RawValue, requested_at: datetime, listed_until: datetime) -> Invoice:
    try:
        return _invoice(row, requested_at, listed_until=listed_until)
    except ValueError:
        return Invoice.unidentified(_document(row), requested_at)


def _invoice(row: RawValue, requested_at: datetime, *, listed_until: datetime | None = None) -> Invoice:
    value = row.value
    # Not even its members are known of one that is nested too deeply; of one that is no object there are none.
    fields = value if isinstance(value, dict) else {name: part.value for name, part in members(row.text).items()}
    return Invoice.of(fields, _document(row), requested_at, listed_until=listed_until)


def _document(row: RawValue) -> bytes:
    return row.text.encode("utf-8", "surrogateescape")


def _totals(answer: Mapping[str, RawValue], response: urllib3.BaseHTTPResponse) -> tuple[int, int]:
    """`total_count` and the number of pages. Nothing else of `meta` is to be trusted."""
    meta = answer["meta"].value if "meta" in answer else None
    if not isinstance(meta, dict):
        raise Retriable(f"the list of client invoices has no meta{_trace(response)}")
    total_count = meta.get("total_count")
    if not isinstance(total_count, int) or isinstance(total_count, bool) or total_count < 0:
        raise Retriable(f"the list of client invoices does not tell meta.total_count{_trace(response)}")
    pages = meta.get("total_pages")
    told = pages if isinstance(pages, int) and not isinstance(pages, bool) else 0
    # A page too many is empty, and one too few would be lost; but a page has one invoice at least.
    return total_count, max(min(told, total_count), -(-total_count // PER_PAGE))


def _size(value: Any) -> int | None:
    """A text in the API, a number for some clients; None when it is neither."""
    if isinstance(value, str) and value.isdecimal() and len(value) <= _LONGEST_SIZE:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _clock_skew(response: urllib3.BaseHTTPResponse, requested_at: datetime, answered_at: datetime) -> timedelta:
    """How far Qonto's clock lies outside the time that the request took; its `Date` has whole seconds."""
    try:
        told = parsedate_to_datetime(response.headers.get("Date", "")).astimezone(UTC)
    except (ValueError, OverflowError):
        return timedelta(0)
    early = requested_at - timedelta(seconds=1) - told
    late = told - answered_at
    return max(early, late, timedelta(0))


def _refusal(response: urllib3.BaseHTTPResponse, what: str) -> SyncError:
    """The error for a status that is no success, with Qonto's own reason and the id that its support asks for."""
    reason = f"Qonto answered {response.status} for {what}: {_reason(response)}{_trace(response)}"
    fate = fate_of(response.status)
    if fate is CredentialsRefused:
        return CredentialsRefused(f"{reason}. Check the connection's secret: it may be revoked or mistyped")
    if response.status == HTTPStatus.FORBIDDEN and "scope" in reason:
        return AccessDenied(f"{reason}. The credentials need the scopes client_invoices.read and attachment.read")
    return fate(reason)


def _run_refusal(response: urllib3.BaseHTTPResponse) -> SyncError:
    """Like `_refusal`, for the list: without it there is no run, so what no retry changes is fatal."""
    error = _refusal(response, "the list of client invoices")
    if response.status == HTTPStatus.FORBIDDEN:
        return AccessDenied(str(error))
    if isinstance(error, NotFound | Permanent):
        return Misconfigured(f"{error}. Check QONTO_API_URL")
    return error


def _reason(response: urllib3.BaseHTTPResponse) -> str:
    """Code and detail of the first error, of whatever shape; never the body itself."""
    try:
        body = json.loads(response.data)
    except (ValueError, RecursionError):
        return "no reason given"
    errors = body.get("errors") if isinstance(body, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else body
    if not isinstance(first, dict):
        return "no reason given"
    texts = [first.get(name) for name in ("code", "detail", "message")]
    told = " ".join(" ".join(text for text in texts if isinstance(text, str)).split())
    return redacted("".join(c for c in told if c.isprintable()))[:_LONGEST_REASON].strip() or "no reason given"


def _trace(response: urllib3.BaseHTTPResponse) -> str:
    """The id that Qonto's support asks for, to be put behind an error's text."""
    trace_id = re.sub(r"[^A-Za-z0-9-]", "", response.headers.get(_TRACE_HEADER, ""))[:_LONGEST_TRACE_ID]
    return f" (trace id {trace_id})" if trace_id else ""
