"""Every error that this project raises on purpose, sorted by what happens next.

SyncError
├── Fatal                     stop the run or the batch; the checkpoint stays where it is
│   ├── InvalidEvent          the event that invoked the function
│   ├── InvalidSettings       the function's environment
│   ├── InvalidSecret         the connection's secret
│   ├── CredentialsRejected   Qonto's 401, also after one renewal of the credentials
│   ├── AccessDenied          Qonto's or AWS's 403: a scope, a plan or a policy is missing
│   ├── Misconfigured         a resource does not exist, or a response that no retry changes
│   ├── WrongOrganization     the credentials are another organization's
│   └── ClockSkew             the clock is wrong, so no window is known to be closed
├── ItemError                 this invoice becomes pending, or this page a gap; the run goes on
│   ├── Retriable             back off and try again
│   │   └── UnusableFile      ... unless it is the same file again: then as Permanent
│   └── Permanent             only Qonto can correct it: try again daily, and report it
├── NotFound                  Qonto does not have the invoice, or deleted it
├── Conflict                  another writer was faster: read again, then decide
│   ├── ObjectChanged         ... in S3
│   └── RowChanged            ... in DynamoDB
├── DeadlineReached           the invocation's time is over: start nothing new, the next run goes on
├── Superseded                another run committed the checkpoint: stop, without an error
└── WebhookRejected           a request that is not a valid webhook: nothing is done

An adapter translates what it catches into one of these and chains the cause. No message contains a credential, a
presigned URL or an invoice's content.
"""

from __future__ import annotations

from enum import StrEnum
from http import HTTPStatus


class SyncError(Exception):
    """Any error that this project raises on purpose."""


class Fatal(SyncError):
    """Stops the run: going on could only repeat the error or lose data."""


class InvalidEvent(Fatal):
    """The function does not accept the event; the text names the key, the value and the fix."""


class InvalidSettings(Fatal):
    """Environment variables are missing or malformed; the text lists all of them."""


class InvalidSecret(Fatal):
    """The connection's secret is missing or malformed; the text names the secret, never its content."""


class CredentialsRejected(Fatal):
    """Qonto does not accept the credentials."""


class AccessDenied(Fatal):
    """The credentials are valid, but do not allow this."""


class Misconfigured(Fatal):
    """A resource that the deployment or the settings name does not exist."""


class WrongOrganization(Fatal):
    """The credentials are not those of the organization that the connection's checkpoint names."""


class ClockSkew(Fatal):
    """This machine's clock and Qonto's differ by more than the lag, so no window is known to be closed."""


class ItemError(SyncError):
    """One invoice could not be archived now, or one page not be read."""


class Retriable(ItemError):
    """The same attempt may succeed later."""


class UnusableFile(Retriable):
    """A whole file that cannot be archived. Its text names the ETag: the same text again means the same file."""


class Permanent(ItemError):
    """The same attempt fails until something changes at Qonto."""


class NotFound(SyncError):
    """Qonto does not have the invoice."""


class Conflict(SyncError):
    """A compare-and-swap failed: the stored version is not the one that was read."""


class ObjectChanged(Conflict):
    """The S3 object is not the version that the ledger names."""


class RowChanged(Conflict):
    """The DynamoDB item is not the version that was read."""


class DeadlineReached(SyncError):
    """The invocation has no time left for the next step. The run ends as `partial`."""


class Superseded(SyncError):
    """Another run committed the checkpoint that this run had read."""


class RejectionReason(StrEnum):
    """Why a webhook request is rejected. The sender gets a status code and nothing else."""

    METHOD = "method"
    PATH = "path"
    CONTENT_TYPE = "content_type"
    SIZE = "size"
    MALFORMED = "malformed"
    STALE = "stale"
    SIGNATURE = "signature"
    NO_INVOICE = "no_invoice"


class WebhookRejected(SyncError):
    """A request is not from Qonto, or is no webhook that the connection subscribed to."""

    def __init__(self, reason: RejectionReason) -> None:
        super().__init__(reason)
        self.reason = reason


_RETRIABLE_STATUSES = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.CONFLICT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)


def error_for_status(status: int) -> type[SyncError]:
    """The one mapping from an HTTP status other than success to an error.

    404 is `NotFound`; a caller that asked for something that must exist translates it.
    """
    if status == HTTPStatus.UNAUTHORIZED:
        return CredentialsRejected
    if status == HTTPStatus.NOT_FOUND:
        return NotFound
    if status in _RETRIABLE_STATUSES or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Retriable
    # A redirect leads to a login page or a moved API: as permanent for one invoice as 400, 403, 410 or 422.
    return Permanent
