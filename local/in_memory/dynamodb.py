"""DynamoDB in memory: one table with a sparse index, and the calls that the adapters make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from local.in_memory.errors import ServiceError
from local.in_memory.expressions import assignments, equality, holds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local.in_memory.expressions import Item, Request

_KEY: Final = "pk"
_INDEX: Final = "pending"
_PARTITION_KEY: Final = "pending_for"
_SORT_KEY: Final = "due_at"


class InMemoryDynamoDb:
    """The state table, whatever name a request gives it. Items are kept and returned without being copied.

    A subclass may override `_read`, `_write`, `_delete` and `_indexed` to observe or to change what they do.
    """

    def __init__(self, *, index_page: int | None = None) -> None:
        """`index_page` is the number of items at which a query ends a page, as 1 MB of them would."""
        self.items: dict[str, Item] = {}
        self._index_page = index_page

    def get_item(self, *, Key: Item, **_request: Any) -> dict[str, Any]:  # noqa: N803
        """A consistent read."""
        found = self._read(Key)
        return {"Item": found} if found else {}

    def batch_get_item(self, *, RequestItems: dict[str, Any], **_request: Any) -> dict[str, Any]:  # noqa: N803
        """Consistent reads; the items come in an order of their own, as DynamoDB's do."""
        found = {
            table: [item for key in reversed(wanted["Keys"]) if (item := self._read(key))]
            for table, wanted in RequestItems.items()
        }
        return {"Responses": found, "UnprocessedKeys": {}}

    def put_item(self, *, Item: Item, **request: Any) -> dict[str, Any]:  # noqa: N803
        """Replaces the whole item."""
        self._check(Item, request)
        self._write(Item)
        return {}

    def update_item(self, *, Key: Item, UpdateExpression: str, **request: Any) -> dict[str, Any]:  # noqa: N803
        """Sets attributes of an item, which may be new."""
        self._check(Key, request)
        self._write({**self.items.get(_key(Key), Key), **assignments(UpdateExpression, request)})
        return {}

    def delete_item(self, *, Key: Item, **request: Any) -> dict[str, Any]:  # noqa: N803
        """Deletes an item; one that does not exist is no error."""
        self._check(Key, request)
        self._delete(Key)
        return {}

    def transact_write_items(self, *, TransactItems: list[dict[str, Any]], **_request: Any) -> dict[str, Any]:  # noqa: N803
        """Conditional puts: all of them, or none."""
        puts = [action["Put"] for action in TransactItems]
        if len({_key(put["Item"]) for put in puts}) < len(puts):
            raise ServiceError("ValidationException", 400)
        passed = [self._holds(put["Item"], put) for put in puts]
        if not all(passed):
            reasons = [
                {"Code": "None"} if put_passed else {"Code": "ConditionalCheckFailed", **self._shown(put["Item"], put)}
                for put, put_passed in zip(puts, passed, strict=True)
            ]
            raise ServiceError("TransactionCanceledException", 400, CancellationReasons=reasons)
        for put in puts:
            self._write(put["Item"], in_transaction=True)
        return {}

    def query(self, *, IndexName: str, KeyConditionExpression: str, **request: Any) -> dict[str, Any]:  # noqa: N803
        """A page of the index, in the order of its sort key."""
        name, value = equality(KeyConditionExpression, request)
        if (IndexName, name) != (_INDEX, _PARTITION_KEY):
            raise ValueError(f"unsupported query: {KeyConditionExpression} in index {IndexName}")
        found = [item for item in self._indexed() if item.get(name) == value and _SORT_KEY in item]
        found.sort(key=_index_place)
        if "ExclusiveStartKey" in request:
            start = _index_place(request["ExclusiveStartKey"])
            found = [item for item in found if _index_place(item) > start]
        most = min(request.get("Limit", len(found)), self._index_page or len(found))
        page = found[:most]
        answer: dict[str, Any] = {"Items": page, "Count": len(page), "ScannedCount": len(page)}
        if len(found) > most:
            answer["LastEvaluatedKey"] = {key: page[-1][key] for key in (_KEY, _PARTITION_KEY, _SORT_KEY)}
        return answer

    def _read(self, key: Item) -> Item | None:
        """One item, as it is now."""
        return self.items.get(_key(key))

    def _write(self, item: Item, *, in_transaction: bool = False) -> None:  # noqa: ARG002 - for subclasses
        """Stores an item whose condition holds."""
        self.items[_key(item)] = item

    def _delete(self, key: Item) -> None:
        """Deletes an item whose condition holds."""
        self.items.pop(_key(key), None)

    def _indexed(self) -> Iterable[Item]:
        """The items that a query sees; the index has those of them that have its keys."""
        return self.items.values()

    def _holds(self, key: Item, request: Request) -> bool:
        """Whether the condition of a write holds; true if it has none."""
        expression = request.get("ConditionExpression")
        return expression is None or holds(expression, request, self.items.get(_key(key), {}))

    def _check(self, key: Item, request: Request) -> None:
        if not self._holds(key, request):
            raise ServiceError("ConditionalCheckFailedException", 400, **self._shown(key, request))

    def _shown(self, key: Item, request: Request) -> dict[str, Any]:
        """The item that a condition failed on, if the request asks for it and there is one."""
        found = self.items.get(_key(key))
        return {"Item": found} if found and request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" else {}


def _key(item: Item) -> str:
    key: str = item[_KEY]["S"]
    return key


def _index_place(item: Item) -> tuple[str, str]:
    return item[_SORT_KEY]["S"], _key(item)
