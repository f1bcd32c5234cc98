"""The retry worker: a message triggers it, the ledger says what is left to do, the archiver does it."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from qonto_sync.domain import retry_schedule
from qonto_sync.domain.errors import DeadlineReached, Fatal, Retriable, RowChanged, SyncError
from qonto_sync.domain.ledger import LedgerRow
from qonto_sync.domain.messages import WEBHOOK, DelayedMessage, RecoveryMessage, parse_message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from qonto_sync.domain.events import QueueRecord
    from qonto_sync.domain.ids import ConnectionName
    from qonto_sync.domain.messages import RetryMessage
    from qonto_sync.ports import Clock, Deadline, Ledger, RetryQueue
    from qonto_sync.usecases.invoice_archiver import InvoiceArchiver
    from qonto_sync.usecases.retry_messages import RetryMessages

_log = logging.getLogger(__name__)

_RECOVERY_INTERVAL = timedelta(seconds=5)
"""An interrupted refresh of a token can be recovered for a minute only."""

_CLOCK_TOLERANCE = timedelta(seconds=5)
"""A message that arrives so little before its attempt is due is no duplicate: SQS's clock is ahead of ours."""


class InvoiceRetry:
    """Retries single invoices of one connection."""

    def __init__(self, *, archiver: InvoiceArchiver, ledger: Ledger, messages: RetryMessages, clock: Clock) -> None:
        self._archiver = archiver
        self._ledger = ledger
        self._messages = messages
        self._clock = clock

    def retry(self, message: RetryMessage) -> bool:
        """Archives the current version of the invoice if an attempt is due, and sends a message for the next attempt.

        When this returns, the ledger has the next attempt. The result is whether an unexpected error made it pending.

        Raises:
            Fatal: nothing of this connection can be retried now.
            DeadlineReached: there was no time for it.
            Retriable: the ledger could not be written.
        """
        row = self._row(message)
        if message.reason != WEBHOOK and row and not self._is_due(row):
            return False  # another message or the hourly run has made the attempt
        result = self._archiver.archive_latest(message.invoice_id)
        self._messages.send_again(result.row)
        return result.is_unexpected

    def postpone(self, message: RetryMessage, error: Fatal) -> None:
        """Moves the next attempt an hour on, because nothing of the connection can be retried now.

        Raises:
            SyncError: the ledger could not be written.
        """
        row = self._row(message) or LedgerRow(message.connection, message.invoice_id)
        if message.reason != WEBHOOK and not self._is_due(row):
            return
        pending = retry_schedule.after_connection_failure(error, row.pending, self._clock.now())
        try:
            self._ledger.write(replace(row, pending=pending))
        except RowChanged as conflict:
            raise Retriable("another writer changed the row while its attempt was postponed") from conflict

    def _row(self, message: RetryMessage) -> LedgerRow | None:
        return self._ledger.rows(message.connection, [message.invoice_id]).get(message.invoice_id)

    def _is_due(self, row: LedgerRow) -> bool:
        return row.pending is not None and row.pending.due_at <= self._clock.now() + _CLOCK_TOLERANCE


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
        self.unexpected_errors = 0
        """How many invoices an error in this project's own code made pending."""

    def failed(self, records: Iterable[QueueRecord]) -> list[str]:
        """Processes the messages one by one, and returns the ids of those to deliver again.

        A message is delivered again only if the ledger could not be written, or the message not be read. Otherwise the
        ledger has the next attempt.
        """
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
            message = parse_message(record.body)
            if isinstance(message, RecoveryMessage):
                is_recovery = True
                self._recover(message)
            else:
                self._retry(message)
        except SyncError as error:
            _log.warning("message_failed", extra={"error": type(error).__name__, "detail": str(error)})
            wait = _RECOVERY_INTERVAL if is_recovery else retry_schedule.backoff(record.receive_count, self._random)
            self._queue.delay(record.receipt_handle, int(wait.total_seconds()))
            raise

    def _recover(self, message: RecoveryMessage) -> None:
        # Tried for a connection that stopped, too: an interrupted refresh may be what stopped it.
        self._require_time()
        try:
            self._recover_refresh(message.connection)
        except Fatal as error:
            self._stop(message.connection, error)
            raise

    def _retry(self, message: RetryMessage) -> None:
        try:
            self._require_time()
            retry = self._connect(message.connection)
            if stopped := self._stopped.get(message.connection):
                retry.postpone(message, stopped)
                return
            try:
                self.unexpected_errors += retry.retry(message)
            except Fatal as error:
                self._stop(message.connection, error)
                retry.postpone(message, error)
        except DeadlineReached:
            # Delivered again, this message would come nearer to the dead-letter queue, and nothing is wrong with it.
            if self._queue.send([DelayedMessage(message, delay_seconds=0)]):
                raise

    def _require_time(self) -> None:
        if self._deadline.remaining() <= 0:
            raise DeadlineReached("no time left in this invocation")

    def _stop(self, connection: ConnectionName, error: Fatal) -> None:
        self._stopped[connection] = error
        _log.error("connection_stopped", extra={"connection": connection, "detail": str(error)})
