"""JSON with its own text."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qonto_sync.qonto.raw_json import RawValue, members

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def elements(text: str) -> list[RawValue]:
    """The elements of the array that the text is, as a list's rows are read."""
    found: list[RawValue] = members(f'{{"rows": {text}}}', {"rows": lambda element: element})["rows"].value
    return found


def test_the_text_is_kept_to_the_letter() -> None:
    """Spelling, spacing and order are the source's: `1.10` is not `1.1`."""
    text = ' {"a" : [ {"v":1.10, "u":"\\u00e9"} ,{"k":  1e2}\n], "meta":{}} '
    raw = members(text)
    assert [row.text for row in elements(raw["a"].text)] == ['{"v":1.10, "u":"\\u00e9"}', '{"k":  1e2}']
    assert elements(raw["a"].text)[0].value == {"v": 1.1, "u": "é"}


@given(st.dictionaries(st.text(), values, max_size=5), st.sampled_from([None, 2]))
def test_agrees_with_the_standard_parser(document: dict[str, object], indent: int | None) -> None:
    """Whatever the document is, its members are the same, and so is what their texts say."""
    raw = members(json.dumps(document, indent=indent))
    assert {name: member.value for name, member in raw.items()} == document
    assert {name: json.loads(member.text) for name, member in raw.items()} == document


@given(st.lists(values, max_size=5))
def test_elements_agree_too(array: list[object]) -> None:
    """Likewise for arrays."""
    assert [element.value for element in elements(json.dumps(array))] == array


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"a"}', '{"a":}', '{"a":1,}', '{"a":1} x', "{1:2}", "<html>", '{"a":1 "b":2}', "null"]
)
def test_what_is_no_object_is_an_error(text: str) -> None:
    """A login page, a cut answer, or broken JSON."""
    with pytest.raises(ValueError, match=r"."):
        members(text)


@pytest.mark.parametrize("text", ["", "{}", "[", "[1", "[1,]", "[1] 2", "[1 2]"])
def test_what_is_no_array_is_an_error(text: str) -> None:
    """Likewise."""
    with pytest.raises(ValueError, match=r"."):
        elements(text)


DEEP = "[" * 200_000 + '"]"' + "]" * 200_000


def test_what_is_nested_too_deeply_is_kept_as_text() -> None:
    """A hostile row costs itself, not the page."""
    rows = elements(f'[{{"a": "}}"}}, {DEEP}, {{"b": {DEEP}}} , 7]')
    assert [row.text for row in rows] == ['{"a": "}"}', DEEP, f'{{"b": {DEEP}}}', "7"]
    assert rows[2].value == rows[2].text
    assert members(rows[2].text) == {"b": RawValue(DEEP, DEEP)}


@pytest.mark.parametrize("tail", ["", "]" * 199_999, '"' + "]" * 200_000])
def test_what_is_nested_too_deeply_and_never_closed_is_an_error(tail: str) -> None:
    """The end of a row is unknown."""
    with pytest.raises(ValueError, match="never closed"):
        members('{"a":' + "[" * 200_000 + tail)


def test_an_integer_that_python_does_not_read_is_kept_as_text() -> None:
    """The limit is there because reading one takes quadratic time."""
    digits = "9" * 5_000
    assert members(f'{{"a": {digits}, "b": -{digits}, "c": 7}}') == {
        "a": RawValue(digits, digits),
        "b": RawValue(f"-{digits}", f"-{digits}"),
        "c": RawValue(7, "7"),
    }


def test_rows_are_converted_one_by_one() -> None:
    """Each parsed row can be dropped before the next one is parsed; an empty array has none."""
    lengths = members('{"rows": [[1, 2], []], "none": [ ]}', {"rows": lambda row: len(row.value), "none": len})
    assert (lengths["rows"].value, lengths["none"].value) == ([2, 0], [])
