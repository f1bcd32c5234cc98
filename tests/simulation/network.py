"""What lies between a process and a service: time, other people's doings, faults, and the end of the process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.simulation.decisions import Kind
from tests.simulation.faults import OF_CALLS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.simulation.decisions import Decisions
    from tests.simulation.faults import Apply, Fault
    from tests.simulation.scheduler import Scheduler
    from tests.simulation.story import Story

_SECONDS = (0.02, 1.0, 10.0, 80.0)
"""How long a request may be on its way; the last is an SDK that tried again for a while."""

_EFFECTS = frozenset(
    {
        "s3.put_object",
        "s3.complete_multipart_upload",
        "dynamodb.put_item",
        "dynamodb.transact_write_items",
        "dynamodb.update_item",
        "sqs.send_message_batch",
        "sqs.change_message_visibility",
    }
)
"""What changes the world. To die after any other call is to die before the next one."""


@dataclass(frozen=True, slots=True)
class Network:
    """Carries the calls of all processes."""

    scheduler: Scheduler
    decisions: Decisions
    story: Story
    interlude: Callable[[str, str], None]
    """The moment before a call is on its way, when others may act."""
    check: Callable[[], None]
    """Looks at the world after each effect."""

    def call(self, operation: str, apply: Apply, request: Mapping[str, Any], faults: Sequence[Fault]) -> Any:
        """Carries one call of the current process, which may not live to see its answer."""
        process = self.scheduler.current
        process.check_alive()
        self.interlude(process.name, operation)
        process.pause(_SECONDS[self.decisions.pick(process.name, operation, Kind.DELAY, len(_SECONDS))])
        has_effect = operation in _EFFECTS
        end = self.decisions.pick(process.name, operation, Kind.CRASH, 3 if has_effect else 2)
        if end == 1:
            self._tell(f"{process.name} dies before {operation}")
            process.crash()
        fault = self.decisions.pick(process.name, operation, Kind.FAULT, 1 + len(faults))
        try:
            if not fault:
                return apply(**request)
            self._tell(f"{process.name} {operation} {faults[fault - 1].name}")
            return faults[fault - 1].behave(apply, request)
        finally:
            if has_effect:
                self.check()
            if end == 2:
                self._tell(f"{process.name} dies after {operation}")
                process.crash()

    def _tell(self, line: str) -> None:
        self.story.tell(self.scheduler.now(), line)


class Wire:
    """A boto3 client to the adapters: each of its methods goes over the network to the service in memory."""

    def __init__(self, name: str, service: object, network: Network) -> None:
        self._name = name
        self._service = service
        self._network = network

    def __getattr__(self, method: str) -> Callable[..., Any]:
        operation = f"{self._name}.{method}"
        apply, faults = getattr(self._service, method), OF_CALLS[operation]
        return lambda **request: self._network.call(operation, apply, request, faults)
