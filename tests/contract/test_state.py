"""`ports.Ledger` and `ports.Checkpoints`: the fakes, and DynamoDB (moto)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from qonto_sync.aws.dynamodb_checkpoints import DynamoDbCheckpoints
from qonto_sync.aws.dynamodb_ledger import DynamoDbLedger
from qonto_sync.aws.refresh_leases import DynamoDbRefreshLeases
from qonto_sync.aws.state_table import StateTable
from qonto_sync.domain.checkpoint import Checkpoint
from qonto_sync.domain.errors import Misconfigured, Retriable, RowChanged, Superseded
from qonto_sync.domain.ids import AttachmentId, ConnectionName, ETag, InvoiceId, RunId, Sha256
from qonto_sync.domain.invoice import Revision
from qonto_sync.domain.ledger import LedgerRow, Pending, PendingReason, StoredFile, StoredObject
from qonto_sync.domain.secret import RefreshLease
from tests.contract.table import create_state_table
from tests.fakes import CONNECTION, START, InMemoryCheckpoints, InMemoryLedger, ManualClock

if TYPE_CHECKING:
    from qonto_sync.ports import Checkpoints, Ledger

ACME = ConnectionName("acme")
A, B = InvoiceId("a"), InvoiceId("b")
FULL = LedgerRow(
    CONNECTION,
    A,
    revision=Revision(START, START + timedelta(microseconds=7)),
    digest=Sha256("d" * 64),
    status="paid",
    document=StoredObject("k/invoice.json", ETag('"e"'), Sha256("s" * 64), 10),
    file=StoredFile(AttachmentId("f"), StoredObject("k/f.pdf", ETag('"g"'), Sha256("t" * 64), 20), '"h"'),
    pending=Pending(PendingReason.FAILED, START, START + timedelta(minutes=1), 2, "503"),
    intent_expires_at=START + timedelta(minutes=15),
    deleted_at_source=START,
)


class Table:
    """The adapters on a real table."""

    def __init__(self, endpoint_url: str) -> None:
        self.client, self.name = create_state_table(endpoint_url)

    def ledger(self) -> DynamoDbLedger:
        return DynamoDbLedger(StateTable(self.client, self.name), ManualClock(), lambda: 0.5)

    def checkpoints(self) -> DynamoDbCheckpoints:
        return DynamoDbCheckpoints(StateTable(self.client, self.name), ManualClock())


@pytest.fixture
def table(aws: str) -> Table:
    """An empty table."""
    return Table(aws)


@pytest.fixture(params=["fake", "dynamodb"])
def ledger(request: pytest.FixtureRequest) -> Ledger:
    """Each implementation in turn."""
    return InMemoryLedger() if request.param == "fake" else request.getfixturevalue("table").ledger()


@pytest.fixture(params=["fake", "dynamodb"])
def checkpoints(request: pytest.FixtureRequest) -> Checkpoints:
    """Each implementation in turn."""
    return InMemoryCheckpoints() if request.param == "fake" else request.getfixturevalue("table").checkpoints()


@pytest.mark.parametrize("row", [FULL, LedgerRow(CONNECTION, A)], ids=["full", "bare"])
def test_a_row_is_read_as_it_was_written(ledger: Ledger, row: LedgerRow) -> None:
    """Every field, to the microsecond where versions are ordered by it."""
    written = ledger.write(row)
    assert written == replace(row, version=1)
    assert ledger.rows(CONNECTION, [A, B]) == {A: written}


def test_a_write_replaces_the_version_it_was_made_from(ledger: Ledger) -> None:
    """And what is no longer pending is no longer in the index."""
    first = ledger.write(FULL)
    second = ledger.write(replace(first, pending=None))
    assert second.version == 2
    assert ledger.rows(CONNECTION, [A])[A].pending is None
    assert list(ledger.pending(CONNECTION)) == []


def test_a_writer_who_read_an_older_version_fails(ledger: Ledger) -> None:
    """Whether it read an older row or none."""
    first = ledger.write(FULL)
    second = ledger.write(replace(first, status="canceled"))
    for stale in (FULL, first):
        with pytest.raises(RowChanged):
            ledger.write(replace(stale, status="lost"))
    assert ledger.rows(CONNECTION, [A])[A] == second


def test_new_rows_are_inserted_together(ledger: Ledger) -> None:
    """Each is at its first version then, and can be replaced like any other."""
    rows = ledger.insert([LedgerRow(CONNECTION, InvoiceId(f"i{number}"), status="paid") for number in range(100)])
    assert {row.version for row in rows} == {1}
    found = ledger.rows(CONNECTION, [row.invoice_id for row in rows])
    assert found == {row.invoice_id: row for row in rows}
    assert ledger.write(replace(rows[7], status="canceled")).version == 2


def test_one_row_that_is_there_keeps_the_others_out(ledger: Ledger) -> None:
    """Nothing is overwritten, and nothing is written by half."""
    there = ledger.write(FULL)
    with pytest.raises(RowChanged):
        ledger.insert([LedgerRow(CONNECTION, InvoiceId("new")), replace(FULL, status="lost")])
    assert ledger.rows(CONNECTION, [A, InvoiceId("new")]) == {A: there}


def test_a_row_that_does_not_exist_cannot_be_replaced(ledger: Ledger) -> None:
    """A version that no writer wrote."""
    with pytest.raises(RowChanged):
        ledger.write(replace(FULL, version=3))


def test_many_rows_at_once(ledger: Ledger) -> None:
    """More than one request can carry, duplicates included."""
    ids = [InvoiceId(f"{number}") for number in range(230)]
    for id_ in ids[::2]:
        ledger.write(LedgerRow(CONNECTION, id_))
    assert set(ledger.rows(CONNECTION, [*ids, *ids])) == set(ids[::2])
    assert ledger.rows(CONNECTION, []) == {}


def test_connections_do_not_share_rows(ledger: Ledger) -> None:
    """The same invoice id in two organizations is two rows."""
    ledger.write(FULL)
    assert ledger.rows(ACME, [A]) == {}
    assert list(ledger.pending(ACME)) == []


def test_pending_rows_come_as_they_are_due(ledger: Ledger) -> None:
    """Those of this connection, with all that is known of them."""
    reasons = (PendingReason.FAILED, PendingReason.SETTLING, PendingReason.REJECTED)
    pending = [
        (InvoiceId(f"i{number}"), Pending(reason, START, START + timedelta(minutes=number), number, "why"))
        for number, reason in enumerate(reasons, start=1)
    ]
    for invoice_id, why in (pending[1], pending[0], pending[2]):
        ledger.write(LedgerRow(CONNECTION, invoice_id, pending=why))
    assert list(ledger.pending(CONNECTION)) == pending


def test_the_first_commit_is_version_one(checkpoints: Checkpoints) -> None:
    """Before it there is no checkpoint."""
    assert checkpoints.read(CONNECTION) is None
    first = Checkpoint(START, 1, RunId("r"))
    checkpoints.commit(CONNECTION, first)
    assert checkpoints.read(CONNECTION) == first
    assert checkpoints.read(ACME) is None


def test_only_one_of_two_runs_commits(checkpoints: Checkpoints) -> None:
    """The first commit and any later one."""
    for version in (1, 2):
        checkpoints.commit(CONNECTION, Checkpoint(START, version, RunId("winner")))
        with pytest.raises(Superseded):
            checkpoints.commit(CONNECTION, Checkpoint(START, version, RunId("loser")))
    with pytest.raises(Superseded):
        checkpoints.commit(CONNECTION, Checkpoint(START, 7, RunId("loser")))
    assert checkpoints.read(CONNECTION) == Checkpoint(START, 2, RunId("winner"))


def test_a_commit_of_our_own_whose_answer_was_lost_is_a_success(checkpoints: Checkpoints) -> None:
    """The SDK repeats it and finds its own first write."""
    commit = Checkpoint(START, 1, RunId("r"))
    checkpoints.commit(CONNECTION, commit)
    checkpoints.commit(CONNECTION, commit)
    assert checkpoints.read(CONNECTION) == commit


def test_a_row_of_our_own_whose_answer_was_lost_is_a_success(table: Table) -> None:
    """The write reached DynamoDB, its answer did not, and the SDK's second try fails its condition."""
    ledger = table.ledger()
    put_item = table.client.put_item

    def twice(**request: Any) -> Any:
        put_item(**request)
        return put_item(**request)

    table.client.put_item = twice
    assert ledger.write(FULL).version == 1
    assert ledger.rows(CONNECTION, [A])[A].version == 1


