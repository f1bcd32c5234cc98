"""What the parts of one sync run share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from qonto_sync.domain.ids import ConnectionName
    from qonto_sync.ports import Clock, Deadline, Ledger, RetryQueue
    from qonto_sync.usecases.invoice_archiver import InvoiceArchiver


@dataclass(frozen=True, slots=True)
class RunContext:
    """One connection's ledger, queue and archiver, and the invocation's time and threads."""

    connection: ConnectionName
    archiver: InvoiceArchiver
    ledger: Ledger
    queue: RetryQueue
    executor: Executor
    clock: Clock
    deadline: Deadline
    dry_run: bool = False
