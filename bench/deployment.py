"""The functions as template.yaml describes them, with the addresses of the benchmark's server."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from local.aws import REGION
from local.cloudformation import read
from local.lambda_service import environment_variables
from local.stack import DeployedFunction
from qonto_sync.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.ports import Ports

ROOT: Final = Path(__file__).parent.parent
TEMPLATE: Final = ROOT / "template.yaml"
BUCKET: Final = "archive"


def function(logical_id: str, ports: Ports) -> DeployedFunction:
    """A function of the template, as if it were deployed."""
    document = read(TEMPLATE)
    properties = document["Resources"][logical_id]["Properties"]
    shared = document["Globals"]["Function"]
    aws = ports.origin("aws")
    given = {
        **{name: parameter.get("Default") for name, parameter in document["Parameters"].items()},
        "QontoApiUrl": ports.origin("qonto"),
        "AttachmentHosts": ports.origin("files"),
        "AwsEndpointUrl": aws,
        "StateTable": "state",
        "ArchiveBucket": BUCKET,
        "RetryQueue": f"{aws}/123456789012/retry",
        "AWS::AccountId": "123456789012",
        "AWS::Region": REGION,
        "AWS::StackName": "bench",
    }
    variables = {**shared["Environment"]["Variables"], **properties.get("Environment", {}).get("Variables", {})}
    name = f"bench-{logical_id}"
    return DeployedFunction(
        logical_id=logical_id,
        name=name,
        arn=f"arn:aws:lambda:eu-central-1:123456789012:function:{name}",
        handler=properties.get("Handler", shared.get("Handler")),
        timeout=properties["Timeout"],
        memory=properties["MemorySize"],
        environment={name: _resolved(value, given) for name, value in variables.items()},
        log_group="bench",
        source=ROOT / properties["CodeUri"],
    )


def functions() -> list[str]:
    """The logical ids of all functions."""
    resources = read(TEMPLATE)["Resources"]
    return [name for name, resource in resources.items() if resource["Type"] == "AWS::Serverless::Function"]


def environment(ports: Ports, logical_id: str = "SyncFunction") -> dict[str, str]:
    """The environment variables of a function."""
    return environment_variables(function(logical_id, ports))


def our_threads(ports: Ports) -> int:
    """The number of threads in the deployed SyncFunction."""
    return Settings.from_environment(environment(ports)).workers


def _resolved(value: Any, given: Mapping[str, Any]) -> str:
    """The value of an environment variable: a constant, a reference, or a text with references in it.

    Raises:
        ValueError: It is another intrinsic function, which is not supported.
    """
    match value:
        case str() | int():
            return str(value)
        case {"Ref": str(name)}:
            return str(given[name])
        case {"Fn::Sub": str(text)}:
            return re.sub(r"\$\{(.+?)\}", lambda reference: str(given[reference[1]]), text)
        case _:
            raise ValueError(f"unsupported value of an environment variable: {value!r}")
