"""Fixtures that are expensive to make, so one of each serves the whole session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

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
