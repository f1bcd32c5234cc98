"""The retry worker, on fakes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from qonto_sync.domain.errors import CredentialsRejected, DeadlineReached, InvalidEvent, Retriable
from qonto_sync.domain.events import QueueRecord
from qonto_sync.domain.ids import ConnectionName, InvoiceId
from qonto_sync.domain.ledger import PendingReason
from qonto_sync.domain.messages import WEBHOOK, DelayedMessage, RecoveryMessage, RetryMessage, message_body
from qonto_sync.usecases.retry_batch import RetryBatch
from tests.fakes import CONNECTION, CountedDeadline
from tests.unit.conftest import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from qonto_sync.usecases.retry_batch import InvoiceRetry


def message(invoice_id: str, reason: str = PendingReason.FAILED, connection: str = CONNECTION) -> RetryMessage:
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
    world.clock.advance(seconds=15)


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
    for seconds in (15, 60, 600):
        world.queue.sent.clear()
        world.clock.advance(seconds=seconds)
        world.retry().retry(message("a"))
    assert world.queue.sent == []
    assert world.sync().tally.requeued == 0
    world.clock.advance(hours=2)
    assert world.sync().tally.requeued == 1


def test_a_failure_is_no_failure_of_the_message(world: World) -> None:
    """The ledger has the next attempt, later each time; a message is sent for it while it is due soon."""
    failed_invoice(world)
    for _ in range(6):
        world.qonto.fail_next("open", Retriable("503"))
        assert batch(world).failed([record(message_body(message("a")), "r")]) == []
        pending = world.ledger.row("a").pending
        assert pending
        world.clock.advance(seconds=(pending.due_at - world.clock.now()).total_seconds())
    assert [sent.delay_seconds for sent in world.queue.sent] == [30, 60, 120, 240, 480]
    assert world.queue.delayed == {}


def test_a_failure_is_delivered_again_when_the_ledger_cannot_be_written(world: World) -> None:
    """Later each time: the visibility timeout grows with the receive count."""
    failed_invoice(world)

    def broken(_: object) -> None:
        raise Retriable("table: AWS answered InternalServerError")

    world.ledger.before_write = broken
    for count in (1, 2, 3, 9):
        with pytest.raises(Retriable):
            batch(world).process(record(message_body(message("a")), f"r{count}", count))
    assert world.queue.delayed == {"r1": 15, "r2": 30, "r3": 60, "r9": 21_600}


def test_a_second_message_for_the_same_attempt_does_nothing(world: World) -> None:
    """Delivered twice, or sent twice: the ledger's next attempt is not due."""
    failed_invoice(world)
    world.qonto.fail_next("open", Retriable("503"))
    world.retry().retry(message("a"))
    world.qonto.calls.clear()
    world.queue.sent.clear()
    world.retry().retry(message("a"))
    assert world.qonto.calls == []
    assert world.queue.sent == []


def test_a_message_that_comes_a_moment_early_is_no_duplicate(world: World) -> None:
    """SQS's clock may be ahead of ours: without an attempt nothing would follow for hours."""
    failed_invoice(world)
    world.clock.advance(seconds=-4)
    world.retry().retry(message("a"))
    assert world.ledger.row("a").pending is None


def test_one_message_at_a_time(world: World) -> None:
    """While one may be on its way, the hourly run sends none; a lost one is sent again when the queue has none left."""
    failed_invoice(world)
    world.clock.advance(hours=5)
    assert world.sync().tally.requeued == 0
    world.clock.advance(hours=1)
    assert world.sync().tally.requeued == 1
    assert world.sync().tally.requeued == 0


def test_a_message_that_cannot_be_noted_is_sent_all_the_same(world: World) -> None:
    """At worst a second one follows."""
    failed_invoice(world)
    world.qonto.fail_next("open", Retriable("503"))

    def broken(*_: object) -> None:
        raise Retriable("table: AWS answered InternalServerError")

    world.ledger.mark_message_sent = broken  # type: ignore[assignment,method-assign]
    assert batch(world).failed([record(message_body(message("a")), "r")]) == []
    assert len(world.queue.sent) == 1


