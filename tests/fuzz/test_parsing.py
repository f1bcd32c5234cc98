"""Our reading of JSON, against the standard library's."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qonto_sync.qonto.raw_json import members
from tests.fuzz.documents import INVOICE, META, budget, corrupted, mutated

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")

DOCUMENT = {"client_invoices": [INVOICE], "meta": META, "": [1.10, "é", [[]], {}]}
texts = st.one_of(
    st.text('{}[]":,\\ \n0e-."abtrufalsn', max_size=30),
    st.text(max_size=10),
    mutated(DOCUMENT).map(lambda text: text.decode("utf-8", "replace")),
    corrupted(mutated(DOCUMENT)).map(lambda text: text.decode("utf-8", "replace")),
)
NOT_PARSED = object()


def standard(text: str) -> Any:
    """What the standard library makes of it; where it gives up for size or depth, we need not agree."""
    try:
        return json.loads(text, strict=False, parse_int=lambda digits: digits if len(digits) > 4_000 else int(digits))
    except RecursionError:
        return NOT_PARSED


@budget(1_600)
@given(texts)
def test_members_agree(text: str) -> None:
    """The same members with the same values, or no object in either reading; and each one's text says its value."""
    try:
        found = members(text)
    except ValueError:
        found = None
    try:
        expected = standard(text)
    except ValueError:
        expected = None
    if expected is NOT_PARSED:
        return
    if not isinstance(expected, dict):
        assert found is None
        return
    assert found is not None
    assert repr({name: member.value for name, member in found.items()}) == repr(expected)
    assert repr({name: standard(member.text) for name, member in found.items()}) == repr(expected)


@budget(800)
@given(texts)
def test_elements_agree(text: str) -> None:
    """Likewise for the rows of a list."""
    try:
        found = members(f'{{"rows": {text}}}', {"rows": lambda row: row})["rows"].value
    except (ValueError, KeyError):
        found = None
    try:
        expected = standard(f'{{"rows": {text}}}')
    except ValueError:
        expected = None
    if expected is NOT_PARSED:
        return
    if expected is None or not isinstance(expected["rows"], list):
        assert found is None
        return
    assert found is not None
    assert repr([row.value for row in found]) == repr(expected["rows"])
    assert repr([standard(row.text) for row in found]) == repr(expected["rows"])
