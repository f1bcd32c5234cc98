"""Makes CloudFormation out of the SAM template, and a stack out of that."""

from __future__ import annotations

import copy
import json
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError
from samtranslator.metrics.metrics import Metrics
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

from local.aws import REGION, session

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_STACK_NAME: Final = "local"
_ARTIFACT: Final = {"Bucket": "local-artifacts", "Key": "nothing.zip"}
_CODE_PROPERTY: Final = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
}

# What moto's CloudFormation would pass over with a warning. A type that is new to it still warns.
_UNKNOWN_TO_MOTO: Final = {
    "AWS::ApiGatewayV2::Api",
    "AWS::ApiGatewayV2::Stage",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Logs::QueryDefinition",
    "AWS::S3::BucketPolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::SNS::TopicPolicy",
    "AWS::Scheduler::Schedule",
    "AWS::Scheduler::ScheduleGroup",
}


class DeploymentError(Exception):
    """The template could not be deployed; the message says which part and why."""


def read(template: Path) -> dict[str, Any]:
    """Parses a template. CloudFormation's short forms become long: `!Ref X` is `{"Ref": "X"}`."""
    return copy.deepcopy(_parsed(template.read_text()))


@cache
def _parsed(text: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml_parse(text)  # type: ignore[no-untyped-call]
    return document


def translate(document: dict[str, Any], parameters: Mapping[str, str]) -> dict[str, Any]:
    """Makes CloudFormation out of a parsed SAM template, as AWS does before it deploys.

    Raises:
        DeploymentError: The template is no valid SAM.
    """
    for resource in document["Resources"].values():
        if code := _CODE_PROPERTY.get(resource["Type"]):
            # SAM takes only code that was uploaded. What runs locally is the folder itself.
            resource["Properties"][code] = dict(_ARTIFACT)
    metrics = Metrics()
    translator = Translator(None, Parser(), boto_session=session(), metrics=metrics)
    try:
        # An empty dict: the template names no managed policy to look up.
        translated: dict[str, Any] = translator.translate(document, dict(parameters), get_managed_policy_map=dict)
    except InvalidDocumentException as error:
        raise DeploymentError("; ".join(cause.message for cause in error.causes)) from error
    finally:
        # SAM rejects outputs and conditions that refer to nothing.
        metrics.publish()
    return translated


def create_stack(
    endpoint_url: str, translated: dict[str, Any], parameters: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str], dict[str, Any]]:
    """Creates the stack on the AWS at `endpoint_url`.

    Gives its physical ids, its outputs, and the destinations of its functions, which moto's CloudFormation passes over:
    by the function's logical id, as Lambda's API takes them.

    Raises:
        DeploymentError: A resource could not be created.
    """
    s3 = session().client("s3", endpoint_url=endpoint_url)
    s3.create_bucket(Bucket=_ARTIFACT["Bucket"], CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=_ARTIFACT["Bucket"], Key=_ARTIFACT["Key"])
    client = session().client("cloudformation", endpoint_url=endpoint_url)
    known = {key: item for key, item in translated["Resources"].items() if item["Type"] not in _UNKNOWN_TO_MOTO}
    # Whoever refers to one of the others gets its logical id.
    others = {key: {"Type": "String", "Default": key} for key in translated["Resources"].keys() - known.keys()}
    destinations = _destinations(translated)
    template = {
        **translated,
        "Resources": _without_nothing(known, translated, parameters),
        "Parameters": {**translated["Parameters"], **others},
        # moto resolves what is in an output.
        "Outputs": {**translated["Outputs"], **{key: {"Value": arn} for (key, _, _), arn in destinations.items()}},
    }
    try:
        client.create_stack(
            StackName=_STACK_NAME,
            TemplateBody=json.dumps(template),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Capabilities=["CAPABILITY_IAM"],
        )
    except ClientError as error:
        raise DeploymentError(f"The stack could not be created: {error}") from error
    except BotoCoreError as error:
        # moto responds with an HTML page and prints the reason.
        raise DeploymentError("The stack could not be created, for the reason that moto printed above") from error
    stack = client.describe_stacks(StackName=_STACK_NAME)["Stacks"][0]
    summaries = client.list_stack_resources(StackName=_STACK_NAME)["StackResourceSummaries"]
    resources = {item["LogicalResourceId"]: item["PhysicalResourceId"] for item in summaries}
    for logical_id, resource in known.items():
        # moto's CloudFormation ignores this property.
        if versioning := resource["Properties"].get("VersioningConfiguration"):
            s3.put_bucket_versioning(Bucket=resources[logical_id], VersioningConfiguration=versioning)
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    resolved: dict[str, Any] = {}
    for key, function, condition in destinations:
        resolved.setdefault(function, {})[condition] = {"Destination": outputs.pop(key)}
    return resources, outputs, resolved


def _destinations(translated: dict[str, Any]) -> dict[tuple[str, str, str], Any]:
    """The destinations of asynchronous invocations, each by a name, its function, and `OnSuccess` or `OnFailure`."""
    return {
        (f"{logical_id}{condition}", resource["Properties"]["FunctionName"]["Ref"], condition): target["Destination"]
        for logical_id, resource in translated["Resources"].items()
        if resource["Type"] == "AWS::Lambda::EventInvokeConfig"
        for condition, target in resource["Properties"]["DestinationConfig"].items()
    }


def _without_nothing(resources: Any, translated: Mapping[str, Any], parameters: Mapping[str, str]) -> Any:
    """Leaves out of lists what a condition makes `AWS::NoValue`: moto would leave a None in its place."""
    values = {name: parameter.get("Default") for name, parameter in translated["Parameters"].items()} | {**parameters}

    def holds(condition: Any) -> bool:
        (function, arguments), *_ = condition.items()
        if function == "Fn::Not":
            return not holds(arguments[0])
        if function == "Fn::Equals":
            one, other = (values[item["Ref"]] if isinstance(item, dict) else item for item in arguments)
            return bool(one == other)
        raise DeploymentError(f"{function} in a condition: say here what it means")

    def cleaned(value: Any) -> Any:
        if isinstance(value, list):
            return [cleaned(item) for item in value if not is_nothing(item)]
        return {key: cleaned(item) for key, item in value.items()} if isinstance(value, dict) else value

    def is_nothing(item: Any) -> bool:
        if not isinstance(item, dict) or "Fn::If" not in item:
            return False
        name, then, otherwise = item["Fn::If"]
        chosen = then if holds(translated["Conditions"][name]) else otherwise
        return bool(chosen == {"Ref": "AWS::NoValue"})

    return cleaned(resources)
