"""The world behind the API: what happens when, and that it is always the same."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.qonto_simulator import World
from local.qonto_simulator.timeline import Timeline

from .conftest import STARTED_AT, ManualClock

# What a process of its own prints about its world: everything that it serves, as one hash.
_FINGERPRINT = """
import sys
from datetime import datetime
from hashlib import sha256
from local.qonto_simulator import World
from local.qonto_simulator.timeline import Timeline
started_at, now = map(datetime.fromisoformat, sys.argv[1:])
world = World(3, started_at, lambda: now, 60, 20)
served = sha256()
for each in world.invoice_ids():
    served.update(world.document(each))
for each in world.attachment_ids():
    served.update(world.file(each))
print(served.hexdigest())
"""


def read(world: World, invoice_id: str) -> dict[str, Any]:
    """Return the invoice as a client reads it."""
    invoice: dict[str, Any] = json.loads(world.document(invoice_id))
    return invoice


def everything(world: World) -> str:
    """Return one hash of all that is served."""
    served = sha256()
    for each in world.invoice_ids():
        served.update(world.document(each))
    for each in world.attachment_ids():
        served.update(world.file(each))
    return served.hexdigest()


@pytest.mark.slow
def test_another_process_sees_the_same_world() -> None:
    """Seed, start and clock decide every byte of every document and drawn file, in any process."""
    now = STARTED_AT + timedelta(hours=7)
    command = [sys.executable, "-c", _FINGERPRINT, STARTED_AT.isoformat(), now.isoformat()]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603 - our own
    assert printed == everything(World(3, STARTED_AT, lambda: now, 60, 20))


@settings(max_examples=20, deadline=None)
@given(looks=st.lists(st.floats(0, 6 * 3600), max_size=6))
@pytest.mark.slow
def test_looking_changes_nothing(looks: list[float]) -> None:
    """However often somebody looked on the way, the world at a moment is the same."""
    clock = ManualClock()
    world = World(5, STARTED_AT, clock, 60, 30, plain_files=True)
    for seconds in sorted(looks):
        clock.now = STARTED_AT + timedelta(seconds=seconds)
        world.invoice_ids()
    clock.now = STARTED_AT + timedelta(hours=6)
    assert everything(world) == everything(World(5, STARTED_AT, clock, 60, 30, plain_files=True))


def test_another_seed_is_another_world(make_world: Callable[..., World]) -> None:
    """Nothing but the seed distinguishes two worlds, and that is enough."""
    first, second = make_world(seed=1, invoices=20), make_world(seed=2, invoices=20)
    assert set(first.invoice_ids()).isdisjoint(second.invoice_ids())


def test_all_historical_invoices_are_there(make_world: Callable[..., World]) -> None:
    """A world starts with the invoices asked for, made over eighteen months and mostly of late."""
    world = make_world(invoices=400)
    moments = [datetime.fromisoformat(read(world, each)["created_at"]) for each in world.invoice_ids()]
    assert len(moments) == 400
    assert moments == sorted(moments)
    assert moments[0] < STARTED_AT - timedelta(days=400)
    assert moments[200] > STARTED_AT - timedelta(days=200)
    assert moments[-1] < STARTED_AT


def test_the_data_is_as_odd_as_life(make_world: Callable[..., World]) -> None:
    """There are many currencies, languages, statuses and imports, and what no documentation lists."""
    world = make_world(invoices=600)
    invoices = [read(world, each) for each in world.invoice_ids()]
    assert {invoice["currency"] for invoice in invoices} == {"EUR", "USD", "GBP", "CHF"}
    assert {invoice["client"]["locale"] for invoice in invoices} == {"fr", "de", "it", "es", "en"}
    statuses = {invoice["status"] for invoice in invoices}
    assert statuses == {"draft", "unpaid", "paid", "canceled", "partially_paid"}
    assert "disputed_by_recipient" in {invoice["einvoicing_status"] for invoice in invoices}
    assert None in [invoice["items"] for invoice in invoices]
    assert [] not in [invoice["items"] for invoice in invoices]
    assert {invoice["invoice_type"] for invoice in invoices} == {"standard", "imported"}
    assert {invoice["created_at"][-1] for invoice in invoices} == {"Z", "0"}
    assert any("deposit_amount" not in invoice for invoice in invoices)
    seconds = Counter(invoice["created_at"] for invoice in invoices)
    assert max(seconds.values()) > 1


def test_writing_a_document_again_changes_it(make_world: Callable[..., World]) -> None:
    """Digits, escapes and order are such that only keeping what was received keeps it."""
    world = make_world(invoices=100)
    documents = [world.document(each) for each in world.invoice_ids()]
    text = b"".join(documents).decode()
    assert '"rate":1.10' in text
    assert "\\u0026" in text
    assert "日本" in text
    for document in documents:
        written_again = json.dumps(json.loads(document), ensure_ascii=False, separators=(",", ":"))
        assert written_again.encode() != document


def test_amounts_add_up(make_world: Callable[..., World]) -> None:
    """Every total is the sum of its lines, to the cent."""
    world = make_world(invoices=150)
    for each in world.invoice_ids():
        invoice = read(world, each)
        lines = invoice["items"] or []
        assert invoice["total_amount_cents"] == sum(line["total_amount_cents"] for line in lines)
        assert invoice["vat_amount_cents"] == sum(line["total_vat_cents"] for line in lines)
        assert round(float(invoice["total_amount"]["value"]) * 100) == invoice["total_amount_cents"]
        for line in lines:
            assert line["subtotal_cents"] + line["total_vat_cents"] == line["total_amount_cents"]


def test_a_pdf_comes_ten_seconds_late(world: World, clock: ManualClock) -> None:
    """A new invoice has no attachment until its PDF is made, which does not touch the invoice."""
    invoice_id = world.create()
    before = read(world, invoice_id)
    clock.move(9.999)
    assert read(world, invoice_id)["attachment_id"] is None
    clock.move(0.001)
    after = read(world, invoice_id)
    assert world.attachment_ids() == [after["attachment_id"]]
    assert before | {"attachment_id": after["attachment_id"]} == after


def test_a_pdf_may_come_later_or_never(world: World, clock: ManualClock) -> None:
    """The delay can be chosen; an upload is there at once."""
    slow, never = world.create(pdf_after=timedelta(minutes=5)), world.create(draft=True, pdf_after=None)
    imported = world.create(imported=True)
    clock.move(299)
    assert [read(world, each)["attachment_id"] is None for each in (slow, never, imported)] == [True, True, False]
    clock.move(3600)
    assert [read(world, each)["attachment_id"] is None for each in (slow, never, imported)] == [False, True, False]


def test_many_invoices_at_one_time(world: World, clock: ManualClock) -> None:
    """They are finalized, have exactly the given time, a number each, and their PDFs ten seconds later."""
    at = STARTED_AT - timedelta(days=1)
    first, second = world.create_many(3, at=at), world.create_many(2, at=STARTED_AT)
    invoices = [read(world, each) for each in first]
    assert {(each["created_at"], each["updated_at"], each["finalized_at"], each["status"]) for each in invoices} == {
        ("2026-11-01T09:00:00.000Z",) * 3 + ("unpaid",)
    }
    assert [each["number"] for each in invoices] == ["F-2026-001", "F-2026-002", "F-2026-003"]
    assert sorted(world.invoice_ids()[:3]) == sorted(first)
    assert None not in [each["attachment_id"] for each in invoices]
    assert [read(world, each)["attachment_id"] for each in second] == [None, None]
    clock.move(10)
    assert None not in [read(world, each)["attachment_id"] for each in second]


def test_a_bulk_update(world: World, clock: ManualClock) -> None:
    """The oldest invoices get one `updated_at`, and nothing else changes: neither other fields nor files."""
    for _ in range(3):
        world.create()
        clock.move(1)
    clock.move(3600)
    ids = world.invoice_ids()
    before, files = [read(world, each) for each in ids], [world.file(each) for each in world.attachment_ids()]
    assert world.touch_many(2, at=STARTED_AT + timedelta(minutes=5, microseconds=1500)) == ids[:2]
    clock.move(3600)
    touched = {"updated_at": "2026-11-02T09:05:00.001Z"}
    assert [read(world, each) for each in ids] == [before[0] | touched, before[1] | touched, before[2]]
    assert [world.file(each) for each in world.attachment_ids()] == files


def test_many_at_a_time_need_a_count_and_an_offset(world: World) -> None:
    """Anything else is a mistake of the caller; more than there are means all."""
    naive = STARTED_AT.replace(tzinfo=None)
    for act in (world.create_many, world.touch_many):
        with pytest.raises(ValueError, match="negative"):
            act(-1, at=STARTED_AT)
        with pytest.raises(ValueError, match="offset"):
            act(1, at=naive)
        assert act(0, at=STARTED_AT) == []
    assert world.invoice_ids() == []
    ids = world.create_many(2, at=STARTED_AT)
    assert sorted(world.touch_many(9, at=STARTED_AT)) == sorted(ids)


def test_finalizing_keeps_the_draft_pdf_for_ten_seconds(world: World, clock: ManualClock) -> None:
    """The number and `updated_at` change at once, the content under the same attachment id later."""
    invoice_id = world.create(draft=True)
    clock.move(60)
    draft = read(world, invoice_id)
    draft_pdf = world.file(draft["attachment_id"])
    world.finalize(invoice_id)
    final = read(world, invoice_id)
    assert draft["number"].endswith("-PROFORMA")
    assert final["number"] == "F-2026-001"
    assert (final["status"], final["attachment_id"]) == ("unpaid", draft["attachment_id"])
    assert final["updated_at"] == final["finalized_at"] > draft["updated_at"]
    assert world.file(draft["attachment_id"]) == draft_pdf
    clock.move(10)
    assert world.file(draft["attachment_id"]) != draft_pdf
    assert read(world, invoice_id) == final


def test_an_edit_of_the_paper_prints_it_again(world: World, clock: ManualClock) -> None:
    """A new due date means a new PDF ten seconds later; a payment does not."""
    invoice_id = world.create()
    clock.move(60)
    attachment_id = read(world, invoice_id)["attachment_id"]
    first = world.file(attachment_id)
    world.edit(invoice_id, status="paid")
    clock.move(60)
    assert world.file(attachment_id) == first
    world.edit(invoice_id, due_date="2027-01-31")
    assert world.file(attachment_id) == first
    clock.move(10)
    assert world.file(attachment_id) != first


def test_an_edit_can_happen_again(make_world: Callable[..., World], clock: ManualClock) -> None:
    """A world that is made anew, with the edits made by hand in it, is the same one, files included."""
    first = make_world(invoices=20, activity=20)
    clock.move(1800.5)
    invoice_id = first.invoice_ids()[-1]
    first.edit(invoice_id, terms_and_conditions="other terms")
    edited_at = datetime.fromisoformat(read(first, invoice_id)["updated_at"])
    clock.move(3600)
    second = make_world(invoices=20, activity=20)
    second.edit_again(edited_at, invoice_id, {"terms_and_conditions": "other terms"})
    assert everything(second) == everything(first)


def test_an_untouched_edit_is_silent(world: World, clock: ManualClock) -> None:
    """Fields can change without `updated_at`, as they may for all that is known."""
    invoice_id = world.create()
    clock.move(60)
    before = read(world, invoice_id)
    world.edit(invoice_id, touch=False, status="paid")
    assert read(world, invoice_id) == before | {"status": "paid"}


@pytest.mark.parametrize("touch", [True, False])
def test_a_pdf_can_be_made_again(world: World, clock: ManualClock, *, touch: bool) -> None:
    """Making the PDF again changes its bytes, and `updated_at` only if told so."""
    invoice_id = world.create()
    clock.move(60)
    before = read(world, invoice_id)
    first = world.file(before["attachment_id"])
    world.regenerate_pdf(invoice_id, touch=touch)
    assert world.file(before["attachment_id"]) != first
    assert (read(world, invoice_id)["updated_at"] != before["updated_at"]) is touch


def test_a_deleted_draft_is_gone_with_its_file(world: World, clock: ManualClock) -> None:
    """Only drafts can be deleted; then neither they nor their files exist."""
    kept, deleted = world.create(), world.create(draft=True)
    clock.move(60)
    attachment_id = read(world, deleted)["attachment_id"]
    world.delete(deleted)
    assert world.deleted_ids() == [deleted]
    assert world.invoice_ids() == [kept]
    with pytest.raises(KeyError):
        world.document(deleted)
    with pytest.raises(KeyError):
        world.file(attachment_id)
    with pytest.raises(ValueError, match="only a draft"):
        world.delete(kept)
    with pytest.raises(ValueError, match="only a draft"):
        world.finalize(kept)


def test_a_draft_deleted_before_its_pdf_came(world: World, clock: ManualClock) -> None:
    """What was planned for an invoice that is gone does not happen."""
    world.delete(world.create(draft=True))
    clock.move(60)
    assert world.attachment_ids() == []


def test_the_first_run_is_interesting(make_world: Callable[..., World], clock: ManualClock) -> None:
    """Around the start one PDF is missing for 40 s, and another is replaced 30 s later than its invoice."""
    world = make_world(invoices=50)
    fresh = [read(world, each) for each in world.invoice_ids()]
    fresh = [each for each in fresh if STARTED_AT - datetime.fromisoformat(each["updated_at"]) < timedelta(minutes=5)]
    (late,) = [each for each in fresh if each["attachment_id"] is None]
    (edited,) = [each for each in fresh if each["attachment_id"] is not None]
    old = world.file(edited["attachment_id"])
    assert late["status"] != "draft"
    clock.move(29.9)
    assert world.file(edited["attachment_id"]) == old
    clock.move(0.1)
    assert world.file(edited["attachment_id"]) != old
    assert read(world, edited["id"]) == edited
    clock.move(9.9)
    assert read(world, late["id"])["attachment_id"] is None
    clock.move(0.1)
    assert read(world, late["id"])["attachment_id"] is not None


def test_activity(make_world: Callable[..., World], clock: ManualClock) -> None:
    """Every hour brings new, changed, finalized, imported and deleted invoices, each at a second of its own."""
    world = make_world(invoices=100, activity=20)
    before = {each: read(world, each) for each in world.invoice_ids()}
    clock.move(24 * 3600)
    after = {each: read(world, each) for each in world.invoice_ids()}
    new = [after[each] for each in after.keys() - before.keys()]
    changed = [each for each in after.keys() & before.keys() if after[each]["updated_at"] != before[each]["updated_at"]]
    assert 100 < len(new) < 24 * 20
    assert len(changed) > 20
    assert world.deleted_ids()
    assert {each["invoice_type"] for each in new} == {"standard", "imported"}
    assert any(each["finalized_at"] and each["finalized_at"] > each["created_at"] for each in new)
    seconds = Counter(each["created_at"][:19] for each in new)
    assert max(seconds.values()) == 1


def test_an_hour_has_as_many_events_as_told(make_world: Callable[..., World], clock: ManualClock) -> None:
    """What happens in an hour adds up to the activity; without activity nothing happens by itself."""
    world, quiet = make_world(invoices=60, activity=12), make_world(invoices=60)
    clock.move(600)
    before = everything(quiet)
    clock.move(30 * 24 * 3600)
    assert everything(quiet) == before
    assert len(world.invoice_ids()) > 60
    with pytest.raises(ValueError, match="events an hour"):
        make_world(activity=3601)


def test_updated_at_can_be_left_out(make_world: Callable[..., World]) -> None:
    """The documented invoice has no `updated_at`; such a world can be had."""
    world = make_world(with_updated_at=False)
    assert "updated_at" not in read(world, world.create())


def _note(happened: list[int], number: int, _: datetime) -> None:
    happened.append(number)


def test_what_is_due_at_once_happens_in_the_order_planned() -> None:
    """Equal moments keep their order, so that a world does not depend on the moment of looking."""
    happened: list[int] = []
    timeline = Timeline()
    for number in range(5):
        timeline.plan(STARTED_AT, partial(_note, happened, number))
    while timeline.next_at() is not None:
        timeline.do_next()
    assert happened == [0, 1, 2, 3, 4]


def test_threads_do_not_disturb_each_other(make_world: Callable[..., World], clock: ManualClock) -> None:
    """Many writers at once lose nothing, even if they take turns all the time."""
    world = make_world(activity=100)
    interval = sys.getswitchinterval()

    def work(number: int) -> list[str]:
        made = []
        for _ in range(5):
            clock.move(1)
            made.append(world.create(number=str(number)))
            world.edit(made[-1], footer=f"edited {number}")
        return made

    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as threads:
            made = list(threads.map(work, range(60)))
    finally:
        sys.setswitchinterval(interval)
    ids = world.invoice_ids()
    assert len({each for some in made for each in some}) == 300
    assert {each for some in made for each in some} <= set(ids)
    assert len(ids) == len(set(ids))
    for number, some in enumerate(made):
        assert {read(world, each)["footer"] for each in some} == {f"edited {number}"}
