"""Whatever Qonto answers, the adapter gives a value, or an error that says what happens next."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qonto_sync.domain.errors import SyncError
from qonto_sync.domain.ids import AttachmentId, InvoiceId
from tests.fakes import LAYOUT
from tests.fuzz.documents import ATTACHMENT, ERROR, INVOICE, META, budget, corrupted, mutated
from tests.unit.qonto.scripted_http import answer
from tests.unit.qonto.test_api import WINDOW, api

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")

PAGE = {"client_invoices": [INVOICE, {**INVOICE, "id": "b"}], "meta": META}
rows = st.lists(mutated(INVOICE), max_size=4)
headers = st.fixed_dictionaries(
    {},
    optional={
        "Date": st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=40)
        | st.sampled_from(["Sun, 01 Mar 2026 12:00:00 GMT", "1 Jan 0001 00:00:00 +1400", "31 Dec 9999 23:59:59 -1400"]),
        "X-Tyk-Trace-Id": st.text(st.characters(codec="latin-1"), max_size=80),
        "Retry-After": st.text(st.characters(codec="latin-1"), max_size=5),
    },
)
statuses = st.sampled_from([200, 200, 200, 200, 204, 302, 400, 401, 403, 404, 422, 429, 500])
FITTING = {"page 1": PAGE, "page 2": PAGE, "invoice": {"client_invoice": INVOICE}, "attachment": ATTACHMENT}
others = st.one_of(
    mutated(PAGE),
    mutated(ATTACHMENT),
    mutated(ERROR),
    st.sampled_from([b"", b"<html>Log in</html>", b"<Error><Code>AccessDenied</Code></Error>"]),
)
CALLS: dict[str, Callable[[Any], object]] = {
    "page 1": lambda qonto: qonto.page(WINDOW, 1, LAYOUT),
    "page 2": lambda qonto: qonto.page(WINDOW, 2, LAYOUT),
    "invoice": lambda qonto: qonto.invoice(InvoiceId(INVOICE["id"])),
    "attachment": lambda qonto: qonto.attachment(AttachmentId(INVOICE["attachment_id"])),
}


def answers(call: str) -> st.SearchStrategy[tuple[str, bytes]]:
    """A body for this call: mostly one that might fit."""
    fitting = mutated(FITTING[call])
    return st.tuples(st.just(call), fitting | corrupted(fitting) | fitting | others | corrupted(others))


@pytest.mark.slow
@budget(1_600)
@given(st.sampled_from(sorted(CALLS)).flatmap(answers), statuses, headers)
def test_an_answer_is_a_value_or_one_of_our_errors(
    answered: tuple[str, bytes], status: int, sent: dict[str, str]
) -> None:
    """And no error contains a presigned query, wherever the server put it."""
    call, body = answered
    told = ""
    try:
        CALLS[call](api(answer(status, sent, body)))
    except SyncError as error:
        told = str(error)
    assert "X-Amz-Signature=s" not in told
    assert len(told) < 600


@budget(600)
@given(rows)
def test_every_row_of_a_page_is_there_to_the_byte(found: list[bytes]) -> None:
    """In order, whatever the rows are, and each has an id to be stored under."""
    body = b'{"client_invoices": [' + b" ,\n".join(found) + b'], "meta": {"total_count": 1}}'
    invoices = api(answer(200, None, body)).page(WINDOW, 1, LAYOUT).invoices
    assert [invoice.document for invoice in invoices] == found
    assert all(0 < len(invoice.id) <= 200 and invoice.id.encode() for invoice in invoices)


@pytest.mark.slow
@budget(800)
@given(corrupted(mutated(PAGE)))
def test_a_page_that_can_be_parsed_has_all_its_rows(body: bytes) -> None:
    """As many as the standard parser finds, if it can parse the page; with a plausible count."""
    try:
        page = json.loads(body.decode("utf-8-sig", "surrogateescape"), strict=False)
        rows_there, count = page["client_invoices"], page["meta"]["total_count"]
    except (ValueError, LookupError, TypeError, RecursionError):
        with suppress(SyncError):
            api(answer(200, None, body)).page(WINDOW, 1, LAYOUT)
        return
    if not isinstance(rows_there, list) or type(count) is not int or count < 0:
        with pytest.raises(SyncError):
            api(answer(200, None, body)).page(WINDOW, 1, LAYOUT)
        return
    assert len(api(answer(200, None, body)).page(WINDOW, 1, LAYOUT).invoices) == len(rows_there)
