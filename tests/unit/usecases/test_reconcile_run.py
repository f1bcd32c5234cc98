"""A reconciliation finds each kind of difference, repairs it, and certifies what there is."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from qonto_sync.domain.certificate import sha256_of
from qonto_sync.domain.errors import DeadlineReached, Retriable, WrongOrganization
from qonto_sync.domain.events import ReconcileRequest
from qonto_sync.domain.ids import InvoiceId, Sha256
from qonto_sync.domain.ledger import PendingReason
from qonto_sync.domain.reconciliation import Difference
from qonto_sync.domain.result import RunOutcome
from qonto_sync.domain.times import from_text, to_precise_text
from tests.fakes import CONNECTION, START, CountedDeadline, FakeObject

if TYPE_CHECKING:
    from qonto_sync.domain.result import ReconcileResult
    from tests.unit.conftest import World

CERTIFICATE = "default/inventory/certificate.json"


@pytest.fixture
def archived(world: World) -> list[str]:
    """Invoices of three months, archived and long settled."""
    ids = []
    for month in range(3):
        for number in range(7):
            ids.append(f"i{month}{number}")
            world.qonto.put(ids[-1], number=f"F-{month}{number}")
            world.clock.advance(seconds=1)
        world.clock.advance(days=31)
    world.sync()
    world.clock.advance(days=1)
    # So that the last invoice's time is proven.
    world.sync()
    assert not [row for row in world.ledger.saved.values() if row.pending]
    return ids


def certificate(world: World) -> dict[str, Any]:
    """The current one."""
    found: dict[str, Any] = json.loads(world.archive.content(CERTIFICATE))
    return found


def inventory(world: World, month: str) -> list[dict[str, str]]:
    """The rows of a month's inventory."""
    content = world.archive.content(f"default/inventory/{month}.csv").decode()
    return list(csv.DictReader(io.StringIO(content, newline="")))


def damage(world: World, key: str, content: bytes | None) -> None:
    """Somebody overwrites an object, or deletes it."""
    if content is None:
        del world.archive.versions[key]
        return
    last = world.archive.versions[key][-1]
    etag = type(last.etag)(f'"{sha256_of(content)[:32]}"')
    world.archive.versions[key].append(FakeObject(content, etag, last.headers))


class Failing:
    """No time is left at this request for a page."""

    def __init__(self, requests: int) -> None:
        self._left = requests

    def __call__(self, _number: int) -> None:
        self._left -= 1
        if self._left == 0:
            raise DeadlineReached("Qonto's rate limit leaves no request")


def found(result: ReconcileResult) -> dict[str, int]:
    """What was found, without the zeros."""
    return {kind.value: count for kind, count in result.found.items()}


def keys_of(world: World, invoice_id: str) -> tuple[str, str]:
    """The keys of the JSON and of the file."""
    row = world.ledger.row(invoice_id)
    assert row.document
    assert row.file
    return row.document.key, row.file.object.key


def test_what_is_complete_is_certified(world: World, archived: list[str]) -> None:
    """Nothing is found, and the certificate names each month with the hash of its inventory."""
    result = world.reconcile()
    assert (result.outcome, found(result), result.repaired) == (RunOutcome.COMMITTED, {}, 0)
    months = ["2026-03", "2026-04", "2026-05", "2026-06"]
    certified = certificate(world)
    assert certified == {
        "version": 1,
        "connection": "default",
        "organization_id": None,
        "reconciled_at": "2026-06-03T12:30:21Z",
        "window": {"from": "2026-03-01T00:00:00Z", "to": "2026-06-03T12:29:21Z"},
        "invoices": {"source": 21, "archived": 21, "pending": 0, "deleted": 0},
        "found": {"missing": 0, "stale": 0, "damaged": 0, "orphaned": 0, "vanished": 0},
        "repaired": 0,
        "gaps": [],
        "months": [
            {
                "month": month,
                "invoices": 0 if month == "2026-06" else 7,
                "sha256": sha256_of(world.archive.content(f"default/inventory/{month.replace('-', '/')}.csv")),
            }
            for month in months
        ],
        "previous_sha256": None,
    }
    rows = inventory(world, "2026/04")
    assert [row["invoice_id"] for row in rows] == archived[7:14]
    assert {row["state"] for row in rows} == {"archived"}
    assert rows[0]["document_sha256"] == sha256_of(world.archive.content(rows[0]["document_key"]))
    assert rows[0]["file_sha256"] == sha256_of(world.archive.content(rows[0]["file_key"]))


