"""The state table: every write is conditional on the version that was read, and recognizes its own lost response."""

from __future__ import annotations

from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from qonto_sync.aws.clients import aws_errors, error_code
from qonto_sync.domain.errors import RowChanged
from qonto_sync.domain.ledger import NO_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

type Item = dict[str, Any]
"""An item as DynamoDB's API writes it, such as `{"version": {"N": "1"}}`."""

_IS_NEW = "attribute_not_exists(pk)"
_NO_VERSION: dict[str, Any] = {
    "ConditionExpression": "NOT attribute_type(#version, :number)",
    "ExpressionAttributeNames": {"#version": "version"},
    "ExpressionAttributeValues": {":number": {"S": "N"}},
}
_serializer = TypeSerializer()
_deserializer = TypeDeserializer()


def to_item(fields: Mapping[str, Any]) -> Item:
    """The fields as an item. A field that is None is left out, so that the index stays sparse."""
    return {name: _serializer.serialize(value) for name, value in fields.items() if value is not None}


def from_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an item; numbers are `Decimal`."""
    return {name: _deserializer.deserialize(value) for name, value in item.items()}


def version_of(fields: Mapping[str, Any]) -> int:
    """The item's version; `NO_VERSION` if it is no number from 1."""
    version = fields.get("version")
    return int(version) if isinstance(version, Decimal) and version > 0 else NO_VERSION


def version_after(version: int) -> int:
    """The version of an item that replaces one of this version."""
    return 1 if version == NO_VERSION else version + 1


_IN_THE_WAY = frozenset({"ConditionalCheckFailed", "TransactionConflict", "DuplicateItem"})
"""Why DynamoDB cancels a transaction because of one item: it exists, or another writer is writing it."""


