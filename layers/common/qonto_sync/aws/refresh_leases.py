"""Leases to refresh a token, in the state table."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, override

from qonto_sync.aws.state_table import from_item, to_item
from qonto_sync.domain.errors import Retriable
from qonto_sync.domain.keys import refresh_key
from qonto_sync.domain.secret import RefreshLease
from qonto_sync.domain.times import from_text, to_precise_text
from qonto_sync.ports import RefreshLeases

if TYPE_CHECKING:
    from qonto_sync.aws.state_table import Item, StateTable
    from qonto_sync.domain.ids import ConnectionName


class DynamoDbRefreshLeases(RefreshLeases):
    """One item per connection."""

    def __init__(self, table: StateTable) -> None:
        self._table = table

    @override
    def read(self, connection: ConnectionName) -> RefreshLease | None:
        item = self._table.get(refresh_key(connection))
        return _lease(item) if item else None

    @override
    def write(self, connection: ConnectionName, lease: RefreshLease) -> RefreshLease:
        written = replace(lease, version=lease.version + 1)
        fields = {
            "pk": refresh_key(connection),
            "version": written.version,
            "owner": written.owner,
            "token": written.token,
            "acquired_at": to_precise_text(written.acquired_at),
            "is_active": written.is_active,
        }
        self._table.put(to_item(fields), read_version=lease.version, is_own=lambda item: _lease(item) == written)
        return written


def _lease(item: Item) -> RefreshLease:
    fields = from_item(item)
    acquired_at = from_text(fields["acquired_at"])
    if acquired_at is None:
        raise Retriable(f"the lease's acquired_at is {fields['acquired_at']!r}, which is no time")
    return RefreshLease(
        version=int(fields["version"]),
        owner=fields["owner"],
        token=fields["token"],
        acquired_at=acquired_at,
        is_active=fields["is_active"],
    )
