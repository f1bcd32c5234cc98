"""Refreshes an OAuth connection's token in one process at a time, and never loses a refresh token.

Qonto rotates refresh tokens: each exchange invalidates the token that it used a minute later (`GRACE`), and only the
response contains the next one. A process that loses the response, or crashes before the secret has the new token, would
lock the connection out until a person gives consent again. Therefore, before the token is used,

1. the process acquires a *lease* in the state table, by compare-and-swap: two processes never refresh at once, and the
   second one waits for the first one's token;
2. it puts a recovery message on the retry queue, delayed by `LEASE_DURATION`: if the lease is still active when the
   message arrives, its owner crashed or lost the response, and the retry function repeats the exchange with the old
   token, within the grace period.

The new refresh token is in the secret before the new access token is used; then the lease is released. A refresh token
is exchanged twice only where the first exchange may have been lost. A process that is so slow that its lease was taken
over does not write the secret.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from qonto_sync.domain.errors import CredentialsRejected, InvalidSecret, Retriable, RowChanged
from qonto_sync.domain.secret import OAUTH_FIELDS, RefreshLease, has_fields
from qonto_sync.domain.times import to_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qonto_sync.domain.ids import ConnectionName
    from qonto_sync.ports import Clock, Deadline, RefreshLeases, RetryQueue, Secret, TokenEndpoint

_log = logging.getLogger(__name__)

GRACE = timedelta(seconds=60)
"""How long Qonto accepts a refresh token again after its first use."""

LEASE_DURATION = timedelta(seconds=20)
"""An active lease that is older counts as abandoned. No request to the token endpoint takes longer, and two lease
durations fit into the grace period."""

_OF_ACCESS_TOKEN = ("access_token", "expires_at")
_POLL_SECONDS = 1.0
_WRITES = 5
"""With the waits between them they fit into a lease."""
_FIRST_WAIT_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class TokenRefresh:
    """Refreshes the token of one connection."""

    connection: ConnectionName
    secret: Secret
    endpoint: TokenEndpoint
    leases: RefreshLeases
    queue: RetryQueue
    clock: Clock
    deadline: Deadline
    new_owner: Callable[[], str]
    """Names one attempt, so that its own writes can be recognized."""

    def refresh(self, fields: Mapping[str, str]) -> Mapping[str, str]:
        """The secret with a new access token, from this process or another one.

        Raises:
            CredentialsRejected: the refresh token is not accepted, and the secret has no newer one.
            InvalidSecret: the secret has changed meanwhile, and cannot be used as it is.
            Retriable: it could not be refreshed now; if the token was used, the retry function recovers it.
        """
        renewed = self._renewed(fields)
        if has_fields(renewed, OAUTH_FIELDS) and not renewed.get("access_token"):
            # The secret has a new refresh token, which the next call exchanges.
            raise Retriable("the secret has a new refresh token, but no access token yet")
        return renewed

    def _renewed(self, fields: Mapping[str, str]) -> Mapping[str, str]:
        token = _token_digest(fields)
        while True:
            found = self.leases.read(self.connection)
            if found is None or not self._is_held(found):
                try:
                    return self._exchange(self._acquire(found, token), repeats=found is not None and found.is_active)
                except RowChanged:
                    continue  # another process acquired it a moment earlier
            if self.deadline.remaining() <= 0:
                raise Retriable("another process is refreshing the token, and no time is left to wait for it")
            self.clock.sleep(_POLL_SECONDS)
            current = self.secret.read(fresh=True)
            if _token_digest(current) != token:
                return current

    def recover(self) -> None:
        """Repeats an exchange whose process crashed or lost the response; usually there is nothing to do.

        Raises:
            CredentialsRejected, InvalidSecret, Retriable: as `refresh`.
        """
        found = self.leases.read(self.connection)
        if found is None or not found.is_active:
            return
        if self._is_held(found):
            raise Retriable("a refresh of the token is in progress")
        _log.warning("refresh_interrupted", extra={"connection": self.connection})
        try:
            self._exchange(self._acquire(found, found.token), repeats=True)
        except RowChanged:
            return

    def _acquire(self, found: RefreshLease | None, token: str) -> RefreshLease:
        version = found.version if found else 0
        lease = RefreshLease(version, self.new_owner(), token, self.clock.now(), is_active=True)
        return self.leases.write(self.connection, lease)

    def _exchange(self, lease: RefreshLease, *, repeats: bool) -> Mapping[str, str]:
        # A token that may have been used is used again even without a recovery message: its grace period is running
        # out.
        if not self.queue.schedule_recovery(self.connection, int(LEASE_DURATION.total_seconds())) and not repeats:
            self._release(lease)
            raise Retriable("the token is not refreshed while no recovery message can be put on the retry queue")
        # Read under the lease, because the token that was read before may have been used since.
        try:
            fields = self.secret.read(fresh=True)
        except InvalidSecret:
            # There is no token to recover, or it is not this stack's.
            self._release(lease)
            raise
        if _token_digest(fields) != lease.token:
            self._release(lease)
            return fields
        try:
            tokens = self.endpoint.exchange(fields)
        except CredentialsRejected:
            self._release(lease)
            current = self.secret.read(fresh=True)
            if _token_digest(current) != lease.token:
                return current
            raise
        renewed = {
            **{name: value for name, value in fields.items() if name not in _OF_ACCESS_TOKEN},
            "refresh_token": tokens.refresh_token or fields["refresh_token"],
            "refreshed_at": to_text(self.clock.now()),
        }
        if tokens.access_token:
            renewed |= {"access_token": tokens.access_token, "expires_at": to_text(tokens.expires_at)}
        try:
            # Extends the lease, so that no other process writes the secret meanwhile.
            lease = self.leases.write(self.connection, replace(lease, acquired_at=self.clock.now()))
        except RowChanged:
            # This process was so slow that another one has repeated the exchange, and writes the secret.
            return renewed
        except Retriable:
            # The tokens cannot be had again, so they are stored while the lease leaves time for it as it is.
            if self.clock.now() - lease.acquired_at >= LEASE_DURATION / 2:
                raise
        self._store(renewed)
        self._release(lease)
        return renewed

    def _store(self, renewed: Mapping[str, str]) -> None:
        """Stores it, and gives up only near the end of the grace period: the response cannot be had again."""
        for attempt in range(_WRITES):
            try:
                self.secret.write(renewed)
            except Retriable:
                if attempt == _WRITES - 1:
                    raise
                self.clock.sleep(_FIRST_WAIT_SECONDS * 2**attempt)
            else:
                return

    def _is_held(self, lease: RefreshLease) -> bool:
        return lease.is_active and self.clock.now() - lease.acquired_at < LEASE_DURATION

    def _release(self, lease: RefreshLease) -> None:
        """If this fails, the recovery message finds the secret renewed, and releases the lease."""
        try:
            self.leases.write(self.connection, replace(lease, is_active=False))
        except (RowChanged, Retriable) as error:
            _log.warning("refresh_not_released", extra={"connection": self.connection, "detail": str(error)})


def _token_digest(fields: Mapping[str, str]) -> str:
    """Tells two refresh tokens apart without revealing them: the first digits of a hash."""
    return hashlib.sha256(fields.get("refresh_token", "").encode()).hexdigest()[:16]