def test_the_result_tells_what_a_person_wants_to_know(world: World, archived: list[str]) -> None:
    """As the Lambda console shows it."""
    assert archived
    assert world.reconcile().as_dict() == {
        "outcome": "committed",
        "action": "reconcile",
        "connection": "default",
        "run_id": "reconcile",
        "window": {"from": "2026-03-01T00:00:00Z", "to": "2026-06-03T12:29:21Z"},
        "months": 4,
        "invoices": {"source": 21, "archived": 21, "pending": 0, "deleted": 0},
        "found": {"missing": 0, "stale": 0, "damaged": 0, "orphaned": 0, "vanished": 0},
        "repaired": 0,
        "gaps": 0,
        "certificate": 1,
    }


def test_each_hourly_run_knows_how_old_the_certificate_is(world: World, archived: list[str]) -> None:
    """Before the first one, how long ago the connection was first committed: a schedule that is missing is noticed."""
    assert archived
    first = world.checkpoints.saved[CONNECTION].uncertified_since
    assert first is not None
    assert world.sync().certificate_age == world.clock.now() - first
    world.reconcile()
    certified_at = from_text(certificate(world)["reconciled_at"])
    assert certified_at is not None
    world.clock.advance(hours=7)
    result = world.sync()
    assert timedelta(hours=7) <= world.clock.now() - certified_at == result.certificate_age


def test_certificates_are_a_chain_and_inventories_are_written_once(world: World, archived: list[str]) -> None:
    """Each has the hash of the one before."""
    assert archived
    world.reconcile()
    first = world.archive.content(CERTIFICATE)
    world.reconcile()
    assert certificate(world)["version"] == 2
    assert certificate(world)["previous_sha256"] == sha256_of(first)
    inventories = [key for key in world.archive.versions if key.endswith(".csv")]
    assert {len(world.archive.versions[key]) for key in inventories} == {1}


@pytest.mark.usefixtures("archived")
def test_an_invoice_that_was_never_archived_is(world: World) -> None:
    """Its row was lost, or the list had hidden it."""
    for id_ in ("i03", "i12"):
        del world.ledger.saved[CONNECTION, InvoiceId(id_)]
    for key in [key for key in world.archive.versions if "/i12/" in key]:
        del world.archive.versions[key]
    result = world.reconcile()
    assert (found(result), result.repaired) == ({"missing": 2}, 2)
    assert world.archived("i03") == world.source("i03")
    assert world.archived("i12") == world.source("i12")
    assert certificate(world)["invoices"]["archived"] == 21
    assert found(world.reconcile()) == {}


@pytest.mark.usefixtures("archived")
def test_an_edit_that_no_list_of_changes_showed_is_archived(world: World) -> None:
    """It did not change `updated_at`, which an assumption says."""
    world.qonto.invoices["i05"] |= {"number": "F-changed"}
    result = world.reconcile()
    assert (found(result), result.repaired) == ({"stale": 1}, 1)
    assert world.archived("i05") == world.source("i05")
    assert [row["number"] for row in inventory(world, "2026/03")].count("F-changed") == 1


