"""DynamoDB in memory: one table, the calls and the two conditions that the adapters use, and an index that lags."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tests.simulation.faults import client_error

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

    from qonto_sync.ports import Clock

type Item = dict[str, Any]

_INDEX_PAGE = 2


@dataclass(slots=True)
class MemoryDynamoDb:
    """The state table. `on_write` is told of each item, and the one before it, as it is written."""

    clock: Clock
    index_lag: Callable[[], timedelta]
    """How far the index is behind the table at this moment."""
    on_write: Callable[[Item | None, Item], None] = lambda _before, _after: None
    items: dict[str, Item] = field(default_factory=dict)
    _history: list[tuple[datetime, Item]] = field(default_factory=list)

    def get_item(self, *, Key: Item, **_rest: Any) -> dict[str, Any]:  # noqa: N803
        """Consistent."""
        found = self.items.get(Key["pk"]["S"])
        return {"Item": found} if found else {}

    def batch_get_item(self, *, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        """Consistent, and in no order that anyone promised."""
        ((table, wanted),) = RequestItems.items()
        found = [self.items[key["pk"]["S"]] for key in wanted["Keys"] if key["pk"]["S"] in self.items]
        return {"Responses": {table: found[::-1]}, "UnprocessedKeys": {}}

    def put_item(self, *, Item: Item, **condition: Any) -> dict[str, Any]:  # noqa: N803
        """Replaces the whole item."""
        before = self._checked(Item["pk"]["S"], condition)
        return self._write(before, Item)

    def transact_write_items(self, *, TransactItems: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        """Conditional puts only: all or none."""
        puts = [item["Put"] for item in TransactItems]
        try:
            before = [self._checked(put["Item"]["pk"]["S"], put) for put in puts]
        except ClientError as error:
            raise client_error("TransactionCanceledException", 400) from error
        for put, there in zip(puts, before, strict=True):
            self._write(there, put["Item"])
        return {}

    def update_item(self, *, Key: Item, UpdateExpression: str, **condition: Any) -> dict[str, Any]:  # noqa: N803
        """`SET name = :value, ...` only."""
        before = self._checked(Key["pk"]["S"], condition)
        names = condition.get("ExpressionAttributeNames", {})
        after = {**(before or Key)}
        for assignment in UpdateExpression.removeprefix("SET ").split(", "):
            name, _, value = assignment.partition(" = ")
            after[names.get(name, name)] = condition["ExpressionAttributeValues"][value]
        return self._write(before, after)

    def query(self, *, ExpressionAttributeValues: Item, **rest: Any) -> dict[str, Any]:  # noqa: N803
        """The index `pending`, in order of `due_at`, a few at a time, as it was a while ago."""
        as_of = self.clock.now() - self.index_lag()
        seen = {item["pk"]["S"]: item for at, item in self._history if at <= as_of}
        due = sorted(
            (item["due_at"]["S"], pk)
            for pk, item in seen.items()
            if item.get("pending_for") == ExpressionAttributeValues[":connection"]
        )
        start = rest.get("ExclusiveStartKey")
        after = [entry for entry in due if not start or entry > (start["due_at"]["S"], start["pk"]["S"])]
        page = [seen[pk] for _, pk in after[:_INDEX_PAGE]]
        answer: dict[str, Any] = {"Items": page}
        if len(after) > _INDEX_PAGE:
            answer["LastEvaluatedKey"] = {name: page[-1][name] for name in ("pk", "pending_for", "due_at")}
        return answer

    def _checked(self, pk: str, request: dict[str, Any]) -> Item | None:
        """What is there, if the condition holds for it."""
        before = self.items.get(pk)
        if request["ConditionExpression"] == "attribute_not_exists(pk)":
            holds = before is None
        else:
            expected = request["ExpressionAttributeValues"][":read_version"]
            holds = before is not None and before["version"] == expected
        if not holds:
            shown = {"Item": before} if before and request.get("ReturnValuesOnConditionCheckFailure") else {}
            raise client_error("ConditionalCheckFailedException", 400, **shown)
        return before

    def _write(self, before: Item | None, after: Item) -> dict[str, Any]:
        self.items[after["pk"]["S"]] = after
        self._history.append((self.clock.now(), after))
        self.on_write(before, after)
        return {}
