"""Checkpoints in the state table."""

from __future__ import annotations

from typing import TYPE_CHECKING, override

from qonto_sync.aws.state_table import from_item, to_item
from qonto_sync.domain.checkpoint import CatchUp, Checkpoint
from qonto_sync.domain.errors import Retriable, RowChanged, Superseded
from qonto_sync.domain.ids import RunId
from qonto_sync.domain.keys import checkpoint_key
from qonto_sync.domain.times import from_text, to_text
from qonto_sync.ports import Checkpoints

if TYPE_CHECKING:
    from datetime import datetime

    from qonto_sync.aws.state_table import Item, StateTable
    from qonto_sync.domain.ids import ConnectionName
    from qonto_sync.ports import Clock


class DynamoDbCheckpoints(Checkpoints):
    """One item per connection.

    It has `synced_until`, `resume_from`, `version`, `run_id`, `organization_id`, `updated_at`, `catch_up_from` and
    `catch_up_since`; from the first commit on `created_at`, and from the first certificate on `certified_at`.
    """

    def __init__(self, table: StateTable, clock: Clock) -> None:
        self._table = table
        self._clock = clock

    @override
    def read(self, connection: ConnectionName) -> Checkpoint | None:
        item = self._table.get(checkpoint_key(connection))
        return _checkpoint(item) if item else None

    @override
    def commit(self, connection: ConnectionName, checkpoint: Checkpoint) -> None:
        now = to_text(self._clock.now())
        changes = {
            "synced_until": to_text(checkpoint.synced_until),
            "version": checkpoint.version,
            "run_id": checkpoint.run_id,
            "updated_at": now,
            **({"created_at": now} if checkpoint.version == 1 else {}),
            "resume_from": to_text(checkpoint.resume_from) if checkpoint.resume_from else None,
            "organization_id": checkpoint.organization_id,
            "catch_up_from": to_text(checkpoint.catch_up.start) if checkpoint.catch_up else None,
            "catch_up_since": to_text(checkpoint.catch_up.since) if checkpoint.catch_up else None,
        }
        try:
            self._table.update(
                checkpoint_key(connection),
                to_item(changes),
                read_version=checkpoint.version - 1,
                is_own=lambda item: _checkpoint(item) == checkpoint,
            )
        except RowChanged as error:
            raise Superseded(f"another run committed the checkpoint of {connection!r}") from error

    @override
    def note_certificate(self, connection: ConnectionName, certified_at: datetime) -> None:
        self._table.annotate(checkpoint_key(connection), to_item({"certified_at": to_text(certified_at)}))


def _checkpoint(item: Item) -> Checkpoint:
    fields = from_item(item)
    synced_until = from_text(fields["synced_until"])
    if synced_until is None:
        raise Retriable(f"the checkpoint's synced_until is {fields['synced_until']!r}, which is no time")
    start, since = from_text(fields.get("catch_up_from")), from_text(fields.get("catch_up_since"))
    return Checkpoint(
        synced_until,
        int(fields["version"]),
        RunId(fields["run_id"]),
        resume_from=from_text(fields.get("resume_from")),
        organization_id=fields.get("organization_id"),
        catch_up=CatchUp(start, since) if start and since else None,
        committed_at=from_text(fields.get("updated_at")),
        uncertified_since=from_text(fields.get("certified_at")) or from_text(fields.get("created_at")),
    )
