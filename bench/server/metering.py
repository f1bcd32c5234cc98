"""The services in memory, counting what is billed."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, override

from local.in_memory.dynamodb import InMemoryDynamoDb
from local.in_memory.s3 import InMemoryS3

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.server.tally import Tally
    from local.in_memory.expressions import Item
    from local.in_memory.s3 import StoredObject

_WRITE_UNIT_BYTES = 1024
_READ_UNIT_BYTES = 4096


class MeteredS3(InMemoryS3):
    """Counts the bytes that are stored."""

    def __init__(self, tally: Tally) -> None:
        super().__init__(_checksum)
        self._tally = tally

    @override
    def _write(self, key: str, stored: StoredObject) -> None:
        super()._write(key, stored)
        self._tally.add("stored_bytes", len(stored.body))


class MeteredDynamoDb(InMemoryDynamoDb):
    """Counts read units and write units."""

    def __init__(self, tally: Tally) -> None:
        super().__init__()
        self._tally = tally

    @override
    def query(self, **request: Any) -> dict[str, Any]:
        answer = super().query(**request)
        self._tally.add("read_units", max(1, answer["Count"]))
        return answer

    @override
    def _read(self, key: Item) -> Item | None:
        found = super()._read(key)
        # A consistent read takes one unit for each 4 KB begun, and one if there is no item.
        self._tally.add("read_units", -(-_size(found or key) // _READ_UNIT_BYTES))
        return found

    @override
    def _delete(self, key: Item) -> None:
        before = self.items.get(key["pk"]["S"], key)
        self._tally.add("write_units", _write_units(before, before))
        super()._delete(key)

    @override
    def _write(self, item: Item, *, in_transaction: bool = False) -> None:
        before = self.items.get(item["pk"]["S"], {})
        units = _write_units(item, before)
        # A transaction prepares each write and then commits it; both are billed.
        self._tally.add("write_units", 2 * units if in_transaction else units)
        self._tally.add("items_written", 1)
        super()._write(item, in_transaction=in_transaction)


def _write_units(item: Item, before: Item) -> int:
    """One for each KB begun; an item that enters or leaves the index is written there, too."""
    units = -(-_size(item) // _WRITE_UNIT_BYTES)
    return 2 * units if "due_at" in item or "due_at" in before else units


def _checksum(content: bytes) -> bytes:
    """CRC and length: MD5 would take the server longer than everything else."""
    return zlib.crc32(content).to_bytes(4) + len(content).to_bytes(12)


def _size(item: Item) -> int:
    """Bytes of names and values as DynamoDB counts them, to a few bytes."""
    return sum(len(name) + _value_size(value) for name, value in item.items())


def _value_size(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    if kind == "M":
        return 3 + _size(content)
    return len(str(content).encode())
