"""When an invoice is retried."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from qonto_sync.domain import retry_schedule
from qonto_sync.domain.errors import UnusableFile
from qonto_sync.domain.invoice import Invoice
from qonto_sync.domain.ledger import LedgerRow, Pending, PendingReason
from tests.fakes import CONNECTION, START

LISTED_UNTIL = START - timedelta(minutes=1)
LATE_BY = timedelta(minutes=11)
FINAL_AFTER = LATE_BY + retry_schedule.SETTLING_TIME
LONG_AGO = (START - timedelta(days=9)).isoformat()


def invoice(*, listed_until: Any = None, **fields: Any) -> Invoice:
    """An old invoice with a PDF, asked for at `START`."""
    fields = {"id": "a", "created_at": LONG_AGO, "attachment_id": "f", **fields}
    return Invoice.of(fields, b"{}", START, listed_until=listed_until)


def row_of(archived: Invoice, pending: Pending | None = None) -> LedgerRow:
    """What the ledger says after this was archived."""
    return LedgerRow(CONNECTION, archived.id, 1, archived.revision, archived.digest, pending=pending)


def settling(due_at: Any) -> Pending:
    """A pending state that is due then."""
    return Pending(PendingReason.SETTLING, START, due_at, 1, "")


def test_a_told_change_of_long_ago_is_settled() -> None:
    """Its PDF is final."""
    assert retry_schedule.after_archiving(invoice(updated_at=LONG_AGO), None, START, late_by=LATE_BY) is None


@pytest.mark.parametrize("listed_until", [None, LISTED_UNTIL])
def test_an_unknown_time_of_change_may_be_recent(listed_until: Any) -> None:
    """Without an `updated_at` only the window's end, or the moment it was asked for, says how old it is at least."""
    pending = retry_schedule.after_archiving(invoice(listed_until=listed_until), None, START, late_by=LATE_BY)
    assert pending
    assert (pending.reason, pending.due_at) == (PendingReason.SETTLING, START + retry_schedule.SETTLING_TIME)


def test_a_late_commit_may_still_change_the_file() -> None:
    """It is committed up to 11 minutes after its `updated_at`, and its PDF follows the commit by two at most."""
    for minutes, is_final in ((12, False), (13, True)):
        changed = invoice(updated_at=(START - timedelta(minutes=minutes)).isoformat())
        assert (retry_schedule.after_archiving(changed, None, START, late_by=LATE_BY) is None) is is_final


def test_the_same_unusable_file_is_looked_at_daily() -> None:
    """Once it has failed the same way twice; another file is tried as often as any failure."""

    def failed(etag: str, previous: Pending | None) -> Pending:
        return retry_schedule.after_failure(UnusableFile(f"no PDF (ETag {etag})"), previous, START, lambda: 1.0)

    first = failed("1", None)
    second = failed("1", first)
    third = failed("1", second)
    other = failed("2", third)
    assert [each.reason.value for each in (first, second, third, other)] == ["failed", "rejected", "rejected", "failed"]
    assert [each.due_at - START for each in (second, third)] == [timedelta(days=1)] * 2


def test_a_longer_overlap_moves_what_is_final() -> None:
    """Whoever expects later commits, and lets windows overlap for longer, has files looked at for longer, too."""
    changed = invoice(updated_at=(START - timedelta(minutes=59)).isoformat())
    for minutes, is_final in ((57, True), (58, False)):
        pending = retry_schedule.after_archiving(changed, None, START, late_by=timedelta(minutes=minutes))
        assert (pending is None) is is_final


def test_a_file_of_before_the_finalization_is_looked_at_again_and_again() -> None:
    """However old the invoice is: soon at first, daily at last, and never given up."""
    finalized = invoice(updated_at=LONG_AGO)
    row, waits = row_of(finalized), []
    for _ in range(8):
        pending = retry_schedule.after_archiving(finalized, row, START, late_by=LATE_BY, is_outdated=True)
        assert pending
        assert pending.reason is PendingReason.SETTLING
        waits.append(pending.due_at - START)
        row = row_of(finalized, pending)
    assert waits[:4] == [timedelta(minutes=minutes) for minutes in (2, 2, 10, 60)]
    assert waits[-1] == timedelta(days=1)


def test_an_unknown_time_of_change_in_an_old_window_is_final() -> None:
    """A first import of invoices without `updated_at` does not request each file twice."""
    old = invoice(listed_until=START - FINAL_AFTER)
    assert retry_schedule.after_archiving(old, None, START, late_by=LATE_BY) is None


def test_an_unknown_time_of_change_is_retried_once_only() -> None:
    """Fetched by id and unchanged when it is due: complete. Before that, the due time stays."""
    again = invoice()
    for due_at, expected in ((START, None), (START + timedelta(seconds=1), START + timedelta(seconds=1))):
        pending = retry_schedule.after_archiving(again, row_of(again, settling(due_at)), START, late_by=LATE_BY)
        assert (pending.due_at if pending else None) == expected


def test_what_tells_its_changes_is_known_by_its_content() -> None:
    """The same invoice again, however long ago it was fetched: unchanged."""
    told = invoice(updated_at=LONG_AGO, listed_until=LISTED_UNTIL)
    assert retry_schedule.is_unchanged(told, row_of(told), LATE_BY)
    assert not retry_schedule.is_unchanged(invoice(updated_at=LONG_AGO, status="paid"), row_of(told), LATE_BY)
    assert not retry_schedule.is_unchanged(told, None, LATE_BY)


@pytest.mark.parametrize(
    ("fetched_at", "known"),
    [
        (LISTED_UNTIL - timedelta(hours=1), False),
        (LISTED_UNTIL + timedelta(minutes=1), False),
        (LISTED_UNTIL + FINAL_AFTER, True),
    ],
)
def test_what_does_not_tell_its_changes_is_known_by_the_last_look(fetched_at: Any, *, known: bool) -> None:
    """Listed, so changed before the window's end; its file was final 13 minutes later."""
    before = Invoice.of({"id": "a", "created_at": LONG_AGO, "attachment_id": "f"}, b"{}", fetched_at)
    assert retry_schedule.is_unchanged(invoice(listed_until=LISTED_UNTIL), row_of(before), LATE_BY) is known


def test_a_newer_unknown_change_moves_the_retry() -> None:
    """It is listed again: the retry for the earlier change may be too early for this one."""
    listed = invoice(listed_until=LISTED_UNTIL)
    early = settling(START + timedelta(seconds=1))
    pending = retry_schedule.after_archiving(listed, row_of(listed, early), START, late_by=LATE_BY)
    assert pending
    assert pending.due_at == START + retry_schedule.SETTLING_TIME
