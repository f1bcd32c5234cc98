"""What the parts of one sync run share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from qonto_sync.domain.ids import ConnectionName
    from qonto_sync.ports import Clock, Deadline, Gaps, Ledger, PendingIndex
    from qonto_sync.usecases.invoice_archiver import InvoiceArchiver
    from qonto_sync.usecases.one_organization import OneOrganization
    from qonto_sync.usecases.retry_messages import RetryMessages


@dataclass(frozen=True, slots=True)
class RunContext:
    """One connection's source, state and archiver, and the invocation's time and threads."""

    connection: ConnectionName
    source: OneOrganization
    archiver: InvoiceArchiver
    ledger: Ledger
    gaps: Gaps
    pending: PendingIndex
    messages: RetryMessages
    executor: Executor
    clock: Clock
    deadline: Deadline
    last_deadline: Deadline
    """Later than `deadline`: for what is done at the end of every run, also of one that had no time left."""
    dry_run: bool = False
