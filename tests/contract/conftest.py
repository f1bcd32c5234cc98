"""Each fake and its real adapter, side by side; the real ones on a moto server and the simulator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.aws import moto_server

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def aws() -> Iterator[str]:
    """The address of a local AWS."""
    with moto_server() as endpoint_url:
        yield endpoint_url
