"""Sends the messages that trigger retries, at most one at a time for each invoice."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from qonto_sync.domain import retry_schedule
from qonto_sync.domain.errors import ItemError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from concurrent.futures import Executor
    from datetime import datetime

    from qonto_sync.domain.ledger import LedgerRow
    from qonto_sync.ports import Clock, Ledger, RetryQueue

_log = logging.getLogger(__name__)


class RetryMessages:
    """Sends messages, and notes in the ledger which may be on their way. The hourly run sends lost ones again."""

    def __init__(self, *, ledger: Ledger, queue: RetryQueue, clock: Clock, executor: Executor) -> None:
        self._ledger = ledger
        self._queue = queue
        self._clock = clock
        self._executor = executor

    def send_due(self, rows: Iterable[LedgerRow]) -> int:
        """Sends a message for each invoice that is due soon and has none on its way; returns how many it sent."""
        now = self._clock.now()
        found = [(row, message) for row in rows if (message := retry_schedule.message_for(row, now))]
        if not found:
            return 0
        unsent = set(self._queue.send(delayed for _, delayed in found))
        sent = [row for row, (message, _) in found if message not in unsent]
        # All results are awaited, so that an error in one of them is not lost.
        list(self._executor.map(partial(self._note, until=now + retry_schedule.MESSAGE_LIFETIME), sent))
        return len(sent)

    def send_again(self, row: LedgerRow) -> None:
        """Like `send_due`, after the row's last message was received."""
        if row.pending:
            row = replace(row, pending=replace(row.pending, message_until=None))
        self.send_due([row])

    def _note(self, row: LedgerRow, until: datetime) -> None:
        try:
            self._ledger.mark_message_sent(row, until)
        except ItemError as error:
            # At worst a second message is sent, which does nothing when the first has done it.
            _log.warning("message_not_noted", extra={"invoice_id": row.invoice_id, "detail": str(error)})
