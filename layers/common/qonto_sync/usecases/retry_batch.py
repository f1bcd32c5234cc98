"""The retry worker: a message triggers it, the ledger says what is left to do, the archiver does it."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from qonto_sync.domain import retry_schedule
from qonto_sync.domain.errors import Fatal, Retriable, SyncError
from qonto_sync.domain.messages import WEBHOOK, RecoveryMessage, RetryMessage, parse_message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from qonto_sync.domain.events import QueueRecord
    from qonto_sync.domain.ids import ConnectionName
    from qonto_sync.ports import Clock, Deadline, Ledger, RetryQueue
    from qonto_sync.usecases.invoice_archiver import InvoiceArchiver

_log = logging.getLogger(__name__)

_RECOVERY_INTERVAL = timedelta(seconds=5)
"""An interrupted refresh of a token can be recovered for a minute only."""


class InvoiceRetry:
    """Retries single invoices of one connection."""

    def __init__(self, *, archiver: InvoiceArchiver, ledger: Ledger, queue: RetryQueue, clock: Clock) -> None:
        self._archiver = archiver
        self._ledger = ledger
        self._queue = queue
        self._clock = clock

    def retry(self, message: RetryMessage) -> None:
        """Archives the current version of the invoice.

        Raises:
            Retriable: it failed and is still pending; deliver the message again.
        """
        row = self._ledger.rows(message.connection, [message.invoice_id]).get(message.invoice_id)
        if row and row.pending is None and message.reason != WEBHOOK:
            return  # an earlier message or the hourly run has done it
        result = self._archiver.archive_latest(message.invoice_id)
        if isinstance(result.failure, Retriable):
            raise result.failure
        following = retry_schedule.message_for(result.row, self._clock.now())
        if following:
            self._queue.send([following])


class RetryBatch:
    """One batch of messages: each fails alone, but an error that stops a connection stops its other messages too."""

    def __init__(
        self,
        connect: Callable[[ConnectionName], InvoiceRetry],
        *,
        recover_refresh: Callable[[ConnectionName], None],
        queue: RetryQueue,
        deadline: Deadline,
        random: Callable[[], float],
    ) -> None:
        self._connect = connect
        self._recover_refresh = recover_refresh
        self._queue = queue
        self._deadline = deadline
        self._random = random
        self._stopped: dict[ConnectionName, Fatal] = {}

    def failed(self, records: Iterable[QueueRecord]) -> list[str]:
        """Processes the messages one by one, and returns the ids of those to deliver again."""
        return [record.message_id for record in records if not self._is_done(record)]

    def _is_done(self, record: QueueRecord) -> bool:
        try:
            self.process(record)
        except SyncError:
            return False
        except Exception:  # noqa: BLE001 - whatever it is, the batch's other messages go on
            _log.exception("message_unexpected_error")
            return False
        return True

    def process(self, record: QueueRecord) -> None:
        """Processes one message, which is done when this returns.

        Raises:
            SyncError: the message is to be delivered again, the later the more often it was received.
        """
        is_recovery = False
        try:
            if self._deadline.remaining() <= 0:
                raise Retriable("no time left in this invocation")
            message = parse_message(record.body)
            is_recovery = isinstance(message, RecoveryMessage)
            self._process(message)
        except SyncError as error:
            _log.warning("message_failed", extra={"error": type(error).__name__, "detail": str(error)})
            wait = _RECOVERY_INTERVAL if is_recovery else retry_schedule.backoff(record.receive_count, self._random)
            self._queue.delay(record.receipt_handle, int(wait.total_seconds()))
            raise

    def _process(self, message: RetryMessage | RecoveryMessage) -> None:
        # A recovery is always tried: an interrupted refresh may be what stopped the connection.
        stopped = self._stopped.get(message.connection) if isinstance(message, RetryMessage) else None
        if stopped:
            raise stopped
        try:
            if isinstance(message, RecoveryMessage):
                self._recover_refresh(message.connection)
            else:
                self._connect(message.connection).retry(message)
        except Fatal as error:
            self._stopped[message.connection] = error
            _log.error(
                "connection_stopped",
                extra={"connection": message.connection, "detail": str(error)},
            )
            raise