@pytest.mark.usefixtures("archived")
@pytest.mark.parametrize("content", [b"tampered", None])
@pytest.mark.parametrize("which", [0, 1])
def test_a_damaged_object_is_written_anew(world: World, which: int, content: bytes | None) -> None:
    """By compare-and-swap over what lies there; the other object is left alone."""
    keys = keys_of(world, "i06")
    damage(world, keys[which], content)
    versions = len(world.archive.versions[keys[1 - which]])
    result = world.reconcile()
    assert (found(result), result.repaired) == ({"damaged": 1}, 1)
    assert world.archived("i06") == world.source("i06")
    assert len(world.archive.versions[keys[1 - which]]) == versions
    row = world.ledger.row("i06")
    assert {stored.etag for stored in row.objects} == {world.archive.versions[key][-1].etag for key in keys}
    assert found(world.reconcile()) == {}


@pytest.mark.usefixtures("archived")
def test_metadata_that_pretend_to_be_right_do_not_help(world: World) -> None:
    """S3 tells an object's hash from its metadata, which whoever overwrites it may keep."""
    key, _ = keys_of(world, "i06")
    content = world.archive.content(key)
    damage(world, key, b"tampered")
    head = world.archive.head

    def pretending(asked: str) -> Any:
        there = head(asked)
        return replace(there, sha256=sha256_of(content)) if there and asked == key else there

    world.archive.head = pretending  # type: ignore[assignment, method-assign]
    assert found(world.reconcile()) == {"damaged": 1}
    assert world.archive.content(key) == content


@pytest.mark.usefixtures("archived")
def test_what_the_source_cannot_give_again_stays_pending(world: World) -> None:
    """As damaged, until it can: a person may restore the bucket's older version meanwhile."""
    _, key = keys_of(world, "i06")
    damage(world, key, b"tampered")
    world.qonto.fail_next("attachment", Retriable("status 500"))
    result = world.reconcile()
    assert (found(result), result.repaired) == ({"damaged": 1}, 0)
    pending = world.ledger.row("i06").pending
    assert pending
    assert pending.reason is PendingReason.DAMAGED
    assert inventory(world, "2026/03")[-1]["reason"] == "damaged"
    world.qonto.fail_next("attachment", Retriable("status 500"))
    world.connected_archiver().archive_latest(InvoiceId("i06"))
    pending = world.ledger.row("i06").pending
    assert pending
    assert pending.reason is PendingReason.DAMAGED
    world.connected_archiver().archive_latest(InvoiceId("i06"))
    assert world.ledger.row("i06").pending is None
    assert world.archived("i06") == world.source("i06")


@pytest.mark.usefixtures("archived")
def test_objects_without_a_row_are_adopted_if_the_source_has_the_invoice(world: World) -> None:
    """And are told, if it has not."""
    del world.qonto.invoices["i00"]
    del world.ledger.saved[CONNECTION, InvoiceId("i00")]
    result = world.reconcile()
    assert found(result) == {"orphaned": 1}
    pending = world.ledger.row("i00").pending
    assert pending
    assert pending.reason is PendingReason.NOT_FOUND


@pytest.mark.usefixtures("archived")
def test_an_invoice_that_vanished_is_asked_for_twice_before_it_counts_as_deleted(world: World) -> None:
    """Its archive stays, and the inventory goes on to show it."""
    world.qonto.invoices["i00"]["status"] = "draft"
    world.sync()
    world.reconcile()
    del world.qonto.invoices["i00"]
    row = world.ledger.row("i00")
    assert row.status == "draft"
    result = world.reconcile()
    assert (found(result), result.deleted_drafts) == ({"vanished": 1}, 1)
    assert inventory(world, "2026/03")[0]["reason"] == "not_found"
    world.clock.advance(minutes=5)
    world.connected_archiver().archive_latest(InvoiceId("i00"))
    assert found(world.reconcile()) == {}
    shown = inventory(world, "2026/03")[0]
    assert (shown["invoice_id"], shown["state"], shown["number"]) == ("i00", "deleted", "F-00")
    assert certificate(world)["invoices"] == {"source": 20, "archived": 20, "pending": 0, "deleted": 1}


