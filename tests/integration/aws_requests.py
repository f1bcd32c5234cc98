"""What AWS asks IAM for each call that the functions make: actions are not always named like operations."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from moto.core.models import DEFAULT_ACCOUNT_ID

from local.aws import REGION
from tests.integration.policies import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    type Parameters = Mapping[str, Any]
    type Asked = Callable[[Parameters], list[Request]]

_PARTITION_KEY: Final = "pk"


@dataclass(frozen=True, slots=True)
class Call:
    """A call that a function made, by the name of the service and the operation in boto3."""

    function: str
    """Its physical name."""
    service: str
    operation: str
    parameters: Parameters


def requests(call: Call) -> list[Request]:
    """All that has to be allowed for this call.

    Raises:
        LookupError: the operation is new here.
    """
    if call.operation not in _ASKED.get(call.service, {}):
        raise LookupError(f"{call.service} {call.operation}: say in {__name__} what IAM is asked for it")
    return _ASKED[call.service][call.operation](call.parameters)


def _arn(service: str, name: str) -> str:
    return f"arn:aws:{service}:{REGION}:{DEFAULT_ACCOUNT_ID}:{name}"


def _items(action: str, table: str, keys: Iterable[Mapping[str, Any]]) -> Request:
    return Request(action, _arn("dynamodb", f"table/{table}"), frozenset(key[_PARTITION_KEY]["S"] for key in keys))


def _query(parameters: Parameters) -> list[Request]:
    # The partition key is the one that is compared for equality; an index has its own.
    (value,) = re.findall(r"(?<![<>])= (:\w+)", parameters["KeyConditionExpression"])
    key = parameters["ExpressionAttributeValues"][value]["S"]
    index = _arn("dynamodb", f"table/{parameters['TableName']}/index/{parameters['IndexName']}")
    return [Request("dynamodb:Query", index, frozenset({key}))]


def _object(action: str) -> Asked:
    return lambda parameters: [Request(action, f"arn:aws:s3:::{parameters['Bucket']}/{parameters['Key']}")]


def _finished_object(parameters: Parameters) -> list[Request]:
    # With If-Match the response reveals the object, so S3 requires GetObject. If-None-Match requires nothing more.
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
    reads = _object("s3:GetObject")(parameters) if "IfMatch" in parameters else []
    return [*_object("s3:PutObject")(parameters), *reads]


def _head(parameters: Parameters) -> list[Request]:
    # Without permission to list the bucket, S3 answers 403 instead of 404 for a missing object.
    bucket = f"arn:aws:s3:::{parameters['Bucket']}"
    return [*_object("s3:GetObject")(parameters), Request("s3:ListBucket", bucket)]


def _secret(action: str) -> Asked:
    # Its ARN ends in six characters that Secrets Manager draws.
    return lambda parameters: [Request(action, _arn("secretsmanager", f"secret:{parameters['SecretId']}-x0X0x0"))]


def _queue(action: str) -> Asked:
    return lambda parameters: [Request(action, _arn("sqs", parameters["QueueUrl"].rpartition("/")[2]))]


_ASKED: Final[Mapping[str, Mapping[str, Asked]]] = {
    "dynamodb": {
        "GetItem": lambda parameters: [_items("dynamodb:GetItem", parameters["TableName"], [parameters["Key"]])],
        "BatchGetItem": lambda parameters: [
            _items("dynamodb:BatchGetItem", table, some["Keys"]) for table, some in parameters["RequestItems"].items()
        ],
        "PutItem": lambda parameters: [_items("dynamodb:PutItem", parameters["TableName"], [parameters["Item"]])],
        # A transaction is as allowed as each of its parts.
        "TransactWriteItems": lambda parameters: [
            _items("dynamodb:PutItem", item["Put"]["TableName"], [item["Put"]["Item"]])
            for item in parameters["TransactItems"]
        ],
        "DeleteItem": lambda parameters: [_items("dynamodb:DeleteItem", parameters["TableName"], [parameters["Key"]])],
        "UpdateItem": lambda parameters: [_items("dynamodb:UpdateItem", parameters["TableName"], [parameters["Key"]])],
        "Query": _query,
    },
    "s3": {
        "HeadObject": _head,
        "ListObjectsV2": lambda parameters: [Request("s3:ListBucket", f"arn:aws:s3:::{parameters['Bucket']}")],
        "GetObject": _head,
        "PutObject": _finished_object,
        "CreateMultipartUpload": _object("s3:PutObject"),
        "UploadPart": _object("s3:PutObject"),
        "CompleteMultipartUpload": _finished_object,
        "AbortMultipartUpload": _object("s3:AbortMultipartUpload"),
    },
    "secretsmanager": {
        "GetSecretValue": _secret("secretsmanager:GetSecretValue"),
        "PutSecretValue": _secret("secretsmanager:PutSecretValue"),
    },
    "sqs": {
        "SendMessageBatch": _queue("sqs:SendMessage"),
        "ChangeMessageVisibility": _queue("sqs:ChangeMessageVisibility"),
    },
}
