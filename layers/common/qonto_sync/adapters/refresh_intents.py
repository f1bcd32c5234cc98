"""Intents to refresh a token, in the state table."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from qonto_sync.adapters.aws import if_version_is, item_in_the_way, translated
from qonto_sync.errors import Retriable, RowChanged
from qonto_sync.keys import refresh_key
from qonto_sync.model import RefreshIntent
from qonto_sync.times import from_text, to_precise_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_dynamodb import DynamoDBClient

    from qonto_sync.model import ConnectionName


class DynamoDbRefreshIntents:
    """See `ports.RefreshIntents`."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def read(self, connection: ConnectionName) -> RefreshIntent | None:
        """See `ports.RefreshIntents`."""
        with translated(f"table {self._table}"):
            item = self._client.get_item(
                TableName=self._table, Key={"pk": {"S": refresh_key(connection)}}, ConsistentRead=True
            ).get("Item")
        return _from_item(item) if item else None

    def write(self, connection: ConnectionName, intent: RefreshIntent) -> RefreshIntent:
        """See `ports.RefreshIntents`."""
        written = replace(intent, version=intent.version + 1)
        with translated(f"table {self._table}"):
            try:
                self._client.put_item(
                    TableName=self._table,
                    Item={"pk": {"S": refresh_key(connection)}, **_to_item(written)},
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    **if_version_is(intent.version),
                )
            except ClientError as error:
                found = item_in_the_way(error)
                if found is None or _from_item(found) != written:
                    raise RowChanged("another process changed the intent to refresh the token") from error
        return written


def _to_item(intent: RefreshIntent) -> dict[str, Any]:
    return {
        "version": {"N": str(intent.version)},
        "owner": {"S": intent.owner},
        "token": {"S": intent.token},
        "opened_at": {"S": to_precise_text(intent.opened_at)},
        "is_open": {"BOOL": intent.is_open},
    }


def _from_item(item: Mapping[str, Any]) -> RefreshIntent:
    opened_at = from_text(item["opened_at"]["S"])
    if opened_at is None:
        raise Retriable(f"the intent's opened_at is {item['opened_at']['S']!r}, which is no time")
    return RefreshIntent(
        version=int(item["version"]["N"]),
        owner=item["owner"]["S"],
        token=item["token"]["S"],
        opened_at=opened_at,
        is_open=bool(item["is_open"]["BOOL"]),
    )
