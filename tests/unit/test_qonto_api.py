"""Answers of Qonto that its documentation does not know, or that somebody else gave."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from qonto_sync.adapters.qonto_api import QontoApi
from qonto_sync.errors import AccessDenied, CredentialsRefused, Misconfigured, NotFound, Permanent, Retriable
from qonto_sync.model import AttachmentId, InvoiceId
from qonto_sync.window import Window
from tests.fakes import START
from tests.unit.scripted_http import Bench, answer

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    return QontoApi("https://api.example", bench.client, key or Key(), bench.clock)


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
    ],
)
def test_the_number_of_pages_is_the_most_that_can_be_meant(meta: dict[str, Any], pages: int) -> None:
    """One page too many is empty, one too few would be lost."""
    assert api(page([], **meta)).page(WINDOW, 1).total_pages == pages


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
        b'{"client_invoices": [7], "meta": {"total_count": 1}}',
        b'{"client_invoices": [{"id": null}], "meta": {"total_count": 1}}',
    ],
)
def test_a_page_that_is_none_is_retriable(body: bytes) -> None:
    """The run fails, nothing is committed, the next one tries again."""
    with pytest.raises(Retriable):
        api(answer(200, None, body)).page(WINDOW, 1)


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
    ("size", "read"), [("666", 666), (666, 666), (None, None), ("", None), ("6.5", None), (-1, None), (True, None)]
)
def test_the_file_size_is_a_text_or_a_number(size: Any, read: int | None) -> None:
    """Anything else is as good as none."""
    attachment = {"id": "a", "url": "https://f", "file_size": size, "file_name": 7}
    found = api(answer(200, None, {"attachment": attachment})).attachment(AttachmentId("a"))
    assert (found.file_size, found.file_name) == (read, None)


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, Misconfigured), (401, CredentialsRefused), (403, AccessDenied), (404, Misconfigured), (302, Misconfigured)],
)
def test_a_refused_list_is_fatal(status: int, error: type[Exception]) -> None:
    """No retry changes it, and without the list there is no run."""
    with pytest.raises(error):
        api(answer(status)).page(WINDOW, 1)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, b"", Permanent),
        (403, b'{"message":"Forbidden","trace_id":"t"}', Permanent),
        (403, {"errors": [{"code": "forbidden", "detail": "missing required oauth scope"}]}, AccessDenied),
        (404, b"<html>", NotFound),
        (422, {"errors": []}, Permanent),
    ],
)
def test_a_refused_invoice_concerns_this_invoice(status: int, body: Any, error: type[Exception]) -> None:
    """Unless a scope is missing, which concerns all."""
    with pytest.raises(error):
        api(answer(status, None, body)).invoice(A)


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
    ],
)
def test_reasons_of_every_shape_are_told_in_a_line(body: Any, reason: str) -> None:
    """With the trace id that Qonto's support asks for."""
    with pytest.raises(Permanent) as error:
        api(answer(422, {"X-Tyk-Trace-Id": "4bf92f"}, body)).invoice(A)
    assert str(error.value) == f"Qonto answered 422 for the invoice: {reason} (trace id 4bf92f)"


def test_a_401_is_tried_once_more_with_renewed_credentials() -> None:
    """And not again: too many of them throttle everybody behind this address."""
    renewed = api(answer(401), page([]), key=Key(renewals=1))
    assert renewed.page(WINDOW, 1).total_count == 0
    with pytest.raises(CredentialsRefused):
        api(answer(401), answer(401), page([]), key=Key(renewals=9)).page(WINDOW, 1)
