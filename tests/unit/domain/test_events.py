"""What the functions accept, and what they say to the rest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from qonto_sync.domain.errors import InvalidEvent
from qonto_sync.domain.events import SyncRequest, parse_queue_event, parse_sync_event
from qonto_sync.domain.ids import ConnectionName, InvoiceId
from qonto_sync.domain.ledger import PendingReason
from qonto_sync.domain.messages import RetryMessage, message_body, parse_message

EVENTS = Path(__file__).parents[3] / "events"
DEFAULT = ConnectionName("default")


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("scheduled-rule.json", SyncRequest(DEFAULT)),
        ("scheduler.json", SyncRequest(DEFAULT)),
        ("scheduler-input.json", SyncRequest(DEFAULT)),
        ("manual-empty.json", SyncRequest(DEFAULT)),
        ("manual-dry-run.json", SyncRequest(DEFAULT, dry_run=True)),
    ],
)
def test_every_shape_of_event_is_understood(file: str, expected: SyncRequest) -> None:
    """The events that ship with the project, as a schedule or a person sends them."""
    assert parse_sync_event(json.loads((EVENTS / file).read_text())) == expected


def test_a_connection_can_be_named() -> None:
    """One deployment serves many organizations."""
    assert parse_sync_event({"connection": "acme"}).connection == "acme"


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ([], "The event is a list, but must be an object such as {}"),
        (None, "The event is a NoneType, but must be an object such as {}"),
        ({"conection": "acme"}, "unknown key 'conection'; known are 'action', 'connection', 'dry_run'"),
        ({"source": "aws.s3", "detail-type": "x"}, "unknown key 'detail-type'"),
        ({"action": "delete"}, "'action' is 'delete', but must be one of 'sync'"),
        ({"action": ["sync"]}, r"'action' is \['sync'\], but must be one of 'sync'"),
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
