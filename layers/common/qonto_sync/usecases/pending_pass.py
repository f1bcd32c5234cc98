"""One pass over everything that is pending: counts it, and sends messages for what is overdue."""

from __future__ import annotations

from itertools import batched
from typing import TYPE_CHECKING

from qonto_sync.domain import retry_schedule
from qonto_sync.domain.gap import Gap
from qonto_sync.domain.result import Backlog

if TYPE_CHECKING:
    from datetime import datetime

    from qonto_sync.domain.result import Tally
    from qonto_sync.usecases.gap_work import GapWork
    from qonto_sync.usecases.run_context import RunContext

_BATCH = 100
"""Pending invoices that are handled between two checks of the deadline."""


def requeue_overdue(
    context: RunContext, tally: Tally, gap_work: GapWork, *, counted_before: datetime | None
) -> list[Gap]:
    """Counts what is pending, sends a message for each overdue invoice, and returns the gaps that are due.

    An overdue invoice has no message on its way: it was lost, or none was sent because its attempt was due much later.
    `counted_before` is when the last run counted. Without time for all of it the backlog stays unknown.
    """
    now = context.clock.now()
    backlog = Backlog(now, counted_before)
    due: list[Gap] = []
    for batch in batched(context.pending.pending(context.connection), _BATCH, strict=False):
        gaps = [entry for entry in batch if isinstance(entry, Gap)]
        rows = [entry for entry in batch if not isinstance(entry, Gap)]
        for gap in gaps:
            gap_work.note(gap)
            backlog.add_gap(gap)
        due += [gap for gap in gaps if gap.due_at <= now]
        for row in rows:
            if row.pending:
                backlog.add(row.pending)
        if not context.dry_run:
            tally.requeued += context.messages.send_due(
                row for row in rows if row.pending and retry_schedule.is_overdue(row.pending, now)
            )
        if context.last_deadline.remaining() <= 0:
            break
    else:
        tally.backlog = backlog
    return due
