"""Settings of the boto3 clients, and the one translation of their errors."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from qonto_sync.domain.errors import AccessDenied, Misconfigured, Retriable

if TYPE_CHECKING:
    from collections.abc import Iterator

_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "403", "InvalidAccessKeyId", "ExpiredToken"})
_MISSING = frozenset(
    {
        "NoSuchBucket",
        "ResourceNotFoundException",
        "QueueDoesNotExist",
        "AWS.SimpleQueueService.NonExistentQueue",
    }
)


_CONNECT_SECONDS, _READ_SECONDS = 1, 4
_ATTEMPTS = 2
_LONGEST_BACKOFF_SECONDS = 1
"""Of the SDK's standard mode before its first retry."""

LONGEST_CALL = timedelta(seconds=_ATTEMPTS * (_CONNECT_SECONDS + _READ_SECONDS) + _LONGEST_BACKOFF_SECONDS)
"""A call that AWS does not answer ends within the reserve of any function, which is 12 seconds at least."""


def client_config(workers: int) -> Config:
    """A call ends within `LONGEST_CALL`; one pooled HTTP connection for each worker."""
    return Config(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        max_pool_connections=workers + 1,
        # This code sends checksums where they matter; the SDK would add others.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )


def low_latency_config(read_timeout: timedelta) -> Config:
    """For a caller that cannot wait: a call ends within one and a half times `read_timeout`, without retries."""
    return Config(
        connect_timeout=read_timeout.total_seconds() / 2,
        read_timeout=read_timeout.total_seconds(),
        # The SDK waits up to a second before a retry.
        retries={"mode": "standard", "total_max_attempts": 1},
    )


def error_code(error: ClientError) -> str:
    """The service's error code; for a HEAD request, whose response has no body, the HTTP status."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def aws_errors(resource: str) -> Iterator[None]:
    """Translates boto3's errors; `resource` names what was accessed, for a person.

    Raises:
        AccessDenied: the function's role does not allow it.
        Misconfigured: the resource does not exist.
        Retriable: any other error, after the SDK's own retries.
    """
    try:
        yield
    except ClientError as error:
        code = error_code(error)
        reason = f"{resource}: AWS answered {code} to {error.operation_name}"
        if code in _DENIED:
            raise AccessDenied(reason) from error
        if code in _MISSING:
            raise Misconfigured(reason) from error
        raise Retriable(reason) from error
    except (BotoCoreError, ResponseParserError) as error:
        raise Retriable(f"{resource}: {type(error).__name__}") from error
