"""DynamoDB's expressions, as far as the adapters use them. Any other raises `ValueError`.

A name or a value that the request does not define raises `KeyError`.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

type Item = dict[str, Any]
type Request = Mapping[str, Any]

_NOT_EXISTS: Final = re.compile(r"attribute_not_exists\s*\(\s*(#?\w+)\s*\)")
_EQUALITY: Final = re.compile(r"(#?\w+)\s*=\s*(:\w+)")


def holds(expression: str, request: Request, item: Item) -> bool:
    """Whether `attribute_not_exists(name)` or `name = :value` is true of an item; an absent item is an empty one."""
    name, value = _condition(expression)
    if value is None:
        return _attribute(name, request) not in item
    return bool(item.get(_attribute(name, request)) == request["ExpressionAttributeValues"][value])


def equality(expression: str, request: Request) -> tuple[str, Any]:
    """The attribute and the value of `name = :value`."""
    ((name, value),) = _equalities(expression)
    return _attribute(name, request), request["ExpressionAttributeValues"][value]


def assignments(expression: str, request: Request) -> Item:
    """The attributes that `SET name = :value, …` sets."""
    action, _, clauses = expression.partition(" ")
    if action != "SET":
        raise ValueError(f"unsupported update: {expression}")
    values = request["ExpressionAttributeValues"]
    return {_attribute(name, request): values[value] for name, value in _equalities(clauses)}


@cache
def _condition(expression: str) -> tuple[str, str | None]:
    """The name, and the value that it must have; None if it must not exist."""
    if found := _NOT_EXISTS.fullmatch(expression):
        return found[1], None
    ((name, value),) = _equalities(expression)
    return name, value


@cache
def _equalities(clauses: str) -> tuple[tuple[str, str], ...]:
    found = [_EQUALITY.fullmatch(clause.strip()) for clause in clauses.split(",")]
    equalities = tuple((match[1], match[2]) for match in found if match)
    if len(equalities) < len(found):
        raise ValueError(f"unsupported expression: {clauses}")
    return equalities


def _attribute(name: str, request: Request) -> str:
    """The attribute that a name or a `#placeholder` stands for."""
    if not name.startswith("#"):
        return name
    attribute: str = request["ExpressionAttributeNames"][name]
    return attribute
