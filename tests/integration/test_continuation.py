"""Runs that have no time for everything, continued by the deployed destination and rule alone."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from local.asynchronous import AsynchronousInvocations
from local.lambda_service import ExecutionEnvironment, FunctionError
from qonto_sync.domain.times import to_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.qonto_simulator import Simulator
    from local.stack import DeployedFunction
    from tests.integration.conftest import Deployment

pytestmark = pytest.mark.slow

OLDEST = "2016-01-01T00:00:00Z"


@dataclass
class RequestClock:
    """Real time, until Qonto had so many requests in an invocation; then so many seconds are over."""

    simulator: Simulator
    most: int
    seconds: float = 850
    before: int = 0

    def start(self) -> None:
        """An invocation begins."""
        self.before = len(self.simulator.requests)

    def __call__(self) -> float:
        return time.time() + (self.seconds if len(self.simulator.requests) - self.before > self.most else 0)


@dataclass
class Lambda:
    """SyncFunction with one warm environment, its destination and the rule."""

    deployment: Deployment
    clock: RequestClock
    events: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._function = self.deployment.stack.functions["SyncFunction"]
        self._environment = ExecutionEnvironment(self._function, clock=self.clock)

    def invoke(self, event: Any) -> Iterator[dict[str, Any]]:
        """Invokes it asynchronously; yields its result, and those of the runs that the rule starts."""
        return AsynchronousInvocations(self.deployment.stack, self._invoke).run(self._function, event)

    def _invoke(self, _function: DeployedFunction, event: Any) -> Any:
        self.events.append(event)
        assert len(self.events) < 100, "it spins"
        self.clock.start()
        return self._environment.invoke(event)


def backfill(until: datetime) -> dict[str, Any]:
    """The event that reads everything until then."""
    return {"action": "backfill", "connection": "default", "from": OLDEST, "to": to_text(until)}


def gaps(deployment: Deployment) -> list[dict[str, Any]]:
    """The items of gaps in the state table."""
    table = deployment.stack.resources["StateTable"]
    items = deployment.client("dynamodb").scan(TableName=table)["Items"]
    return [item for item in items if item["pk"]["S"].startswith("gap#")]


def test_an_import_cut_into_ten_runs_completes_by_the_rule_alone(deployed: Callable[..., Deployment]) -> None:
    """Nobody invokes the function a second time, and no file is downloaded twice."""
    deployment = deployed(invoices=450, plain_files=True)
    function = Lambda(deployment, RequestClock(deployment.simulator, most=12))
    results = list(function.invoke({"connection": "default"}))
    assert len(results) >= 10
    assert [result["outcome"] for result in results] == ["partial"] * (len(results) - 1) + ["committed"]
    assert function.events[1:] == [result["continue"] for result in results[:-1]]
    deployment.drain(seconds=900)
    comparison = deployment.compare()
    assert (comparison.invoices, comparison.different) == (450, ())
    assert deployment.asked("/production/uploads") <= 450 + len(results)


def test_a_backfill_reads_what_the_first_run_left_out(deployed: Callable[..., Deployment]) -> None:
    """In several runs, while invoices are edited; the checkpoint stays."""
    now = datetime.now(UTC)
    deployment = deployed(invoices=250, plain_files=True, parameters={"InitialSyncFrom": to_text(now)})
    deployment.pass_time(600)
    assert deployment.sync()["invoices"]["listed"] == 0
    checkpoint = deployment.checkpoint()
    function = Lambda(deployment, RequestClock(deployment.simulator, most=12))
    until = now - timedelta(seconds=1)
    ids = deployment.world.invoice_ids()
    for number, result in enumerate(function.invoke(backfill(until))):
        assert (result["action"], result["window"]["to"]) == ("backfill", to_text(until))
        deployment.world.edit(ids[number * 7 % len(ids)], purchase_order=f"edited {number}")
    assert (number > 2, result["outcome"], gaps(deployment)) == (True, "committed", [])
    assert deployment.checkpoint() == checkpoint
    deployment.pass_time(3_600)
    deployment.sync()
    deployment.drain(seconds=900)
    comparison = deployment.compare()
    assert (comparison.invoices, comparison.different) == (250, ())


def test_a_backfill_that_crashes_is_finished_by_the_hourly_run(deployed: Callable[..., Deployment]) -> None:
    """Its result is lost, so the rule starts nothing."""
    now = datetime.now(UTC)
    deployment = deployed(invoices=250, plain_files=True, parameters={"InitialSyncFrom": to_text(now)})
    deployment.pass_time(600)
    # Lambda ends it before it notices that its time is over.
    function = Lambda(deployment, RequestClock(deployment.simulator, most=12, seconds=1_000))
    with pytest.raises(FunctionError, match="timed out"):
        list(function.invoke(backfill(now)))
    (gap,) = gaps(deployment)
    assert gap["reason"]["S"] == "backfill"
    deployment.pass_time(3_600)
    assert deployment.sync()["gaps"] == 0
    deployment.drain(seconds=900)
    comparison = deployment.compare()
    assert (comparison.invoices, comparison.different) == (250, ())


def test_a_reconciliation_cut_into_runs_certifies_once(deployed: Callable[..., Deployment]) -> None:
    """Each run goes on at the month that the one before names, and the certificate has the counts of all."""
    deployment = deployed(invoices=60, plain_files=True)
    deployment.sync()
    deployment.drain(seconds=900)
    deployment.pass_time(3_600)
    deployment.sync()
    lost = deployment.world.invoice_ids()[::20]
    table = deployment.stack.resources["StateTable"]
    for invoice_id in lost:
        key = {"pk": {"S": f"invoice#default#{invoice_id}"}}
        deployment.client("dynamodb").delete_item(TableName=table, Key=key)
    function = Lambda(deployment, RequestClock(deployment.simulator, most=6))
    results = list(function.invoke({"action": "reconcile", "connection": "default"}))
    assert len(results) > 3
    assert function.events[1:] == [result["continue"] for result in results[:-1]]
    assert [result["certificate"] for result in results] == [None] * (len(results) - 1) + [1]
    body = deployment.client("s3").get_object(Bucket=deployment.bucket, Key="default/inventory/certificate.json")[
        "Body"
    ]
    certificate = json.load(body)
    assert (certificate["invoices"]["source"], certificate["gaps"]) == (60, [])
    assert certificate["found"]["missing"] == certificate["repaired"] == len(lost)
    assert sum(result["found"]["missing"] for result in results) == len(lost)
    comparison = deployment.compare()
    assert (comparison.invoices, comparison.different) == (60, ())
