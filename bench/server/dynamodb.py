"""DynamoDB as far as the sync uses it: conditions on one attribute, one index, and batches."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from bench.server.http import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bench.server.tally import Tally

type Item = dict[str, Any]

_JSON = {"Content-Type": "application/x-amz-json-1.0"}
_WRITE_UNIT_BYTES = 1024
_READ_UNIT_BYTES = 4096
_ABSENT = re.compile(r"attribute_not_exists\s*\(\s*(\S+?)\s*\)")
_EQUAL = re.compile(r"(\S+)\s*=\s*(\S+)")


class Refused(Exception):
    """The answer is an error, with a name and what else it tells."""

    def __init__(self, name: str, **details: Any) -> None:
        super().__init__(name)
        self.name = name
        self.details = details


class DynamoDb:
    """One table, whatever its name; the key is `pk`."""

    def __init__(self, *, tally: Tally) -> None:
        self.items: dict[str, Item] = {}
        self._tally = tally
        self._operations: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "GetItem": self._get_item,
            "BatchGetItem": self._batch_get_item,
            "PutItem": self._put_item,
            "UpdateItem": self._update_item,
            "Query": self._query,
            "TransactWriteItems": self._transact_write_items,
        }

    def answer(self, operation: str, body: bytes) -> Response:
        """The answer to one operation of the JSON protocol."""
        try:
            answer = self._operations[operation](json.loads(body))
        except Refused as refusal:
            failure = {"__type": f"com.amazonaws.dynamodb.v20120810#{refusal.name}", **refusal.details}
            return Response(400, (json.dumps(failure).encode(),), _JSON)
        return Response(200, (json.dumps(answer).encode(),), _JSON)

    def _get_item(self, request: dict[str, Any]) -> dict[str, Any]:
        found = self._read(request["Key"])
        return {"Item": found} if found else {}

    def _batch_get_item(self, request: dict[str, Any]) -> dict[str, Any]:
        found = {
            table: [item for key in asked["Keys"] if (item := self._read(key))]
            for table, asked in request["RequestItems"].items()
        }
        return {"Responses": found, "UnprocessedKeys": {}}

    def _put_item(self, request: dict[str, Any]) -> dict[str, Any]:
        self._require(_key(request["Item"]), request)
        self._write(request["Item"])
        return {}

    def _update_item(self, request: dict[str, Any]) -> dict[str, Any]:
        """Of update expressions, `SET a = :a, #b = :b`."""
        key = _key(request["Key"])
        self._require(key, request)
        names, values = request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})
        changes = {
            names.get(name, name): values[value]
            for name, value in _EQUAL.findall(request["UpdateExpression"].removeprefix("SET").replace(",", " "))
        }
        self._write({**self.items.get(key, request["Key"]), **changes})
        return {}

    def _query(self, request: dict[str, Any]) -> dict[str, Any]:
        """Of the index `pending`, by its partition key."""
        ((_, value),) = request["ExpressionAttributeValues"].items()
        found = [item for item in self.items.values() if item.get("pending_for") == value]
        self._tally.add("read_units", max(1, len(found)))
        found.sort(key=lambda item: str(item["due_at"]["S"]))
        return {"Items": found, "Count": len(found), "ScannedCount": len(found)}

    def _transact_write_items(self, request: dict[str, Any]) -> dict[str, Any]:
        """Of `Put` only: all of them, or none."""
        puts = [each["Put"] for each in request["TransactItems"]]
        held = [self._holds(_key(put["Item"]), put) for put in puts]
        if not all(held):
            reasons = [{"Code": "None" if held_one else "ConditionalCheckFailed"} for held_one in held]
            raise Refused("TransactionCanceledException", CancellationReasons=reasons)
        for put in puts:
            # It is prepared, then committed, and both are paid for.
            self._write(put["Item"], times=2)
        return {}

    def _read(self, key: Item) -> Item | None:
        found = self.items.get(_key(key))
        # Consistent: one unit for each 4 KB begun, and one for what is not there.
        self._tally.add("read_units", -(-_size(found or key) // _READ_UNIT_BYTES))
        return found

    def _write(self, item: Item, times: int = 1) -> None:
        units = -(-_size(item) // _WRITE_UNIT_BYTES)
        before = self.items.get(_key(item), {})
        # What enters or leaves the index is written there, too.
        indexed = "due_at" in item or "due_at" in before
        self._tally.add("write_units", times * units * (2 if indexed else 1))
        self._tally.add("items_written", 1)
        self.items[_key(item)] = item

    def _require(self, key: str, request: Mapping[str, Any]) -> None:
        if self._holds(key, request):
            return
        there = self.items.get(key)
        shown = {"Item": there} if there and request.get("ReturnValuesOnConditionCheckFailure") else {}
        raise Refused("ConditionalCheckFailedException", message="The conditional request failed", **shown)

    def _holds(self, key: str, request: Mapping[str, Any]) -> bool:
        """Whether the condition of a write does."""
        condition = request.get("ConditionExpression", "")
        there = self.items.get(key, {})
        names = request.get("ExpressionAttributeNames", {})
        if absent := _ABSENT.fullmatch(condition):
            return names.get(absent[1], absent[1]) not in there
        if equal := _EQUAL.fullmatch(condition):
            return bool(there.get(names.get(equal[1], equal[1])) == request["ExpressionAttributeValues"][equal[2]])
        if condition:
            raise ValueError(f"a condition that is unknown here: {condition}")
        return True


def _key(item: Any) -> str:
    return str(item["pk"]["S"]) if item else ""


def _size(item: Item) -> int:
    """Names and values, as DynamoDB counts them, to a few bytes."""
    return sum(len(name) + _value_size(value) for name, value in item.items())


def _value_size(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    if kind == "M":
        return 3 + _size(content)
    return len(str(content).encode())
