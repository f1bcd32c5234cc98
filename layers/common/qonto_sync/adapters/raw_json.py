"""JSON with its text kept: what is archived are the bytes that the source sent, not our spelling of them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_space = re.compile(r"[ \t\n\r]*")
_bracket = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)


class RawValue(NamedTuple):
    """A parsed value and its own text; what Python can't hold has its text as its value."""

    value: Any
    text: str


def members(text: str, convert: Mapping[str, Callable[[RawValue], object]] | None = None) -> dict[str, RawValue]:
    """The members of the object that the text is.

    A member that `convert` names is an array: its value is the list of what the function makes of each element, and
    it has no text. Only one element at a time is held parsed, so that a page may be as big as it likes.

    Raises:
        ValueError: it is not exactly one JSON object, or a member to convert is no array.
    """
    found: dict[str, RawValue] = {}
    position = _expect(text, _skip(text, 0), "{")
    if text[position : position + 1] == "}":
        return _ended(text, position + 1, found)
    while True:
        name, position = _value(text, position)
        if not isinstance(name.value, str):
            raise ValueError(f"a member without a name at {position}")  # noqa: TRY004 - wrong text, not a wrong type
        position = _expect(text, position, ":")
        make = convert.get(name.value) if convert else None
        found[name.value], position = _array(text, position, make) if make else _value(text, position)
        if text[position : position + 1] == "}":
            return _ended(text, position + 1, found)
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
    """The number; of one with thousands of digits, which Python refuses to read, the digits."""
    try:
        return int(digits)
    except ValueError:
        return digits


_decoder = json.JSONDecoder(strict=False, parse_int=_integer)


def _value(text: str, position: int) -> tuple[RawValue, int]:
    try:
        value, end = _decoder.raw_decode(text, position)
    except RecursionError:
        # Too deep to be parsed, but not to be kept as it is.
        end = _closing(text, position)
        value = text[position:end]
    return RawValue(value, text[position:end]), _skip(text, end)


def _closing(text: str, position: int) -> int:
    """Where the brackets that open here are closed, whatever is between them."""
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


def _ended[T](text: str, position: int, found: T) -> T:
    if _skip(text, position) != len(text):
        raise ValueError(f"something behind the end at {position}")
    return found


def _skip(text: str, position: int) -> int:
    match = _space.match(text, position)
    return match.end() if match else position
