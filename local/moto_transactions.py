"""Corrects moto's DynamoDB transactions: one at a time, and without a copy of all items for each."""

from __future__ import annotations

import copy
from threading import Lock
from typing import Any, Final

from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import Table
from moto.dynamodb.responses import DynamoHandler

_TABLES: Final = Lock()
_call_action: Final = DynamoHandler.call_action
_transact_write_items: Final = DynamoDBBackend.transact_write_items


def correct_transactions() -> None:
    """Corrects moto in this process; once is enough.

    Before a transaction moto copies the table, to put the copy back if the transaction fails. That fails if another
    request changes the table meanwhile, and with a thousand items it takes most of the local AWS's time.
    """
    DynamoHandler.call_action = _one_after_another  # type: ignore[method-assign]
    DynamoDBBackend.transact_write_items = _without_updates  # type: ignore[assignment, method-assign]
    Table.__deepcopy__ = _copy_sharing_items  # type: ignore[attr-defined]


def _one_after_another(handler: DynamoHandler) -> Any:
    with _TABLES:
        return _call_action(handler)


def _without_updates(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
    # A put replaces an item, and a delete removes it. An update would change the item that the copy shares.
    if any("Update" in item for item in transact_items):
        raise NotImplementedError("A transaction with an update needs a copy of the item that it changes")
    _transact_write_items(backend, transact_items)


def _copy_sharing_items(table: Table, _: object) -> Table:
    copied = copy.copy(table)
    copied.items = copy.copy(table.items)
    if table.has_range_key:
        copied.items.update({key: copy.copy(items) for key, items in table.items.items()})
    return copied
