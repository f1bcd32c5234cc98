"""The retry worker, on fakes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from qonto_sync.domain.errors import CredentialsRejected, Fatal, InvalidEvent, Retriable, SyncError
from qonto_sync.domain.events import QueueRecord
from qonto_sync.domain.ids import ConnectionName, InvoiceId
from qonto_sync.domain.ledger import PendingReason
from qonto_sync.domain.messages import WEBHOOK, RecoveryMessage, RetryMessage, message_body
from qonto_sync.usecases.retry_batch import RetryBatch
from tests.fakes import CONNECTION, CountedDeadline

if TYPE_CHECKING:
    from collections.abc import Callable

    from qonto_sync.domain.messages import MessageReason
    from qonto_sync.usecases.retry_batch import InvoiceRetry
    from tests.unit.conftest import World


def message(
    invoice_id: str, reason: MessageReason = PendingReason.FAILED, connection: str = CONNECTION
) -> RetryMessage:
    """A message of the default connection, unless another is named."""
    return RetryMessage(ConnectionName(connection), InvoiceId(invoice_id), reason)


def batch(world: World, deadline: CountedDeadline | None = None) -> RetryBatch:
    """A batch whose messages all concern this world."""

    def connect(_: ConnectionName) -> InvoiceRetry:
        return world.retry()

    return batch_of(world, connect, deadline=deadline)


def batch_of(
    world: World,
    connect: Callable[[ConnectionName], InvoiceRetry],
    recover_refresh: Callable[[ConnectionName], None] = lambda _: None,
    deadline: CountedDeadline | None = None,
) -> RetryBatch:
    """A batch that gets its connections from there."""
    return RetryBatch(
        connect,
        recover_refresh=recover_refresh,
        queue=world.queue,
        deadline=deadline or CountedDeadline(),
        random=lambda: 0.5,
    )


def record(body: str, receipt: str, count: int = 1) -> QueueRecord:
    """The message as Lambda delivers it."""
    return QueueRecord(f"id of {receipt}", receipt, count, body)


def failed_invoice(world: World, invoice_id: str = "a") -> None:
    """An invoice whose file could not be downloaded by the hourly run."""
    world.qonto.put(invoice_id)
    world.qonto.fail_next("open", Retriable("503"))
    world.sync()
    world.queue.sent.clear()


def test_a_message_finishes_what_failed(world: World) -> None:
    """The invoice is fetched by id, archived, and no longer pending."""
    failed_invoice(world)
    world.retry().retry(message("a"))
    assert world.archived("a") == world.source("a")
    assert world.ledger.row("a").pending is None


def test_a_message_for_a_settled_invoice_asks_nobody(world: World) -> None:
    """A duplicate costs one read of the ledger."""
    failed_invoice(world)
    world.retry().retry(message("a"))
    world.qonto.calls.clear()
    world.retry().retry(message("a"))
    assert world.qonto.calls == []


def test_a_webhook_always_looks(world: World) -> None:
    """It reports a change that the ledger does not have."""
    world.qonto.put("a")
    world.sync()
    world.qonto.put("a", status="paid")
    world.retry().retry(message("a", WEBHOOK))
    assert world.archived("a") == world.source("a")


def test_an_unknown_invoice_is_archived(world: World) -> None:
    """A message may come before the ledger has a row."""
    world.qonto.put("a")
    world.retry().retry(message("a"))
    assert world.archived("a") == world.source("a")


def test_what_is_awaited_is_looked_at_later(world: World) -> None:
    """A PDF that is still missing is no failure: this message is done, and the next one comes at the next due time."""
    world.qonto.put("a", attachment_id=None)
    world.sync()
    world.queue.sent.clear()
    world.clock.advance(seconds=15)
    world.retry().retry(message("a"))
    assert [wake.delay_seconds for wake in world.queue.sent] == [60]


def test_a_retry_far_ahead_is_left_to_the_hourly_run(world: World) -> None:
    """SQS holds a message back for 15 minutes at most."""
    world.qonto.put("a", attachment_id=None)
    world.sync()
    for _ in range(3):
        world.queue.sent.clear()
        world.retry().retry(message("a"))
    assert world.queue.sent == []
    world.clock.advance(hours=2)
    assert world.sync().tally.requeued == 1


def test_a_failure_is_delivered_again_later_each_time(world: World) -> None:
    """The visibility timeout grows with the receive count; the ledger row stays pending."""
    failed_invoice(world)
    for count in (1, 2, 3, 9):
        world.qonto.fail_next("open", Retriable("503"))
        with pytest.raises(Retriable):
            batch(world).process(record(message_body(message("a")), f"r{count}", count))
    assert world.queue.delayed == {"r1": 15, "r2": 30, "r3": 60, "r9": 450}
    assert world.ledger.row("a").pending


def test_a_rejected_invoice_is_no_failure_of_the_message(world: World) -> None:
    """No retry helps: it is retried daily, and SQS need not move it to the dead-letter queue."""
    failed_invoice(world)
    del world.qonto.invoices["a"]
    batch(world).process(record(message_body(message("a")), "r"))
    pending = world.ledger.row("a").pending
    assert pending
    assert pending.reason is PendingReason.REJECTED
    assert world.queue.delayed == {}


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "[]",
        '{"version": 2, "connection": "default", "invoice_id": "a", "reason": "failed"}',
        '{"version": 1, "connection": "../x", "invoice_id": "a", "reason": "failed"}',
        '{"version": 1, "connection": "default", "invoice_id": 7, "reason": "failed"}',
        '{"version": 1, "connection": "default", "invoice_id": "a", "reason": "why not"}',
    ],
)
def test_a_malformed_message_fails_alone(world: World, body: str) -> None:
    """It is left to redrive; its neighbours are handled."""
    failed_invoice(world)
    worker = batch(world)
    with pytest.raises(InvalidEvent):
        worker.process(record(body, "bad"))
    worker.process(record(message_body(message("a")), "good"))
    assert world.ledger.row("a").pending is None


def test_rejected_credentials_stop_their_connection_only(world: World) -> None:
    """After the first 401 no further request is made with them; another connection's messages are processed."""
    failed_invoice(world)
    connected: list[str] = []

    def connect(connection: ConnectionName) -> InvoiceRetry:
        connected.append(connection)
        if connection == "acme":
            raise CredentialsRejected("401")
        return world.retry()

    worker = batch_of(world, connect)
    for receipt in ("r1", "r2"):
        with pytest.raises(Fatal):
            worker.process(record(message_body(message("x", connection="acme")), receipt))
    worker.process(record(message_body(message("a")), "r3"))
    assert connected == ["acme", "default"]
    assert world.ledger.row("a").pending is None


