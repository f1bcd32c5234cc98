"""Which Qonto organization a local run syncs: the simulated one, or a real account."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import time_machine

from local.comparison import compare
from local.qonto_simulator import Faults, Simulator, World
from local.webhooks import WebhookSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from local.comparison import Comparison
    from local.stack import Stack

_BETWEEN_RUNS = timedelta(hours=1)
# The time until a PDF that Qonto makes again after a change is final.
_REAL_PATIENCE = 150
# Costs nothing, and covers PDFs that are minutes late.
_SIMULATED_PATIENCE = 600


@dataclass(frozen=True, slots=True)
class Organization:
    """What the run needs to know of it."""

    title: str
    parameters: Mapping[str, str]
    """Of template.yaml."""
    secret: Mapping[str, str]
    notes: Mapping[str, Any]
    """What its next run has to know."""
    wait: Callable[[float], None]
    """Lets this many seconds pass, for real or not."""
    patience: float
    """Seconds to wait for delayed messages; the next run handles later ones."""
    check: Callable[[Stack], Comparison] | None = None
    """Holds the archive against the source, where there is a way to know the truth."""
    webhooks: WebhookSource | None = None
    """Tells of a change, where one can be made just to see that."""


type Opening = Callable[[Mapping[str, Any]], AbstractContextManager[Organization]]
"""Opens an organization, given what its last run wrote down."""


def real(login: str, secret_key: str, environment: Mapping[str, str], sleep: Callable[[float], None]) -> Opening:
    """A real account. The sandbox, or another start, by the same variables that the functions know."""
    parameters = {
        parameter: environment[variable]
        for parameter, variable in (
            ("QontoApiUrl", "QONTO_API_URL"),
            ("InitialSyncFrom", "INITIAL_SYNC_FROM"),
            ("AttachmentHosts", "ATTACHMENT_HOSTS"),
        )
        if environment.get(variable)
    }
    secret = {"login": login, "secret_key": secret_key}
    if environment.get("QONTO_STAGING_TOKEN"):
        secret["staging_token"] = environment["QONTO_STAGING_TOKEN"]

    @contextmanager
    def opened(_: Mapping[str, Any]) -> Iterator[Organization]:
        yield Organization(f"the Qonto account {login}", parameters, secret, {}, sleep, _REAL_PATIENCE)

    return opened


def simulated(*, invoices: int, fault_rate: float) -> Opening:
    """The simulated organization, on a clock that jumps: an hour between two runs, and over every wait.

    The whole process lives on that clock (functions, simulator and moto), so that an hour later some invoices
    are edited and some are new, and a message that SQS holds back for two minutes comes at once.
    """

    @contextmanager
    def opened(notes: Mapping[str, Any]) -> Iterator[Organization]:
        now = datetime.now(UTC)
        started_at = datetime.fromisoformat(notes["started_at"]) if notes else now
        today = datetime.fromisoformat(notes["stopped_at"]) + _BETWEEN_RUNS if notes else now
        size = notes.get("invoices", invoices)
        with time_machine.travel(today, tick=True) as traveller:
            world = World(seed=1, started_at=started_at, clock=lambda: datetime.now(UTC), invoices=size)
            edits = list(notes.get("edits", []))
            for edit in edits:
                world.edit_again(datetime.fromisoformat(edit["at"]), edit["invoice"], edit["fields"])
            with Simulator(world, faults=Faults(seed=1, rate=fault_rate)) as simulator:
                yield Organization(
                    title=f"a simulated organization; its clock says {today:%A %d %B %Y, %H:%M} UTC",
                    parameters={
                        "QontoApiUrl": simulator.api_url,
                        "QontoTokenUrl": simulator.token_url,
                        "AttachmentHosts": simulator.files_origin,
                        "WebhookEnabled": "true",
                    },
                    secret={"login": simulator.login, "secret_key": simulator.secret_key},
                    notes={"started_at": started_at.isoformat(), "invoices": size, "edits": edits},
                    wait=traveller.shift,
                    patience=_SIMULATED_PATIENCE,
                    check=lambda stack: compare(world, stack),
                    webhooks=WebhookSource(simulator, edits),
                )

    return opened
