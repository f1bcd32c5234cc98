"""How a call to a service can fail: whether it takes effect, and which error the caller gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from local.in_memory.errors import ServiceError
from qonto_sync.domain.errors import CredentialsRejected, Permanent, Retriable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qonto_sync.domain.errors import SyncError

type Operation = Callable[..., Any]
"""The service's own method: it takes the request, has its effect and returns the response."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One way for a call to fail."""

    name: str
    inject: Callable[[Operation, Mapping[str, Any]], Any]
    """Makes the call with this fault."""


def _error(code: str, status: int) -> Fault:
    """The service returns an error, and the call has no effect."""

    def inject(_operation: Operation, _request: Mapping[str, Any]) -> Any:
        raise ServiceError(code, status)

    return Fault(f"is answered {code}", inject)


def _unreachable(_operation: Operation, _request: Mapping[str, Any]) -> Any:
    raise EndpointConnectionError(endpoint_url="https://aws.example")


def _lost_response(operation: Operation, request: Mapping[str, Any]) -> Any:
    operation(**request)
    raise ReadTimeoutError(endpoint_url="https://aws.example")


def _sent_twice(operation: Operation, request: Mapping[str, Any]) -> Any:
    operation(**request)
    return operation(**request)


def _half_read(operation: Operation, request: Mapping[str, Any]) -> Any:
    ((table, wanted),) = request["RequestItems"].items()
    keys = wanted["Keys"]
    half = len(keys) // 2
    answer = operation(RequestItems={table: {**wanted, "Keys": keys[:half]}}) if half else {"Responses": {}}
    return {**answer, "UnprocessedKeys": {table: {**wanted, "Keys": keys[half:]}}}


def _half_sent(operation: Operation, request: Mapping[str, Any]) -> Any:
    entries = request["Entries"]
    half = len(entries) // 2
    answer = operation(QueueUrl=request["QueueUrl"], Entries=entries[:half]) if half else {"Successful": []}
    failed = [{"Id": entry["Id"], "Code": "InternalError", "SenderFault": False} for entry in entries[half:]]
    return {**answer, "Failed": failed}


_UNREACHABLE = Fault("does not reach the service", _unreachable)
_LOST_RESPONSE = Fault("takes effect, but its response is lost", _lost_response)
_SENT_TWICE = Fault("takes effect, its response is lost, and the SDK sends it again", _sent_twice)

_THROTTLED_TABLE = _error("ThrottlingException", 400)
_BROKEN_TABLE = _error("InternalServerError", 500)
_BROKEN_BUCKET = _error("InternalError", 500)
_SLOW_BUCKET = _error("SlowDown", 503)
_CONFLICT = _error("ConditionalRequestConflict", 409)

SERVICE_FAULTS: Mapping[str, tuple[Fault, ...]] = {
    "s3.put_object": (_BROKEN_BUCKET, _SLOW_BUCKET, _UNREACHABLE, _CONFLICT, _LOST_RESPONSE, _SENT_TWICE),
    "s3.head_object": (_error("500", 500), _UNREACHABLE),
    "s3.get_object": (_BROKEN_BUCKET, _UNREACHABLE),
    "s3.list_objects_v2": (_BROKEN_BUCKET, _SLOW_BUCKET, _UNREACHABLE),
    "s3.create_multipart_upload": (_BROKEN_BUCKET, _UNREACHABLE, _LOST_RESPONSE),
    "s3.upload_part": (_BROKEN_BUCKET, _UNREACHABLE, _LOST_RESPONSE, _SENT_TWICE),
    "s3.complete_multipart_upload": (_BROKEN_BUCKET, _UNREACHABLE, _CONFLICT, _LOST_RESPONSE, _SENT_TWICE),
    "s3.abort_multipart_upload": (_BROKEN_BUCKET, _UNREACHABLE, _LOST_RESPONSE, _SENT_TWICE),
    "dynamodb.get_item": (_THROTTLED_TABLE, _BROKEN_TABLE, _UNREACHABLE),
    "dynamodb.batch_get_item": (_THROTTLED_TABLE, _UNREACHABLE, Fault("is answered in part", _half_read)),
    "dynamodb.put_item": (_THROTTLED_TABLE, _BROKEN_TABLE, _UNREACHABLE, _LOST_RESPONSE, _SENT_TWICE),
    # DynamoDB recognizes a repeated transaction by its token. Here it fails, which is harder for the caller.
    "dynamodb.transact_write_items": (_THROTTLED_TABLE, _BROKEN_TABLE, _UNREACHABLE, _LOST_RESPONSE, _SENT_TWICE),
    "dynamodb.update_item": (_THROTTLED_TABLE, _BROKEN_TABLE, _UNREACHABLE, _LOST_RESPONSE, _SENT_TWICE),
    "dynamodb.delete_item": (_THROTTLED_TABLE, _BROKEN_TABLE, _UNREACHABLE, _LOST_RESPONSE, _SENT_TWICE),
    "dynamodb.query": (_THROTTLED_TABLE, _UNREACHABLE),
    "sqs.send_message_batch": (
        _error("InternalError", 500),
        _UNREACHABLE,
        _LOST_RESPONSE,
        _SENT_TWICE,
        Fault("is accepted in part", _half_sent),
    ),
    "sqs.change_message_visibility": (_error("ReceiptHandleIsInvalid", 400), _UNREACHABLE, _LOST_RESPONSE),
}
"""The documented faults of each call that the adapters make."""


def _raises(error: type[SyncError]) -> Fault:
    """Qonto or its file host fails with the error that the HTTP adapters translate that to."""

    def inject(_operation: Operation, _request: Mapping[str, Any]) -> Any:
        raise error("simulated")

    return Fault(f"fails: {error.__name__}", inject)


_SOURCE_DOWN = _raises(Retriable)
_REFUSED = _raises(CredentialsRejected)
QONTO_FAULTS: Mapping[str, tuple[Fault, ...]] = {
    "qonto.page": (_SOURCE_DOWN, _REFUSED),
    "qonto.invoice": (_SOURCE_DOWN, _raises(Permanent), _REFUSED),
    "qonto.attachment": (_SOURCE_DOWN, _raises(Permanent), _REFUSED),
    "files.open": (_SOURCE_DOWN, _raises(Permanent)),
    "files.part": (_SOURCE_DOWN,),
}
"""The faults of each call to Qonto. A page has no `Permanent`: the adapter raises `Fatal` for it."""
