"""What the functions accept, and what they say to the rest."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from qonto_sync.domain.errors import InvalidEvent
from qonto_sync.domain.events import BackfillRequest, ReconcileRequest, SyncRequest, parse_queue_event, parse_sync_event
from qonto_sync.domain.ids import ConnectionName, InvoiceId
from qonto_sync.domain.ledger import PendingReason
from qonto_sync.domain.messages import RetryMessage, message_body, parse_message
from qonto_sync.domain.window import Window

if TYPE_CHECKING:
    from qonto_sync.domain.events import RunRequest

EVENTS = Path(__file__).parents[3] / "events"
DEFAULT = ConnectionName("default")
BACKFILL = {"action": "backfill", "from": "2019-01-01T00:00:00Z", "to": "2020-01-01T00:00:00Z"}
YEAR = Window(datetime(2019, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("scheduled-rule.json", SyncRequest(DEFAULT)),
        ("scheduler.json", SyncRequest(DEFAULT)),
        ("scheduler-input.json", SyncRequest(DEFAULT)),
        ("manual-empty.json", SyncRequest(DEFAULT)),
        ("manual-dry-run.json", SyncRequest(DEFAULT, dry_run=True)),
        ("manual-backfill.json", BackfillRequest(DEFAULT, YEAR)),
        ("manual-reconcile.json", ReconcileRequest(DEFAULT)),
    ],
)
def test_every_shape_of_event_is_understood(file: str, expected: RunRequest) -> None:
    """The events that ship with the project, as a schedule or a person sends them."""
    assert parse_sync_event(json.loads((EVENTS / file).read_text())) == expected


@pytest.mark.parametrize(
    "request_",
    [
        SyncRequest(ConnectionName("acme")),
        SyncRequest(ConnectionName("acme"), dry_run=True),
        BackfillRequest(ConnectionName("acme"), YEAR),
        BackfillRequest(ConnectionName("acme"), YEAR, dry_run=True),
        ReconcileRequest(ConnectionName("acme")),
        ReconcileRequest(ConnectionName("acme"), month=YEAR.start, dry_run=True),
    ],
)
def test_a_request_is_an_event(request_: RunRequest) -> None:
    """A run that goes on is asked for like any other."""
    assert parse_sync_event(json.loads(json.dumps(request_.as_event()))) == request_


def test_a_connection_can_be_named() -> None:
    """One deployment serves many organizations."""
    assert parse_sync_event({"connection": "acme"}).connection == "acme"


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ([], "The event is a list, but must be an object such as {}"),
        (None, "The event is a NoneType, but must be an object such as {}"),
        ({"conection": "acme"}, "'conection'; for the action 'sync', known are 'action', 'connection', 'dry_run'$"),
        ({"source": "aws.s3", "detail-type": "x"}, "unknown key 'detail-type'"),
        ({"action": "delete"}, "'action' is 'delete', but must be one of 'backfill', 'reconcile', 'sync'"),
        ({"action": ["sync"]}, r"'action' is \['sync'\], but must be one of 'backfill', 'reconcile', 'sync'"),
        ({"from": "2019-01-01T00:00:00Z"}, "unknown key 'from'"),
        (
            {"action": "reconcile", "month": "2026-13"},
            "'month' is '2026-13', but must be a month from 2000 on, such as",
        ),
        ({"action": "reconcile", "month": None}, "'month' is None, but must be a month"),
        ({"action": "reconcile", "from": "2026-01"}, "'from'; for the action 'reconcile', known are .*'month'$"),
        ({**BACKFILL, "until": 1}, "'until'; for the action 'backfill', known are .*'dry_run', 'from', 'to'$"),
        ({"action": "backfill", "to": "2020-01-01T00:00:00Z"}, "'from' is missing, but must be a time in UTC such as"),
        ({**BACKFILL, "to": None}, "'to' is None, but must be a time in UTC"),
        ({**BACKFILL, "to": "2020-01-01"}, "'to' is '2020-01-01', but must be a time in UTC"),
        ({**BACKFILL, "to": "2020-01-01T00:00:00+02:00"}, "but must be a time in UTC such as '2019-01-01T00:00:00Z'"),
        ({**BACKFILL, "to": "2020-02-30T00:00:00Z"}, "'to' is '2020-02-30T00:00:00Z', but must be a time in UTC"),
        ({**BACKFILL, "from": "1999-12-31T23:59:59Z"}, "'from' is 1999-.*, but Qonto has nothing from before 2000-"),
        ({**BACKFILL, "to": "2018-01-01T00:00:00Z"}, "'to' is 2018.*, but must be later than 'from', which is 2019"),
        ({**BACKFILL, "to": BACKFILL["from"]}, "'to' is 2019.*, but must be later than 'from'"),
        ({"dry_run": "yes"}, "'dry_run' is 'yes', but must be true or false"),
        ({"dry_run": 1}, "'dry_run' is 1, but must be true or false"),
        ({"connection": "a/b"}, "'connection' is 'a/b', but must be a name of letters"),
        ({"connection": None}, "'connection' is None"),
        ({"connection": "a" * 65}, "'connection' is 'aaaa"),
    ],
)
def test_a_wrong_event_is_told_by_key_value_and_fix(event: Any, message: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(InvalidEvent, match=message):
        parse_sync_event(event)


def test_a_message_survives_the_queue() -> None:
    """What is sent is what is received, and is exactly the documented shape."""
    message = RetryMessage(DEFAULT, InvoiceId("a"), PendingReason.SETTLING)
    body = message_body(message)
    assert parse_message(body) == message
    assert json.loads(body) == {"version": 1, "connection": "default", "invoice_id": "a", "reason": "settling"}


@pytest.mark.parametrize("invoice_id", [None, 7, "", "x" * 201, "\ud800"])
def test_a_message_about_what_nobody_could_file_is_invalid(invoice_id: Any) -> None:
    """Neither Qonto nor the ledger could be asked for it."""
    body = json.dumps({"version": 1, "connection": "default", "invoice_id": invoice_id, "reason": "failed"})
    with pytest.raises(InvalidEvent, match="'invoice_id' is not a text of 1 to 200 characters"):
        parse_message(body)


def test_an_event_or_a_message_that_is_nested_deeply_is_invalid() -> None:
    """As deep as a parser goes, or deeper; and no error repeats all of it."""
    with pytest.raises(InvalidEvent, match=r"'action' is \[\[.{1,60}, but must be"):
        parse_sync_event({"action": json.loads("[" * 9_000 + "]" * 9_000)})
    with pytest.raises(InvalidEvent, match="not JSON"):
        parse_message("[" * 200_000)


@pytest.mark.parametrize(
    "event",
    [None, [], {}, {"Records": 7}, {"Records": [{}]}, {"Records": [{"messageId": "m"}]}, {"source": "aws.events"}],
)
def test_what_is_no_batch_of_messages_is_told(event: Any) -> None:
    """Whoever invokes the function by hand is shown an event that is one."""
    with pytest.raises(InvalidEvent, match=r"events/retry-one\.json"):
        parse_queue_event(event)
