"""What cannot be read or archived stands aside: the deployed functions, and a simulator that misbehaves on request."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from local.qonto_simulator import Behaviour

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conftest import Deployment

    type Deployed = Callable[..., Deployment]


def items(deployment: Deployment, prefix: str) -> list[dict[str, Any]]:
    """The items of the state table whose key begins so."""
    found = deployment.client("dynamodb").scan(TableName=deployment.stack.resources["StateTable"])["Items"]
    return [item for item in found if item["pk"]["S"].startswith(prefix)]


def archived(deployment: Deployment) -> set[str]:
    """The ids of the invoices that are archived and settled."""
    rows = items(deployment, "invoice#default#")
    return {row["invoice_id"]["S"] for row in rows if "document" in row and "due_at" not in row}


def test_a_page_that_cannot_be_read_is_a_gap_until_it_can(deployed: Deployed) -> None:
    """All around it is archived; the gap is in the result and in the table, and closes by itself."""
    deployment = deployed(invoices=30, plain_files=True)
    world, faults = deployment.world, deployment.simulator.faults
    poisoned = world.invoice_ids()[11]
    faults.invoices.poison(poisoned, 422)
    result = deployment.sync()
    deployment.drain(seconds=900)
    assert (result["outcome"], result["gaps"]) == ("committed", 1)
    assert archived(deployment) == {*world.invoice_ids()} - {poisoned}
    (gap,) = items(deployment, "gap#default#")
    assert (gap["reason"]["S"], gap["pending_for"]["S"]) == ("unreadable", "default")
    bounds = [datetime.fromisoformat(gap[name]["S"]) for name in ("updated_from", "updated_to")]
    assert bounds[1] - bounds[0] <= timedelta(seconds=4)
    faults.invoices.restore(poisoned)
    deployment.pass_time(3_600)
    assert deployment.sync()["gaps"] == 0
    assert items(deployment, "gap#") == []
    assert deployment.compare().different == ()


@pytest.mark.parametrize("ties", ["random", "by_page"])
def test_a_bulk_import_is_read_completely_in_any_order(deployed: Deployed, ties: str) -> None:
    """250 invoices with equal times: three pages that no window divides, and no reading alone may list all of them."""
    deployment = deployed(plain_files=True)
    deployment.simulator.behaviour = replace(Behaviour(), ties=ties)  # type: ignore[arg-type]
    ids = deployment.world.create_many(250, at=datetime(2026, 2, 20, 8, tzinfo=UTC))
    result = deployment.sync()
    assert (result["outcome"], result["gaps"]) == ("committed", 0)
    assert result["complete"]["distinct"] == result["complete"]["total_count"] == 250
    assert archived(deployment) == {*ids}


@pytest.mark.parametrize("past_end", ["refused", "uncounted", "empty"])
def test_a_page_past_the_end_says_nothing_of_the_count(deployed: Deployed, past_end: str) -> None:
    """However Qonto answers it: a phantom makes the list ask for one."""
    deployment = deployed(plain_files=True)
    deployment.simulator.behaviour = replace(Behaviour(), past_end=past_end)  # type: ignore[arg-type]
    at = datetime(2026, 2, 20, 8, tzinfo=UTC)
    ids = deployment.world.create_many(100, at=at)
    deployment.simulator.faults.invoices.add_phantom(at, created_at=at)
    later = deployment.world.create_many(20, at=at + timedelta(hours=1))
    result = deployment.sync()
    assert (result["outcome"], result["gaps"]) == ("committed", 1)
    assert archived(deployment) == {*ids, *later}
    deployment.simulator.faults.clear()
    deployment.pass_time(3_600)
    assert deployment.sync()["gaps"] == 0


def test_an_account_with_more_results_than_qonto_gives_is_imported(deployed: Deployed) -> None:
    """`search_limit_reached` on the first page halves the window."""
    deployment = deployed(plain_files=True)
    deployment.simulator.behaviour = Behaviour(search_limit=50)
    ids: list[str] = []
    for day in range(8):
        ids += deployment.world.create_many(20, at=datetime(2026, 2, 1 + day, 8, tzinfo=UTC))
    result = deployment.sync()
    assert (result["outcome"], result["gaps"]) == ("committed", 0)
    assert archived(deployment) == {*ids}


def test_one_wrong_404_ends_nothing(deployed: Deployed) -> None:
    """A draft whose PDF is awaited is asked for again two minutes later, and its PDF is archived."""
    deployment = deployed(invoices=1)
    draft = deployment.world.create(status="draft", pdf_after=timedelta(minutes=5))
    deployment.pass_time(120)
    deployment.sync()
    deployment.simulator.faults.invoices.hide(draft, times=1)
    deployment.world.edit(draft, status="draft")
    send(deployment, draft, "webhook")
    deployment.drain(seconds=3_600)
    assert deployment.compare().different == ()
    assert not [row for row in items(deployment, "invoice#") if "deleted_at_source" in row]


def test_a_message_with_an_unknown_reason_is_a_trigger(deployed: Deployed) -> None:
    """Another version of this code may have sent it; it is no dead letter."""
    deployment = deployed(invoices=1)
    (invoice_id,) = deployment.world.invoice_ids()
    send(deployment, invoice_id, "of a later version")
    deployment.drain(seconds=300)
    assert archived(deployment) == {invoice_id}


def test_dead_attachments_cost_less_and_less(deployed: Deployed) -> None:
    """One request for each attempt, once a day at last; no dead letters, and a healthy invoice is not delayed."""
    deployment = deployed(invoices=12, plain_files=True)
    for invoice_id in deployment.world.invoice_ids():
        deployment.simulator.faults.invoices.lose_file(invoice_id)
    asked = []
    for _ in range(48):
        before = deployment.asked("/v2/")
        deployment.sync()
        deployment.drain(seconds=900)
        deployment.pass_time(3_600 - 900)
        asked.append(deployment.asked("/v2/") - before)
    assert sum(asked[-24:]) < 24 + 12 * 5, asked
    assert {row["reason"]["S"] for row in items(deployment, "invoice#")} <= {"failed", "rejected"}
    queue = deployment.stack.queues["RetryDeadLetterQueue"].url
    assert "Messages" not in deployment.client("sqs").receive_message(QueueUrl=queue)


def send(deployment: Deployment, invoice_id: str, reason: str) -> None:
    """Sends a message to the retry queue."""
    body = json.dumps({"version": 1, "connection": "default", "invoice_id": invoice_id, "reason": reason})
    queue = deployment.stack.queues["RetryQueue"].url
    deployment.client("sqs").send_message(QueueUrl=queue, MessageBody=body)
