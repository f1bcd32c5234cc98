"""AWS on one port: S3 by its paths, the others by the target that the JSON protocol names."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, override

from bench.server.http import Response, Site

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.server.dynamodb import DynamoDb
    from bench.server.http import Request
    from bench.server.s3 import S3
    from bench.server.tally import Tally

SECRET = {"login": "bench", "secret_key": "bench"}
"""Of every connection."""

_JSON = {"Content-Type": "application/x-amz-json-1.1"}


class Aws(Site):
    """Sorts requests by service, and counts those that are not S3's."""

    def __init__(self, s3: S3, dynamodb: DynamoDb, *, latencies: Mapping[str, float], tally: Tally) -> None:
        self._s3 = s3
        self._dynamodb = dynamodb
        self._latencies = latencies
        self._tally = tally

    @override
    def answer(self, request: Request) -> Response:
        """See `Site`."""
        service, _, operation = request.headers.get("x-amz-target", "").partition(".")
        match service.partition("_")[0]:
            case "":
                return self._s3.answer(request)
            case "DynamoDB":
                self._tally.count("dynamodb", operation)
                response = self._dynamodb.answer(operation, request.body)
            case "AmazonSQS":
                self._tally.count("sqs", operation)
                response = _json(_sent(json.loads(request.body)["Entries"]))
            case _:
                self._tally.count("secretsmanager", operation)
                response = _json(_secret(json.loads(request.body)["SecretId"]))
        return response._replace(delay=self._latencies["other"])


def _sent(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """The answer to SendMessageBatch, the only operation; nobody receives what was sent."""
    sent = [
        {
            "Id": entry["Id"],
            "MessageId": f"message-{entry['Id']}",
            "MD5OfMessageBody": hashlib.md5(entry["MessageBody"].encode(), usedforsecurity=False).hexdigest(),
        }
        for entry in entries
    ]
    return {"Successful": sent, "Failed": []}


def _secret(name: str) -> dict[str, Any]:
    """The answer to GetSecretValue, the only operation."""
    arn = f"arn:aws:secretsmanager:eu-central-1:123456789012:secret:{name}-abcdef"
    return {"ARN": arn, "Name": name, "VersionId": "0" * 32, "SecretString": json.dumps(SECRET)}


def _json(answer: dict[str, Any]) -> Response:
    return Response(200, (json.dumps(answer).encode(),), _JSON)
