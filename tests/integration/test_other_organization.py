"""The secret has another organization's key for three hours: the deployed functions, and a simulator with both."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from local.lambda_service import ExecutionEnvironment
from local.qonto_simulator import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conftest import Deployment

OTHER_KEY = {"login": "other-1", "secret_key": "the other organization's key"}


def store(deployment: Deployment, key: dict[str, str]) -> None:
    """Puts another key into the secret, as a person does in the console."""
    client = deployment.client("secretsmanager")
    client.put_secret_value(SecretId="qonto/default", SecretString=json.dumps(key))
    # The next run is in another process, which does not have the old key in memory.
    deployment.environment = ExecutionEnvironment(deployment.stack.functions["SyncFunction"])


@pytest.mark.parametrize("is_quiet", [False, True])
def test_nothing_is_mixed_up_and_nothing_is_missed(deployed: Callable[..., Deployment], *, is_quiet: bool) -> None:
    """Whether the other organization has changes in these hours or none."""
    deployment = deployed(invoices=12, plain_files=True)
    deployment.sync()
    deployment.drain(seconds=900)
    versions, checkpoint = deployment.versions(), deployment.checkpoint()
    assert checkpoint
    key: Any = {"login": deployment.simulator.login, "secret_key": deployment.simulator.secret_key}
    other = World(seed=9, started_at=datetime.now(UTC), clock=lambda: datetime.now(UTC), invoices=0, activity=0)
    deployment.simulator.add_organization(OTHER_KEY["login"], OTHER_KEY["secret_key"], other)
    store(deployment, OTHER_KEY)
    for _ in range(3):
        deployment.world.create()
        if not is_quiet:
            other.create(organization_id="another organization")
        deployment.pass_time(3_600)
        if is_quiet:
            assert deployment.sync()["outcome"] == "committed"
        else:
            with pytest.raises(Exception, match="another organization"):
                deployment.sync()
    assert deployment.versions() == versions
    store(deployment, key)
    deployment.pass_time(3_600)
    deployment.sync()
    deployment.drain(seconds=900)
    comparison = deployment.compare()
    assert (comparison.invoices, comparison.different) == (15, ())