@pytest.mark.usefixtures("archived")
def test_damage_of_a_deleted_draft_is_pending_until_it_is_restored(world: World) -> None:
    """Nobody but the bucket's older version has it any more: it is found once, asked for daily, and never forgotten."""
    world.qonto.invoices["i00"]["status"] = "draft"
    world.reconcile()
    del world.qonto.invoices["i00"]
    world.reconcile()
    world.clock.advance(minutes=5)
    world.connected_archiver().archive_latest(InvoiceId("i00"))
    key, _ = keys_of(world, "i00")
    damage(world, key, b"tampered")
    result = world.reconcile()
    assert (found(result), result.repaired) == ({"damaged": 1}, 0)
    pending = world.ledger.row("i00").pending
    assert pending
    assert (pending.reason, pending.attempts) == (PendingReason.DAMAGED, 1)
    assert inventory(world, "2026/03")[0]["reason"] == "damaged"
    world.clock.advance(days=1)
    assert world.connected_archiver().archive_latest(InvoiceId("i00")).failure
    assert found(world.reconcile()) == {}
    world.archive.versions[key].pop()
    assert world.connected_archiver().archive_latest(InvoiceId("i00")).row.pending is None
    assert found(world.reconcile()) == {}
    assert inventory(world, "2026/03")[0]["state"] == "deleted"


@pytest.mark.usefixtures("archived")
def test_a_deleted_draft_whose_objects_are_all_gone_is_found(world: World) -> None:
    """Neither the source nor the bucket tells of it any more; the inventory of the night before does."""
    world.qonto.invoices["i00"]["status"] = "draft"
    world.reconcile()
    del world.qonto.invoices["i00"]
    for key in keys_of(world, "i00"):
        del world.archive.versions[key]
    assert found(world.reconcile()) == {"vanished": 1}
    world.clock.advance(minutes=5)
    world.connected_archiver().archive_latest(InvoiceId("i00"))
    pending = world.ledger.row("i00").pending
    assert pending
    assert pending.reason is PendingReason.DAMAGED
    world.reconcile()
    shown = inventory(world, "2026/03")[0]
    assert (shown["invoice_id"], shown["state"], shown["reason"]) == ("i00", "pending", "damaged")


@pytest.mark.usefixtures("archived")
def test_a_list_that_hides_an_invoice_deletes_nothing(world: World) -> None:
    """It is asked for by its id, and there it is."""
    page = world.qonto._matching

    world.qonto._matching = lambda window: [fields for fields in page(window) if fields["id"] != "i11"]  # type: ignore[method-assign]
    result = world.reconcile()
    assert (found(result), result.repaired, result.deleted_drafts) == ({"vanished": 1}, 1, 0)
    assert world.ledger.row("i11").deleted_at_source is None


def test_what_the_hourly_run_has_yet_to_read_is_left_to_it(world: World, archived: list[str]) -> None:
    """A new invoice and a new edit are no differences, and the inventory says so."""
    world.qonto.put("new")
    world.qonto.put(archived[0], number="edited")
    world.clock.advance(minutes=5)
    result = world.reconcile()
    assert (found(result), result.repaired) == ({}, 0)
    assert (CONNECTION, InvoiceId("new")) not in world.ledger.saved
    assert [(row["invoice_id"], row["state"], row["reason"]) for row in inventory(world, "2026/06")] == [
        ("new", "pending", "not_read_yet")
    ]
    assert certificate(world)["invoices"] == {"source": 22, "archived": 20, "pending": 2, "deleted": 0}
    world.sync()
    assert found(world.reconcile()) == {}
    assert certificate(world)["invoices"]["archived"] == 22


@pytest.mark.usefixtures("archived")
def test_what_another_writer_cures_meanwhile_does_not_count(world: World) -> None:
    """The row is read again before a difference counts."""
    rows = world.ledger.rows
    reads = Counter[str]()

    def late(connection: Any, ids: Any) -> Any:
        reads["all"] += 1
        answer = dict(rows(connection, ids))
        if reads["all"] == 1:
            answer.pop(InvoiceId("i01"))
        return answer

    world.ledger.rows = late  # type: ignore[assignment, method-assign]
    assert found(world.reconcile()) == {}