def test_unprocessed_keys_are_read_again(table: Table) -> None:
    """A throttled DynamoDB answers a part; the rest is asked for, and in the end an error."""
    ledger = table.ledger()
    ledger.write(FULL)
    batch_get_item = table.client.batch_get_item
    answers = iter([None, "nothing"])

    def throttled(**request: Any) -> Any:
        if next(answers, None) is None:
            return batch_get_item(**request)
        return {"Responses": {}, "UnprocessedKeys": request["RequestItems"]}

    answers = iter(["nothing", "nothing", None])
    table.client.batch_get_item = throttled
    assert set(ledger.rows(CONNECTION, [A])) == {A}
    answers = iter(["nothing"] * 99)
    with pytest.raises(Retriable, match="unprocessed"):
        ledger.rows(CONNECTION, [A])


def test_reads_are_consistent(table: Table) -> None:
    """A stale row would be a wrong version to write over; a stale checkpoint a window read twice."""
    requests: list[Any] = []
    table.client.meta.events.register("provide-client-params.dynamodb.*", lambda params, **_: requests.append(params))
    table.ledger().rows(CONNECTION, [A])
    table.checkpoints().read(CONNECTION)
    batch, single = requests
    assert batch["RequestItems"][table.name]["ConsistentRead"] is True
    assert single["ConsistentRead"] is True


