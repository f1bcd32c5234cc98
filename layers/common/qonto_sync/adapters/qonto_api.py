"""The Qonto Business API, v2: client invoices and attachments, read only."""

from __future__ import annotations

import json
import math
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlencode

from qonto_sync.adapters.raw_json import elements, members
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
from qonto_sync.times import to_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import urllib3

    from qonto_sync.adapters.http_client import HttpClient
    from qonto_sync.adapters.raw_json import RawValue
    from qonto_sync.errors import (
        SyncError,
    )
    from qonto_sync.model import AttachmentId, InvoiceId
    from qonto_sync.ports import Clock
    from qonto_sync.window import Window

PER_PAGE = 100
"""The most that Qonto gives."""

_TRACE_HEADER = "X-Tyk-Trace-Id"
_LONGEST_REASON = 200


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
        answer = _object(response, "the list of client invoices")
        total_count, total_pages = _totals(answer)
        try:
            rows = elements(answer["client_invoices"].text)
            invoices = tuple(_invoice(row, requested_at, listed_until=end) for row in rows)
        except (KeyError, ValueError) as error:
            raise Retriable(f"page {number} of the list of client invoices is malformed: {error}") from error
        return InvoicePage(number, invoices, total_count, total_pages, skew)

    def invoice(self, invoice_id: InvoiceId) -> Invoice:
        """See `ports.InvoiceSource`."""
        requested_at = self._clock.now()
        response = self._get(f"/v2/client_invoices/{quote(invoice_id, safe='')}")
        if response.status != HTTPStatus.OK:
            raise _refusal(response, "the invoice")
        try:
            invoice = _invoice(_object(response, "the invoice")["client_invoice"], requested_at)
        except (KeyError, ValueError) as error:
            raise Retriable(f"the answer for the invoice is malformed: {error}") from error
        if invoice.id != invoice_id:
            raise Retriable("the answer is another invoice than the one asked for")
        return invoice

    def attachment(self, attachment_id: AttachmentId) -> Attachment:
        """See `ports.InvoiceSource`. Raises `Retriable` when there is none: a new one may not be there yet."""
        response = self._get(f"/v2/attachments/{quote(attachment_id, safe='')}")
        if response.status == HTTPStatus.NOT_FOUND:
            raise Retriable("the attachment is not there (404)")
        if response.status != HTTPStatus.OK:
            raise _refusal(response, "the attachment")
        answer = _object(response, "the attachment").get("attachment")
        fields = answer.value if answer else None
        if not isinstance(fields, dict) or not isinstance(fields.get("url"), str):
            raise Retriable("the answer for the attachment has no URL")
        if fields.get("id", attachment_id) != attachment_id:
            raise Retriable("the answer is another attachment than the one asked for")
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


def _object(response: urllib3.BaseHTTPResponse, what: str) -> dict[str, RawValue]:
    try:
        return members(response.data.decode())
    except ValueError as error:
        # With status 200 this is a login page more often than broken JSON.
        raise Retriable(f"the answer for {what} is not a JSON object{_trace(response)}") from error


def _invoice(row: RawValue, requested_at: datetime, *, listed_until: datetime | None = None) -> Invoice:
    if not isinstance(row.value, dict):
        raise ValueError("an invoice is not an object")  # noqa: TRY004 - wrong content, not a wrong type
    document = row.text.encode("utf-8", "surrogatepass")
    return Invoice.of(row.value, document, requested_at, listed_until=listed_until)


def _totals(answer: Mapping[str, RawValue]) -> tuple[int, int]:
    """`total_count` and the number of pages. Nothing else of `meta` is to be trusted."""
    meta = answer["meta"].value if "meta" in answer else None
    if not isinstance(meta, dict):
        raise Retriable("the list of client invoices has no meta")
    total_count = meta.get("total_count")
    if not isinstance(total_count, int) or isinstance(total_count, bool) or total_count < 0:
        raise Retriable("the list of client invoices does not tell meta.total_count")
    pages = meta.get("total_pages")
    told = pages if isinstance(pages, int) and not isinstance(pages, bool) else 0
    return total_count, max(told, math.ceil(total_count / PER_PAGE))


def _size(value: Any) -> int | None:
    """A text in the API, a number for some clients; None when it is neither."""
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _clock_skew(response: urllib3.BaseHTTPResponse, requested_at: datetime, answered_at: datetime) -> timedelta:
    """How far Qonto's clock lies outside the time that the request took; its `Date` has whole seconds."""
    try:
        told = parsedate_to_datetime(response.headers.get("Date", "")).astimezone(UTC)
    except ValueError:
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
    if not isinstance(body, dict):
        return "no reason given"
    errors = body.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else body
    if not isinstance(first, dict):
        return "no reason given"
    texts = [first.get(name) for name in ("code", "detail", "message")]
    return " ".join(text for text in texts if isinstance(text, str))[:_LONGEST_REASON] or "no reason given"


def _trace(response: urllib3.BaseHTTPResponse) -> str:
    trace_id = response.headers.get(_TRACE_HEADER)
    return f" (trace id {trace_id[:64]})" if trace_id else ""
