"""The messages on the retry queue: ids and a reason, never a URL or an invoice's content."""

from __future__ import annotations

import json
from dataclasses import dataclass
from reprlib import repr as shown
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from qonto_sync.domain.errors import InvalidEvent
from qonto_sync.domain.ids import CONNECTION_PATTERN, LONGEST_ID, ConnectionName, InvoiceId, is_usable_id

if TYPE_CHECKING:
    from collections.abc import Iterable

WEBHOOK: Final = "webhook"
"""The reason of a message that a webhook caused; the invoice need not be pending."""

_VERSION: Final = 1
_TOKEN_REFRESH: Final = "refresh"  # noqa: S105 - a message's reason


@dataclass(frozen=True, slots=True)
class RetryMessage:
    """Triggers another attempt at an invoice. The ledger, not the message, says what is to be done."""

    connection: ConnectionName
    invoice_id: InvoiceId
    reason: str
    """A `PendingReason`, `WEBHOOK`, or what another version of this code writes: for a person, except `WEBHOOK`."""


@dataclass(frozen=True, slots=True)
class RecoveryMessage:
    """Triggers a check whether a refresh of the connection's token was interrupted."""

    connection: ConnectionName


class DelayedMessage(NamedTuple):
    """A message, and after how many seconds it is to be delivered."""

    message: RetryMessage
    delay_seconds: int


def parse_message(body: str) -> RetryMessage | RecoveryMessage:
    """The message that `message_body` wrote.

    Raises:
        InvalidEvent: names what is wrong; only this message fails.
    """
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidEvent("The message is not JSON") from error
    if not isinstance(fields, dict) or fields.get("version") != _VERSION:
        raise InvalidEvent(f"The message is not an object with 'version' {_VERSION}")
    connection = connection_name(fields.get("connection"))
    if fields.get("reason") == _TOKEN_REFRESH:
        return RecoveryMessage(connection)
    invoice_id = fields.get("invoice_id")
    if not is_usable_id(invoice_id):
        raise InvalidEvent(f"'invoice_id' is not a text of 1 to {LONGEST_ID} characters")
    return RetryMessage(connection, InvoiceId(invoice_id), str(fields.get("reason")))


def message_body(message: RetryMessage | RecoveryMessage) -> str:
    """The body of the SQS message."""
    fields: dict[str, Any] = {"version": _VERSION, "connection": message.connection}
    match message:
        case RetryMessage():
            fields |= {"invoice_id": message.invoice_id, "reason": message.reason}
        case RecoveryMessage():
            fields |= {"reason": _TOKEN_REFRESH}
    return json.dumps(fields)


def connection_name(value: Any) -> ConnectionName:
    """The value as a connection's name.

    Raises:
        InvalidEvent: it is none.
    """
    if not isinstance(value, str) or not CONNECTION_PATTERN.fullmatch(value):
        raise InvalidEvent(
            f"'connection' is {shown(value)}, but must be a name of letters, digits, '-' and '_', such as 'default'"
        )
    return ConnectionName(value)


def listed(values: Iterable[str]) -> str:
    """The values in order, quoted, for an error message."""
    return ", ".join(repr(str(value)) for value in sorted(values))
