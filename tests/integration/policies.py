"""What a policy of IAM allows. It knows the elements that the template uses; any other is an error, not an allow."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

_ELEMENTS: Final = {"Sid", "Effect", "Action", "Resource", "Condition"}
_OPERATOR: Final = "ForAllValues:StringLike"
_CONDITION_KEY: Final = "dynamodb:LeadingKeys"
_EFFECTS: Final = {"Allow": True, "Deny": False}


class UnknownElement(Exception):
    """A policy has something in it that nothing is known about here."""


@dataclass(frozen=True, slots=True)
class Request:
    """A permission that AWS requires for a call; some calls require several."""

    action: str
    resource: str
    leading_keys: frozenset[str] = frozenset()
    """Partition keys of the items that DynamoDB is called for."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement about one resource; one about several is as many of these."""

    sid: str
    allows: bool
    actions: tuple[str, ...]
    resource: str
    leading_keys: tuple[str, ...] | None
    """Patterns, one of which each leading key has to fit; None is no condition."""

    def is_about(self, request: Request) -> bool:
        """Whether its effect is the effect on this request."""
        # As in IAM, case does not matter in an action, but everywhere else; and a condition for all values holds where
        # there is none.
        patterns = self.leading_keys
        return (
            any(_is_like(action.lower(), request.action.lower()) for action in self.actions)
            and _covers(self.resource, request.resource)
            and (patterns is None or all(any(_is_like(each, key) for each in patterns) for key in request.leading_keys))
        )


type Policy = tuple[Statement, ...]


def parse(document: Mapping[str, Any]) -> Policy:
    """Reads a policy document.

    Raises:
        UnknownElement: an element, an effect, a condition's operator or its key that means nothing here.
    """
    return tuple(statement for item in _listed(document["Statement"]) for statement in _statements(item))


def is_allowed(policy: Policy, request: Request) -> bool:
    """One statement that allows it is enough, one that denies it too many."""
    return {statement.allows for statement in policy if statement.is_about(request)} == {True}


def unused(policy: Policy, requests: Collection[Request]) -> list[str]:
    """The permissions that none of these requests, all of them allowed, needs."""
    return [lost for lost, rest in _without_each(policy) if all(is_allowed(rest, request) for request in requests)]


def _without_each(policy: Policy) -> Iterator[tuple[str, Policy]]:
    for index, statement in enumerate(policy):
        for lost, narrower in _narrowed(statement) if statement.allows else ():
            name = f"{statement.sid} allows {lost} on {statement.resource}"
            yield name, (*policy[:index], narrower, *policy[index + 1 :])


def _narrowed(statement: Statement) -> Iterator[tuple[str, Statement]]:
    """The statement without one of its actions, or without one of its patterns of keys."""
    for action in statement.actions:
        yield action, replace(statement, actions=tuple(each for each in statement.actions if each != action))
    patterns = statement.leading_keys or ()
    for pattern in patterns:
        yield pattern, replace(statement, leading_keys=tuple(each for each in patterns if each != pattern))


def _statements(item: Mapping[str, Any]) -> Iterator[Statement]:
    if unknown := item.keys() - _ELEMENTS or {item["Effect"]} - _EFFECTS.keys():
        raise UnknownElement(f"{item.get('Sid')}: {', '.join(sorted(unknown))}")
    for resource in _listed(item["Resource"]):
        yield Statement(
            sid=item["Sid"],
            allows=_EFFECTS[item["Effect"]],
            actions=tuple(_listed(item["Action"])),
            resource=resource,
            leading_keys=_leading_keys(item["Condition"]) if "Condition" in item else None,
        )


def _leading_keys(condition: Mapping[str, Any]) -> tuple[str, ...]:
    found = {f"{operator} of {key}" for operator, tests in condition.items() for key in tests}
    if found != {f"{_OPERATOR} of {_CONDITION_KEY}"}:
        raise UnknownElement(f"the condition {', '.join(sorted(found))}")
    return tuple(_listed(condition[_OPERATOR][_CONDITION_KEY]))


def _listed(value: Any) -> list[Any]:
    """IAM's short form, one thing, as the list it stands for."""
    return value if isinstance(value, list) else [value]


def _covers(pattern: str, resource: str) -> bool:
    """Whether a policy's ARN covers this one: a wildcard stays in its segment, of which there are six."""
    if pattern == "*":
        return True
    likes, segments = pattern.split(":", 5), resource.split(":", 5)
    return len(likes) == len(segments) and all(map(_is_like, likes, segments))


def _is_like(pattern: str, text: str) -> bool:
    return _expression(pattern).fullmatch(text) is not None


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)
