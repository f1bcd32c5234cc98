"""A source with a bad response to every call: bounded work, nothing wrong stored, and a later run completes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.lambda_service import FunctionError
from local.qonto_simulator import FaultKind, Faults

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conftest import Deployment

    type Deployed = Callable[..., Deployment]

INVOICES = 12
MOST_ATTEMPTS = 4
"""Attempts of one request, whatever the response."""

BAD_FILES = [FaultKind.HTML, FaultKind.WRONG_LENGTH, FaultKind.RESET, FaultKind.FORBIDDEN]
BAD_LISTS = [
    FaultKind.HTML,
    FaultKind.MALFORMED_JSON,
    FaultKind.TRUNCATED,
    FaultKind.UNAVAILABLE,
    FaultKind.FORBIDDEN,
    FaultKind.UNAUTHORIZED,
]


def keys(deployment: Deployment) -> set[str]:
    """The last part of each key in the archive."""
    found = deployment.client("s3").list_objects_v2(Bucket=deployment.bucket).get("Contents", [])
    return {item["Key"].rsplit("/")[-1] for item in found}


@pytest.mark.slow
@pytest.mark.parametrize("kind", BAD_FILES)
def test_every_file_is_bad(deployed: Deployed, kind: FaultKind) -> None:
    """The JSON of each invoice is archived, no file is, each is pending; later, everything is there."""
    faults = Faults()
    deployment = deployed(invoices=INVOICES, faults=faults)
    faults.install(kind, "/production", times=10_000)
    result = deployment.sync()
    assert (result["outcome"], result["attachments"]["archived"]) == ("committed", 0)
    assert keys(deployment) == {"invoice.json"}
    # A rejected URL is replaced by a fresh one once, and each is requested so many times at most.
    assert result["requests"]["files"] <= 2 * MOST_ATTEMPTS * INVOICES
    faults.clear()
    deployment.pass_time(3_600)
    deployment.sync()
    deployment.drain(seconds=1_200)
    assert deployment.compare().different == ()


@pytest.mark.slow
@pytest.mark.parametrize("kind", BAD_LISTS)
def test_every_response_of_the_list_is_bad(deployed: Deployed, kind: FaultKind) -> None:
    """The run fails after two requests with their repetitions, nothing is stored, and the checkpoint stays."""
    faults = Faults()
    deployment = deployed(invoices=2, faults=faults)
    faults.install(kind, "/v2", times=10_000)
    with pytest.raises(FunctionError):
        deployment.sync()
    assert len(deployment.simulator.requests) <= 2 * MOST_ATTEMPTS
    assert (keys(deployment), deployment.checkpoint()) == (set(), None)
