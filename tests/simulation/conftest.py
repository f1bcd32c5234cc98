"""Fixtures that are expensive to make, so one of each serves the whole session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.simulator import Simulator
from bench.work import Work
from local.aws import moto_server
from tests.simulation.explore import explorer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.simulation.explore import Explorer


@pytest.fixture(scope="session")
def runs() -> Iterator[Explorer]:
    """Runs simulations on all cores."""
    with explorer() as opened:
        yield opened


@pytest.fixture(scope="session")
def aws() -> Iterator[str]:
    """The address of a moto server."""
    with moto_server() as endpoint_url:
        yield endpoint_url


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    """The benchmark's server."""
    with Simulator() as running:
        yield running


@pytest.fixture
def server(simulator: Simulator) -> str:
    """The address of its AWS, which is empty."""
    simulator.reset(Work(invoices=0, file_bytes=0, latency=False))
    return simulator.ports.origin("aws")
