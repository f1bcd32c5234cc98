"""When the next attempt at an incomplete archive is due. Pure: time and randomness are passed in."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from qonto_sync.domain.errors import Permanent, UnusableFile
from qonto_sync.domain.ledger import Pending, PendingReason
from qonto_sync.domain.messages import DelayedMessage, RetryMessage
from qonto_sync.domain.times import ONE_SECOND, whole_seconds

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from qonto_sync.domain.errors import ItemError, SyncError
    from qonto_sync.domain.invoice import Invoice
    from qonto_sync.domain.ledger import LedgerRow

SETTLING_TIME = timedelta(minutes=2)
"""Qonto may make a PDF again for this long after its invoice changed; its documentation says about ten seconds."""

LONGEST_DELAY = timedelta(minutes=15)
"""SQS delays a message for this long at most; the hourly run sends messages for what is due later."""

OVERDUE_AFTER = timedelta(minutes=15)
"""An attempt that has not been made so long after its due time needs a message, unless one is on its way."""

MESSAGE_LIFETIME = timedelta(hours=6)
"""How long the queue keeps a message; the template says so, too."""

_AWAITING = (
    timedelta(seconds=15),
    timedelta(minutes=1),
    timedelta(minutes=10),
    timedelta(hours=1),
    timedelta(hours=6),
    timedelta(hours=24),
)
_FIRST_BACKOFF = timedelta(seconds=30)
_LONGEST_BACKOFF = timedelta(hours=1)
_DOUBLINGS = 8
"""Attempts until the backoff has reached its longest."""
_AFTER_BACKOFF = timedelta(hours=6)
_FINAL_INTERVAL = timedelta(hours=24)
_REJECTED_INTERVAL = timedelta(hours=24)
_SHORTEST = timedelta(seconds=1)


def backoff(attempts: int, random: Callable[[], float]) -> timedelta:
    """The wait after this many failed attempts (1 or more).

    It doubles from 30 seconds to an hour, with full jitter; then it is 6 hours once, then 24 hours.
    """
    if attempts > _DOUBLINGS:
        return _AFTER_BACKOFF if attempts == _DOUBLINGS + 1 else _FINAL_INTERVAL
    longest = min(_FIRST_BACKOFF * (1 << max(attempts - 1, 0)), _LONGEST_BACKOFF)
    return max(longest * random(), _SHORTEST)


def gap_due_at(attempts: int, now: datetime) -> datetime:
    """When to read a gap again after this many readings. Without jitter, as each connection's run has its own time."""
    return now + backoff(attempts, lambda: 1.0)


def seconds_until(due_at: datetime, now: datetime) -> int:
    """A delay for SQS in whole seconds, rounded up so that the message does not arrive before `due_at`."""
    return max(0, min(math.ceil((due_at - now).total_seconds()), int(LONGEST_DELAY.total_seconds())))


def message_for(row: LedgerRow, now: datetime) -> DelayedMessage | None:
    """The message that triggers the next attempt at this invoice.

    None when none is due within `LONGEST_DELAY`, or one is on its way already.
    """
    pending = row.pending
    if pending is None or pending.due_at - now > LONGEST_DELAY:
        return None
    if pending.message_until and pending.message_until > now:
        return None
    return DelayedMessage(
        RetryMessage(row.connection, row.invoice_id, pending.reason),
        delay_seconds=seconds_until(pending.due_at, now),
    )


def after_failure(error: ItemError, previous: Pending | None, now: datetime, random: Callable[[], float]) -> Pending:
    """The next attempt at an invoice that could not be archived."""
    is_same_file = isinstance(error, UnusableFile) and previous is not None and previous.detail == str(error)
    reason = PendingReason.REJECTED if is_same_file or isinstance(error, Permanent) else PendingReason.FAILED
    is_rejected = reason is PendingReason.REJECTED
    if previous and previous.reason is PendingReason.DAMAGED:
        # Until it is repaired: a person can restore the older version meanwhile.
        reason = PendingReason.DAMAGED
    since, attempts = _continued(previous, reason, now)
    interval = _REJECTED_INTERVAL if is_rejected else backoff(attempts, random)
    return Pending(reason, since, now + interval, attempts, str(error))


def after_damage(error: Permanent, previous: Pending | None, now: datetime) -> Pending:
    """The next look at a damaged archive that nobody but a person can repair: by restoring the older version."""
    since, attempts = _continued(previous, PendingReason.DAMAGED, now)
    return Pending(PendingReason.DAMAGED, since, now + _REJECTED_INTERVAL, attempts, str(error))


def is_overdue(pending: Pending, now: datetime) -> bool:
    """Whether an attempt was not made long after it was due. `message_for` says whether it needs a message."""
    return pending.due_at <= now - OVERDUE_AFTER


def after_connection_failure(error: SyncError, previous: Pending | None, now: datetime) -> Pending:
    """The next attempt at an invoice that was not tried, because nothing of its connection can be."""
    if previous:
        return replace(previous, due_at=now + _LONGEST_BACKOFF, message_until=None)
    return Pending(PendingReason.FAILED, now, now + _LONGEST_BACKOFF, 0, str(error))


