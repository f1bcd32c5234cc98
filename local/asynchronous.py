"""Invokes functions as Lambda does when nobody waits for the result: it goes to a destination, where rules find it."""

from __future__ import annotations

import uuid
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from jsonpath_ng.parser import parse
from moto.events.models import EventPattern

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.stack import DeployedFunction, DeployedRule, Stack


class AsynchronousInvocations:
    """Plays Lambda's destinations and EventBridge's rules for the functions of a stack. It keeps no queue itself."""

    def __init__(self, stack: Stack, invoke: Callable[[DeployedFunction, Any], Any]) -> None:
        """`invoke` runs a function with an event, and returns its result."""
        self._rules = stack.rules
        self._invoke = invoke

    def run(self, function: DeployedFunction, event: Any) -> Iterator[Any]:
        """Invokes the function, and then what the rules start because of its result; yields each result.

        Raises:
            FunctionError: an invocation failed; nothing follows it.
        """
        waiting = deque([(function, event)])
        while waiting:
            function, event = waiting.popleft()
            result = self._invoke(function, event)
            yield result
            if function.on_success:
                waiting += self.started_by(function.on_success, success_record(function, event, result))

    def started_by(self, bus_arn: str, event: dict[str, Any]) -> list[tuple[DeployedFunction, Any]]:
        """The functions that the rules of a bus start because of an event, and what they are given."""
        return [
            (target.function, found.value)
            for rule in self._rules
            if rule.bus_arn == bus_arn and _matches(rule, event)
            for target in rule.targets
            for found in parse(target.input_path).find(event)
        ]


def success_record(function: DeployedFunction, event: Any, result: Any) -> dict[str, Any]:
    """What Lambda puts on the bus.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    """
    _, _, _, region, account, *_ = function.arn.split(":")
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    function_arn = f"{function.arn}:$LATEST"
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Lambda Function Invocation Result - Success",
        "source": "lambda",
        "account": account,
        "time": now,
        "region": region,
        "resources": [function_arn, function.on_success],
        "detail": {
            "version": "1.0",
            "timestamp": now,
            "requestContext": {
                "requestId": str(uuid.uuid4()),
                "functionArn": function_arn,
                "condition": "Success",
                "approximateInvokeCount": 1,
            },
            "requestPayload": event,
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"},
            "responsePayload": result,
        },
    }


def _matches(rule: DeployedRule, event: dict[str, Any]) -> bool:
    return EventPattern.load(rule.pattern).matches_event(event)  # type: ignore[arg-type]
