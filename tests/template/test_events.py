"""The example events: what AWS really sends."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, Final

import pytest

from qonto_sync.domain.errors import InvalidEvent
from qonto_sync.domain.events import parse_sync_event
from qonto_sync.domain.ids import ConnectionName
from qonto_sync.domain.messages import WEBHOOK, RecoveryMessage, RetryMessage, parse_message
from qonto_sync.domain.signatures import Signature
from qonto_sync.domain.webhook import WebhookRequest, changed_invoice

if TYPE_CHECKING:
    from pathlib import Path

MANUAL: Final = {
    "manual-empty": {},
    "manual-connection": {"connection": "acme"},
    "manual-backfill": {
        "action": "backfill",
        "connection": "default",
        "from": "2019-01-01T00:00:00Z",
        "to": "2020-01-01T00:00:00Z",
    },
    "manual-dry-run": {"action": "sync", "dry_run": True},
    "manual-reconcile": {"action": "reconcile", "connection": "default"},
    "manual-unknown-key": {"connecton": "acme"},
    "scheduler-input": {"connection": "default"},
}
SCHEDULED: Final = {"scheduled-rule": ("aws.events", {}), "scheduler": ("aws.scheduler", "{}")}
WEBHOOKS: Final = ("webhook-invoice", "webhook-base64")
QUEUED: Final = ("retry-batch", "retry-malformed", "retry-one", "retry-refresh")


def event(root: Path, name: str) -> Any:
    """Gives an example event."""
    return json.loads((root / "events" / f"{name}.json").read_text())


def test_every_event_is_known_here(root: Path) -> None:
    """No example is left unchecked."""
    names = {path.stem for path in (root / "events").glob("*.json")}
    assert names == {*MANUAL, *SCHEDULED, *QUEUED, *WEBHOOKS}


def test_every_event_is_explained(root: Path) -> None:
    """docs/invoke.md says of each what it does."""
    page = (root / "docs/invoke.md").read_text()
    tables = {
        name
        for row in re.findall(r"^\| (`[\w-]+\.json`.*?) \|", page, re.MULTILINE)
        for name in re.findall(r"`([\w-]+)\.json`", row)
    }
    assert tables == {path.stem for path in (root / "events").glob("*.json")}


@pytest.mark.parametrize(("name", "expected"), MANUAL.items())
def test_manual_event_is_what_a_person_types(root: Path, name: str, expected: dict[str, Any]) -> None:
    """Manual events, and a schedule's own input, arrive as they were given."""
    assert event(root, name) == expected


@pytest.mark.parametrize(("name", "origin"), SCHEDULED.items())
def test_scheduled_event_has_the_real_shape(root: Path, name: str, origin: tuple[str, Any]) -> None:
    """A rule's detail is an object; Scheduler's, when it is given no input, is a string."""
    scheduled = event(root, name)
    assert scheduled["detail-type"] == "Scheduled Event"
    assert (scheduled["source"], scheduled["detail"]) == origin
    assert scheduled.keys() == {
        *("version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail")
    }


@pytest.mark.parametrize("name", QUEUED)
def test_queued_event_has_the_real_shape(root: Path, name: str) -> None:
    """A record carries all that Lambda passes on, with a checksum that is true, and comes from the retry queue."""
    records = event(root, name)["Records"]
    assert len({record["messageId"] for record in records}) == len(records) > 0
    for record in records:
        assert record.keys() == {
            *("messageId", "receiptHandle", "body", "attributes", "messageAttributes", "md5OfBody"),
            *("eventSource", "eventSourceARN", "awsRegion"),
        }
        assert record["attributes"].keys() == {
            *("ApproximateReceiveCount", "SentTimestamp", "SenderId", "ApproximateFirstReceiveTimestamp")
        }
        assert record["md5OfBody"] == hashlib.md5(record["body"].encode(), usedforsecurity=False).hexdigest()
        assert record["eventSource"] == "aws:sqs"
        assert record["eventSourceARN"].endswith("-retry")


def test_malformed_event_has_one_good_message(root: Path) -> None:
    """Of the broken batch the first message is fine, and the second is no JSON."""
    good, broken = event(root, "retry-malformed")["Records"]
    assert json.loads(good["body"]).keys() == {"version", "connection", "invoice_id", "reason"}
    with pytest.raises(json.JSONDecodeError):
        json.loads(broken["body"])


def test_messages_say_what_they_are_named_after(root: Path) -> None:
    """One invoice to archive now, whatever the ledger says; one interrupted refresh to recover."""
    (one,) = event(root, "retry-one")["Records"]
    (refresh,) = event(root, "retry-refresh")["Records"]
    message = parse_message(one["body"])
    assert isinstance(message, RetryMessage)
    assert message.reason == WEBHOOK
    assert parse_message(refresh["body"]) == RecoveryMessage(ConnectionName("default"))


@pytest.mark.parametrize("name", WEBHOOKS)
def test_webhook_is_what_an_http_api_sends(root: Path, name: str) -> None:
    """A request in format 2.0 for one invoice, rightly signed with the secret that docs/invoke.md names, long ago."""
    webhook = event(root, name)
    assert webhook.keys() == {
        *("version", "routeKey", "rawPath", "rawQueryString", "headers", "requestContext", "pathParameters"),
        *("body", "isBase64Encoded"),
    }
    assert webhook["isBase64Encoded"] is (name == "webhook-base64")
    request = WebhookRequest.of(webhook)
    assert request.connection() == "default"
    body = request.body(int(webhook["headers"]["content-length"]))
    signature = Signature.parse(request.signature)
    assert signature
    assert signature.is_of(body, ["test-secret"])
    assert changed_invoice(body) == json.loads(body)["data"]["id"]


def test_a_typing_error_is_told(root: Path) -> None:
    """The example of a wrong event is wrong in one key, which the error names beside the right ones."""
    with pytest.raises(InvalidEvent, match=r"'connecton'; for the action 'sync', known are .*'connection'"):
        parse_sync_event(event(root, "manual-unknown-key"))