def test_pending_rows_come_over_many_pages(table: Table) -> None:
    """DynamoDB answers a megabyte at a time."""
    for number in range(5):
        pending = Pending(PendingReason.FAILED, START, START + timedelta(seconds=number), 1, "why")
        table.ledger().write(LedgerRow(CONNECTION, InvoiceId(f"i{number}"), pending=pending))
    query = table.client.query
    table.client.query = lambda **request: query(**request, Limit=2)
    found = table.ledger().pending(CONNECTION)
    assert [invoice_id for invoice_id, _ in found] == ["i0", "i1", "i2", "i3", "i4"]


def test_a_missing_table_is_a_misconfiguration(table: Table) -> None:
    """It is named."""
    checkpoints = DynamoDbCheckpoints(StateTable(table.client, "nowhere"), ManualClock())
    with pytest.raises(Misconfigured, match="table nowhere: AWS answered ResourceNotFoundException to GetItem"):
        checkpoints.read(CONNECTION)


def test_the_checkpoint_item_is_as_documented(table: Table) -> None:
    """Others read it: a person, an alarm, a test."""
    table.checkpoints().commit(CONNECTION, Checkpoint(START, 1, RunId("r")))
    item = table.client.get_item(TableName=table.name, Key={"pk": {"S": "checkpoint#default"}})["Item"]
    assert item == {
        "pk": {"S": "checkpoint#default"},
        "synced_until": {"S": "2026-03-01T12:00:00Z"},
        "version": {"N": "1"},
        "run_id": {"S": "r"},
        "updated_at": {"S": "2026-03-01T12:00:00Z"},
    }


def test_the_index_is_sparse(table: Table) -> None:
    """Only a pending row carries the index's attributes."""
    table.ledger().write(replace(FULL, pending=None))
    table.ledger().write(replace(FULL, invoice_id=B))
    rows = [
        table.client.get_item(TableName=table.name, Key={"pk": {"S": f"invoice#default#{i}"}})["Item"] for i in "ab"
    ]
    assert [("pending_for" in row, "due_at" in row) for row in rows] == [(False, False), (True, True)]
    assert rows[1]["due_at"] == {"S": "2026-03-01T12:01:00Z"}


def test_the_first_error_of_a_write_is_told(table: Table) -> None:
    """What is no failed condition is not taken for one."""

    def broken(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": "InternalServerError"}}, "PutItem")

    table.client.put_item = broken
    with pytest.raises(Retriable, match="InternalServerError"):
        table.ledger().write(FULL)


def test_one_lease_at_a_time(table: Table) -> None:
    """Written over the version that was read; an own write whose answer was lost is a success."""
    leases = DynamoDbRefreshLeases(StateTable(table.client, table.name))
    assert leases.read(CONNECTION) is None
    intent = RefreshLease(0, "me", "0f", START + timedelta(microseconds=7), is_active=True)
    first = leases.write(CONNECTION, intent)
    assert leases.read(CONNECTION) == first == replace(intent, version=1)
    assert leases.write(CONNECTION, intent) == first
    with pytest.raises(RowChanged):
        leases.write(CONNECTION, replace(intent, owner="other"))
    closed = leases.write(CONNECTION, replace(first, is_active=False))
    assert leases.read(CONNECTION) == closed
    with pytest.raises(RowChanged):
        leases.write(CONNECTION, first)
    assert leases.read(ACME) is None
