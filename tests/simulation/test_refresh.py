"""A connection is never locked out, whichever process crashes or fails while it refreshes the token."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, override

import pytest

from qonto_sync.aws.refresh_leases import DynamoDbRefreshLeases
from qonto_sync.usecases.token_refresh import TokenRefresh
from tests.simulation.decisions import Decisions, Kind, Point, SeededDecisions
from tests.simulation.refresh import RefreshWorld

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qonto_sync.domain.ids import ConnectionName
    from qonto_sync.domain.secret import RefreshLease

SEEDS = 1_500
_FAULTS = {Kind.CRASH, Kind.FAULT}


class OneFault(SeededDecisions):
    """Any delays, but only one crash or failed call in a run: two within a minute are not guaranteed to be harmless."""

    _faults = 0

    @override
    def _decide(self, point: Point, options: int) -> int:
        option = super()._decide(point, options)
        if option and point.kind in _FAULTS:
            self._faults += 1
            return option if self._faults == 1 else 0
        return option


def single_faults() -> Iterator[dict[Point, int]]:
    """Each crash and each failed call alone, with each OAuth server and each start of the second process."""
    for strict in range(2):
        for start in range(8):
            world = {
                Point("world", "strict", Kind.WORLD, 1): strict,
                Point("world", "second process", Kind.START, 1): start,
            }
            decisions = Decisions(world)
            RefreshWorld(decisions).run()
            for point, options in decisions.met.items():
                if point.kind in _FAULTS:
                    yield from (world | {point: option} for option in range(1, options))


def problems(decisions: Decisions) -> str:
    """What went wrong, with the trace; empty if nothing did."""
    world = RefreshWorld(decisions)
    found = world.run()
    return "\n".join([*found, *world.trace]) if found else ""


def test_the_default_run() -> None:
    """The second process waits for the first one's token: one exchange, and another one an hour later."""
    world = RefreshWorld(Decisions())
    assert world.run() == []
    assert sum(" exchange" in line for line in world.trace) == 2
    assert world.server.successors == {"token-0": "token-1", "token-1": "token-2"}


def test_every_single_fault() -> None:
    """A crash before or after each call, a refusal, a lost response: the connection recovers without help."""
    cases = list(single_faults())
    assert len(cases) > 300
    for case in cases:
        assert not problems(Decisions(case))


def test_seeds() -> None:
    """Slow calls, a second process at any moment, and one fault."""
    for seed in range(SEEDS):
        assert not problems(OneFault(seed)), seed


def write_unconditionally(self: DynamoDbRefreshLeases, connection: ConnectionName, intent: RefreshLease) -> Any:
    """Writes over any version."""
    found = self.read(connection)
    return _write(self, connection, replace(intent, version=found.version if found else 0))


_write = DynamoDbRefreshLeases.write


@pytest.mark.parametrize("mutation", ["no message is sent", "no process waits", "writes are unconditional"])
def test_each_safeguard_is_needed(monkeypatch: pytest.MonkeyPatch, mutation: str) -> None:
    """Without it, some fault locks the connection out."""
    match mutation:
        case "no message is sent":
            monkeypatch.setattr("tests.simulation.refresh._Queue.schedule_recovery", lambda *_: True)
        case "no process waits":
            monkeypatch.setattr(TokenRefresh, "_is_held", lambda *_: False)
        case _:
            monkeypatch.setattr(DynamoDbRefreshLeases, "write", write_unconditionally)
    assert any(problems(Decisions(case)) for case in single_faults()) or any(
        problems(OneFault(seed)) for seed in range(SEEDS)
    )
