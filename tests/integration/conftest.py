"""The deployed template on a local AWS, its handlers, and the simulator: everything but Qonto and AWS themselves."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import time_machine

from local.aws import moto_server, put_secret, session
from local.comparison import compare
from local.event_source import EventSourceMapping
from local.lambda_service import ExecutionEnvironment
from local.qonto_simulator import Simulator, World
from local.stack import deploy
from tests.integration.permissions import record, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.comparison import Comparison
    from local.event_source import Delivery
    from local.stack import Stack
    from tests.integration.aws_requests import Call


@dataclass
class Deployment:
    """One deployed stack, syncing one simulated organization."""

    stack: Stack
    world: World
    simulator: Simulator
    traveller: time_machine.Traveller
    environment: ExecutionEnvironment = field(init=False)

    def __post_init__(self) -> None:
        self.environment = ExecutionEnvironment(self.stack.functions["SyncFunction"])

    def sync(self, event: Any = None) -> dict[str, Any]:
        """Invokes SyncFunction."""
        return dict(self.environment.invoke({} if event is None else event))

    def webhook(self, event: Any, **variables: str) -> int:
        """Invokes WebhookFunction, with other settings if they are given, and gives the status it answers with."""
        function = self.stack.functions["WebhookFunction"]
        # moto may take its time on a busy machine.
        variables = {"WEBHOOK_CALL_MILLISECONDS": "20000", **variables}
        environment = ExecutionEnvironment(replace(function, environment={**function.environment, **variables}))
        return int(environment.invoke(event)["statusCode"])

    def drain(self, seconds: float = 0) -> list[Delivery]:
        """Lets RetryFunction work off the queue, with so much patience for what is delayed."""
        (mapping,) = self.stack.mappings
        retry = ExecutionEnvironment(mapping.function)
        source = EventSourceMapping(mapping, self.stack.endpoint_url, retry.invoke)
        return source.drain(patience=seconds, interval=5, sleep=self.pass_time)

    def pass_time(self, seconds: float) -> None:
        self.traveller.shift(timedelta(seconds=seconds))

    def compare(self) -> Comparison:
        return compare(self.world, self.stack)

    def client(self, service: str) -> Any:
        return session().client(service, endpoint_url=self.stack.endpoint_url)  # type: ignore[call-overload]

    def versions(self) -> int:
        """How many object versions there are in the archive."""
        pages = self.client("s3").get_paginator("list_object_versions").paginate(Bucket=self.bucket)
        return sum(len(page.get("Versions", [])) for page in pages)

    @property
    def bucket(self) -> str:
        return self.stack.resources["ArchiveBucket"]

    def checkpoint(self) -> dict[str, Any] | None:
        found = self.client("dynamodb").get_item(
            TableName=self.stack.resources["StateTable"], Key={"pk": {"S": "checkpoint#default"}}
        )
        item: dict[str, Any] | None = found.get("Item")
        return item

    def asked(self, path: str) -> int:
        """How many requests the simulator had for this path."""
        return sum(request.path.startswith(path) for request in self.simulator.requests)


@pytest.fixture
def aws_calls(monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    """What the functions have called so far."""
    return record(monkeypatch)


@pytest.fixture
def deployed(aws_calls: list[Call]) -> Iterator[Callable[..., Deployment]]:
    """Deploys: `deployed(invoices=…, activity=…, secret=…, parameters=…, **simulator)`.

    In the end nothing that a function did may be more than its role allows.
    """
    stacks: list[Stack] = []
    with ExitStack() as resources:
        traveller = resources.enter_context(time_machine.travel(datetime(2026, 3, 1, 12, tzinfo=UTC), tick=True))
        endpoint_url = resources.enter_context(moto_server())

        def deploy_one(
            *,
            invoices: int = 0,
            activity: int = 0,
            plain_files: bool = False,
            secret: dict[str, object] | None = None,
            parameters: dict[str, str] | None = None,
            **simulator: Any,
        ) -> Deployment:
            now = datetime.now(UTC)
            world = World(
                seed=4,
                started_at=now,
                clock=lambda: datetime.now(UTC),
                invoices=invoices,
                activity=activity,
                plain_files=plain_files,
            )
            running = resources.enter_context(Simulator(world, **simulator))
            values = {
                "QontoApiUrl": running.api_url,
                "QontoTokenUrl": running.token_url,
                "AttachmentHosts": running.files_origin,
                **(parameters or {}),
            }
            stack = deploy(endpoint_url, parameters=values)
            stacks.append(stack)
            key: dict[str, object] = {"login": running.login, "secret_key": running.secret_key}
            put_secret(endpoint_url, "qonto/default", key if secret is None else secret)
            return Deployment(stack, world, running, traveller)

        yield deploy_one
        for stack in stacks:
            assert not (found := refused(stack, aws_calls)), "\n".join(found)