@pytest.mark.usefixtures("archived")
def test_files_are_asked_for_again_in_turn(world: World) -> None:
    """Each within so many days; one that changed under its invoice is a difference."""
    world.qonto.files["file-i02"].content += b" made anew"
    world.qonto.calls.clear()
    results = []
    for _ in range(5):
        results.append(world.reconcile(scrub_days=5))
        world.clock.advance(days=1)
        world.sync()
    assert sum((result.found for result in results), Counter()) == {Difference.STALE: 1}
    assert world.qonto.calls.count("open") == 21
    assert world.archived("i02") == world.source("i02")


@pytest.mark.usefixtures("archived")
def test_a_dry_run_compares_and_writes_nothing(world: World) -> None:
    """It tells what there is to repair."""
    world.reconcile()
    damage(world, keys_of(world, "i06")[0], b"tampered")
    del world.ledger.saved[CONNECTION, InvoiceId("i03")]
    before = (
        dict(world.ledger.saved),
        world.reconciliations.saved.copy(),
        {k: len(v) for k, v in world.archive.versions.items()},
    )
    result = world.reconcile(ReconcileRequest(CONNECTION, dry_run=True))
    after = (
        dict(world.ledger.saved),
        world.reconciliations.saved.copy(),
        {k: len(v) for k, v in world.archive.versions.items()},
    )
    assert (result.outcome, found(result), result.repaired) == (RunOutcome.DRY_RUN, {"damaged": 1, "missing": 1}, 0)
    assert before == after


@pytest.mark.parametrize("looks", [4, 9, 20])
@pytest.mark.usefixtures("archived")
def test_an_interrupted_pass_goes_on_and_certifies_the_whole(world: World, looks: int) -> None:
    """Each run tells its own part."""
    for id_ in ("i03", "i23"):
        del world.ledger.saved[CONNECTION, InvoiceId(id_)]
    world.deadline = CountedDeadline(looks=looks)
    results = [world.reconcile()]
    while results[-1].outcome is RunOutcome.PARTIAL:
        assert len(results) < 30
        world.deadline = CountedDeadline(looks=looks * 3)
        results.append(world.reconcile(results[-1].goes_on_with))
    assert results[-1].outcome is RunOutcome.COMMITTED
    assert sum((result.found for result in results), Counter()) == {Difference.MISSING: 2}
    assert certificate(world)["found"]["missing"] == certificate(world)["repaired"] == 2
    assert certificate(world)["invoices"]["archived"] == 21


@pytest.mark.usefixtures("archived")
def test_a_month_that_cannot_be_listed_is_named(world: World) -> None:
    """The others are certified; its inventory stays as it was."""
    world.reconcile()
    before = world.archive.content("default/inventory/2026/04.csv")
    world.qonto.poisoned = {"i13"}
    del world.ledger.saved[CONNECTION, InvoiceId("i03")]
    result = world.reconcile()
    assert (result.outcome, result.gaps, found(result)) == (RunOutcome.COMMITTED, 1, {"missing": 1})
    assert certificate(world)["gaps"] == [{"month": "2026-04", "detail": "status 500"}]
    assert world.archive.content("default/inventory/2026/04.csv") == before
    assert world.ledger.row("i13").pending is None


@pytest.mark.usefixtures("archived")
def test_one_month_can_be_reconciled_alone(world: World) -> None:
    """From there on; the certificate keeps what was published of the months before."""
    world.reconcile()
    first = certificate(world)
    world.qonto.invoices["i20"] |= {"number": "F-changed"}
    request = ReconcileRequest(CONNECTION, month=START.replace(month=5, day=1, hour=0))
    result = world.reconcile(request)
    assert (found(result), len(result.months)) == ({"stale": 1}, 2)
    assert certificate(world)["months"][:2] == first["months"][:2]
    assert certificate(world)["months"][2] != first["months"][2]