def test_a_refresh_is_recovered_whatever_stopped_the_connection(world: World) -> None:
    """It may be the very reason; and it fails like any other message when it cannot be finished."""
    finished: list[str] = []

    def connect(_: ConnectionName) -> InvoiceRetry:
        raise CredentialsRejected("401")

    worker = batch_of(world, connect, finished.append)
    with pytest.raises(Fatal):
        worker.process(record(message_body(message("a")), "r1"))
    worker.process(record(message_body(RecoveryMessage(CONNECTION)), "r2"))
    assert finished == [CONNECTION]

    def too_early(_: ConnectionName) -> None:
        raise Retriable("a refresh of the token is under way")

    with pytest.raises(Retriable):
        batch_of(world, connect, too_early).process(record(message_body(RecoveryMessage(CONNECTION)), "r3"))
    assert "r3" in world.queue.delayed


def test_no_message_is_begun_after_the_deadline(world: World) -> None:
    """The rest of the batch is delivered again."""
    failed_invoice(world)
    with pytest.raises(SyncError):
        batch(world, CountedDeadline(looks=0)).process(record(message_body(message("a")), "r"))
    assert "r" in world.queue.delayed


def test_the_messages_that_are_not_done_are_named(world: World) -> None:
    """Also one that the code cannot cope with; its neighbours are handled."""
    failed_invoice(world)

    def connect(connection: ConnectionName) -> InvoiceRetry:
        if connection == "acme":
            raise ZeroDivisionError
        return world.retry()

    bodies = ("{", message_body(message("x", connection="acme")), message_body(message("a")))
    records = [QueueRecord(f"m{number}", f"r{number}", 1, body) for number, body in enumerate(bodies)]
    assert batch_of(world, connect).failed(records) == ["m0", "m1"]
    assert world.ledger.row("a").pending is None
