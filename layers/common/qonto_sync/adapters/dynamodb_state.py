"""Checkpoints and the ledger in one DynamoDB table; every write is conditional on the version that was read."""

from __future__ import annotations

import uuid
from dataclasses import replace
from itertools import batched
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from qonto_sync.adapters.aws import IS_NEW, error_code, if_version_is, item_in_the_way, translated
from qonto_sync.adapters.ledger_items import from_item, to_item
from qonto_sync.errors import Retriable, RowChanged, Superseded
from qonto_sync.keys import checkpoint_key, ledger_key
from qonto_sync.model import Checkpoint, RunId
from qonto_sync.times import from_text, to_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

    from qonto_sync.model import ConnectionName, InvoiceId, LedgerRow, Pending
    from qonto_sync.ports import Clock

_KEYS_PER_READ = 100
_READ_ATTEMPTS = 6


class DynamoDbCheckpoints:
    """See `ports.Checkpoints`."""

    def __init__(self, client: DynamoDBClient, table: str, clock: Clock) -> None:
        self._client = client
        self._table = table
        self._clock = clock

    def read(self, connection: ConnectionName) -> Checkpoint | None:
        """See `ports.Checkpoints`."""
        with translated(f"table {self._table}"):
            item = self._client.get_item(
                TableName=self._table, Key={"pk": {"S": checkpoint_key(connection)}}, ConsistentRead=True
            ).get("Item")
        return _checkpoint(item) if item else None

    def commit(self, connection: ConnectionName, checkpoint: Checkpoint) -> None:
        """See `ports.Checkpoints`."""
        first = checkpoint.version == 1
        values: dict[str, Any] = {
            ":synced_until": {"S": to_text(checkpoint.synced_until)},
            ":version": {"N": str(checkpoint.version)},
            ":run_id": {"S": checkpoint.run_id},
            ":updated_at": {"S": to_text(self._clock.now())},
        }
        if not first:
            values[":read_version"] = {"N": str(checkpoint.version - 1)}
        with translated(f"table {self._table}"):
            try:
                self._client.update_item(
                    TableName=self._table,
                    Key={"pk": {"S": checkpoint_key(connection)}},
                    UpdateExpression=(
                        "SET synced_until = :synced_until, #version = :version,"
                        " run_id = :run_id, updated_at = :updated_at"
                    ),
                    ConditionExpression="attribute_not_exists(pk)" if first else "#version = :read_version",
                    ExpressionAttributeNames={"#version": "version"},
                    ExpressionAttributeValues=values,
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except ClientError as error:
                item = item_in_the_way(error)
                if item is None or _checkpoint(item) != checkpoint:
                    raise Superseded(f"another run committed the checkpoint of {connection!r}") from error
                # Our own write: the SDK sent it again because the first answer was lost.


def _checkpoint(item: Mapping[str, Any]) -> Checkpoint:
    synced_until = from_text(item["synced_until"]["S"])
    if synced_until is None:
        raise Retriable(f"the checkpoint's synced_until is {item['synced_until']['S']!r}, which is no time")
    return Checkpoint(synced_until, int(item["version"]["N"]), RunId(item["run_id"]["S"]))


class DynamoDbLedger:
    """See `ports.Ledger`."""

    def __init__(self, client: DynamoDBClient, table: str, clock: Clock, random: Callable[[], float]) -> None:
        self._client = client
        self._table = table
        self._clock = clock
        self._random = random

    def rows(self, connection: ConnectionName, invoice_ids: Sequence[InvoiceId]) -> Mapping[InvoiceId, LedgerRow]:
        """See `ports.Ledger`. One request per hundred ids, and what DynamoDB left unread is asked for again."""
        rows: dict[InvoiceId, LedgerRow] = {}
        for some in batched(dict.fromkeys(invoice_ids), _KEYS_PER_READ, strict=False):
            keys: Any = [{"pk": {"S": ledger_key(connection, id_)}} for id_ in some]
            for attempt in range(_READ_ATTEMPTS):
                if attempt:
                    self._clock.sleep(0.05 * 2**attempt * self._random())
                with translated(f"table {self._table}"):
                    answer: Any = self._client.batch_get_item(
                        RequestItems={self._table: {"Keys": keys, "ConsistentRead": True}}
                    )
                for item in answer["Responses"].get(self._table, []):
                    row = from_item(item)
                    rows[row.invoice_id] = row
                keys = answer.get("UnprocessedKeys", {}).get(self._table, {}).get("Keys")
                if not keys:
                    break
            else:
                raise Retriable(f"table {self._table}: keys were left unprocessed {_READ_ATTEMPTS} times")
        return rows

    def write(self, row: LedgerRow) -> LedgerRow:
        """See `ports.Ledger`."""
        written, item = self._next_version(row)
        with translated(f"table {self._table}"):
            try:
                self._client.put_item(
                    TableName=self._table,
                    Item=item,
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    **if_version_is(row.version),
                )
            except ClientError as error:
                found = item_in_the_way(error)
                if found is None or found.get("write_id") != item["write_id"]:
                    raise RowChanged("another writer changed the ledger row") from error
        return written

    def insert(self, rows: Sequence[LedgerRow]) -> list[LedgerRow]:
        """See `ports.Ledger`. One transaction; a repetition by the SDK is known by its token."""
        versions = [self._next_version(row) for row in rows]
        with translated(f"table {self._table}"):
            try:
                self._client.transact_write_items(
                    TransactItems=[
                        {"Put": {"TableName": self._table, "Item": item, "ConditionExpression": IS_NEW}}
                        for _, item in versions
                    ]
                )
            except ClientError as error:
                if error_code(error) != "TransactionCanceledException":
                    raise
                raise RowChanged("another writer was at one of these ledger rows") from error
        return [written for written, _ in versions]

    def _next_version(self, row: LedgerRow) -> tuple[LedgerRow, dict[str, Any]]:
        written = replace(row, version=row.version + 1)
        # A name for this very write, so that its own echo can be told from another writer's.
        name = {"write_id": {"S": uuid.uuid4().hex}, "written_at": {"S": to_text(self._clock.now())}}
        return written, {**to_item(written), **name}

    def pending(self, connection: ConnectionName) -> Iterator[tuple[InvoiceId, Pending]]:
        """See `ports.Ledger`. Read from the index page by page, as far as the caller goes."""
        query: Any = {
            "TableName": self._table,
            "IndexName": "pending",
            "KeyConditionExpression": "pending_for = :connection",
            "ExpressionAttributeValues": {":connection": {"S": connection}},
        }
        while True:
            with translated(f"table {self._table}"):
                answer = self._client.query(**query)
            for item in answer["Items"]:
                row = from_item(item)
                if row.pending:
                    yield row.invoice_id, row.pending
            if "LastEvaluatedKey" not in answer:
                return
            query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
