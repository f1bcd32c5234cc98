"""The public endpoint: it exists only if enabled, and accepts only what may be a webhook."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from local.aws import moto_server
from local.stack import deploy

if TYPE_CHECKING:
    from local.stack import Stack


def deployed(enabled: str) -> Stack:
    """The stack with this value of the parameter."""
    with moto_server() as endpoint_url:
        return deploy(endpoint_url, parameters={"WebhookEnabled": enabled})


def if_enabled(value: Any) -> Any:
    """What SAM makes of a part of the API whose function has a condition."""
    condition, part, otherwise = value["Fn::If"]
    assert (condition, otherwise) == ("HasWebhooks", {"Ref": "AWS::NoValue"})
    return part


def test_without_the_parameter_nothing_is_public(resources: dict[str, Any], source: dict[str, Any]) -> None:
    """All that has to do with webhooks hangs on one condition, which does not hold by default."""
    assert source["Conditions"]["HasWebhooks"] == {"Fn::Equals": [{"Ref": "WebhookEnabled"}, "true"]}
    about = {name for name, item in resources.items() if "Webhook" in name or "ApiGateway" in item["Type"]}
    assert about == {name for name, item in resources.items() if item.get("Condition") == "HasWebhooks"}
    assert len(about) == 8
    assert source["Outputs"]["WebhookUrl"]["Condition"] == "HasWebhooks"


@pytest.mark.slow
def test_the_parameter_deploys_it() -> None:
    """The function, fed by nothing but its address; without the parameter, neither."""
    stack = deployed("true")
    assert stack.functions["WebhookFunction"].environment["RETRY_QUEUE_URL"] == stack.queues["RetryQueue"].url
    assert (stack.functions["WebhookFunction"].timeout, stack.functions["WebhookFunction"].memory) == (5, 1769)
    assert stack.outputs["WebhookUrl"].endswith(".amazonaws.com/webhooks/<connection>")
    assert [mapping.function.logical_id for mapping in stack.mappings] == ["RetryFunction"]
    without = deployed("false")
    assert without.functions.keys() == {"SyncFunction", "RetryFunction"}
    assert "WebhookUrl" not in without.outputs


def test_one_route_leads_to_the_function(resources: dict[str, Any]) -> None:
    """The API rejects everything but a POST to a webhook's path, without starting a function."""
    paths = resources["WebhookApi"]["Properties"]["Body"]["paths"]
    assert set(paths) == {"/webhooks/{connection}"}
    methods = if_enabled(paths["/webhooks/{connection}"])
    assert set(methods) == {"post"}
    integration = if_enabled(methods["post"])["x-amazon-apigateway-integration"]
    assert (integration["type"], integration["payloadFormatVersion"]) == ("aws_proxy", "2.0")
    permission = resources["WebhookFunctionDeliveryPermission"]["Properties"]
    assert permission["Principal"] == "apigateway.amazonaws.com"
    arn, names = permission["SourceArn"]["Fn::Sub"]
    assert arn.endswith(":${__ApiId__}/${__Stage__}/POST/webhooks/*")
    assert names["__ApiId__"] == {"Ref": "WebhookApi"}


def test_a_flood_ends_at_the_api(resources: dict[str, Any]) -> None:
    """It is not to take the executions that the hourly run needs; and what comes is on record, without contents."""
    stage = resources["WebhookApiApiGatewayDefaultStage"]["Properties"]
    assert stage["DefaultRouteSettings"] == {"ThrottlingRateLimit": 200, "ThrottlingBurstLimit": 400}
    assert stage["StageName"] == "$default"
    assert stage["AccessLogSettings"]["DestinationArn"] == {"Fn::GetAtt": ["WebhookAccessLogGroup", "Arn"]}
    logged = json.loads(stage["AccessLogSettings"]["Format"])
    assert set(logged.values()) == {
        *("$context.requestTime", "$context.identity.sourceIp", "$context.routeKey", "$context.status"),
        *("$context.responseLatency", "$context.requestId"),
        *("$context.error.message", "$context.integrationErrorMessage"),
    }


def test_an_alarm_rings_when_webhooks_are_not_taken_in(resources: dict[str, Any]) -> None:
    """It rings for our own lasting errors, not for rejected requests of strangers."""
    alarm = resources["WebhooksAlarm"]["Properties"]
    assert (alarm["MetricName"], alarm["Dimensions"]) == ("5xx", [{"Name": "ApiId", "Value": {"Ref": "WebhookApi"}}])
    assert alarm["Period"] * alarm["EvaluationPeriods"] == 900
    assert alarm["DatapointsToAlarm"] == alarm["EvaluationPeriods"]
