"""What happens between a process and a service: delays, actions of users, faults and crashes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.simulation.decisions import Kind
from tests.simulation.faults import SERVICE_FAULTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.simulation.decisions import Decisions
    from tests.simulation.faults import Fault, Operation
    from tests.simulation.scheduler import Scheduler
    from tests.simulation.trace import Trace

_DELAYS = (0.02, 1.0, 10.0, 80.0)
"""Seconds that a request may take; 80 s is an SDK that retries for a while."""

_WRITES = frozenset(
    {
        "s3.put_object",
        "s3.complete_multipart_upload",
        "dynamodb.put_item",
        "dynamodb.transact_write_items",
        "dynamodb.update_item",
        "dynamodb.delete_item",
        "sqs.send_message_batch",
        "sqs.change_message_visibility",
    }
)
"""The calls that change the world. A crash after any other call is the same as a crash before the next one."""


@dataclass(frozen=True, slots=True)
class Network:
    """Makes the calls of all processes."""

    scheduler: Scheduler
    decisions: Decisions
    trace: Trace
    before_call: Callable[[str, str], None]
    """Called with process and operation before a call is sent: users may act at that moment."""
    check_invariants: Callable[[], None]
    """Called after each write."""

    def call(self, name: str, operation: Operation, request: Mapping[str, Any], faults: Sequence[Fault]) -> Any:
        """Makes a call of the current process, which may crash before or after it."""
        process = self.scheduler.current
        process.check_alive()
        self.before_call(process.name, name)
        process.pause(_DELAYS[self.decisions.pick(process.name, name, Kind.DELAY, len(_DELAYS))])
        is_write = name in _WRITES
        crash = self.decisions.pick(process.name, name, Kind.CRASH, 3 if is_write else 2)
        if crash == 1:
            self._log(f"{process.name} crashes before {name}")
            process.crash()
        fault = self.decisions.pick(process.name, name, Kind.FAULT, 1 + len(faults))
        try:
            if not fault:
                return operation(**request)
            self._log(f"{process.name} {name} {faults[fault - 1].name}")
            return faults[fault - 1].inject(operation, request)
        finally:
            if is_write:
                self.check_invariants()
            if crash == 2:
                self._log(f"{process.name} crashes after {name}")
                process.crash()

    def _log(self, line: str) -> None:
        self.trace.add(self.scheduler.now(), line)


class SimulatedClient:
    """A boto3 client as far as the adapters use it: each method calls the service in memory over the network."""

    def __init__(self, name: str, service: object, network: Network) -> None:
        self._name = name
        self._service = service
        self._network = network

    def __getattr__(self, method: str) -> Callable[..., Any]:
        name = f"{self._name}.{method}"
        operation, faults = getattr(self._service, method), SERVICE_FAULTS[name]
        return lambda **request: self._network.call(name, operation, request, faults)
