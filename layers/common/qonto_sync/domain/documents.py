"""Compares two JSON texts of one invoice. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

type Path = tuple[str | int, ...]
"""Names of members and numbers of elements, from the outside in; empty for the whole text."""


def differences(before: bytes, after: bytes) -> frozenset[Path]:
    """Where both have a value and these differ. A member that only one of them has is no difference.

    Lists of different lengths differ as a whole, and so do texts of which one cannot be parsed.
    """
    try:
        return frozenset(_differences(_parsed(before), _parsed(after), ()))
    except (ValueError, RecursionError):
        return frozenset() if before == after else frozenset({()})


def _parsed(text: bytes) -> Any:
    # Numbers as they are written, so that none is rounded.
    return json.loads(text, parse_float=str, parse_int=str)


def _differences(before: Any, after: Any, path: Path) -> Iterator[Path]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in before.keys() & after.keys():
            yield from _differences(before[name], after[name], (*path, name))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _differences(old, new, (*path, number))
    elif before != after:
        yield path
