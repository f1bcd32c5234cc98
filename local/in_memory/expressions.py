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

_EXISTENCE: Final = re.compile(r"attribute_(not_)?exists\s*\(\s*(#?\w+)\s*\)")
_OTHER_TYPE: Final = re.compile(r"NOT\s+attribute_type\s*\(\s*(#?\w+)\s*,\s*(:\w+)\s*\)")
_EQUALITY: Final = re.compile(r"(#?\w+)\s*=\s*(:\w+)")


def holds(expression: str, request: Request, item: Item) -> bool:
    """Whether a condition is true of an item; an absent item is an empty one.

    It is `attribute_exists(name)`, `attribute_not_exists(name)`, `NOT attribute_type(name, :type)` or `name = :value`.
    """
    if found := _EXISTENCE.fullmatch(expression):
        return (_attribute(found[2], request) in item) != bool(found[1])
    if found := _OTHER_TYPE.fullmatch(expression):
        data_type = request["ExpressionAttributeValues"][found[2]]["S"]
        return data_type not in item.get(_attribute(found[1], request), {})
    ((name, value),) = _equalities(expression)
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
