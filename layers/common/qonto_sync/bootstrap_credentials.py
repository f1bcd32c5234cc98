"""Wires a connection's credentials: one wiring for the functions and for the operators' commands."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qonto_sync.clock import CappedDeadline
from qonto_sync.qonto.token_endpoint import OAuthTokenEndpoint
from qonto_sync.usecases.credentials import SecretCredentials
from qonto_sync.usecases.token_refresh import TokenRefresh

if TYPE_CHECKING:
    from collections.abc import Callable

    from qonto_sync.domain.ids import ConnectionName
    from qonto_sync.ports import Clock, Deadline, RefreshLeases, RetryQueue, Secret
    from qonto_sync.qonto.http_client import HttpClient
    from qonto_sync.usecases.credentials import RejectedCredentials


@dataclass(frozen=True, slots=True)
class Authentication:
    """Builds a connection's credentials, and what refreshes its token."""

    token_url: str
    leases: RefreshLeases
    queue: RetryQueue
    rejected: RejectedCredentials
    clock: Clock
    deadline: Deadline
    http: Callable[[Deadline], HttpClient]
    owner_prefix: str = ""
    """Begins the owner of a lease, so that a person can tell who holds it."""

    def token_refresh(self, connection: ConnectionName, secret: Secret) -> TokenRefresh:
        """Refreshes the connection's OAuth token."""
        return TokenRefresh(
            connection,
            secret=secret,
            endpoint=OAuthTokenEndpoint(
                self.token_url,
                lambda seconds: self.http(CappedDeadline(seconds, self.clock, self.deadline)),
                self.clock,
            ),
            leases=self.leases,
            queue=self.queue,
            clock=self.clock,
            deadline=self.deadline,
            new_owner=lambda: f"{self.owner_prefix}{uuid.uuid4().hex}",
        )

    def credentials(
        self, connection: ConnectionName, secret: Secret, report_days_left: Callable[[float], None]
    ) -> SecretCredentials:
        """The connection's API key or OAuth token."""
        return SecretCredentials(
            secret,
            refresh=self.token_refresh(connection, secret),
            rejected=self.rejected,
            clock=self.clock,
            report_days_left=report_days_left,
        )