class StateTable:
    """The items of one table, by their key `pk`."""

    def __init__(self, client: DynamoDBClient, name: str) -> None:
        self._client = client
        self._name = name

    @property
    def label(self) -> str:
        """Names the table in error messages."""
        return f"table {self._name}"

    def get(self, pk: str) -> Item | None:
        """The item, read consistently."""
        with aws_errors(self.label):
            return self._client.get_item(TableName=self._name, Key={"pk": {"S": pk}}, ConsistentRead=True).get("Item")

    def get_batch(self, pks: Sequence[str]) -> tuple[list[Item], list[str]]:
        """The items that exist of up to 100, read consistently, and the keys that DynamoDB left unprocessed."""
        keys: Any = [{"pk": {"S": pk}} for pk in pks]
        with aws_errors(self.label):
            answer: Any = self._client.batch_get_item(RequestItems={self._name: {"Keys": keys, "ConsistentRead": True}})
        unprocessed = answer.get("UnprocessedKeys", {}).get(self._name, {}).get("Keys", [])
        return answer["Responses"].get(self._name, []), [key["pk"]["S"] for key in unprocessed]

    def put(self, item: Item, *, read_version: int, is_own: Callable[[Item], bool]) -> None:
        """Replaces the item if the table still has `read_version`.

        0 means that it has no such item, `NO_VERSION` that the item has no number as its version.

        Raises:
            RowChanged: the table has another version, and `is_own` does not recognize it as this very write.
        """
        with self._lost_responses_recognized(is_own):
            self._client.put_item(
                TableName=self._name,
                Item=item,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **_if_version_is(read_version),
            )

    def update(self, pk: str, changes: Item, *, read_version: int, is_own: Callable[[Item], bool]) -> None:
        """Sets these attributes and keeps all others, under the same condition as `put`.

        Raises:
            RowChanged: as `put`.
        """
        with self._lost_responses_recognized(is_own):
            self._client.update_item(
                TableName=self._name,
                Key={"pk": {"S": pk}},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **_setting(changes, _if_version_is(read_version)),
            )

    def annotate(self, pk: str, changes: Item) -> None:
        """Sets these attributes of an item that exists, whatever its version, which stays; without one does nothing."""
        with aws_errors(self.label):
            try:
                self._client.update_item(
                    TableName=self._name,
                    Key={"pk": {"S": pk}},
                    **_setting(changes, {"ConditionExpression": "attribute_exists(pk)"}),
                )
            except ClientError as error:
                _conflicting_item(error)

    def replace(self, item: Item) -> None:
        """Replaces an item that exists; one that does not is not created."""
        with aws_errors(self.label):
            try:
                self._client.put_item(TableName=self._name, Item=item, ConditionExpression="attribute_exists(pk)")
            except ClientError as error:
                _conflicting_item(error)

    def delete(self, pk: str) -> None:
        """Deletes the item; one that does not exist is no error."""
        with aws_errors(self.label):
            self._client.delete_item(TableName=self._name, Key={"pk": {"S": pk}})

    def insert(self, items: Sequence[Item]) -> list[bool]:
        """Writes up to 100 items that do not exist yet, all or none, and returns which of them were in the way.

        If it returns one that was, none is written. The SDK's token recognizes its own retries.
        """
        with aws_errors(self.label):
            try:
                self._client.transact_write_items(
                    TransactItems=[
                        {"Put": {"TableName": self._name, "Item": item, "ConditionExpression": _IS_NEW}}
                        for item in items
                    ]
                )
            except ClientError as error:
                if error_code(error) != "TransactionCanceledException":
                    raise
                answer: Any = error.response
                in_the_way = [reason.get("Code") in _IN_THE_WAY for reason in answer.get("CancellationReasons", [])]
                if len(in_the_way) != len(items) or not any(in_the_way):
                    raise
                return in_the_way
        return [False] * len(items)

    def query_pending(self, connection: str) -> Iterator[Item]:
        """The items of the index `pending` of this connection, the earliest due first, page by page on demand."""
        query: Any = {
            "TableName": self._name,
            "IndexName": "pending",
            "KeyConditionExpression": "pending_for = :connection",
            "ExpressionAttributeValues": {":connection": {"S": connection}},
        }
        while True:
            with aws_errors(self.label):
                answer = self._client.query(**query)
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    @contextmanager
    def _lost_responses_recognized(self, is_own: Callable[[Item], bool]) -> Iterator[None]:
        """Treats a failed condition as success when the stored item is the one that this write stored.

        The SDK repeats a request whose response was lost, and the repetition then fails its condition. A transaction on
        the same item is another writer, too: whoever reads the item again sees what it wrote.
        """
        with aws_errors(self.label):
            try:
                yield
            except ClientError as error:
                if error_code(error) == "TransactionConflictException":
                    raise RowChanged("another writer's transaction has the row") from error
                stored = _conflicting_item(error)
                if stored is None or not is_own(stored):
                    raise RowChanged("another writer changed the row") from error


def _setting(changes: Item, condition: dict[str, Any]) -> dict[str, Any]:
    """What of a request sets these attributes under a condition."""
    return condition | {
        "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in changes),
        "ExpressionAttributeNames": {
            **condition.get("ExpressionAttributeNames", {}),
            **{f"#{name}": name for name in changes},
        },
        "ExpressionAttributeValues": {
            **condition.get("ExpressionAttributeValues", {}),
            **{f":{name}": value for name, value in changes.items()},
        },
    }


def _if_version_is(version: int) -> dict[str, Any]:
    if version == 0:
        return {"ConditionExpression": _IS_NEW}
    if version == NO_VERSION:
        return _NO_VERSION
    return {
        "ConditionExpression": "#version = :read_version",
        "ExpressionAttributeNames": {"#version": "version"},
        "ExpressionAttributeValues": {":read_version": {"N": str(version)}},
    }


def _conflicting_item(error: ClientError) -> Item | None:
    """The item that failed DynamoDB's condition, None if there is none; any other error is raised again."""
    if error_code(error) != "ConditionalCheckFailedException":
        raise error
    # The type stubs lack what ReturnValuesOnConditionCheckFailure adds to the response.
    answer: Mapping[str, Any] = error.response
    return answer.get("Item") or None
