"""When the next attempt at an incomplete archive is due. Pure: time and randomness are passed in."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

from qonto_sync.domain.errors import Permanent
from qonto_sync.domain.ledger import Pending, PendingReason
from qonto_sync.domain.messages import DelayedMessage, RetryMessage

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from qonto_sync.domain.errors import ItemError
    from qonto_sync.domain.invoice import Invoice
    from qonto_sync.domain.ledger import LedgerRow

SETTLING_TIME = timedelta(minutes=2)
"""Qonto may make a PDF again for this long after its invoice changed; its documentation says about ten seconds."""

LONGEST_DELAY = timedelta(minutes=15)
"""SQS delays a message for this long at most; the hourly run sends messages for what is due later."""

OVERDUE_AFTER = timedelta(minutes=15)
"""An attempt that has not been made so long after its due time: its message counts as lost."""

_AWAITING = (
    timedelta(seconds=15),
    timedelta(minutes=1),
    timedelta(minutes=10),
    timedelta(hours=1),
    timedelta(hours=6),
    timedelta(hours=24),
)
_FIRST_BACKOFF = timedelta(seconds=30)
_LONGEST_BACKOFF = timedelta(minutes=15)
_REJECTED_INTERVAL = timedelta(hours=24)
_SHORTEST = timedelta(seconds=1)


def backoff(attempts: int, random: Callable[[], float]) -> timedelta:
    """The wait after this many failed attempts (1 or more): exponential with full jitter, at most 15 minutes."""
    doublings = min(max(attempts, 1) - 1, 10)
    longest = min(_FIRST_BACKOFF * (1 << doublings), _LONGEST_BACKOFF)
    return max(longest * random(), _SHORTEST)


def seconds_until(due_at: datetime, now: datetime) -> int:
    """A delay for SQS in whole seconds, rounded up so that the message does not arrive before `due_at`."""
    return max(0, min(math.ceil((due_at - now).total_seconds()), int(LONGEST_DELAY.total_seconds())))


def message_for(row: LedgerRow, now: datetime) -> DelayedMessage | None:
    """The message that triggers the next attempt at this invoice; None when none is due within `LONGEST_DELAY`."""
    pending = row.pending
    if pending is None or pending.due_at - now > LONGEST_DELAY:
        return None
    return DelayedMessage(
        RetryMessage(row.connection, row.invoice_id, pending.reason),
        delay_seconds=seconds_until(pending.due_at, now),
    )


def after_failure(error: ItemError, previous: Pending | None, now: datetime, random: Callable[[], float]) -> Pending:
    """The next attempt at an invoice that could not be archived."""
    reason = PendingReason.REJECTED if isinstance(error, Permanent) else PendingReason.FAILED
    since, attempts = _continued(previous, reason, now)
    interval = _REJECTED_INTERVAL if reason is PendingReason.REJECTED else backoff(attempts, random)
    return Pending(reason, since, now + interval, attempts, str(error))


def is_unchanged(invoice: Invoice, row: LedgerRow | None) -> bool:
    """Whether the archive has this version, and its file cannot have changed since without a trace in the JSON."""
    if row is None or not row.matches(invoice):
        return False
    if invoice.file_may_change_until is None or row.revision is None:
        return True
    return row.revision.requested_at - invoice.file_may_change_until >= SETTLING_TIME


def after_archiving(invoice: Invoice, row: LedgerRow | None, fetched_at: datetime) -> Pending | None:
    """The next attempt at an invoice whose JSON, and file if it names one, are archived; None when none is needed.

    `row` is the ledger's row from before; `fetched_at` is when the file was requested.
    """
    previous = row.pending if row else None
    if invoice.attachment_id is None:
        if invoice.is_draft:
            return None
        since, attempts = _continued(previous, PendingReason.AWAITING_ATTACHMENT, fetched_at)
        interval = _AWAITING[min(attempts, len(_AWAITING)) - 1]
        detail = "the invoice has no attachment yet"
        return Pending(PendingReason.AWAITING_ATTACHMENT, since, fetched_at + interval, attempts, detail)
    if fetched_at - invoice.changed_at >= SETTLING_TIME:
        return None
    if previous and is_unchanged(invoice, row) and previous.reason is PendingReason.SETTLING:
        # One more request is enough, even when Qonto's clock is wrong.
        return None if previous.due_at <= fetched_at else previous
    detail = "the invoice changed a moment ago: Qonto may make its PDF again"
    return Pending(PendingReason.SETTLING, fetched_at, fetched_at + SETTLING_TIME, 1, detail)


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
    pending = row.pending
    return (
        pending is not None
        and pending.reason is PendingReason.STALE_READ
        and invoice.revision.requested_at >= pending.due_at
    )


def _continued(previous: Pending | None, reason: PendingReason, now: datetime) -> tuple[datetime, int]:
    """Since when the archive is incomplete, and how many attempts in a row, this one included, ended so."""
    if previous and previous.reason is reason:
        return previous.since, previous.attempts + 1
    # The archive stays incomplete when only the reason changes.
    return (previous.since if previous else now), 1
