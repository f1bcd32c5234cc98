"""boto3 clients, and the one translation of what they raise."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from qonto_sync.errors import AccessDenied, Misconfigured, Retriable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import timedelta
    from typing import Any

_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "403", "InvalidAccessKeyId", "ExpiredToken"})
_MISSING = frozenset(
    {
        "NoSuchBucket",
        "ResourceNotFoundException",
        "QueueDoesNotExist",
        "AWS.SimpleQueueService.NonExistentQueue",
    }
)

IS_NEW = "attribute_not_exists(pk)"
"""DynamoDB's condition that there is no such item yet."""


def client_config(workers: int) -> Config:
    """Bounded waits, a few retries by the SDK, and a connection per worker."""
    return Config(
        connect_timeout=5,
        read_timeout=20,
        retries={"mode": "standard", "total_max_attempts": 4},
        max_pool_connections=workers + 1,
        # Checksums are sent where this code says so; the SDK's own would be a second one.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )


def impatient_config(read_timeout: timedelta) -> Config:
    """For who is waited for: a call ends within one and a half times this, and whoever asked may ask again."""
    return Config(
        connect_timeout=read_timeout.total_seconds() / 2,
        read_timeout=read_timeout.total_seconds(),
        # The SDK would wait for up to a second before it tries again.
        retries={"mode": "standard", "total_max_attempts": 1},
    )


def error_code(error: ClientError) -> str:
    """The service's own code, or the HTTP status where a HEAD request leaves nothing else."""
    return str(error.response.get("Error", {}).get("Code", ""))


def item_in_the_way(error: ClientError) -> Mapping[str, Any] | None:
    """The item that made DynamoDB's condition fail, None if there is none; any other error is raised on."""
    if error_code(error) != "ConditionalCheckFailedException":
        raise error
    # The stubs do not know what ReturnValuesOnConditionCheckFailure adds to the answer.
    answer: Mapping[str, Any] = error.response
    return answer.get("Item") or None


def if_version_is(version: int) -> Any:
    """DynamoDB's condition that the item still has the version that was read; 0: that there is none yet."""
    if version == 0:
        return {"ConditionExpression": IS_NEW}
    return {
        "ConditionExpression": "#version = :read_version",
        "ExpressionAttributeNames": {"#version": "version"},
        "ExpressionAttributeValues": {":read_version": {"N": str(version)}},
    }


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Raises the error that tells what to do next in place of boto3's; `what` names the resource for a person.

    Raises:
        AccessDenied: the function's role does not allow it.
        Misconfigured: the resource is not there.
        Retriable: anything else, after the SDK's own retries.
    """
    try:
        yield
    except ClientError as error:
        code = error_code(error)
        reason = f"{what}: AWS answered {code} to {error.operation_name}"
        if code in _DENIED:
            raise AccessDenied(reason) from error
        if code in _MISSING:
            raise Misconfigured(reason) from error
        raise Retriable(reason) from error
    except BotoCoreError as error:
        raise Retriable(f"{what}: {type(error).__name__}") from error
