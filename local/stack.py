"""Deploys template.yaml on a local AWS and reads back what was deployed.

Only the template says which environment, queues and mappings the functions have. Whatever runs locally asks
the deployed stack, as an operator would ask AWS.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from local.aws import session
from local.cloudformation import DeploymentError, create_stack, read, translate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_lambda import LambdaClient

TEMPLATE: Final = Path(__file__).parent.parent / "template.yaml"


@dataclass(frozen=True, slots=True)
class DeployedFunction:
    """A function as Lambda describes it, and the folder its code comes from."""

    logical_id: str
    name: str
    arn: str
    handler: str
    timeout: int
    """Seconds."""
    memory: int
    """Megabytes."""
    environment: Mapping[str, str]
    log_group: str
    source: Path
    on_success: str | None = None
    """The ARN that Lambda sends the results of asynchronous invocations to."""


@dataclass(frozen=True, slots=True)
class DeployedQueue:
    """A queue as SQS describes it. Without a redrive policy the last two are None."""

    logical_id: str
    url: str
    arn: str
    visibility_timeout: int
    """Seconds."""
    dead_letter_arn: str | None
    max_receive_count: int | None


@dataclass(frozen=True, slots=True)
class DeployedMapping:
    """Which function works off which queue, and how."""

    function: DeployedFunction
    queue: DeployedQueue
    batch_size: int
    reports_item_failures: bool


@dataclass(frozen=True, slots=True)
class DeployedTarget:
    """A function that a rule starts, and which part of the event it is given, as a JSON path."""

    function: DeployedFunction
    input_path: str


@dataclass(frozen=True, slots=True)
class DeployedRule:
    """A rule of an event bus, as EventBridge describes it."""

    bus_arn: str
    pattern: str
    """JSON."""
    targets: tuple[DeployedTarget, ...]


@dataclass(frozen=True, slots=True)
class Stack:
    """The deployed stack. Functions, queues and resources go by their logical ids."""

    endpoint_url: str
    functions: Mapping[str, DeployedFunction]
    queues: Mapping[str, DeployedQueue]
    mappings: tuple[DeployedMapping, ...]
    rules: tuple[DeployedRule, ...]
    resources: Mapping[str, str]
    """Physical ids: names of the bucket and the table, addresses of the queues."""
    outputs: Mapping[str, str]


def deploy(endpoint_url: str, *, parameters: Mapping[str, str], template: Path = TEMPLATE) -> Stack:
    """Creates the stack on the local AWS at `endpoint_url`.

    The functions are given the same endpoint, unless the parameter `AwsEndpointUrl` names another: inside a
    container the same server has a different address.

    Raises:
        DeploymentError: The template is wrong, a parameter is unknown, or a resource could not be created.
    """
    document = read(template)
    folders = {
        logical_id: template.parent / resource["Properties"]["CodeUri"]
        for logical_id, resource in document["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    values = {"AwsEndpointUrl": endpoint_url, **parameters}
    if unknown := values.keys() - document["Parameters"].keys():
        raise DeploymentError(f"{template.name} has no parameter {', '.join(sorted(unknown))}")
    translated = translate(document, values)
    resources, outputs, destinations = create_stack(endpoint_url, translated, values)
    functions = _functions(endpoint_url, translated, resources, folders, destinations)
    queues = _queues(endpoint_url, translated, resources)
    mappings = _mappings(endpoint_url, functions, queues)
    rules = _rules(endpoint_url, functions)
    return Stack(endpoint_url, functions, queues, mappings, rules, resources, outputs)


def _functions(
    endpoint_url: str,
    translated: dict[str, Any],
    resources: Mapping[str, str],
    folders: Mapping[str, Path],
    destinations: Mapping[str, Any],
) -> dict[str, DeployedFunction]:
    client = session().client("lambda", endpoint_url=endpoint_url)
    functions = {}
    for logical_id, folder in folders.items():
        if logical_id not in resources:
            continue  # its condition does not hold
        deployed = client.get_function_configuration(FunctionName=resources[logical_id])
        # moto keeps the numbers of parameters as they are; in Lambda they are texts, for whoever reads them.
        variables = {name: str(value) for name, value in deployed["Environment"]["Variables"].items()}
        client.update_function_configuration(
            FunctionName=deployed["FunctionName"], Environment={"Variables": variables}
        )
        if logical_id in destinations:
            client.put_function_event_invoke_config(
                FunctionName=deployed["FunctionName"], DestinationConfig=destinations[logical_id]
            )
        # moto does not keep the logging configuration.
        group = translated["Resources"][logical_id]["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]
        functions[logical_id] = DeployedFunction(
            logical_id=logical_id,
            name=deployed["FunctionName"],
            arn=deployed["FunctionArn"],
            handler=deployed["Handler"],
            timeout=deployed["Timeout"],
            memory=deployed["MemorySize"],
            environment=variables,
            log_group=resources[group],
            source=folder,
            on_success=_on_success(client, deployed["FunctionName"]),
        )
    return functions


def _on_success(client: LambdaClient, function: str) -> str | None:
    try:
        config = client.get_function_event_invoke_config(FunctionName=function)
    except client.exceptions.ResourceNotFoundException:
        return None
    return config["DestinationConfig"].get("OnSuccess", {}).get("Destination")


def _rules(endpoint_url: str, functions: Mapping[str, DeployedFunction]) -> tuple[DeployedRule, ...]:
    client = session().client("events", endpoint_url=endpoint_url)
    by_arn = {function.arn: function for function in functions.values()}
    buses = {bus["Name"]: bus["Arn"] for bus in client.list_event_buses()["EventBuses"]}
    return tuple(
        DeployedRule(
            bus_arn=buses[rule["EventBusName"]],
            pattern=rule["EventPattern"],
            targets=tuple(
                DeployedTarget(by_arn[target["Arn"]], target["InputPath"])
                for target in client.list_targets_by_rule(Rule=rule["Name"])["Targets"]
            ),
        )
        for rule in client.list_rules()["Rules"]
        if rule["State"] == "ENABLED"
    )


def _queues(endpoint_url: str, translated: dict[str, Any], resources: Mapping[str, str]) -> dict[str, DeployedQueue]:
    client = session().client("sqs", endpoint_url=endpoint_url)
    queues = {}
    for logical_id, resource in translated["Resources"].items():
        if resource["Type"] != "AWS::SQS::Queue":
            continue
        url = resources[logical_id]
        attributes = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        redrive = json.loads(attributes.get("RedrivePolicy", "{}"))
        queues[logical_id] = DeployedQueue(
            logical_id=logical_id,
            url=url,
            arn=attributes["QueueArn"],
            visibility_timeout=int(attributes["VisibilityTimeout"]),
            dead_letter_arn=redrive.get("deadLetterTargetArn"),
            max_receive_count=redrive.get("maxReceiveCount"),
        )
    return queues


def _mappings(
    endpoint_url: str, functions: Mapping[str, DeployedFunction], queues: Mapping[str, DeployedQueue]
) -> tuple[DeployedMapping, ...]:
    """Reads the mappings, and keeps moto from delivering anything itself.

    moto would receive each message as soon as it is sent, hand it to a container without any of our code, and
    so use up the receive count that decides when a message goes to the dead-letter queue.
    """
    client = session().client("lambda", endpoint_url=endpoint_url)
    by_arn = {function.arn: function for function in functions.values()}
    queue_by_arn = {queue.arn: queue for queue in queues.values()}
    mappings = []
    for deployed in client.list_event_source_mappings()["EventSourceMappings"]:
        client.update_event_source_mapping(UUID=deployed["UUID"], Enabled=False)
        mappings.append(
            DeployedMapping(
                function=by_arn[deployed["FunctionArn"]],
                queue=queue_by_arn[deployed["EventSourceArn"]],
                batch_size=deployed["BatchSize"],
                reports_item_failures="ReportBatchItemFailures" in deployed.get("FunctionResponseTypes", []),
            )
        )
    return tuple(mappings)
