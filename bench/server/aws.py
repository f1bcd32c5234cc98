"""AWS on one port: S3 by its paths, the other services by the target that a header of their JSON protocol names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple, override

from bench.server.http import Response, Site
from local.in_memory.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bench.server.http import Request
    from bench.server.s3 import S3
    from bench.server.tally import Tally
    from local.in_memory.dynamodb import InMemoryDynamoDb
    from local.in_memory.sqs import InMemorySqs

_CREDENTIALS = {"login": "bench", "secret_key": "bench"}
_JSON = {"Content-Type": "application/x-amz-json-1.0"}


class _Service(NamedTuple):
    name: str
    """What its requests are counted under."""
    operations: Mapping[str, Callable[..., dict[str, Any]]]


class Aws(Site):
    """Routes requests to their services; those of the JSON protocol are counted and answered here."""

    def __init__(
        self, s3: S3, dynamodb: InMemoryDynamoDb, sqs: InMemorySqs, *, latencies: Mapping[str, float], tally: Tally
    ) -> None:
        self._s3 = s3
        self._latencies = latencies
        self._tally = tally
        self._services = {
            "DynamoDB_20120810": _Service(
                "dynamodb",
                {
                    "GetItem": dynamodb.get_item,
                    "BatchGetItem": dynamodb.batch_get_item,
                    "PutItem": dynamodb.put_item,
                    "UpdateItem": dynamodb.update_item,
                    "DeleteItem": dynamodb.delete_item,
                    "Query": dynamodb.query,
                    "TransactWriteItems": dynamodb.transact_write_items,
                },
            ),
            "AmazonSQS": _Service("sqs", {"SendMessageBatch": sqs.send_message_batch}),
            "secretsmanager": _Service("secretsmanager", {"GetSecretValue": _secret_value}),
        }

    @override
    def answer(self, request: Request) -> Response:
        """See `Site`."""
        target = request.headers.get("x-amz-target")
        if target is None:
            return self._s3.answer(request)
        prefix, _, operation = target.partition(".")
        service = self._services[prefix]
        self._tally.count(service.name, operation)
        status = 200
        try:
            answer = service.operations[operation](**json.loads(request.body))
        except ServiceError as error:
            status, answer = error.status, {"__type": error.code, "message": error.code, **error.details}
        return Response(status, (json.dumps(answer).encode(),), _JSON, self._latencies["other"])


def _secret_value(*, SecretId: str, **_request: Any) -> dict[str, Any]:  # noqa: N803
    """Every secret has the same credentials."""
    arn = f"arn:aws:secretsmanager:eu-central-1:123456789012:secret:{SecretId}-abcdef"
    return {"ARN": arn, "Name": SecretId, "VersionId": "0" * 32, "SecretString": json.dumps(_CREDENTIALS)}