@pytest.mark.usefixtures("archived")
@pytest.mark.parametrize("content", [b"{}", b"not JSON", None])
def test_a_certificate_that_somebody_changed_breaks_no_chain(world: World, content: bytes | None) -> None:
    """The next one follows the one that was written, and says what happened."""
    world.reconcile()
    genuine = world.archive.content(CERTIFICATE)
    damage(world, CERTIFICATE, content)
    world.reconcile()
    assert certificate(world)["version"] == 2
    assert certificate(world)["previous_sha256"] == sha256_of(genuine)
    assert certificate(world)["breaks"] == ["the certificate of version 1 was changed or removed"]
    world.reconcile()
    assert "breaks" not in certificate(world)


@pytest.mark.usefixtures("archived")
def test_an_inventory_that_somebody_changed_is_written_anew(world: World) -> None:
    """And the certificate says so."""
    world.reconcile()
    key = "default/inventory/2026/04.csv"
    genuine = world.archive.content(key)
    damage(world, key, b"invoice_id\r\n")
    world.reconcile()
    assert world.archive.content(key) == genuine
    assert certificate(world)["breaks"] == ["the inventory of 2026-04 was changed or removed"]


@pytest.mark.usefixtures("archived")
def test_a_crash_after_the_certificate_breaks_no_chain(world: World) -> None:
    """The record is one behind, and the next certificate follows the one in the bucket."""
    write = world.reconciliations.write

    def crash(connection: Any, record: Any) -> Any:
        if record.current is None:
            raise Retriable("no answer")
        return write(connection, record)

    world.reconciliations.write = crash  # type: ignore[method-assign]
    with pytest.raises(Retriable):
        world.reconcile()
    first = world.archive.content(CERTIFICATE)
    world.reconciliations.write = write  # type: ignore[method-assign]
    world.reconcile()
    assert certificate(world)["version"] == 2
    assert certificate(world)["previous_sha256"] == sha256_of(first)
    assert "breaks" not in certificate(world)


@pytest.mark.usefixtures("archived")
def test_a_crash_after_an_inventory_is_nobody_elses_change(world: World) -> None:
    """The certificate accuses nobody: the record says which inventory the run began to write."""
    world.reconcile()
    world.qonto.invoices["i00"]["number"] = "changed without a trace"
    write, put, is_written = world.reconciliations.write, world.archive.put, []

    def note(key: str, *arguments: Any, **options: Any) -> Any:
        is_written.append(key)
        return put(key, *arguments, **options)

    def crash(connection: Any, record: Any) -> Any:
        if is_written:
            raise Retriable("no answer")
        return write(connection, record)

    world.archive.put, world.reconciliations.write = note, crash  # type: ignore[method-assign]
    with pytest.raises(Retriable):
        world.reconcile()
    assert is_written == ["default/inventory/2026/03.csv"]
    world.archive.put, world.reconciliations.write = put, write  # type: ignore[method-assign]
    world.reconcile()
    assert "breaks" not in certificate(world)
    assert world.reconciliations.read(CONNECTION).months[0].intended is None


@pytest.mark.usefixtures("archived")
def test_a_slower_reconciliation_writes_no_inventory_over_a_certified_one(world: World) -> None:
    """Also if it knows of none: it began before the first certificate."""
    is_begun: list[str] = []
    head = world.archive.read

    def meanwhile(key: str) -> Any:
        if not is_begun:
            is_begun.append(key)
            # The slower one has listed it as it was before.
            world.qonto.invoices["i00"] |= {"number": "new", "updated_at": to_precise_text(world.clock.now())}
            world.reconcile()
        return head(key)

    world.archive.read = meanwhile  # type: ignore[method-assign]
    world.clock.advance(days=1)
    assert world.reconcile().outcome is RunOutcome.SUPERSEDED
    month = certificate(world)["months"][0]
    assert month["sha256"] == sha256_of(world.archive.content("default/inventory/2026/03.csv"))