def after_not_found(previous: Pending | None, now: datetime) -> Pending:
    """The next request for an invoice that Qonto says it does not have."""
    since, attempts = _continued(previous, PendingReason.NOT_FOUND, now)
    detail = "Qonto answered 404: it is asked once more before the invoice counts as deleted"
    # The ledger keeps whole seconds, and rounds down.
    due_at = whole_seconds(now) + ONE_SECOND + SETTLING_TIME
    return Pending(PendingReason.NOT_FOUND, since, due_at, attempts, detail)


def awaits_confirmation(row: LedgerRow) -> bool:
    """Whether a 404 is to be confirmed by another one."""
    return row.pending is not None and row.pending.reason is PendingReason.NOT_FOUND


def confirms_deletion(row: LedgerRow, requested_at: datetime) -> bool:
    """Whether a 404 to this request is the second one, long enough after the first."""
    return _was_due(row, PendingReason.NOT_FOUND, requested_at)


def is_unchanged(invoice: Invoice, row: LedgerRow | None, late_by: timedelta) -> bool:
    """Whether the archive has this version, and its file cannot have changed since without a trace in the JSON.

    `late_by` is as `after_archiving` takes it.
    """
    if row is None or not row.matches(invoice):
        return False
    if invoice.file_may_change_until is None or row.revision is None:
        return True
    return row.revision.requested_at - invoice.file_may_change_until >= late_by + SETTLING_TIME


def after_archiving(
    invoice: Invoice, row: LedgerRow | None, fetched_at: datetime, *, late_by: timedelta, is_outdated: bool = False
) -> Pending | None:
    """The next attempt at an invoice whose JSON, and file if it names one, are archived; None when none is needed.

    `row` is the ledger's row from before; `fetched_at` is when the file was requested. `late_by` is how long after its
    `updated_at` Qonto may commit a change; the PDF follows the commit. `is_outdated` is whether Qonto says that the
    file is older than the invoice's finalization.
    """
    previous = row.pending if row else None
    if invoice.attachment_id is None:
        if invoice.is_draft:
            return None
        since, attempts = _continued(previous, PendingReason.AWAITING_ATTACHMENT, fetched_at)
        detail = "the invoice has no attachment yet"
        due_at = fetched_at + _awaiting_interval(attempts)
        return Pending(PendingReason.AWAITING_ATTACHMENT, since, due_at, attempts, detail)
    if is_outdated:
        since, attempts = _continued(previous, PendingReason.SETTLING, fetched_at)
        detail = "the attachment is not newer than the invoice's finalization: Qonto has yet to make its PDF"
        due_at = fetched_at + max(_awaiting_interval(attempts), SETTLING_TIME)
        return Pending(PendingReason.SETTLING, since, due_at, attempts, detail)
    if fetched_at - invoice.changed_at >= late_by + SETTLING_TIME:
        return None
    if previous and is_unchanged(invoice, row, late_by) and previous.reason is PendingReason.SETTLING:
        # One more request is enough, even when Qonto's clock is wrong.
        return None if previous.due_at <= fetched_at else replace(previous, message_until=None)
    detail = "the invoice changed a moment ago: Qonto may make its PDF again"
    return Pending(PendingReason.SETTLING, fetched_at, fetched_at + SETTLING_TIME, 1, detail)


def _awaiting_interval(attempts: int) -> timedelta:
    return _AWAITING[min(attempts, len(_AWAITING)) - 1]


def after_write_intent(previous: Pending | None, now: datetime, expires_at: datetime) -> Pending:
    """The next attempt at an invoice whose objects a writer is replacing: it repairs what a crash may leave."""
    detail = "a writer began to replace archived objects, and may not have finished"
    return Pending(PendingReason.WRITE_INTENT, previous.since if previous else now, expires_at, 1, detail)


def after_stale_read(previous: Pending | None, now: datetime) -> Pending:
    """The next attempt at an invoice of which Qonto returned an older version than the archived one."""
    detail = "Qonto returned an older version than the archived one: it is asked once more"
    return Pending(PendingReason.STALE_READ, previous.since if previous else now, now + SETTLING_TIME, 1, detail)


def confirms_rollback(invoice: Invoice, row: LedgerRow) -> bool:
    """Whether this older version was requested after a stale read was due again, so that it is no stale read."""
    return _was_due(row, PendingReason.STALE_READ, invoice.revision.requested_at)


def _was_due(row: LedgerRow, reason: PendingReason, requested_at: datetime) -> bool:
    """Whether an attempt for this reason was due when the request was made."""
    pending = row.pending
    return pending is not None and pending.reason is reason and pending.due_at <= requested_at


def _continued(previous: Pending | None, reason: PendingReason, now: datetime) -> tuple[datetime, int]:
    """Since when the archive is incomplete, and how many attempts in a row, this one included, ended so."""
    if previous and previous.reason is reason:
        return previous.since, previous.attempts + 1
    # The archive stays incomplete when only the reason changes.
    return (previous.since if previous else now), 1
