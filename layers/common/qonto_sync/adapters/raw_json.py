"""JSON with its text kept: what is archived are the bytes that the source sent, not our spelling of them."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

_decoder = json.JSONDecoder(strict=False)
_space = re.compile(r"[ \t\n\r]*")


class RawValue(NamedTuple):
    """A parsed value and its own text."""

    value: Any
    text: str


def members(text: str) -> dict[str, RawValue]:
    """The members of the object that the text is.

    Raises:
        ValueError: it is not exactly one JSON object.
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
        found[name.value], position = _value(text, position)
        if text[position : position + 1] == "}":
            return _ended(text, position + 1, found)
        position = _expect(text, position, ",")


def elements(text: str) -> list[RawValue]:
    """The elements of the array that the text is.

    Raises:
        ValueError: it is not exactly one JSON array.
    """
    found: list[RawValue] = []
    position = _expect(text, _skip(text, 0), "[")
    if text[position : position + 1] == "]":
        return _ended(text, position + 1, found)
    while True:
        element, position = _value(text, position)
        found.append(element)
        if text[position : position + 1] == "]":
            return _ended(text, position + 1, found)
        position = _expect(text, position, ",")


def _value(text: str, position: int) -> tuple[RawValue, int]:
    try:
        value, end = _decoder.raw_decode(text, position)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return RawValue(value, text[position:end]), _skip(text, end)


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