@pytest.mark.usefixtures("archived")
def test_a_slower_reconciliation_writes_no_certificate_over_a_newer_one(world: World) -> None:
    """It has read the record before the other one ended."""
    is_begun: list[str] = []
    read = world.archive.read

    def meanwhile(key: str) -> Any:
        if key == CERTIFICATE and not is_begun:
            is_begun.append(key)
            world.reconcile()
            world.reconcile()
        return read(key)

    world.archive.read = meanwhile  # type: ignore[method-assign]
    assert world.reconcile().outcome is RunOutcome.SUPERSEDED
    assert certificate(world)["version"] == 2
    world.reconcile()
    assert (certificate(world)["version"], "breaks" in certificate(world)) == (3, False)


@pytest.mark.usefixtures("archived")
def test_a_row_that_is_wrong_says_nothing_of_the_bucket(world: World) -> None:
    """Its digest is another one and its object is gone: what it says of the object does not count."""
    row = world.ledger.row("i06")
    world.ledger.saved[CONNECTION, InvoiceId("i06")] = replace(row, digest=Sha256("0" * 64))
    key, _ = keys_of(world, "i06")
    del world.archive.versions[key]
    assert found(world.reconcile()) == {"stale": 1}
    assert world.archived("i06") == world.source("i06")


@pytest.mark.usefixtures("archived")
def test_a_lost_record_goes_on_with_the_chain(world: World) -> None:
    """By the certificate in the bucket."""
    world.reconcile()
    first = world.archive.content(CERTIFICATE)
    world.reconciliations.saved.clear()
    world.reconcile()
    assert (certificate(world)["version"], certificate(world)["previous_sha256"]) == (2, sha256_of(first))


@pytest.mark.usefixtures("archived")
def test_of_two_at_once_one_is_superseded(world: World) -> None:
    """Two certificates never follow the same one."""
    outcomes: list[RunOutcome | None] = []
    publish = world.archive.put

    def meanwhile(key: str, *arguments: Any, **options: Any) -> Any:
        if not outcomes:
            outcomes.append(None)
            world.archive.put = publish  # type: ignore[method-assign]
            outcomes.append(world.reconcile().outcome)
        return publish(key, *arguments, **options)

    world.archive.put = meanwhile  # type: ignore[method-assign]
    assert world.reconcile().outcome is RunOutcome.SUPERSEDED
    assert outcomes[1] is RunOutcome.COMMITTED
    assert certificate(world)["version"] == 1


def test_nothing_is_compared_before_the_first_commit(world: World) -> None:
    """The first import is the hourly run's."""
    world.qonto.put("a")
    world.clock.advance(days=1)
    result = world.reconcile()
    assert (result.outcome, result.months, result.certificate) == (RunOutcome.COMMITTED, (), None)
    assert not world.ledger.saved
    assert CERTIFICATE not in world.archive.versions


def test_an_empty_archive_is_certified(world: World) -> None:
    """An organization without invoices."""
    world.sync()
    assert world.reconcile().certificate
    assert certificate(world)["invoices"]["source"] == 0


@pytest.mark.usefixtures("archived")
def test_another_organizations_key_changes_nothing(world: World) -> None:
    """It is noticed by the first page that lists an invoice."""
    for fields in world.qonto.invoices.values():
        fields["organization_id"] = "ours"
    world.checkpoints.saved[CONNECTION] = replace(world.checkpoints.saved[CONNECTION], organization_id="ours")
    world.qonto.invoices = {"x": {**world.qonto.invoices["i00"], "id": "x", "organization_id": "theirs"}}
    saved = dict(world.ledger.saved)
    with pytest.raises(WrongOrganization):
        world.reconcile()
    assert world.ledger.saved == saved


@pytest.mark.usefixtures("archived")
def test_a_deadline_in_the_first_month_goes_on_only_if_it_got_further(world: World) -> None:
    """So that nothing spins."""
    for failing in range(1, 4):
        world.qonto.before_page = Failing(failing)
        result = world.reconcile()
        assert (result.outcome, result.goes_on_with) == (RunOutcome.PARTIAL, None)