def test_an_unknown_reason_is_a_trigger_like_any_other(world: World) -> None:
    """Another version of this code may have sent it."""
    failed_invoice(world)
    body = '{"version": 1, "connection": "default", "invoice_id": "a", "reason": "why not"}'
    assert batch(world).failed([record(body, "r")]) == []
    assert world.ledger.row("a").pending is None


def test_an_unexpected_error_is_counted_and_pending(world: World) -> None:
    """It fails no message."""
    failed_invoice(world)
    world.qonto.fail_next("open", RuntimeError("a bug"))
    worker = batch(world)
    assert worker.failed([record(message_body(message("a")), "r")]) == []
    assert worker.unexpected_errors == 1
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
    """After the first 401 no further request is made with them, and their invoices wait for an hour."""
    failed_invoice(world)
    acme = World(clock=world.clock, queue=world.queue)
    acme.qonto.fail_next("invoice", CredentialsRejected("401"))
    worlds = {"acme": acme.retry(), "default": world.retry()}
    worker = batch_of(world, worlds.__getitem__)
    messages = [message("x", WEBHOOK, "acme"), message("y", WEBHOOK, "acme"), message("a")]
    assert worker.failed(record(message_body(sent), sent.invoice_id) for sent in messages) == []
    assert acme.qonto.calls == ["invoice"]
    for row in acme.ledger.saved.values():
        assert row.pending
        assert row.pending.due_at == world.clock.now() + timedelta(hours=1)
    assert len(acme.ledger.saved) == 2
    assert world.ledger.row("a").pending is None
    assert world.queue.sent == []


def test_an_invoice_of_a_stopped_connection_keeps_what_is_known_of_it(world: World) -> None:
    """Its reason and its attempts; only the next attempt is later."""
    failed_invoice(world)
    before = world.ledger.row("a").pending
    assert before
    world.qonto.fail_next("invoice", CredentialsRejected("401"))
    assert batch(world).failed([record(message_body(message("a")), "r")]) == []
    after = world.ledger.row("a").pending
    assert after == replace(before, due_at=world.clock.now() + timedelta(hours=1), message_until=None)


def test_a_refresh_is_recovered_whatever_stopped_the_connection(world: World) -> None:
    """It may be the very reason; and it fails like any other message when it cannot be finished."""
    finished: list[str] = []

    def connect(_: ConnectionName) -> InvoiceRetry:
        return world.retry()

    worker = batch_of(world, connect, finished.append)
    world.qonto.fail_next("invoice", CredentialsRejected("401"))
    worker.process(record(message_body(message("a", WEBHOOK)), "r1"))
    worker.process(record(message_body(RecoveryMessage(CONNECTION)), "r2"))
    assert finished == [CONNECTION]

    def too_early(_: ConnectionName) -> None:
        raise Retriable("a refresh of the token is under way")

    with pytest.raises(Retriable):
        batch_of(world, connect, too_early).process(record(message_body(RecoveryMessage(CONNECTION)), "r3"))
    assert "r3" in world.queue.delayed


def test_no_message_is_begun_after_the_deadline(world: World) -> None:
    """It is sent again, and so comes no nearer to the dead-letter queue; if that fails, it is delivered again."""
    failed_invoice(world)
    for is_broken in (False, True):
        world.queue.broken = is_broken
        records = [record(message_body(message("a")), "r")]
        assert batch(world, CountedDeadline(looks=0)).failed(records) == ["id of r"] * is_broken
    assert world.queue.sent == [DelayedMessage(message("a"), delay_seconds=0)]
    assert world.qonto.calls.count("invoice") == 0


def test_a_rate_limit_without_a_request_left_is_no_failure(world: World) -> None:
    """Nothing is wrong with the message."""
    failed_invoice(world)
    world.qonto.fail_next("invoice", DeadlineReached("no request for another 300 s"))
    assert batch(world).failed([record(message_body(message("a")), "r")]) == []
    assert world.queue.sent == [DelayedMessage(message("a"), delay_seconds=0)]


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
