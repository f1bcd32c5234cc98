"""What can go wrong, sorted by what happens next.

SyncError
├── Fatal                     stop the run or the batch; the checkpoint stays where it is
│   ├── InvalidEvent          the event that invoked the function
│   ├── InvalidSettings       the function's environment
│   ├── InvalidSecret         the connection's secret
│   ├── CredentialsRefused    Qonto's 401, and one renewal did not cure it
│   ├── AccessDenied          Qonto's or AWS's 403: a scope, a plan or a policy is missing
│   ├── Misconfigured         a resource is not there, an answer that no retry changes
│   ├── ClockSkew             windows cannot be closed with a wrong clock
│   └── IncompleteRead        a slice that no reading could certify
├── ItemError                 this invoice becomes pending; the run goes on
│   ├── Retriable             back off and try again
│   └── Permanent             nothing that we do changes it: look again daily, and tell
├── NotFound                  the invoice is not (or no longer) at the source
├── Conflict                  another writer was faster: read again, then decide
│   ├── ObjectChanged         ... in S3
│   └── RowChanged            ... in the ledger
├── DeadlineReached           the invocation's time is over: start nothing new, the next one goes on
├── Superseded                another run committed the checkpoint: stop, without an error
└── WebhookRefused            a request that nobody vouches for: nothing is done

An adapter translates what it catches into one of these and chains the cause. No message ever carries a
credential, a presigned URL or an invoice's content.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qonto_sync.webhook import Refusal


class SyncError(Exception):
    """Anything this project raises on purpose."""


class Fatal(SyncError):
    """Stops the run: going on could only repeat the error or lose something."""


class InvalidEvent(Fatal):
    """The event is none that the function knows; the text names the key, the value and the fix."""


class InvalidSettings(Fatal):
    """Environment variables are missing or malformed; the text lists all of them at once."""


class InvalidSecret(Fatal):
    """The connection's secret is missing or malformed; the text names it and its shape, never its content."""


class CredentialsRefused(Fatal):
    """Qonto does not accept the credentials."""


class AccessDenied(Fatal):
    """The credentials are good, but do not allow this."""


class Misconfigured(Fatal):
    """Something that the deployment or the settings promise is not there."""


class ClockSkew(Fatal):
    """This machine's clock and Qonto's differ by more than the lag, so no window is known to be closed."""


class IncompleteRead(Fatal):
    """The pages of a slice did not add up, in any reading."""


class ItemError(SyncError):
    """One invoice could not be archived now."""


class Retriable(ItemError):
    """The same attempt may succeed later."""


class Permanent(ItemError):
    """The same attempt will fail until something changes at the source."""


class NotFound(SyncError):
    """The invoice does not exist at the source."""


class Conflict(SyncError):
    """A compare-and-swap failed: what was read before is not what is there now."""


class ObjectChanged(Conflict):
    """The S3 object is not the version that the ledger knows."""


class RowChanged(Conflict):
    """The ledger row is not the version that was read."""


class DeadlineReached(SyncError):
    """What is to be done next cannot be begun in this invocation any more. The run ends as `partial`."""


class Superseded(SyncError):
    """Another run committed the checkpoint that this one had read."""


class WebhookRefused(SyncError):
    """A request is not from Qonto, or not what was subscribed to."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason)
        self.reason = reason


_TRY_AGAIN = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.CONFLICT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)


def fate_of(status: int) -> type[SyncError]:
    """The one mapping from an HTTP status (not a success) to what happens next.

    404 is `NotFound` here; whoever asked for something that must exist translates that.
    """
    if status == HTTPStatus.UNAUTHORIZED:
        return CredentialsRefused
    if status == HTTPStatus.NOT_FOUND:
        return NotFound
    if status in _TRY_AGAIN or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Retriable
    # A redirect is a login page or a moved API: for one invoice as permanent as a 400, 403, 410 or 422.
    return Permanent
