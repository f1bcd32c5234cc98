"""What differs between two JSON texts of one invoice."""

from __future__ import annotations

import json
from typing import Any

import pytest

from qonto_sync.domain.documents import differences


@pytest.mark.parametrize(
    ("before", "after", "paths"),
    [
        ({"a": 1}, {"a": 1}, set()),
        ({"a": 1, "b": 2}, {"a": 1, "c": 3}, set()),
        ({"a": 1}, {"a": 2}, {("a",)}),
        ({"a": None}, {"a": 0}, {("a",)}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}, {("a", "b")}),
        ({"a": [{"b": 1}, {"b": 2}]}, {"a": [{"b": 1}, {"b": 3, "c": 4}]}, {("a", 1, "b")}),
        ({"a": [1]}, {"a": [1, 2]}, {("a",)}),
        ({"a": {}}, {"a": []}, {("a",)}),
        ([1], {"a": 1}, {()}),
    ],
)
def test_only_what_both_have_can_differ(before: Any, after: Any, paths: set[Any]) -> None:
    """However deep it lies."""
    assert differences(json.dumps(before).encode(), json.dumps(after).encode()) == paths


def test_the_order_of_members_is_no_difference() -> None:
    """Nor is white space."""
    assert not differences(b'{"a": 1, "b": 2}', b'{ "b":2,"a":1 }')


def test_numbers_are_compared_as_they_are_written() -> None:
    """Two that Python rounds to the same are not equal."""
    assert differences(b'{"a": 0.10000000000000000001}', b'{"a": 0.1}')
    assert not differences(b'{"a": %s}' % (b"9" * 9_000), b'{"a": %s}' % (b"9" * 9_000))


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b"[" * 100_000])
def test_what_cannot_be_parsed_differs_as_a_whole(text: bytes) -> None:
    """Unless it is the same."""
    assert differences(text, b"{}") == {()}
    assert not differences(text, text)
