"""Invokes the deployed functions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from botocore.config import Config

from operations.aws import OperationFailed, WrongArgument
from qonto_sync.domain.errors import InvalidEvent
from qonto_sync.domain.events import parse_sync_event
from qonto_sync.domain.ids import InvoiceId
from qonto_sync.domain.messages import WEBHOOK, RetryMessage, message_body

if TYPE_CHECKING:
    from collections.abc import Iterator

    import boto3

    from operations.stack import Stack
    from qonto_sync.domain.ids import ConnectionName

type Event = dict[str, Any]
type Result = dict[str, Any]

_LONGEST_RUN: Final = 910
"""Seconds; Lambda's limit is 900."""


def checked(event: Event) -> Event:
    """The event, if the function takes it.

    Raises:
        WrongArgument: It names the key, its value, and what is accepted.
    """
    try:
        parse_sync_event(event)
    except InvalidEvent as error:
        raise WrongArgument(str(error)) from error
    return event


def invoke_and_wait(session: boto3.Session, stack: Stack, event: Event) -> Iterator[Result]:
    """The result of the run, and of each run that goes on from the one before until all is done.

    Raises:
        OperationFailed: A run failed, and how.
    """
    # A repeated request would be a second run.
    config = Config(read_timeout=_LONGEST_RUN, retries={"total_max_attempts": 1}, tcp_keepalive=True)
    client = session.client("lambda", config=config)
    following: Event | None = event
    while following is not None:
        answer = client.invoke(FunctionName=stack.sync_function_arn, Payload=json.dumps(following))
        result: Result = json.loads(answer["Payload"].read())
        if answer.get("FunctionError"):
            kind, text = result.get("errorType", "an error"), result.get("errorMessage", "")
            where = f"{stack.runbook_url}#errors-of-a-run"
            raise OperationFailed(f"The run failed with {kind}: {text}\nWhat it means: {where}")
        yield result
        following = result.get("continue")


def invoke_and_leave(session: boto3.Session, stack: Stack, event: Event) -> None:
    """Starts a run, which others follow until all is done; nobody waits for them."""
    client = session.client("lambda")
    client.invoke(FunctionName=stack.sync_function_arn, InvocationType="Event", Payload=json.dumps(event))


def send_retry(session: boto3.Session, stack: Stack, connection: ConnectionName, invoice_id: str) -> None:
    """Has the retry function archive the invoice as it is now, whatever the ledger says."""
    message = RetryMessage(connection, InvoiceId(invoice_id), WEBHOOK)
    session.client("sqs").send_message(
        QueueUrl=stack.retry_queue_url, MessageBody=message_body(message), MessageGroupId=connection
    )
