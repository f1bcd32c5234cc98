"""Whoever invokes a function or writes to the queue gets a clear answer."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qonto_sync.domain.errors import InvalidEvent
from qonto_sync.domain.events import parse_sync_event
from qonto_sync.domain.ledger import PendingReason
from qonto_sync.domain.messages import message_body, parse_message
from tests.fuzz.documents import budget, corrupted, mutated, odd_scalars, odd_texts

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")

EVENT = {"connection": "acme", "action": "sync", "dry_run": True}
MESSAGE = {"version": 1, "connection": "acme", "invoice_id": "a", "reason": "failed"}
values: st.SearchStrategy[Any] = st.recursive(
    odd_scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(odd_texts, inner, max_size=4)
)
messages = st.fixed_dictionaries(
    {"version": st.just(1)},
    optional={
        "connection": odd_texts | st.just("acme"),
        "invoice_id": odd_texts,
        "reason": st.sampled_from([*map(str, PendingReason), "refresh", "?"]),
    },
).map(lambda fields: json.dumps(fields).encode())


@budget(400)
@given(values | mutated(EVENT).map(lambda text: text.decode("utf-8", "replace")))
def test_an_event_is_a_request_or_invalid(event: Any) -> None:
    """A text is what the document of an event is parsed from, as Lambda would."""
    if isinstance(event, str):
        with suppress(ValueError, RecursionError):
            event = json.loads(event)
    with suppress(InvalidEvent):
        parse_sync_event(event)


@budget(600)
@given(messages | mutated(MESSAGE) | corrupted(mutated(MESSAGE)) | st.binary(max_size=50))
def test_a_message_is_understood_and_written_alike_or_invalid(body: bytes) -> None:
    """What was understood once is understood again."""
    with suppress(InvalidEvent):
        message = parse_message(body.decode("utf-8", "replace"))
        assert parse_message(message_body(message)) == message
