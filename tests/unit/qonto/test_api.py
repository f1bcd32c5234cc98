"""Responses that Qonto's documentation does not describe, or that another server sent."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
import urllib3

from qonto_sync.domain.errors import (
    AccessDenied,
    CredentialsRejected,
    NotFound,
    Permanent,
    Retriable,
    SyncError,
)
from qonto_sync.domain.ids import AttachmentId, InvoiceId
from qonto_sync.domain.window import Window
from qonto_sync.qonto.api import QontoApi
from qonto_sync.qonto.authenticated_client import AuthenticatedClient
from tests.fakes import LAYOUT, START
from tests.unit.qonto.scripted_http import Bench, answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

WINDOW = Window(START, START + timedelta(hours=1))
A = InvoiceId("a")


@dataclass
class Key:
    """Credentials that can be renewed a number of times."""

    renewals: int = 0

    def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"login:{self.renewals}"}

    def renew(self, _: Mapping[str, str]) -> bool:
        self.renewals -= 1
        return self.renewals >= 0


def api(*answers: Any, key: Key | None = None) -> QontoApi:
    """The adapter, on a server that gives these answers."""
    bench = Bench(list(answers))
    return QontoApi(AuthenticatedClient("https://api.example", bench.client, key or Key()), bench.clock)


def page(rows: list[Any], **meta: Any) -> Any:
    """A page with this meta, and the totals that fit."""
    return answer(200, None, {"client_invoices": rows, "meta": {"total_count": len(rows), "total_pages": 1, **meta}})


@pytest.mark.parametrize(
    ("meta", "pages"),
    [
        ({"total_count": 250, "total_pages": 3}, 3),
        ({"total_count": 250, "total_pages": 1}, 3),
        ({"total_count": 250, "total_pages": None}, 3),
        ({"total_count": 250, "total_pages": "many"}, 3),
        ({"total_count": 250, "total_pages": 5}, 5),
        ({"total_count": 0, "total_pages": True}, 0),
        ({"total_count": 0, "total_pages": 50}, 0),
        ({"total_count": 250, "total_pages": 10**9}, 250),
        ({"total_count": 7, "total_pages": 10**400}, 7),
        ({"total_count": 10**400, "total_pages": 1}, 10**398),
    ],
)
def test_the_number_of_pages_is_the_most_that_can_be_meant(meta: dict[str, Any], pages: int) -> None:
    """One page too many is empty, one too few would be lost; but not a billion of them."""
    assert api(page([], **meta)).page(WINDOW, 1, LAYOUT).total_pages == pages


@pytest.mark.parametrize(
    "body",
    [
        b"<html>Log in</html>",
        b"",
        b"\xff\xfe",
        b'{"client_invoices": [',
        b"[]",
        b"{}",
        b'{"client_invoices": [], "meta": []}',
        b'{"client_invoices": [], "meta": {}}',
        b'{"client_invoices": [], "meta": {"total_count": "3"}}',
        b'{"client_invoices": [], "meta": {"total_count": -1}}',
        b'{"client_invoices": [], "meta": {"total_count": true}}',
        b'{"client_invoices": {}, "meta": {"total_count": 1}}',
        b'{"meta": {"total_count": 1}}',
        b'{"client_invoices": null, "meta": {"total_count": 1}}',
        b'{"client_invoices": [{"id": "a"},], "meta": {"total_count": 1}}',
        b'{"client_invoices": [{"id": "a"}], "meta": {"total_count": ' + b"9" * 5_000 + b"}}",
        b'{"client_invoices": [' + b"[" * 200_000,
    ],
)
def test_a_page_that_is_none_is_retriable(body: bytes) -> None:
    """The run fails, nothing is committed, the next one tries again."""
    with pytest.raises(Retriable):
        api(answer(200, None, body)).page(WINDOW, 1, LAYOUT)


@pytest.mark.parametrize(
    "row",
    [
        b"7",
        b"null",
        b"[]",
        b"{}",
        b'{"id": null}',
        b'{"id": 7}',
        b'{"id": ""}',
        b'{"id": "' + b"x" * 201 + b'"}',
        b'{"id": "\\ud800"}',
        b'{"id": "\xff"}',
        b'{"id": "a", "id": []}',
        b"[" * 200_000 + b"]" * 200_000,
    ],
)
def test_a_row_without_a_usable_id_is_kept_with_the_others(row: bytes) -> None:
    """It counts, so that the reading adds up, and has its own bytes."""
    body = b'{"client_invoices": [{"id": "a"}, ' + row + b', {"id": "b"}], "meta": {"total_count": 3}}'
    first, odd, last = api(answer(200, None, body)).page(WINDOW, 1, LAYOUT).invoices
    assert (first.id, last.id) == ("a", "b")
    assert odd.document == row
    assert odd.fault == "Qonto listed an entry without a usable id"


@pytest.mark.parametrize(
    "value",
    [
        b"1e999",
        b"NaN",
        b"-Infinity",
        b"9" * 5_000,
        b"[" * 200_000 + b"]" * 200_000,
        b'"\\ud800"',
        b'"\xff\xfe"',
        b'"' + b"x" * 10**6 + b'"',
        b"null",
        b'1, "new": 2',
    ],
)
@pytest.mark.parametrize("name", [b"number", b"status", b"items", b"created_at", b"updated_at", b"new"])
def test_a_row_with_an_id_is_kept_whatever_it_holds(name: bytes, value: bytes) -> None:
    """As received, to the byte."""
    row = b'{"id": "a", "' + name + b'": ' + value + b"}"
    body = b'\xef\xbb\xbf{"client_invoices": [' + row + b'], "meta": {"total_count": 1}}'
    (invoice,) = api(answer(200, None, body)).page(WINDOW, 1, LAYOUT).invoices
    assert (invoice.id, invoice.document, invoice.fault) == ("a", row, None)


def test_more_rows_than_asked_for_are_all_there() -> None:
    """Whatever the server thinks a page is."""
    found = api(page([{"id": str(number)} for number in range(150)])).page(WINDOW, 1, LAYOUT)
    assert [invoice.id for invoice in found.invoices] == [str(number) for number in range(150)]


def test_a_big_page_takes_a_small_multiple_of_its_size() -> None:
    """One row at a time is held parsed, so that a page of 50 MB fits into a function."""
    items = [{"title": f"Té {number} \U0001f600", "unit_price_cents": number} for number in range(500)]
    rows = [{"id": str(number), "items": items} for number in range(100)]
    body = json.dumps({"client_invoices": rows, "meta": {"total_count": 100}}, ensure_ascii=False).encode()
    qonto = api(answer(200, None, body))
    tracemalloc.start()
    try:
        assert len(qonto.page(WINDOW, 1, LAYOUT).invoices) == 100
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(body) > 2_000_000
    assert peak < 8 * len(body)


@pytest.mark.parametrize(("distinct", "rows", "pages"), [(99, 100, 2), (100, 100, 1), (98, 99, 1)])
def test_a_full_page_that_lists_one_twice_is_not_taken_for_all(distinct: int, rows: int, pages: int) -> None:
    """A source that counts invoices and cuts pages by rows would hide the last one behind its end."""
    listed = [{"id": str(min(number, distinct - 1))} for number in range(rows)]
    assert api(page(listed, total_pages=1)).page(WINDOW, 1, LAYOUT).total_pages == pages


@pytest.mark.parametrize("id_", [".", "..", "a/b", "a?b#c", "\r\n\0", "\U0001f600"])
def test_no_id_asks_for_something_else(id_: str) -> None:
    """Neither another path, nor a way up, nor a query."""
    bench = Bench([answer(404)])
    qonto = QontoApi(AuthenticatedClient("https://api.example", bench.client, Key()), bench.clock)
    with pytest.raises(NotFound):
        qonto.invoice(InvoiceId(id_))
    with pytest.raises(Retriable):
        qonto.attachment(AttachmentId(id_))
    invoice, attachment = (urllib3.util.parse_url(request["url"]) for request in bench.pool.sent)
    assert str(invoice.path).startswith("/v2/client_invoices/")
    assert str(attachment.path).startswith("/v2/attachments/")
    for url in (invoice, attachment):
        path = str(url.path)
        assert (url.query, url.fragment, path.count("/")) == (None, None, 3)
        assert unquote(path.rpartition("/")[2]) == id_


@pytest.mark.parametrize(
    "date",
    ["", "yesterday", "Fri, 31 Dec 9999 23:59:59 -1400", f"1 Jan {'9' * 30} 0:0:0"],
)
def test_a_date_that_is_none_tells_no_skew(date: str) -> None:
    """Only a `Date` that is sent can be wrong."""
    told = answer(200, {"Date": date}, {"client_invoices": [], "meta": {"total_count": 0}})
    assert api(told).page(WINDOW, 1, LAYOUT).clock_skew == timedelta(0)


def test_another_invoice_than_asked_for_is_an_error() -> None:
    """It would be filed under the wrong id."""
    with pytest.raises(Retriable, match="another invoice"):
        api(answer(200, None, {"client_invoice": {"id": "b"}})).invoice(A)


@pytest.mark.parametrize(
    "fields", [None, [], {}, {"url": 7}, {"id": "other", "url": "https://f"}, {"id": "a", "url": None}]
)
def test_an_attachment_that_is_none_is_retriable(fields: Any) -> None:
    """No URL, or one of another file."""
    with pytest.raises(Retriable):
        api(answer(200, None, {"attachment": fields})).attachment(AttachmentId("a"))


@pytest.mark.parametrize(
    ("size", "read"),
    [("666", 666), (666, 666), (None, None), ("", None), ("6.5", None), (-1, None), (True, None), ("9" * 5_000, None)],
)
def test_the_file_size_is_a_text_or_a_number(size: Any, read: int | None) -> None:
    """Anything else is as good as none."""
    attachment = {"id": "a", "url": "https://f", "file_size": size, "file_name": 7}
    found = api(answer(200, None, {"attachment": attachment})).attachment(AttachmentId("a"))
    assert (found.file_size, found.file_name) == (read, None)


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, Permanent), (401, CredentialsRejected), (403, AccessDenied), (404, Permanent), (302, Permanent)],
)
def test_a_rejected_list_says_whose_fault_it_is(status: int, error: type[Exception]) -> None:
    """Without access there is no run. Any other status may be the fault of this page."""
    with pytest.raises(error):
        api(answer(status)).page(WINDOW, 1, LAYOUT)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, b"", Permanent),
        (401, b"", Permanent),
        (403, b'{"message":"Forbidden","trace_id":"t"}', Permanent),
        (403, {"errors": [{"code": "forbidden", "detail": "missing required oauth scope"}]}, Permanent),
        (404, b"<html>", NotFound),
        (422, {"errors": []}, Permanent),
    ],
)
def test_a_rejected_invoice_affects_only_itself(status: int, body: Any, error: type[Exception]) -> None:
    """Whatever the text says: Qonto lists invoices to the same key."""
    qonto = api(answer(status, None, body), page([]), answer(status, None, body))
    with pytest.raises(error):
        qonto.invoice(A)
    with pytest.raises(error if error is not NotFound else Retriable):
        api(answer(status, None, body), page([]), answer(status, None, body)).attachment(AttachmentId("a"))


@pytest.mark.parametrize(
    ("status", "error"), [(401, CredentialsRejected), (403, AccessDenied), (503, Retriable), (429, Retriable)]
)
def test_what_qonto_refuses_for_the_list_too_concerns_all(status: int, error: type[Exception]) -> None:
    """A revoked key, a plan that has ended; or nobody knows, because the list does not answer either."""
    for refused in (401, 403):
        with pytest.raises(error):
            api(answer(refused), answer(status)).invoice(A)


def test_a_token_that_expired_is_renewed_before_an_invoice_is_asked_for_again() -> None:
    """Its 401 looks like that of a single resource, until the list gets one, too."""
    found = {"client_invoice": {"id": "a"}}
    renewed = api(answer(401), answer(401), page([]), answer(200, None, found), key=Key(renewals=1))
    assert renewed.invoice(A).id == A


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"errors": [{"code": "invalid", "detail": "id is no uuid", "source": {}}]}, "invalid id is no uuid"),
        ({"message": "Forbidden", "trace_id": "t"}, "Forbidden"),
        ({"code": "sca", "message": "needed"}, "sca needed"),
        (b"<html>secret page</html>", "no reason given"),
        ([1], "no reason given"),
        ({"errors": "broken"}, "no reason given"),
        ({"errors": [7]}, "no reason given"),
        (b"[" * 200_000, "no reason given"),
        (b"\xff\xfe", "no reason given"),
        ("text", "no reason given"),
        ({"code": 7, "detail": "\0"}, "no reason given"),
        ({"message": "a\r\n  b\u202e\ud800\tc"}, "a b c"),
        ({"message": "x" * 300}, "x" * 200),
        (
            {"message": "see https://f/x?X-Amz-Signature=s of jane@acme.example"},
            "see https://f/x?[redacted] of [redacted]",
        ),
        ({"message": "x" * 190 + " jane.doe@acme.example"}, "x" * 190 + " [redacted"),
        ({"message": "Bea\0rer abc"}, "Bearer [redacted]"),
        (b"<Error><Code>AccessDenied</Code></Error>", "no reason given"),
    ],
)
def test_reasons_of_every_shape_are_told_in_a_line(body: Any, reason: str) -> None:
    """With the trace id that Qonto's support asks for."""
    with pytest.raises(Permanent) as error:
        api(answer(422, {"X-Tyk-Trace-Id": "4bf92f"}, body)).invoice(A)
    assert str(error.value) == f"Qonto answered 422 for the invoice: {reason} (trace id 4bf92f)"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>"),
        (200, {}),
        (200, {"client_invoices": [], "meta": []}),
        (200, {"client_invoices": [], "meta": {}}),
        (200, {"client_invoice": {}, "attachment": {}}),
        (200, {"client_invoice": {"id": "b"}, "attachment": {"id": "b", "url": "https://f"}}),
        (400, b""),
        (401, b""),
        (403, {"message": "missing scope"}),
        (404, b""),
    ],
)
@pytest.mark.parametrize("call", ["page", "invoice", "attachment"])
def test_every_error_has_the_trace_id(call: str, status: int, body: Any) -> None:
    """Qonto's support asks for it. What `trace_suffix` makes of a hostile one, test_http_client holds."""
    headers = {"X-Tyk-Trace-Id": "4bf92f35-77b3"}
    qonto = api(answer(status, headers, body))
    calls: dict[str, Callable[[], object]] = {
        "page": lambda: qonto.page(WINDOW, 1, LAYOUT),
        "invoice": lambda: qonto.invoice(A),
        "attachment": lambda: qonto.attachment(AttachmentId("a")),
    }
    with pytest.raises(SyncError) as error:
        calls[call]()
    assert " (trace id 4bf92f35-77b3)" in str(error.value)


def test_a_401_is_tried_once_more_with_renewed_credentials() -> None:
    """And not again: too many of them throttle everybody behind this address."""
    renewed = api(answer(401), page([]), key=Key(renewals=1))
    assert renewed.page(WINDOW, 1, LAYOUT).total_count == 0
    with pytest.raises(CredentialsRejected):
        api(answer(401), answer(401), page([]), key=Key(renewals=9)).page(WINDOW, 1, LAYOUT)
