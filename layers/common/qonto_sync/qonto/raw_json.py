"""Parses JSON and keeps the text of each value, because the archive stores the bytes that Qonto sent."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_space = re.compile(r"[ \t\n\r]*")
_bracket = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)


class RawValue(NamedTuple):
    """A parsed value and its text; a value that Python cannot represent is its text."""

    value: Any
    text: str


def members(text: str, convert: Mapping[str, Callable[[RawValue], object]] | None = None) -> dict[str, RawValue]:
    """The members of the JSON object in the text.

    A member that `convert` names must be an array: its value is the list of the function's results for the elements,
    and it has no text. Only one element at a time is kept parsed, so that a large page needs little memory.

    Raises:
        ValueError: the text is not exactly one JSON object, or a member to convert is no array.
    """
    found: dict[str, RawValue] = {}
    position = _expect(text, _skip(text, 0), "{")
    if text[position : position + 1] == "}":
        return _at_end(text, position + 1, found)
    while True:
        name, position = _value(text, position)
        if not isinstance(name.value, str):
            raise ValueError(f"a member without a name at {position}")  # noqa: TRY004 - wrong text, not a wrong type
        position = _expect(text, position, ":")
        make = convert.get(name.value) if convert else None
        found[name.value], position = _array(text, position, make) if make else _value(text, position)
        if text[position : position + 1] == "}":
            return _at_end(text, position + 1, found)
        position = _expect(text, position, ",")


def _array(text: str, position: int, make: Callable[[RawValue], object]) -> tuple[RawValue, int]:
    made: list[object] = []
    position = _expect(text, position, "[")
    if text[position : position + 1] == "]":
        return RawValue(made, ""), _skip(text, position + 1)
    while True:
        element, position = _value(text, position)
        made.append(make(element))
        if text[position : position + 1] == "]":
            return RawValue(made, ""), _skip(text, position + 1)
        position = _expect(text, position, ",")


def _integer(digits: str) -> int | str:
    """The number; its digits when there are thousands of them, which Python refuses to parse."""
    try:
        return int(digits)
    except ValueError:
        return digits


_decoder = json.JSONDecoder(strict=False, parse_int=_integer)


def _value(text: str, position: int) -> tuple[RawValue, int]:
    try:
        value, end = _decoder.raw_decode(text, position)
    except RecursionError:
        # Too deep to parse, but its text can be kept.
        end = _closing(text, position)
        value = text[position:end]
    return RawValue(value, text[position:end]), _skip(text, end)


def _closing(text: str, position: int) -> int:
    """The position behind the bracket that closes the one opened here."""
    depth = 0
    for token in _bracket.finditer(text, position):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
        if depth == 0:
            return token.end()
    raise ValueError("nested too deeply, and never closed")


def _expect(text: str, position: int, character: str) -> int:
    if text[position : position + 1] != character:
        raise ValueError(f"expected {character!r} at {position}")
    return _skip(text, position + 1)


def _at_end[T](text: str, position: int, found: T) -> T:
    if _skip(text, position) != len(text):
        raise ValueError(f"something behind the end at {position}")
    return found


def _skip(text: str, position: int) -> int:
    match = _space.match(text, position)
    return match.end() if match else position
