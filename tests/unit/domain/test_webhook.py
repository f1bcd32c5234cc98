"""A webhook's request and its answer."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qonto_sync.domain.errors import RejectionReason, WebhookRejected
from qonto_sync.domain.ids import LONGEST_ID
from qonto_sync.domain.webhook import (
    WebhookOutcome,
    WebhookRequest,
    WebhookResult,
    changed_invoice,
    response_for,
)
from tests.fuzz.documents import budget
from tests.webhooks import webhook_event

ANYTHING: Final = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def refusal(event: Any, most: int = 1000) -> RejectionReason:
    """Why the request in this event is rejected."""
    request = WebhookRequest.of(event)
    with pytest.raises(WebhookRejected) as error:
        request.connection()
        request.body(most)
    return error.value.reason


def changed(**fields: Any) -> dict[str, Any]:
    """An event that is as it should be, but for these."""
    return {**webhook_event(), **fields}


def with_header(name: str, value: Any) -> dict[str, Any]:
    """An event with another header."""
    event = webhook_event()
    return {**event, "headers": {**event["headers"], name: value}}


def test_a_request_names_its_connection_and_has_its_bytes() -> None:
    """Those that were signed, whether API Gateway encoded them or not."""
    text = '{"name": "Société"}'
    for event in (
        changed(body=text),
        changed(body=base64.b64encode(text.encode()).decode(), isBase64Encoded=True),
    ):
        request = WebhookRequest.of(event)
        assert request.connection() == "default"
        assert request.body(1000) == text.encode()


@pytest.mark.parametrize(
    "content_type", ["application/json", "Application/JSON", "application/json; charset=utf-8", "application/json ;x"]
)
def test_json_is_json_in_any_spelling(content_type: str) -> None:
    """A parameter or a capital letter changes nothing."""
    assert WebhookRequest.of(with_header("Content-Type", content_type)).connection() == "default"


def test_a_header_may_be_written_in_any_case() -> None:
    """API Gateway makes all names small, and does not have to."""
    request = WebhookRequest.of(changed(headers={"Content-Type": "application/json", "X-Qonto-Signature": "t=1"}))
    assert (request.connection(), request.signature) == ("default", "t=1")


@pytest.mark.parametrize("method", ["GET", "PUT", "post", "", None, 7])
def test_only_a_post_is_taken(method: Any) -> None:
    """The response to another method names it."""
    assert refusal(changed(requestContext={"http": {"method": method}})) is RejectionReason.METHOD
    answer = response_for(WebhookResult(WebhookOutcome.REJECTED, rejection=RejectionReason.METHOD))
    assert (answer["statusCode"], answer["headers"]) == (405, {"allow": "POST"})


@pytest.mark.parametrize(
    "path",
    [
        *("", "/", "/webhooks", "/webhooks/", "/webhooks/a/b", "/webhooks/../a", "/webhooks/a\n", "/webhooks/a%2Fb"),
        *("/webhooks/-a", "/webhooks/é", "/Webhooks/a", "webhooks/a", f"/webhooks/{'a' * 65}", None, 7),
    ],
)
def test_a_path_that_names_no_connection_is_none(path: Any) -> None:
    """A name is a part of a secret's name, and nothing may lead out of the prefix."""
    assert refusal(changed(rawPath=path)) is RejectionReason.PATH


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/jsonp", "application/x-www-form-urlencoded"])
def test_only_json_is_taken(content_type: str) -> None:
    """Qonto sends nothing else."""
    assert refusal(with_header("content-type", content_type)) is RejectionReason.CONTENT_TYPE


@pytest.mark.parametrize("most", [2999, 1000, 0])
def test_a_body_is_measured_in_bytes(most: int) -> None:
    """As it came over the wire, encoded or not."""
    text = "é" * 1500
    encoded = base64.b64encode(text.encode()).decode()
    for event in (changed(body=text), changed(body=encoded, isBase64Encoded=True)):
        assert refusal(event, most) is RejectionReason.SIZE
        assert len(WebhookRequest.of(event).body(3000)) == 3000


@pytest.mark.parametrize("body", ["a", "ab=c", "é", "\n", "===="])
def test_a_body_that_is_badly_encoded_is_none(body: str) -> None:
    """Nothing is guessed."""
    assert refusal(changed(body=body, isBase64Encoded=True)) is RejectionReason.MALFORMED
    assert refusal(changed(body="\ud800")) is RejectionReason.MALFORMED


