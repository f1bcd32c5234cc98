"""`ports.Ledger` and `ports.Checkpoints`: the fakes, and DynamoDB (moto)."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from botocore.exceptions import ClientError

from qonto_sync.aws.dynamodb_checkpoints import DynamoDbCheckpoints
from qonto_sync.aws.dynamodb_gaps import DynamoDbGaps, DynamoDbPendingIndex
from qonto_sync.aws.dynamodb_ledger import DynamoDbLedger
from qonto_sync.aws.dynamodb_reconciliations import DynamoDbReconciliations
from qonto_sync.aws.refresh_leases import DynamoDbRefreshLeases
from qonto_sync.aws.state_table import StateTable
from qonto_sync.domain.certificate import MonthRecord, Pass, ReconciliationRecord, UncertifiedMonth
from qonto_sync.domain.checkpoint import CatchUp, Checkpoint
from qonto_sync.domain.errors import Misconfigured, Retriable, RowChanged, Superseded
from qonto_sync.domain.gap import Gap, GapReason
from qonto_sync.domain.ids import AttachmentId, ConnectionName, ETag, InvoiceId, RunId, Sha256
from qonto_sync.domain.invoice import Revision
from qonto_sync.domain.ledger import LedgerRow, Pending, PendingReason, StoredFile, StoredObject
from qonto_sync.domain.months import month_after, month_of
from qonto_sync.domain.reconciliation import Difference
from qonto_sync.domain.secret import RefreshLease
from qonto_sync.domain.window import Window
from tests.contract.table import create_state_table
from tests.fakes import CONNECTION, START, InMemoryCheckpoints, InMemoryLedger, InMemoryReconciliations, ManualClock

if TYPE_CHECKING:
    from datetime import datetime

    from qonto_sync.ports import Checkpoints, Gaps, Ledger, PendingIndex, Reconciliations

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


GAP = Gap(
    CONNECTION,
    Window(START, START + timedelta(seconds=1), START - timedelta(days=9), START - timedelta(days=8)),
    GapReason.UNREADABLE,
    "status 500",
    since=START,
    due_at=START + timedelta(hours=1),
    attempts=2,
)


class State(NamedTuple):
    """The ports to one table."""

    ledger: Ledger
    gaps: Gaps
    pending_index: PendingIndex


class Table:
    """The adapters on a real table."""

    def __init__(self, endpoint_url: str) -> None:
        self.client, self.name = create_state_table(endpoint_url)

    def ledger(self) -> DynamoDbLedger:
        return DynamoDbLedger(StateTable(self.client, self.name), ManualClock(), lambda: 0.5)

    def state(self) -> State:
        table = StateTable(self.client, self.name)
        return State(self.ledger(), DynamoDbGaps(table), DynamoDbPendingIndex(table))

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
def state(request: pytest.FixtureRequest) -> State:
    """Each implementation in turn."""
    if request.param == "fake":
        fake = InMemoryLedger()
        return State(fake, fake, fake)
    state: State = request.getfixturevalue("table").state()
    return state


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
    inserted = ledger.insert([LedgerRow(CONNECTION, InvoiceId(f"i{number}"), status="paid") for number in range(100)])
    rows = [row for row in inserted if row]
    assert [row.version for row in rows] == [1] * 100
    found = ledger.rows(CONNECTION, [row.invoice_id for row in rows])
    assert found == {row.invoice_id: row for row in rows}
    assert ledger.write(replace(rows[7], status="canceled")).version == 2


def test_a_row_that_is_there_is_not_overwritten(ledger: Ledger) -> None:
    """The others are inserted."""
    there = ledger.write(FULL)
    new = LedgerRow(CONNECTION, InvoiceId("new"))
    assert ledger.insert([new, replace(FULL, status="lost")]) == [replace(new, version=1), None]
    assert ledger.rows(CONNECTION, [A, new.invoice_id]) == {A: there, new.invoice_id: replace(new, version=1)}


def test_a_message_is_noted_in_the_row_that_it_is_for(ledger: Ledger) -> None:
    """Its version stays, so that no writer is disturbed. A row that changed since is left as it is."""
    until = START + timedelta(hours=6)
    first = ledger.write(FULL)
    ledger.mark_message_sent(first, until)
    (noted,) = ledger.rows(CONNECTION, [A]).values()
    assert first.pending
    assert noted == replace(first, pending=replace(first.pending, message_until=until))
    second = ledger.write(replace(first, status="canceled"))
    ledger.mark_message_sent(first, until)
    assert ledger.rows(CONNECTION, [A])[A] == second


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


def test_what_is_pending_comes_as_it_is_due(state: State) -> None:
    """Rows and gaps of this connection, with all that is known of them."""
    reasons = (PendingReason.FAILED, PendingReason.SETTLING, PendingReason.REJECTED)
    pending = [
        Pending(reason, START, START + timedelta(minutes=number), number, "why", START if number == 2 else None)
        for number, reason in enumerate(reasons, start=1)
    ]
    rows = [state.ledger.write(LedgerRow(CONNECTION, InvoiceId(why.reason), pending=why)) for why in reversed(pending)]
    assert state.gaps.record(GAP)
    assert list(state.pending_index.pending(CONNECTION)) == [*reversed(rows), GAP]
    assert list(state.pending_index.pending(ACME)) == []
    state.ledger.write(replace(rows[0], pending=None))
    assert list(state.pending_index.pending(CONNECTION)) == [*reversed(rows[1:]), GAP]


@pytest.mark.parametrize("window", [GAP.window, GAP.window.time, *(GAP.window.halves() or ())])
def test_a_gap_is_recorded_once(state: State, window: Window) -> None:
    """Another run that meets it changes nothing; only whoever reads it again does."""
    gap = replace(GAP, window=window)
    assert state.gaps.record(gap)
    assert not state.gaps.record(replace(gap, attempts=1, reason=GapReason.UNFINISHED))
    assert list(state.pending_index.pending(CONNECTION)) == [gap]
    later = replace(gap, attempts=5, due_at=START + timedelta(hours=9), detail="again")
    state.gaps.postpone(later)
    assert list(state.pending_index.pending(CONNECTION)) == [later]
    state.gaps.remove(gap)
    state.gaps.remove(gap)
    state.gaps.postpone(later)
    assert list(state.pending_index.pending(CONNECTION)) == []


def test_the_first_commit_is_version_one(checkpoints: Checkpoints) -> None:
    """Before it there is no checkpoint."""
    assert checkpoints.read(CONNECTION) is None
    first = Checkpoint(START, 1, RunId("r"))
    checkpoints.commit(CONNECTION, first)
    assert checkpoints.read(CONNECTION) == first
    catch_up = CatchUp(START - timedelta(days=9), START - timedelta(minutes=1))
    second = Checkpoint(START, 2, RunId("r"), resume_from=START - timedelta(minutes=11), catch_up=catch_up)
    checkpoints.commit(CONNECTION, second)
    assert checkpoints.read(CONNECTION) == second
    assert checkpoints.read(ACME) is None


def test_a_certificate_is_noted_beside_the_commits(checkpoints: Checkpoints) -> None:
    """Until then a connection is uncertified since its first commit; a run that is under way is not superseded."""

    def uncertified_since() -> datetime | None:
        found = checkpoints.read(CONNECTION)
        return found.uncertified_since if found else None

    checkpoints.note_certificate(CONNECTION, START)
    assert checkpoints.read(CONNECTION) is None
    for version in (1, 2):
        checkpoints.commit(CONNECTION, Checkpoint(START, version, RunId("r")))
    assert uncertified_since() == START
    later = START + timedelta(days=1)
    checkpoints.note_certificate(CONNECTION, later)
    assert uncertified_since() == later
    checkpoints.commit(CONNECTION, Checkpoint(START, 3, RunId("r")))
    assert (checkpoints.read(CONNECTION), uncertified_since()) == (Checkpoint(START, 3, RunId("r")), later)


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
    found = table.state().pending_index.pending(CONNECTION)
    assert [entry.invoice_id for entry in found if isinstance(entry, LedgerRow)] == ["i0", "i1", "i2", "i3", "i4"]


@pytest.mark.parametrize(
    "change",
    [
        {"reason": {"S": "of a later version"}},
        {"reason": None},
        {"pending_since": None},
        {"attempts": {"S": "many"}},
        {"due_at": {"S": "soon"}},
        {"document": {"M": {"key": {"S": "k"}}}},
        {"file": {"S": "f"}},
        {"revision": {"S": "yesterday"}},
        {"version": None},
        {"version": {"S": "1"}},
        {"invoice_id": None, "connection": {"N": "7"}, "requested_at": None},
    ],
    ids=str,
)
def test_a_row_that_cannot_be_read_knows_nothing_but_can_be_replaced(table: Table, change: dict[str, Any]) -> None:
    """A person or another version of this code wrote it: it is pending, hides no other row, and is made anew."""
    table.ledger().write(FULL)
    table.ledger().write(replace(FULL, invoice_id=B))
    item = table.client.get_item(TableName=table.name, Key={"pk": {"S": "invoice#default#a"}})["Item"]
    item = {name: value for name, value in {**item, **change}.items() if value is not None}
    table.client.put_item(TableName=table.name, Item=item)
    rows = table.ledger().rows(CONNECTION, [A, B])
    assert rows[B] == replace(FULL, invoice_id=B, version=1)
    broken = rows[A]
    assert broken.pending
    assert broken.pending.reason is PendingReason.FAILED
    assert (broken.document, broken.digest) == (None, None)
    assert broken.is_written
    indexed = [
        entry.invoice_id for entry in table.state().pending_index.pending(CONNECTION) if isinstance(entry, LedgerRow)
    ]
    assert sorted(indexed) == [A, B]
    repaired = table.ledger().write(replace(FULL, version=broken.version))
    assert table.ledger().rows(CONNECTION, [A])[A] == repaired
    with pytest.raises(RowChanged):
        table.ledger().write(replace(FULL, version=broken.version))


def test_a_gap_that_cannot_be_read_is_read_from_its_key(table: Table) -> None:
    """What a person or another version wrote hides nothing; without a window in the key it is reported."""
    state = table.state()
    state.gaps.record(GAP)
    pk = f"gap#default#{GAP.id}"
    item = table.client.get_item(TableName=table.name, Key={"pk": {"S": pk}})["Item"]
    kept = {name: item[name] for name in ("pk", "pending_for", "due_at")}
    table.client.put_item(TableName=table.name, Item={**kept, "reason": {"S": "new"}, "attempts": {"S": "x"}})
    table.client.put_item(TableName=table.name, Item={**kept, "pk": {"S": "gap#default#nowhere"}})
    (gap,) = state.pending_index.pending(CONNECTION)
    assert isinstance(gap, Gap)
    assert (gap.window, gap.attempts, gap.due_at) == (GAP.window, 1, GAP.due_at)
    state.gaps.remove(gap)
    assert table.client.get_item(TableName=table.name, Key={"pk": {"S": pk}}).get("Item") is None


def test_a_missing_table_is_a_misconfiguration(table: Table) -> None:
    """It is named."""
    checkpoints = DynamoDbCheckpoints(StateTable(table.client, "nowhere"), ManualClock())
    with pytest.raises(Misconfigured, match="table nowhere: AWS answered ResourceNotFoundException to GetItem"):
        checkpoints.read(CONNECTION)


def test_the_checkpoint_item_is_as_documented(table: Table) -> None:
    """Others read it: a person, an alarm, a test."""
    table.checkpoints().commit(CONNECTION, Checkpoint(START, 1, RunId("r"), resume_from=START))
    item = table.client.get_item(TableName=table.name, Key={"pk": {"S": "checkpoint#default"}})["Item"]
    assert item == {
        "pk": {"S": "checkpoint#default"},
        "synced_until": {"S": "2026-03-01T12:00:00Z"},
        "version": {"N": "1"},
        "run_id": {"S": "r"},
        "resume_from": {"S": "2026-03-01T12:00:00Z"},
        "updated_at": {"S": "2026-03-01T12:00:00Z"},
        "created_at": {"S": "2026-03-01T12:00:00Z"},
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


def test_a_transaction_on_the_row_is_another_writer(table: Table) -> None:
    """DynamoDB refuses a single write meanwhile; moto never does. What was to be written is tried again."""

    def in_transaction(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": "TransactionConflictException"}}, "PutItem")

    table.client.put_item = in_transaction
    with pytest.raises(RowChanged):
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


RECORD = ReconciliationRecord(
    certificate_version=6,
    certificate_sha256=Sha256("c" * 64),
    certified_at=START,
    months=(
        MonthRecord(month_of(START), 10, 7, 2, 1, Sha256("m" * 64)),
        MonthRecord(month_after(month_of(START)), 1, 1, 0, 0, Sha256("n" * 64), intended=Sha256("i" * 64)),
    ),
    current=Pass(
        started_at=START,
        until=START + timedelta(seconds=1),
        next_month=month_after(month_of(START)),
        found=Counter({Difference.STALE: 2}),
        repaired=1,
        gaps=(UncertifiedMonth(month_of(START), "status 500"),),
    ),
)


@pytest.fixture(params=["fake", "dynamodb"])
def reconciliations(request: pytest.FixtureRequest) -> Reconciliations:
    """Each implementation in turn."""
    if request.param == "fake":
        return InMemoryReconciliations()
    table: Table = request.getfixturevalue("table")
    return DynamoDbReconciliations(StateTable(table.client, table.name))


@pytest.mark.parametrize("record", [RECORD, ReconciliationRecord()], ids=["full", "bare"])
def test_a_record_of_reconciliations_is_read_as_it_was_written(
    reconciliations: Reconciliations, record: ReconciliationRecord
) -> None:
    """Each connection has its own; before the first it is empty."""
    assert reconciliations.read(CONNECTION) == ReconciliationRecord()
    written = reconciliations.write(CONNECTION, record)
    assert written == replace(record, version=1)
    assert reconciliations.read(CONNECTION) == written
    assert reconciliations.read(ACME) == ReconciliationRecord()


def test_of_two_reconciliations_one_writes_its_record(reconciliations: Reconciliations) -> None:
    """The other one read an older version."""
    first = reconciliations.write(CONNECTION, RECORD)
    second = reconciliations.write(CONNECTION, replace(first, current=None))
    for stale in (RECORD, first):
        with pytest.raises(RowChanged):
            reconciliations.write(CONNECTION, stale)
    assert reconciliations.read(CONNECTION) == second


@pytest.mark.parametrize(
    "damage",
    [
        {"months": {"S": "none"}},
        {"months": {"L": [{"L": [{"S": "2026-13"}]}]}},
        {"version": {"S": "one"}},
        {"current": {"M": {"until": {"S": "soon"}}}},
    ],
)
def test_a_record_that_cannot_be_read_is_replaced(table: Table, damage: dict[str, Any]) -> None:
    """Nobody has to correct it."""
    reconciliations = DynamoDbReconciliations(StateTable(table.client, table.name))
    reconciliations.write(CONNECTION, RECORD)
    item = table.client.get_item(TableName=table.name, Key={"pk": {"S": f"reconciliation#{CONNECTION}"}})["Item"]
    table.client.put_item(TableName=table.name, Item={**item, **damage})
    found = reconciliations.read(CONNECTION)
    assert replace(found, version=0) == (replace(RECORD, version=0) if "version" in damage else ReconciliationRecord())
    written = reconciliations.write(CONNECTION, replace(RECORD, version=found.version))
    assert reconciliations.read(CONNECTION) == written
