"""Which differences between source, ledger and archive count."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from qonto_sync.domain.ids import AttachmentId, ETag, InvoiceId, Sha256
from qonto_sync.domain.invoice import Invoice
from qonto_sync.domain.ledger import LedgerRow, Pending, PendingReason, StoredFile, StoredObject
from qonto_sync.domain.reconciliation import Difference, ListedObject, difference, is_due
from tests.fakes import CONNECTION, START

FIELDS = {"id": "a", "attachment_id": "f", "updated_at": "2026-03-01T12:00:00Z"}


def invoice(**changes: Any) -> Invoice:
    """An invoice with an attachment, as the list shows it."""
    fields = {**FIELDS, **changes}
    return Invoice.of(fields, json.dumps(fields).encode(), START, listed_until=START)


DOCUMENT = StoredObject("k/invoice.json", ETag('"1"'), Sha256("d" * 64), 10)
FILE = StoredObject("k/f.pdf", ETag('"2"'), Sha256("e" * 64), 20)
ROW = LedgerRow(
    CONNECTION,
    InvoiceId("a"),
    version=3,
    digest=invoice().digest,
    document=DOCUMENT,
    file=StoredFile(AttachmentId("f"), FILE, None),
)
BUCKET = {stored.key: ListedObject(stored.key, stored.etag, stored.size) for stored in (DOCUMENT, FILE)}


def bucket(key: str, **changes: Any) -> dict[str, ListedObject]:
    """The bucket, in which somebody changed an object."""
    return BUCKET | {key: replace(BUCKET[key], **changes)}


def without(key: str) -> dict[str, ListedObject]:
    """The bucket, from which somebody deleted an object."""
    return {name: found for name, found in BUCKET.items() if name != key}


DRAFT = invoice(attachment_id=None, status="draft")


@pytest.mark.parametrize(
    ("source", "row", "objects", "expected"),
    [
        (invoice(), ROW, BUCKET, None),
        (invoice(), None, {}, Difference.MISSING),
        (invoice(), replace(ROW, document=None, file=None), {}, Difference.MISSING),
        (invoice(), replace(ROW, file=None), BUCKET, Difference.MISSING),
        (invoice(number="2"), ROW, BUCKET, Difference.STALE),
        (invoice(attachment_id="g"), replace(ROW, digest=invoice(attachment_id="g").digest), BUCKET, Difference.STALE),
        (invoice(), ROW, without(DOCUMENT.key), Difference.DAMAGED),
        (invoice(), ROW, without(FILE.key), Difference.DAMAGED),
        (invoice(), ROW, bucket(FILE.key, etag='"other"'), Difference.DAMAGED),
        (invoice(), ROW, bucket(DOCUMENT.key, size=11), Difference.DAMAGED),
        (None, None, BUCKET, Difference.ORPHANED),
        (None, ROW, BUCKET, Difference.VANISHED),
        (None, replace(ROW, deleted_at_source=START), BUCKET, None),
        (None, replace(ROW, deleted_at_source=START), without(FILE.key), Difference.DAMAGED),
        (invoice(), replace(ROW, deleted_at_source=START), BUCKET, Difference.STALE),
        (DRAFT, replace(ROW, digest=DRAFT.digest), BUCKET, None),
        (invoice(attachment_id=None), replace(ROW, file=None), BUCKET, Difference.MISSING),
    ],
)
def test_source_ledger_and_archive_are_compared(
    source: Invoice | None, row: LedgerRow | None, objects: dict[str, ListedObject], expected: Difference | None
) -> None:
    """In that order: what the source says of the row counts before what the bucket says."""
    assert difference(source, row, objects, neglected_since=START) is expected


@pytest.mark.parametrize("source", [invoice(number="2"), None])
def test_pending_work_is_no_difference(source: Invoice | None) -> None:
    """It is known to be incomplete, and somebody is at it; if nobody is, it counts like any other."""
    pending = replace(ROW, pending=Pending(PendingReason.FAILED, START, START, 1, ""))
    assert difference(source, pending, BUCKET, neglected_since=START) is None
    assert difference(source, pending, BUCKET, neglected_since=START + timedelta(seconds=1)) is not None


def test_what_is_archived_of_pending_work_is_compared() -> None:
    """It may be pending for months. A damage that is known, and the objects of a writer in between, are no news."""

    def seen(reason: PendingReason, **changes: Any) -> Difference | None:
        row = replace(ROW, pending=Pending(reason, START, START, 1, ""), **changes)
        return difference(invoice(), row, without(FILE.key), neglected_since=START)

    assert seen(PendingReason.AWAITING_ATTACHMENT) is Difference.DAMAGED
    assert seen(PendingReason.DAMAGED) is None
    assert seen(PendingReason.WRITE_INTENT, intent_expires_at=START) is None


def test_an_invoice_that_waits_for_its_file_is_compared() -> None:
    """All else of it must be archived. If nobody is at it, it does not wait."""
    final = invoice(attachment_id=None)
    waiting = Pending(PendingReason.AWAITING_ATTACHMENT, START, START, 1, "")
    row = replace(ROW, digest=final.digest, file=None, pending=waiting)
    assert difference(final, row, BUCKET, neglected_since=START) is None
    assert difference(final, row, BUCKET, neglected_since=START + timedelta(seconds=1)) is Difference.MISSING
    changed = invoice(attachment_id=None, number="2")
    assert difference(changed, row, BUCKET, neglected_since=START) is Difference.STALE
    assert difference(changed, replace(row, intent_expires_at=START), BUCKET, neglected_since=START) is None


def test_what_the_hourly_run_has_yet_to_read_is_not_due() -> None:
    """By the time of its last change."""
    assert is_due(invoice(), START)
    assert not is_due(invoice(), START - timedelta(seconds=1))
