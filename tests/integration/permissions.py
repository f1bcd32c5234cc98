"""What the deployed functions asked of AWS, beside what their roles allow: moto itself allows everything."""

from __future__ import annotations

import ast
import os
from typing import TYPE_CHECKING, Any, Final

from botocore.client import BaseClient

from local.aws import session
from tests.integration.aws_requests import Call, requests
from tests.integration.policies import Request, is_allowed, parse, unused

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest

    from local.stack import Stack
    from tests.integration.policies import Policy

_POLLING: Final = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
_LOGGING: Final = ("logs:CreateLogStream", "logs:PutLogEvents")
_TRACING: Final = ("xray:PutTraceSegments", "xray:PutTelemetryRecords")


def record(monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    """A list of every call that a function makes from now on, with any client."""
    calls: list[Call] = []
    make_api_call = BaseClient._make_api_call  # type: ignore[attr-defined] # the stubs leave out what is private

    def recording(client: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
        # Set while a function runs; nothing else calls AWS then.
        function = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        if function:
            without_body = {name: value for name, value in parameters.items() if name != "Body"}
            calls.append(Call(function, client.meta.service_model.service_name, operation, without_body))
        return make_api_call(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", recording)
    return calls


def refused(stack: Stack, calls: Iterable[Call]) -> list[str]:
    """The calls that AWS would have denied, each with what its function's role or the bucket's policy asks for."""
    policies, names = _policies(stack), {function.name: id_ for id_, function in stack.functions.items()}
    made = [(call, f"{call.operation} by {names[call.function]}") for call in calls]
    by_role = {
        f"{text} needs {_text(request)}"
        for call, text in made
        for request in requests(call)
        if not is_allowed(policies[names[call.function]], request)
    }
    by_bucket = {f"{text} needs a condition" for call, text in made if _creates_unconditionally(call)}
    return sorted(by_role | by_bucket)


def _creates_unconditionally(call: Call) -> bool:
    creates = call.operation in {"PutObject", "CompleteMultipartUpload", "CopyObject"}
    return creates and not {"IfMatch", "IfNoneMatch"} & call.parameters.keys()


def refused_to_lambda(stack: Stack) -> list[str]:
    """Likewise for what Lambda does by itself, but with a function's role."""
    return [
        f"Lambda, for {logical_id}, needs {_text(request)}"
        for logical_id, policy in _policies(stack).items()
        for request in _of_lambda(stack, logical_id)
        if not is_allowed(policy, request)
    ]


def left_over(stack: Stack, calls: Iterable[Call]) -> list[str]:
    """What the roles allow and neither these calls, none of them denied, nor Lambda needed."""
    names = {function.name: id_ for id_, function in stack.functions.items()}
    asked = {id_: set(_of_lambda(stack, id_)) for id_ in stack.functions}
    for call in calls:
        asked[names[call.function]].update(requests(call))
    return [f"{id_}: {left}" for id_, policy in _policies(stack).items() for left in unused(policy, asked[id_])]


def _policies(stack: Stack) -> dict[str, Policy]:
    """By the logical ids of the functions, all policies of their roles, as they were deployed."""
    local = session()
    functions = local.client("lambda", endpoint_url=stack.endpoint_url)
    iam = local.client("iam", endpoint_url=stack.endpoint_url)
    found = {}
    for logical_id, function in stack.functions.items():
        role = functions.get_function_configuration(FunctionName=function.name)["Role"].rpartition("/")[2]
        assert not iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"], "they would allow more"
        documents = [
            _from_moto(iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"])
            for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
        ]
        found[logical_id] = tuple(statement for document in documents for statement in parse(document))
    return found


def _from_moto(document: Any) -> dict[str, Any]:
    # What CloudFormation creates, moto's IAM gives as Python prints it, and the ARN of a log group without the `:*`
    # that CloudFormation puts at its end.
    found: dict[str, Any] = ast.literal_eval(document)
    for statement in found["Statement"]:
        if ":log-group:" in statement["Resource"]:
            statement["Resource"] += ":*"
    return found


def _of_lambda(stack: Stack, logical_id: str) -> list[Request]:
    function = stack.functions[logical_id]
    logs = function.arn.replace(":lambda:", ":logs:").removesuffix(f":function:{function.name}")
    log_stream = f"{logs}:log-group:{function.log_group}:log-stream:2026/03/01/[$LATEST]0"
    own = {
        # EventInvokeConfig's destinations
        "SyncFunction": [
            Request("sqs:SendMessage", stack.queues["SyncFailureQueue"].arn),
            Request("events:PutEvents", stack.functions["SyncFunction"].on_success or ""),
        ],
        # The event source mapping
        "RetryFunction": [Request(action, stack.queues["RetryQueue"].arn) for action in _POLLING],
        # API Gateway calls it by a permission of the function.
        "WebhookFunction": [],
    }
    return [
        *own[logical_id],
        *(Request(action, log_stream) for action in _LOGGING),
        # `Tracing: Active`. X-Ray has no resources.
        *(Request(action, "*") for action in _TRACING),
    ]


def _text(request: Request) -> str:
    keys = f" for {', '.join(sorted(request.leading_keys))}" if request.leading_keys else ""
    return f"{request.action} on {request.resource}{keys}"
