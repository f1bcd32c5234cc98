"""A connection is never locked out, whoever refreshes its token and dies at it."""

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
_MISHAPS = {Kind.CRASH, Kind.FAULT}


class OneMishap(SeededDecisions):
    """Slow calls and other processes at will, but one death or failure in all: twice in a minute is not promised."""

    _mishaps = 0

    @override
    def _decide(self, point: Point, courses: int) -> int:
        course = super()._decide(point, courses)
        if course and point.kind in _MISHAPS:
            self._mishaps += 1
            return course if self._mishaps == 1 else 0
        return course


def single_mishaps() -> Iterator[dict[Point, int]]:
    """Each death and each failure alone, in every world, with another process that comes at each time."""
    for strict in range(2):
        for another in range(8):
            world = {Point("world", "strict", Kind.WORLD, 1): strict, Point("world", "another", Kind.START, 1): another}
            calm = Decisions(world)
            RefreshWorld(calm).run()
            for point, courses in calm.met.items():
                if point.kind in _MISHAPS:
                    yield from (world | {point: course} for course in range(1, courses))


def problems(decisions: Decisions) -> str:
    """What went wrong, and the story of it; empty if nothing did."""
    world = RefreshWorld(decisions)
    found = world.run()
    return "\n".join([*found, *world.story]) if found else ""


def test_a_calm_course() -> None:
    """The second process waits for the first one's token: one exchange, one hour later another."""
    world = RefreshWorld(Decisions())
    assert world.run() == []
    assert sum(" exchange" in line for line in world.story) == 2
    assert world.server.heirs == {"token-0": "token-1", "token-1": "token-2"}


def test_every_single_mishap() -> None:
    """A death before or after each call, a refusal, a lost answer: the connection goes on by itself."""
    cases = list(single_mishaps())
    assert len(cases) > 300
    for case in cases:
        assert not problems(Decisions(case))


def test_seeds() -> None:
    """Slow calls, a second process at any moment, and one mishap."""
    for seed in range(SEEDS):
        assert not problems(OneMishap(seed)), seed


def write_without_looking(self: DynamoDbRefreshLeases, connection: ConnectionName, intent: RefreshLease) -> Any:
    """Whatever the version is by now."""
    found = self.read(connection)
    return _write(self, connection, replace(intent, version=found.version if found else 0))


_write = DynamoDbRefreshLeases.write


@pytest.mark.parametrize("mutation", ["no message guards it", "nobody waits", "the slow one writes"])
def test_each_safeguard_is_needed(monkeypatch: pytest.MonkeyPatch, mutation: str) -> None:
    """Without it some mishap locks the connection out."""
    match mutation:
        case "no message guards it":
            monkeypatch.setattr("tests.simulation.refresh._Queue.schedule_recovery", lambda *_: True)
        case "nobody waits":
            monkeypatch.setattr(TokenRefresh, "_is_held", lambda *_: False)
        case _:
            monkeypatch.setattr(DynamoDbRefreshLeases, "write", write_without_looking)
    assert any(problems(Decisions(case)) for case in single_mishaps()) or any(
        problems(OneMishap(seed)) for seed in range(SEEDS)
    )
