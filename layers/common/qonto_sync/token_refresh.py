"""Refresh an OAuth connection's token, one process at a time, and lose no refresh token on the way.

Each exchange makes the refresh token that it used worthless a minute later (`GRACE`), and its successor is in the
answer only. Whoever loses that answer, or dies before the secret has it, would lock the connection out for good: a
person would have to give consent again. Therefore, before the token is used,

1. an *intent* is written to the state table, by compare-and-swap: two processes never refresh at once, the second one
   waits for the token of the first;
2. a message is put on the retry queue, to be delivered in `LEASE`: if the intent is still open then, its process is
   dead or its answer lost, and the retry function repeats the exchange with the old token, within the grace.

The new refresh token is in the secret before the new access token is used, and then the intent is closed. A second
exchange with one refresh token happens only where the first may have been lost, and who was so slow that it was taken
for dead does not write the secret.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from qonto_sync.errors import CredentialsRefused, Retriable, RowChanged
from qonto_sync.model import RefreshIntent
from qonto_sync.times import to_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qonto_sync.model import ConnectionName
    from qonto_sync.ports import Clock, Deadline, RefreshIntents, RetryQueue, Secret, TokenEndpoint

_log = logging.getLogger(__name__)

GRACE = timedelta(seconds=60)
"""How long a refresh token may be used again after its first use."""

LEASE = timedelta(seconds=20)
"""After this an open intent is taken for abandoned. The token endpoint is not waited for any longer than that, and
twice the lease is within the grace."""

_LOOK_SECONDS = 1.0
_WRITES = 5
"""With the waits between them, within a lease."""
_FIRST_WAIT_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class TokenRefresh:
    """Refreshes the token of one connection."""

    connection: ConnectionName
    secret: Secret
    endpoint: TokenEndpoint
    intents: RefreshIntents
    queue: RetryQueue
    clock: Clock
    deadline: Deadline
    new_owner: Callable[[], str]
    """Names one attempt, so that its own writes are known again."""

    def refresh(self, fields: Mapping[str, str]) -> Mapping[str, str]:
        """The secret with a new access token, ours or another process's.

        Raises:
            CredentialsRefused: the refresh token is not accepted, and there is no newer one.
            Retriable: it could not be refreshed now; if the token was used, the retry function finishes it.
        """
        token = _digest(fields)
        while True:
            found = self.intents.read(self.connection)
            if found is None or not self._is_alive(found):
                try:
                    return self._exchange(self._open(found, token), repeats=found is not None and found.is_open)
                except RowChanged:
                    continue  # another process was faster by a moment
            if self.deadline.remaining() <= 0:
                raise Retriable("another process is refreshing the token, and no time is left to wait for it")
            self.clock.sleep(_LOOK_SECONDS)
            now = self.secret.read(fresh=True)
            if _digest(now) != token:
                return now

    def finish(self) -> None:
        """Repeats an exchange whose process died or lost the answer; nothing to do is the rule.

        Raises:
            CredentialsRefused, Retriable: as `refresh`.
        """
        found = self.intents.read(self.connection)
        if found is None or not found.is_open:
            return
        if self._is_alive(found):
            raise Retriable("a refresh of the token is under way")
        _log.warning("refresh_interrupted", extra={"connection": self.connection})
        try:
            self._exchange(self._open(found, found.token), repeats=True)
        except RowChanged:
            return

    def _open(self, found: RefreshIntent | None, token: str) -> RefreshIntent:
        version = found.version if found else 0
        intent = RefreshIntent(version, self.new_owner(), token, self.clock.now(), is_open=True)
        return self.intents.write(self.connection, intent)

    def _exchange(self, intent: RefreshIntent, *, repeats: bool) -> Mapping[str, str]:
        # What may have been used already is used again, guarded or not: its grace is running out.
        if not self.queue.guard_refresh(self.connection, int(LEASE.total_seconds())) and not repeats:
            self._close(intent)
            raise Retriable("the token is not refreshed while the retry queue, which guards that, cannot be written")
        # Read when nobody else can write it any more: what was read before may have been used up since.
        fields = self.secret.read(fresh=True)
        if _digest(fields) != intent.token:
            self._close(intent)
            return fields
        try:
            tokens = self.endpoint.exchange(fields)
        except CredentialsRefused:
            self._close(intent)
            current = self.secret.read(fresh=True)
            if _digest(current) != intent.token:
                return current
            raise
        renewed = {
            **fields,
            "access_token": tokens.access_token,
            "expires_at": to_text(tokens.expires_at),
            "refresh_token": tokens.refresh_token or fields["refresh_token"],
            "refreshed_at": to_text(self.clock.now()),
        }
        try:
            # For another lease, in which nobody else writes the secret.
            intent = self.intents.write(self.connection, replace(intent, opened_at=self.clock.now()))
        except RowChanged:
            # We were so slow that another process has repeated the exchange: the secret is its to write.
            return renewed
        self._store(renewed)
        self._close(intent)
        return renewed

    def _store(self, renewed: Mapping[str, str]) -> None:
        """Persists it, and gives up only when the grace is nearly over: the answer cannot be had again."""
        for attempt in range(_WRITES):
            try:
                self.secret.write(renewed)
            except Retriable:
                if attempt == _WRITES - 1:
                    raise
                self.clock.sleep(_FIRST_WAIT_SECONDS * 2**attempt)
            else:
                return

    def _is_alive(self, intent: RefreshIntent) -> bool:
        return intent.is_open and self.clock.now() - intent.opened_at < LEASE

    def _close(self, intent: RefreshIntent) -> None:
        """If this fails, the message finds the secret renewed, and closes it."""
        try:
            self.intents.write(self.connection, replace(intent, is_open=False))
        except (RowChanged, Retriable) as error:
            _log.warning("refresh_not_closed", extra={"connection": self.connection, "detail": str(error)})


def _digest(fields: Mapping[str, str]) -> str:
    """Tells two refresh tokens apart without being one: a few digits of a hash of something unguessable."""
    return hashlib.sha256(fields.get("refresh_token", "").encode()).hexdigest()[:16]