@budget(200)
@given(ANYTHING)
def test_no_event_does_any_harm(event: Any) -> None:
    """Any event becomes a request that is rejected."""
    assert refusal(event) is RejectionReason.METHOD


@budget(200)
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(webhook_event(), ANYTHING)))
def test_no_part_of_an_event_does_any_harm(fields: dict[str, Any]) -> None:
    """A part of another type is a part that is missing."""
    request = WebhookRequest.of({**webhook_event(), **fields})
    with suppress(WebhookRejected):
        assert request.connection() == "default"
    with suppress(WebhookRejected):
        assert len(request.body(1000)) <= 1000


@pytest.mark.parametrize("topic", ["v1/client-invoices", "v1/client-invoices.updated", "v1/client-invoices/created"])
def test_an_invoice_is_named_by_its_id(topic: str) -> None:
    """The event's own id is not used, nor any other field."""
    for data in (
        {"id": "i1", "status": "paid"},
        {"client_invoice": {"id": "i1"}},
        {"id": 7, "client_invoice": {"id": "i1"}},
    ):
        assert changed_invoice(json.dumps({"id": "event", "type": topic, "data": data}).encode()) == "i1"


@pytest.mark.parametrize(
    "topic",
    ["v2/client-invoices", "v1/client-invoices-x", "v1/cards", "v1/clients", "", None, 7, ["v1/client-invoices"]],
)
def test_what_is_about_something_else_is_no_error(topic: Any) -> None:
    """Qonto is to stop delivering it."""
    assert changed_invoice(json.dumps({"type": topic, "data": {"id": "i1"}}).encode()) is None
    assert changed_invoice(b'{"test":"data"}') is None


@pytest.mark.parametrize(
    "data", [None, [], "i1", {}, {"id": None}, {"id": ""}, {"id": 7}, {"id": "x" * (LONGEST_ID + 1)}]
)
def test_an_invoice_without_an_id_is_rejected(data: Any) -> None:
    """There is no invoice to retry."""
    with pytest.raises(WebhookRejected) as error:
        changed_invoice(json.dumps({"id": "event", "type": "v1/client-invoices", "data": data}).encode())
    assert error.value.reason is RejectionReason.NO_INVOICE


@pytest.mark.parametrize("body", [b"", b"[]", b"7", b"{", b"\xff", b"[" * 100_000, b"1" * 5000])
def test_a_body_that_is_no_object_is_rejected(body: bytes) -> None:
    """However deep, long or binary it is."""
    with pytest.raises(WebhookRejected) as error:
        changed_invoice(body)
    assert error.value.reason is RejectionReason.MALFORMED


@budget(200)
@given(
    st.binary(max_size=300)
    | ANYTHING.map(lambda value: json.dumps({"type": "v1/client-invoices", "data": value}).encode())
)
def test_no_body_does_any_harm(body: bytes) -> None:
    """It names an invoice, is about something else, or is rejected."""
    try:
        found = changed_invoice(body)
    except WebhookRejected:
        return
    assert found is None or 0 < len(found) <= LONGEST_ID


@pytest.mark.parametrize(
    ("receipt", "status"),
    [
        (WebhookResult(WebhookOutcome.ACCEPTED), 202),
        (WebhookResult(WebhookOutcome.IGNORED), 200),
        (WebhookResult(WebhookOutcome.UNAVAILABLE), 503),
        (WebhookResult(WebhookOutcome.REJECTED, rejection=RejectionReason.PATH), 404),
        (WebhookResult(WebhookOutcome.REJECTED, rejection=RejectionReason.CONTENT_TYPE), 415),
        (WebhookResult(WebhookOutcome.REJECTED, rejection=RejectionReason.SIZE), 413),
        (WebhookResult(WebhookOutcome.REJECTED, rejection=RejectionReason.MALFORMED), 400),
        (WebhookResult(WebhookOutcome.REJECTED, rejection=RejectionReason.NO_INVOICE), 400),
        (WebhookResult(WebhookOutcome.REJECTED, rejection=RejectionReason.STALE), 401),
        (WebhookResult(WebhookOutcome.REJECTED, rejection=RejectionReason.SIGNATURE), 401),
    ],
)
def test_an_answer_is_a_status_and_nothing_else(receipt: WebhookResult, status: int) -> None:
    """No word about what is wrong, or whether there is such a connection."""
    assert response_for(receipt) == {"statusCode": status, "headers": {}, "body": ""}
