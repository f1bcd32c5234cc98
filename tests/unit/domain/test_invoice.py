"""What is read out of an invoice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from qonto_sync.domain.ids import AttachmentId, ConnectionName, InvoiceId, is_identified
from qonto_sync.domain.invoice import Attachment, Invoice, Revision
from qonto_sync.domain.ledger import LedgerRow

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_facts_are_read_leniently() -> None:
    """Unknown, missing and wrong-typed fields are no error: the document is kept as it is."""
    fields: dict[str, Any] = {"id": "a", "status": 7, "number": None, "attachment_id": {}, "items": None, "new": [1.10]}
    invoice = Invoice.of(fields, b"as received", NOW)
    assert (invoice.status, invoice.number, invoice.attachment_id) == (None, None, None)
    assert invoice.document == b"as received"


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"id": None},
        {"id": 7},
        {"id": ""},
        {"id": "x" * 201},
        {"id": "a\ud800"},
        {"id": "unidentified-0"},
    ],
)
def test_an_invoice_needs_an_id(bad: dict[str, Any]) -> None:
    """Without one there is nothing to file it under."""
    with pytest.raises(ValueError, match="an invoice id is a text"):
        Invoice.of(bad, b"", NOW)


def test_an_entry_without_an_id_gets_one_of_its_own_bytes() -> None:
    """Equal bytes are the same entry, whenever they are listed; no id of Qonto's equals one of these."""
    one, again, other = (
        Invoice.unidentified(document, NOW + timedelta(hours=hour)) for hour, document in enumerate([b"7", b"7", b"8"])
    )
    assert one.id == again.id != other.id
    assert (one.digest, one.document) == (again.digest, b"7")
    assert not is_identified(one.id)
    assert is_identified(InvoiceId("a"))
    assert one.fault == "Qonto listed an entry without a usable id"


@pytest.mark.parametrize("attachment_id", [7, ["a"], "x" * 201, "\udfff"])
def test_an_attachment_that_cannot_be_asked_for_is_a_fault(attachment_id: Any) -> None:
    """It is there, so the invoice must not pass for one without."""
    invoice = Invoice.of({"id": "a", "attachment_id": attachment_id}, b"", NOW)
    assert invoice.attachment_id is None
    assert invoice.fault == "the invoice names its attachment by no usable id"


@pytest.mark.parametrize("attachment_id", [None, "", False, "f"])
def test_no_attachment_is_no_fault(attachment_id: Any) -> None:
    """Nor is one with an id."""
    assert Invoice.of({"id": "a", "attachment_id": attachment_id}, b"", NOW).fault is None


def test_texts_fit_a_row_and_a_header() -> None:
    """A status of a megabyte would fill a ledger row, and half a character can't be sent to AWS."""
    invoice = Invoice.of({"id": "a", "status": "draft\ud800", "number": "9" * 10**6}, b"", NOW)
    assert (invoice.status, invoice.number) == ("draft?", "9" * 200)


def _nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("odd", [10**5_000, _nested(20_000)], ids=["a long number", "a deep list"])
def test_what_has_no_canonical_form_has_a_digest_of_its_text(odd: Any) -> None:
    """Another spelling is then another version: archived once more, never missed."""
    one, same, other = (Invoice.of({"id": "a", "odd": odd}, text, NOW).digest for text in (b"1", b"1", b"2"))
    assert one == same != other


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), "\ud800", {"\udfff": None}])
def test_odd_content_has_a_canonical_form(odd: Any) -> None:
    """Python reads and writes it alike."""
    one, other = (Invoice.of({"id": "a", "odd": odd}, text, NOW).digest for text in (b"1", b"2"))
    assert one == other


def test_the_digest_is_of_the_content_not_of_its_spelling() -> None:
    """The list and the single invoice may order keys differently."""
    one = Invoice.of({"id": "a", "b": 1}, b'{"id":"a","b":1}', NOW)
    other = Invoice.of({"b": 1, "id": "a"}, b'{ "b": 1, "id": "a" }', NOW + timedelta(hours=1))
    assert one.digest == other.digest


def test_revisions_go_by_updated_at_then_by_the_request() -> None:
    """Of two answers about the same second the later one is the newer."""
    second = {"id": "a", "updated_at": "2026-02-01T00:00:00Z"}
    early = Invoice.of(second, b"", NOW)
    late = Invoice.of(second, b"", NOW + timedelta(seconds=1))
    edited = Invoice.of({"id": "a", "updated_at": "2026-02-01T00:00:01Z"}, b"", NOW - timedelta(days=1))
    assert early.revision < late.revision < edited.revision


def test_without_updated_at_the_request_decides() -> None:
    """A later answer is at least as new."""
    assert Invoice.of({"id": "a"}, b"", NOW).revision == Revision(NOW, NOW)


def test_the_latest_change_counts() -> None:
    """Finalizing regenerates the PDF, whether or not it sets `updated_at`."""
    invoice = Invoice.of(
        {
            "id": "a",
            "created_at": "2026-01-01T00:00:00Z",
            "updated_at": "2026-01-02T00:00:00.5Z",
            "finalized_at": "2026-01-03T01:00:00+01:00",
        },
        b"",
        NOW,
    )
    assert invoice.changed_at == datetime(2026, 1, 3, tzinfo=UTC)


def test_a_deleted_row_holds_nothing() -> None:
    """An invoice that comes back is archived again."""
    invoice = Invoice.of({"id": "a"}, b"", NOW)
    row = LedgerRow(ConnectionName("default"), invoice.id, digest=invoice.digest)
    assert row.matches(invoice)
    assert not LedgerRow(ConnectionName("default"), invoice.id, digest=invoice.digest, deleted_at_source=NOW).matches(
        invoice
    )


def test_an_attachment_never_shows_its_url() -> None:
    """The URL is a credential, and what is printed may reach a log."""
    assert "secret" not in repr(Attachment(AttachmentId("a"), "https://files/x?secret", "n.pdf", 1))
