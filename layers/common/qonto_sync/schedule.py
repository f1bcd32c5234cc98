"""When an incomplete archive is looked at again. Pure: time and chance are passed in."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

from qonto_sync.errors import Permanent
from qonto_sync.model import Pending, PendingReason, RetryMessage
from qonto_sync.ports import Wake

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from qonto_sync.errors import ItemError
    from qonto_sync.model import Invoice, LedgerRow

SETTLING_TIME = timedelta(minutes=2)
"""A PDF may be regenerated this long after its invoice changed (Qonto speaks of about ten seconds)."""

LONGEST_DELAY = timedelta(minutes=15)
"""The longest that SQS holds a message back; what is due later is woken by the hourly run."""

OVERDUE_AFTER = timedelta(minutes=15)
"""When a look that was due has not happened by then, its message is taken for lost."""

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
    """The wait after this many failed attempts (1 or more): exponential with full jitter, capped."""
    doublings = min(max(attempts, 1) - 1, 10)
    longest = min(_FIRST_BACKOFF * (1 << doublings), _LONGEST_BACKOFF)
    return max(longest * random(), _SHORTEST)


def seconds_until(due_at: datetime, now: datetime) -> int:
    """Whole seconds that SQS should hold a message back, so that it comes when the look is due, not before."""
    return max(0, min(math.ceil((due_at - now).total_seconds()), int(LONGEST_DELAY.total_seconds())))


def wake_for(row: LedgerRow, now: datetime) -> Wake | None:
    """The message for the next look at this invoice, when it is near enough for a queue to hold."""
    pending = row.pending
    if pending is None or pending.due_at - now > LONGEST_DELAY:
        return None
    return Wake(
        RetryMessage(row.connection, row.invoice_id, pending.reason),
        delay_seconds=seconds_until(pending.due_at, now),
    )


def after_failure(error: ItemError, previous: Pending | None, now: datetime, random: Callable[[], float]) -> Pending:
    """The next look at an invoice that could not be archived."""
    reason = PendingReason.REJECTED if isinstance(error, Permanent) else PendingReason.FAILED
    since, attempts = _continued(previous, reason, now)
    interval = _REJECTED_INTERVAL if reason is PendingReason.REJECTED else backoff(attempts, random)
    return Pending(reason, since, now + interval, attempts, str(error))


def is_known(invoice: Invoice, row: LedgerRow | None) -> bool:
    """Whether to look at this invoice would show nothing new: neither in itself nor, untold, in its file."""
    if row is None or not row.holds(invoice):
        return False
    if invoice.untold_until is None or row.revision is None:
        return True
    return row.revision.requested_at - invoice.untold_until >= SETTLING_TIME


def after_archiving(invoice: Invoice, row: LedgerRow | None, looked_at: datetime) -> Pending | None:
    """The next look at an invoice whose JSON, and PDF if it names one, were archived; None when it is settled.

    `row` is what the ledger said before, `looked_at` when the file was asked for.
    """
    previous = row.pending if row else None
    if invoice.attachment_id is None:
        if invoice.is_draft:
            return None
        since, attempts = _continued(previous, PendingReason.AWAITING_ATTACHMENT, looked_at)
        interval = _AWAITING[min(attempts, len(_AWAITING)) - 1]
        detail = "the invoice has no attachment yet"
        return Pending(PendingReason.AWAITING_ATTACHMENT, since, looked_at + interval, attempts, detail)
    if looked_at - invoice.changed_at >= SETTLING_TIME:
        return None
    if previous and is_known(invoice, row) and previous.reason is PendingReason.SETTLING:
        # Once more is enough, also when the source's clock is wrong.
        return None if previous.due_at <= looked_at else previous
    detail = "the invoice changed a moment ago: its PDF may be made anew"
    return Pending(PendingReason.SETTLING, looked_at, looked_at + SETTLING_TIME, 1, detail)


def after_announcement(previous: Pending | None, now: datetime, until: datetime) -> Pending:
    """The look at an invoice whose objects a writer is about to replace, should it die at that."""
    detail = "a writer began to replace what is archived, and may not have finished"
    return Pending(PendingReason.WRITING, previous.since if previous else now, until, 1, detail)


def after_doubt(previous: Pending | None, now: datetime) -> Pending:
    """The next look at an invoice of which the source gave a version older than the archived one."""
    detail = "the source gave an older version than the archived one: it is asked once more"
    return Pending(PendingReason.DOUBTED, previous.since if previous else now, now + SETTLING_TIME, 1, detail)


def confirms(invoice: Invoice, row: LedgerRow) -> bool:
    """Whether this is the answer to the second question: asked for after the doubt was due."""
    pending = row.pending
    return (
        pending is not None
        and pending.reason is PendingReason.DOUBTED
        and invoice.revision.requested_at >= pending.due_at
    )


def _continued(previous: Pending | None, reason: PendingReason, now: datetime) -> tuple[datetime, int]:
    """Since when, and how many looks in a row including this one, ended with this reason."""
    if previous and previous.reason is reason:
        return previous.since, previous.attempts + 1
    # What is incomplete stays so since then, whatever the reason of the day is.
    return (previous.since if previous else now), 1
