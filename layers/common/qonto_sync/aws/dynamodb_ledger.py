"""The ledger in the state table."""

from __future__ import annotations

import uuid
from dataclasses import replace
from itertools import batched
from typing import TYPE_CHECKING, override

from qonto_sync.aws.ledger_items import row_from_item, row_to_item
from qonto_sync.aws.state_table import to_item, version_after
from qonto_sync.domain.errors import Retriable, RowChanged
from qonto_sync.domain.keys import ledger_key
from qonto_sync.domain.times import to_text
from qonto_sync.ports import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from qonto_sync.aws.state_table import Item, StateTable
    from qonto_sync.domain.ids import ConnectionName, InvoiceId
    from qonto_sync.domain.ledger import LedgerRow
    from qonto_sync.ports import Clock

_KEYS_PER_READ = 100
"""DynamoDB's limit for one BatchGetItem."""
_READ_ATTEMPTS = 6
_INSERT_ATTEMPTS = 3


class DynamoDbLedger(Ledger):
    """One item per invoice."""

    def __init__(self, table: StateTable, clock: Clock, random: Callable[[], float]) -> None:
        self._table = table
        self._clock = clock
        self._random = random

    @override
    def rows(self, connection: ConnectionName, invoice_ids: Sequence[InvoiceId]) -> Mapping[InvoiceId, LedgerRow]:
        rows: dict[InvoiceId, LedgerRow] = {}
        for batch in batched(dict.fromkeys(invoice_ids), _KEYS_PER_READ, strict=False):
            for item in self._read([ledger_key(connection, id_) for id_ in batch]):
                row = row_from_item(item)
                rows[row.invoice_id] = row
        return rows

    def _read(self, pks: Sequence[str]) -> Iterator[Item]:
        """Asks again, after a wait, for the keys that DynamoDB left unprocessed."""
        for attempt in range(_READ_ATTEMPTS):
            if attempt:
                self._clock.sleep(0.05 * 2**attempt * self._random())
            items, pks = self._table.get_batch(pks)
            yield from items
            if not pks:
                return
        raise Retriable(f"{self._table.label}: keys were left unprocessed {_READ_ATTEMPTS} times")

    @override
    def write(self, row: LedgerRow) -> LedgerRow:
        written, item = self._next_version(row)
        self._table.put(
            item, read_version=row.version, is_own=lambda stored: stored.get("write_id") == item["write_id"]
        )
        return written

    @override
    def insert(self, rows: Sequence[LedgerRow]) -> list[LedgerRow | None]:
        versions = [self._next_version(row) for row in rows]
        written: list[LedgerRow | None] = [None] * len(rows)
        left = list(range(len(rows)))
        for _ in range(_INSERT_ATTEMPTS):
            if not left:
                break
            in_the_way = self._table.insert([versions[index][1] for index in left])
            if not any(in_the_way):
                for index in left:
                    written[index] = versions[index][0]
                break
            left = [index for index, is_in_the_way in zip(left, in_the_way, strict=True) if not is_in_the_way]
        return written

    @override
    def mark_message_sent(self, row: LedgerRow, until: datetime) -> None:
        # Its version stays, so that a writer who has read the row is not in the way.
        try:
            self._table.update(
                ledger_key(row.connection, row.invoice_id),
                to_item({"message_until": to_text(until)}),
                read_version=row.version,
                is_own=lambda _: False,
            )
        except RowChanged:
            return

    def _next_version(self, row: LedgerRow) -> tuple[LedgerRow, Item]:
        written = replace(row, version=version_after(row.version))
        # Identifies this very write, so that it can be told from another writer's.
        write = {"write_id": uuid.uuid4().hex, "written_at": to_text(self._clock.now())}
        return written, {**row_to_item(written), **to_item(write)}
