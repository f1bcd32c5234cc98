"""The operator's own AWS: a session, and errors in one line that a person can act on."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import boto3
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


_ACTIONS: Final = {
    "GetObject": "s3:GetObject (or s3:ListBucket)",
    "ListObjectsV2": "s3:ListBucket",
    "ListObjectVersions": "s3:ListBucketVersions",
    "Invoke": "lambda:InvokeFunction",
}
"""The IAM actions that are not called as the operations are."""


class OperationFailed(Exception):
    """It could not be done; the message says why, and what to do."""

    exit_status = 1


class WrongArgument(OperationFailed):
    """The operator typed something that cannot be meant; nothing was changed."""

    exit_status = 2


def open_session() -> boto3.Session:
    """The profile and region of the operator's environment, as the AWS CLI takes them."""
    # The CLI reads AWS_REGION, and prefers it; boto3 reads only AWS_DEFAULT_REGION.
    return boto3.Session(region_name=os.environ.get("AWS_REGION") or None)


def code_of(error: ClientError) -> str:
    """What AWS calls the error, such as `ResourceNotFoundException`."""
    return error.response["Error"]["Code"]


def message_of(error: ClientError) -> str:
    """AWS's own words, in one line."""
    return _in_one_line(error.response["Error"]["Message"])


@contextmanager
def explained() -> Iterator[None]:
    """Translates an error of AWS or its SDK into one line.

    Raises:
        OperationFailed: It says which action failed, or which setting is missing.
    """
    try:
        yield
    except NoRegionError as error:
        raise OperationFailed("No AWS region is set: say AWS_REGION=…, or AWS_PROFILE=… of one that has it") from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise OperationFailed(
            "AWS credentials are missing or incomplete: `aws sts get-caller-identity` has to work first"
        ) from error
    except ClientError as error:
        if code_of(error).startswith("AccessDenied"):
            action = _ACTIONS.get(error.operation_name, error.operation_name)
            raise OperationFailed(f"{action} was denied: {message_of(error)}") from error
        raise OperationFailed(f"{error.operation_name} failed with {code_of(error)}: {message_of(error)}") from error
    except BotoCoreError as error:
        raise OperationFailed(_in_one_line(str(error))) from error


def _in_one_line(text: str) -> str:
    return " ".join(text.split())
