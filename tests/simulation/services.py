"""The services in memory, with what the simulation adds to them: observers, and an index that lags."""

from __future__ import annotations

from collections import defaultdict
from io import BytesIO
from typing import TYPE_CHECKING, Any, override

from local.in_memory.dynamodb import InMemoryDynamoDb
from local.in_memory.s3 import InMemoryS3, StoredObject, md5

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime, timedelta

    from local.in_memory.expressions import Item
    from qonto_sync.ports import Clock

_INDEX_PAGE = 2
"""Items of the index in one answer: so few that a query takes several."""


class SimulatedS3(InMemoryS3):
    """Reports each write."""

    on_write: Callable[[str, StoredObject | None, StoredObject], None] = staticmethod(lambda *_: None)
    """Called with the key, the object before and the object now."""

    def __init__(self) -> None:
        super().__init__()
        self.versions: dict[str, list[bytes]] = defaultdict(list)
        """The contents of each key, the oldest first, as a versioned bucket keeps them."""

    def overwrite(self, key: str, content: bytes) -> None:
        """Replaces an object behind the functions' back, and does not report it."""
        super()._write(key, StoredObject(content, f'"{md5(content).hex()}"', "binary/octet-stream", {}))
        self.versions[key].append(content)

    @override
    def get_object(self, **request: Any) -> dict[str, Any]:
        """Its body is read like that of a response."""
        found = super().get_object(**request)
        return {**found, "Body": BytesIO(found["Body"])}

    @override
    def _write(self, key: str, stored: StoredObject) -> None:
        before = self.objects.get(key)
        super()._write(key, stored)
        self.versions[key].append(stored.body)
        self.on_write(key, before, stored)


class SimulatedDynamoDb(InMemoryDynamoDb):
    """Reports each write, which must have a condition; its index is a while behind the table."""

    on_write: Callable[[Item | None, Item], None] = staticmethod(lambda *_: None)
    """Called with the item before and the item now."""

    def __init__(self, clock: Clock, index_lag: Callable[[], timedelta]) -> None:
        """`index_lag` is asked in each query."""
        super().__init__(index_page=_INDEX_PAGE)
        self._clock = clock
        self._index_lag = index_lag
        self._history: list[tuple[datetime, str, Item | None]] = []

    @override
    def _write(self, item: Item, *, in_transaction: bool = False) -> None:
        before = self.items.get(item["pk"]["S"])
        super()._write(item, in_transaction=in_transaction)
        self._history.append((self._clock.now(), item["pk"]["S"], item))
        self.on_write(before, item)

    @override
    def _delete(self, key: Item) -> None:
        super()._delete(key)
        self._history.append((self._clock.now(), key["pk"]["S"], None))

    def damage(self, item: Item) -> None:
        """Replaces an item behind the functions' back, and does not report it."""
        super()._write(item)
        self._history.append((self._clock.now(), item["pk"]["S"], item))

    def remove(self, pk: str) -> None:
        """Deletes an item behind the functions' back, if there is one."""
        self._delete({"pk": {"S": pk}})

    @override
    def _indexed(self) -> Iterable[Item]:
        as_of = self._clock.now() - self._index_lag()
        known = {pk: item for at, pk, item in self._history if at <= as_of}
        return [item for item in known.values() if item]

    @override
    def delete_item(self, *, Key: Item, **request: Any) -> dict[str, Any]:
        # Deleting a gap needs no condition: whoever deletes it has read its whole window.
        if request.keys() - {"TableName"}:
            raise ValueError(f"unsupported: {sorted(request)}")
        self._delete(Key)
        return {}

    @override
    def _holds(self, key: Item, request: Mapping[str, Any]) -> bool:
        if "ConditionExpression" not in request:
            raise ValueError("a write without a condition")
        return super()._holds(key, request)
