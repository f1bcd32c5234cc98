"""The retry worker: a message wakes it, the ledger says what is left to do, the archiver does it."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from qonto_sync import schedule
from qonto_sync.errors import Fatal, Retriable, SyncError
from qonto_sync.events import parse_message
from qonto_sync.model import PendingReason, RefreshMessage, RetryMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from qonto_sync.archiving import InvoiceArchiver
    from qonto_sync.events import QueueRecord
    from qonto_sync.model import ConnectionName
    from qonto_sync.ports import Clock, Deadline, Ledger, RetryQueue

_log = logging.getLogger(__name__)

_REFRESH_AGAIN = timedelta(seconds=5)
"""An interrupted refresh of a token can be finished for a minute only."""


class InvoiceRetry:
    """Looks again at single invoices of one connection."""

    def __init__(self, *, archiver: InvoiceArchiver, ledger: Ledger, queue: RetryQueue, clock: Clock) -> None:
        self._archiver = archiver
        self._ledger = ledger
        self._queue = queue
        self._clock = clock

    def look_again(self, message: RetryMessage) -> None:
        """Archives the invoice as it is now.

        Raises:
            Retriable: it failed and is still pending; deliver the message again.
        """
        row = self._ledger.rows(message.connection, [message.invoice_id]).get(message.invoice_id)
        if row and row.pending is None and message.reason is not PendingReason.WEBHOOK:
            return  # done by an earlier message or by the hourly run
        outcome = self._archiver.refresh(message.invoice_id)
        if isinstance(outcome.failure, Retriable):
            raise outcome.failure
        wake = schedule.wake_for(outcome.row, self._clock.now())
        if wake:
            self._queue.send([wake])


class RetryBatch:
    """One batch of messages: each fails alone, but what stops a connection stops its other messages too."""

    def __init__(
        self,
        connect: Callable[[ConnectionName], InvoiceRetry],
        *,
        finish_refresh: Callable[[ConnectionName], None],
        queue: RetryQueue,
        deadline: Deadline,
        random: Callable[[], float],
    ) -> None:
        self._connect = connect
        self._finish_refresh = finish_refresh
        self._queue = queue
        self._deadline = deadline
        self._random = random
        self._stopped: dict[ConnectionName, Fatal] = {}

    def failed(self, records: Iterable[QueueRecord]) -> list[str]:
        """Handles the messages one by one, and gives the ids of those that are not done."""
        return [record.message_id for record in records if not self._is_done(record)]

    def _is_done(self, record: QueueRecord) -> bool:
        try:
            self.process(record.body, receipt=record.receipt, receive_count=record.receive_count)
        except SyncError:
            return False
        except Exception:  # noqa: BLE001 - none of its neighbours may suffer, whatever it is
            _log.exception("message_unexpected_error")
            return False
        return True

    def process(self, body: str, *, receipt: str, receive_count: int) -> None:
        """Handles one message, which is done when this returns.

        Raises:
            SyncError: the message is to be delivered again, later the more often it was received.
        """
        hurries = False
        try:
            if self._deadline.remaining() <= 0:
                raise Retriable("no time left in this invocation")
            message = parse_message(body)
            hurries = isinstance(message, RefreshMessage)
            self._process(message)
        except SyncError as error:
            _log.warning("message_failed", extra={"error": type(error).__name__, "detail": str(error)})
            wait = _REFRESH_AGAIN if hurries else schedule.backoff(receive_count, self._random)
            self._queue.postpone(receipt, int(wait.total_seconds()))
            raise

    def _process(self, message: RetryMessage | RefreshMessage) -> None:
        # A refresh is finished in any case: what stopped the connection may be just that.
        stopped = self._stopped.get(message.connection) if isinstance(message, RetryMessage) else None
        if stopped:
            raise stopped
        try:
            if isinstance(message, RefreshMessage):
                self._finish_refresh(message.connection)
            else:
                self._connect(message.connection).look_again(message)
        except Fatal as error:
            self._stopped[message.connection] = error
            _log.error(
                "connection_stopped",
                extra={"connection": message.connection, "detail": str(error)},
            )
            raise
