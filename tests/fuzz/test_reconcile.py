"""Whatever a hand does to bucket, ledger and source without a trace, and wherever the repair crashes: it is made right.

Each comparison is needed: without any one of them something stays wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.verify import verify
from qonto_sync.domain import reconciliation
from qonto_sync.domain.certificate import sha256_of
from qonto_sync.domain.ids import ETag, InvoiceId, Sha256
from qonto_sync.domain.ledger import PendingReason
from qonto_sync.domain.reconciliation import Difference
from qonto_sync.usecases import month_reconciler
from tests.archives import VersionedObjects
from tests.fakes import CONNECTION, FakeFile, FakeObject
from tests.fuzz.documents import budget
from tests.unit.conftest import World

INVOICES = 6
GHOST = "default/client_invoices/2026/03/ghost/invoice.json"
CERTIFICATE = "default/inventory/certificate.json"
INVENTORY = "default/inventory/2026/03.csv"

type Hand = Callable[[World, str], None]


class _Crash(BaseException):
    """The process ends."""


def overwrite(world: World, key: str) -> None:
    """Another content lies under the key."""
    headers = world.archive.versions[key][-1].headers if key in world.archive.versions else ("text/plain", None)
    content = b"tampered " + key.encode()
    written = FakeObject(content, ETag(f'"{sha256_of(content)[:32]}"'), headers)
    world.archive.versions.setdefault(key, []).append(written)


def _key(world: World, id_: str, *, is_file: bool) -> str:
    """Of the object, as the archive named it at first."""
    return f"default/client_invoices/2026/03/{id_}/{'file-' + id_ + '.pdf' if is_file else 'invoice.json'}"


def _change_row(world: World, id_: str, digest: str) -> None:
    row = world.ledger.saved.get((CONNECTION, InvoiceId(id_)))
    if row:
        world.ledger.saved[row.connection, row.invoice_id] = replace(row, digest=Sha256(digest))


def _delete_row(world: World, id_: str) -> None:
    world.ledger.saved.pop((CONNECTION, InvoiceId(id_)), None)


def _change_source(world: World, id_: str) -> None:
    if id_ in world.qonto.invoices:
        world.qonto.invoices[id_]["purchase_order"] = "changed without a trace"


def _change_file(world: World, id_: str) -> None:
    world.qonto.files[f"file-{id_}"] = FakeFile(b"%PDF-1.7 made anew " + id_.encode())


HANDS: dict[str, Hand] = {
    "a JSON is deleted": lambda world, id_: world.archive.versions.pop(_key(world, id_, is_file=False), []).clear(),
    "a file is deleted": lambda world, id_: world.archive.versions.pop(_key(world, id_, is_file=True), []).clear(),
    "a JSON is overwritten": lambda world, id_: overwrite(world, _key(world, id_, is_file=False)),
    "a file is overwritten": lambda world, id_: overwrite(world, _key(world, id_, is_file=True)),
    "a row is deleted": _delete_row,
    "a row says another digest": lambda world, id_: _change_row(world, id_, "0" * 64),
    "an object is invented": lambda world, _: overwrite(world, GHOST),
    "the source changes silently": _change_source,
    "a file changes silently": _change_file,
    "a draft is deleted": lambda world, id_: world.qonto.invoices.pop(id_, {}).clear(),
    "the certificate is overwritten": lambda world, _: overwrite(world, CERTIFICATE),
    "an inventory is deleted": lambda world, _: world.archive.versions.pop(INVENTORY, []).clear(),
}


def _is_lost(done: list[tuple[str, int]], number: int) -> bool:
    lossy = ("a JSON is deleted", "a file is deleted", "a JSON is overwritten", "a file is overwritten")
    return any((what, number) in done for what in lossy)


class Outcome(NamedTuple):
    """What is wrong at last."""

    different: list[str]
    pending: list[str]
    found: int
    """By the last reconciliation."""
    unproven: list[tuple[str, str]]

    @property
    def is_right(self) -> bool:
        """Whether nothing is."""
        return not (self.different or self.pending or self.found or self.unproven)


def outcome(damages: list[tuple[str, int]], *, crash_after: int = 10**9, scrub_days: int = 1) -> Outcome:
    """Archives some drafts, lets the hand do this, reconciles with a crash, and then for some days without one."""
    world = World()
    ids = [f"i{number}" for number in range(INVOICES)]
    for id_ in ids:
        world.qonto.put(id_, number=f"F-{id_}", status="draft")
    for _ in range(2):
        world.clock.advance(days=1)
        world.sync()
        world.reconcile()
    for what, number in damages:
        HANDS[what](world, ids[number])
    _reconcile_with_a_crash(world, crash_after, scrub_days)
    found = -1
    for _ in range(4):
        world.clock.advance(days=1)
        _retry(world)
        world.sync()
        found = world.reconcile(scrub_days=scrub_days).found.total()
    rows = {row.invoice_id for row in world.ledger.saved.values() if row.document}
    different = [id_ for id_ in world.qonto.invoices if id_ not in rows or world.archived(id_) != world.source(id_)]
    pending: list[str] = [row.invoice_id for row in world.ledger.saved.values() if row.pending]
    versions = {key: [each.content for each in found] for key, found in world.archive.versions.items()}
    verdict = verify(VersionedObjects(CONNECTION, versions), lambda _done, _total: None)
    return Outcome(different, pending, found, verdict.differences)


def _reconcile_with_a_crash(world: World, crash_after: int, scrub_days: int) -> None:
    left = crash_after

    def effect(_: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise _Crash

    world.archive.before_put = effect
    world.ledger.before_write = effect
    try:
        world.reconcile(scrub_days=scrub_days)
    except _Crash:
        # What was locked by the process is free again.
        world.clock.advance(minutes=30)
    world.archive.before_put = lambda _: None
    world.ledger.before_write = lambda _: None


def _retry(world: World) -> None:
    """What the queue does with all that is pending."""
    for _ in range(2):
        world.clock.advance(hours=1)
        for row in list(world.ledger.saved.values()):
            if row.pending and row.pending.reason is not PendingReason.AWAITING_ATTACHMENT:
                world.connected_archiver().archive_latest(row.invoice_id)


damages = st.lists(
    st.tuples(st.sampled_from(sorted(HANDS)), st.integers(0, INVOICES - 1)), min_size=1, max_size=5
).filter(lambda done: not any(("a draft is deleted", number) in done and _is_lost(done, number) for number in range(9)))
"""What neither Qonto nor the bucket has any more cannot be made right."""


@pytest.mark.slow
@budget(500)
@given(damages, st.integers(0, 14))
def test_it_is_made_right(done: list[tuple[str, int]], crash_after: int) -> None:
    """Every invoice is as at the source, nothing is pending or different, and the second reader finds all proven."""
    result = outcome(done, crash_after=crash_after)
    assert result.is_right, result


@pytest.mark.parametrize("what", sorted(HANDS))
def test_each_hand_alone_is_made_right(what: str) -> None:
    """Also without a crash."""
    result = outcome([(what, 2)])
    assert result.is_right, result


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        (Difference.MISSING, "a row is deleted"),
        (Difference.STALE, "the source changes silently"),
        (Difference.DAMAGED, "a file is overwritten"),
        (Difference.ORPHANED, "an object is invented"),
        (Difference.VANISHED, "a draft is deleted"),
    ],
)
def test_each_comparison_is_needed(kind: Difference, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it the difference is there at last, or what follows from it."""
    compare = reconciliation.difference
    seen: list[Difference | None] = []

    def without(*sides: object, neglected_since: object) -> Difference | None:
        found: Difference | None = compare(*sides, neglected_since=neglected_since)  # type: ignore[arg-type]
        seen.append(found)
        return None if found is kind else found

    monkeypatch.setattr(month_reconciler, "difference", without)
    result = outcome([(what, 2)], scrub_days=10**9)
    assert kind in seen[-INVOICES - 1 :] or not result.is_right


def test_the_scrub_is_needed() -> None:
    """No listing tells of a file that was made anew under the same invoice."""
    assert not outcome([("a file changes silently", 2)], scrub_days=10**9).is_right
