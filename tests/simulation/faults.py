"""How a call to a service can go wrong: what of it takes effect, and what the caller gets to see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from local.in_memory.errors import ServiceError
from qonto_sync.errors import CredentialsRefused, Permanent, Retriable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qonto_sync.errors import SyncError

type Apply = Callable[..., Any]
"""The service's own method: takes the request, gives the answer, and takes effect."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One way for a call to go wrong."""

    name: str
    behave: Callable[[Apply, Mapping[str, Any]], Any]


def refused(code: str, status: int) -> Fault:
    """The service says no, and does nothing."""

    def behave(_apply: Apply, _request: Mapping[str, Any]) -> Any:
        raise ServiceError(code, status)

    return Fault(f"is answered {code}", behave)


def _unreachable(_apply: Apply, _request: Mapping[str, Any]) -> Any:
    raise EndpointConnectionError(endpoint_url="https://aws.example")


def _unheard(apply: Apply, request: Mapping[str, Any]) -> Any:
    apply(**request)
    raise ReadTimeoutError(endpoint_url="https://aws.example")


def _repeated(apply: Apply, request: Mapping[str, Any]) -> Any:
    apply(**request)
    return apply(**request)


def _half_read(apply: Apply, request: Mapping[str, Any]) -> Any:
    ((table, wanted),) = request["RequestItems"].items()
    keys = wanted["Keys"]
    half = len(keys) // 2
    answer = apply(RequestItems={table: {**wanted, "Keys": keys[:half]}}) if half else {"Responses": {}}
    return {**answer, "UnprocessedKeys": {table: {**wanted, "Keys": keys[half:]}}}


def _half_sent(apply: Apply, request: Mapping[str, Any]) -> Any:
    entries = request["Entries"]
    half = len(entries) // 2
    answer = apply(QueueUrl=request["QueueUrl"], Entries=entries[:half]) if half else {"Successful": []}
    failed = [{"Id": entry["Id"], "Code": "InternalError", "SenderFault": False} for entry in entries[half:]]
    return {**answer, "Failed": failed}


UNREACHABLE = Fault("does not get through", _unreachable)
UNHEARD = Fault("takes effect, but no answer comes back", _unheard)
REPEATED = Fault("takes effect, its answer is lost, and the SDK sends it again", _repeated)

_THROTTLED_TABLE = refused("ThrottlingException", 400)
_BROKEN_TABLE = refused("InternalServerError", 500)
_BROKEN_BUCKET = refused("InternalError", 500)
_SLOW_BUCKET = refused("SlowDown", 503)
_RACE = refused("ConditionalRequestConflict", 409)

OF_CALLS: Mapping[str, tuple[Fault, ...]] = {
    "s3.put_object": (_BROKEN_BUCKET, _SLOW_BUCKET, UNREACHABLE, _RACE, UNHEARD, REPEATED),
    "s3.head_object": (refused("500", 500), UNREACHABLE),
    "s3.create_multipart_upload": (_BROKEN_BUCKET, UNREACHABLE, UNHEARD),
    "s3.upload_part": (_BROKEN_BUCKET, UNREACHABLE, UNHEARD, REPEATED),
    "s3.complete_multipart_upload": (_BROKEN_BUCKET, UNREACHABLE, _RACE, UNHEARD, REPEATED),
    "s3.abort_multipart_upload": (_BROKEN_BUCKET, UNREACHABLE, UNHEARD, REPEATED),
    "dynamodb.get_item": (_THROTTLED_TABLE, _BROKEN_TABLE, UNREACHABLE),
    "dynamodb.batch_get_item": (_THROTTLED_TABLE, UNREACHABLE, Fault("is answered in part", _half_read)),
    "dynamodb.put_item": (_THROTTLED_TABLE, _BROKEN_TABLE, UNREACHABLE, UNHEARD, REPEATED),
    # Repeated, it is known by its token in the real one; here it is refused, which asks more of its caller.
    "dynamodb.transact_write_items": (_THROTTLED_TABLE, _BROKEN_TABLE, UNREACHABLE, UNHEARD, REPEATED),
    "dynamodb.update_item": (_THROTTLED_TABLE, _BROKEN_TABLE, UNREACHABLE, UNHEARD, REPEATED),
    "dynamodb.query": (_THROTTLED_TABLE, UNREACHABLE),
    "sqs.send_message_batch": (
        refused("InternalError", 500),
        UNREACHABLE,
        UNHEARD,
        REPEATED,
        Fault("is accepted in part", _half_sent),
    ),
    "sqs.change_message_visibility": (refused("ReceiptHandleIsInvalid", 400), UNREACHABLE, UNHEARD),
}
"""The documented faults of each call that the adapters make."""


def fails(error: type[SyncError]) -> Fault:
    """The source or the file host fails, as the HTTP adapters tell it."""

    def behave(_apply: Apply, _request: Mapping[str, Any]) -> Any:
        raise error("simulated")

    return Fault(f"fails: {error.__name__}", behave)


_SOURCE_DOWN = fails(Retriable)
_REFUSED = fails(CredentialsRefused)
OF_SOURCE: Mapping[str, tuple[Fault, ...]] = {
    "qonto.page": (_SOURCE_DOWN, _REFUSED),
    "qonto.invoice": (_SOURCE_DOWN, fails(Permanent), _REFUSED),
    "qonto.attachment": (_SOURCE_DOWN, fails(Permanent), _REFUSED),
    "files.open": (_SOURCE_DOWN, fails(Permanent)),
    "files.part": (_SOURCE_DOWN,),
}
"""The faults of each call to the source: page by page, a `Permanent` is `Fatal` already."""
