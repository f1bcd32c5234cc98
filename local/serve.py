"""The cloud and Qonto on this machine, kept running: `make local`, for `sam local invoke`, curl and a debugger.

Functions in containers reach what runs on the host through Docker's bridge. Where there is one (Linux), everything
listens on its address, which the host reaches as well; elsewhere on the loopback address.
"""

from __future__ import annotations

import argparse
import json
import logging
import platform
import signal
import socket
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from local.aws import moto_server, put_secret
from local.qonto_simulator import Faults, Simulator, World
from local.screen import Screen
from local.stack import deploy
from local.webhook_endpoint import WebhookEndpoint
from local.webhooks import WebhookSource, subscribe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.stack import Stack

_ENVIRONMENT_FILE: Final = Path(__file__).parent.parent / ".local" / "sam-env.json"
_DOCKER_BRIDGE: Final = "172.17.0.1"
_LOOPBACK: Final = "127.0.0.1"
_CONNECTIONS: Final = ("default", "acme")
"""Those that the events in `events/` name."""
_TOLD_BY_WEBHOOKS: Final = "acme"


def main() -> None:
    """Start everything, say where it is, and wait to be stopped."""
    arguments = _arguments()
    logging.basicConfig(level=logging.WARNING)
    screen = Screen()
    public_host = arguments.public_host or arguments.host
    world = World(seed=1, started_at=datetime.now(UTC), clock=lambda: datetime.now(UTC), invoices=arguments.invoices)
    with (
        Simulator(
            world,
            host=arguments.host,
            public_host=public_host,
            port=arguments.api_port,
            files_port=arguments.files_port,
            faults=Faults(rate=arguments.fault_rate),
            webhooks_every=0.5,
        ) as simulator,
        moto_server(arguments.host, arguments.aws_port) as endpoint_url,
    ):
        public_endpoint_url = f"http://{public_host}:{endpoint_url.rpartition(':')[2]}"
        stack = deploy(
            endpoint_url,
            parameters={
                "AwsEndpointUrl": public_endpoint_url,
                "QontoApiUrl": simulator.api_url,
                "QontoTokenUrl": simulator.token_url,
                "AttachmentHosts": simulator.files_origin,
                "WebhookEnabled": "true",
            },
        )
        for connection in _CONNECTIONS:
            prefix = stack.functions["SyncFunction"].environment["QONTO_SECRET_PREFIX"]
            key = {"login": simulator.login, "secret_key": simulator.secret_key}
            put_secret(endpoint_url, f"{prefix}{connection}", key)
        _write_environment(stack)
        with _webhooks(stack, simulator, arguments) as webhooks_url:
            screen.say(_directions(simulator, public_endpoint_url, stack, webhooks_url))
            try:
                signal.pause()
            except KeyboardInterrupt:
                screen.say("Stopped; everything in it is forgotten.")


@contextmanager
def _webhooks(stack: Stack, simulator: Simulator, arguments: argparse.Namespace) -> Iterator[str]:
    """Takes in the webhooks of one connection, and gives the address of that."""
    if arguments.public_host not in {None, arguments.host}:
        yield "none: WebhookFunction runs here, where --public-host may be no name"
        return
    function = stack.functions["WebhookFunction"]
    with WebhookEndpoint(function, host=arguments.host, port=arguments.webhooks_port) as endpoint:
        subscribe(stack, _TOLD_BY_WEBHOOKS, endpoint.url, WebhookSource(simulator).credentials)
        yield endpoint.url


def _write_environment(stack: Stack) -> None:
    """What `sam local` cannot know: the physical names of the deployed resources."""
    _ENVIRONMENT_FILE.parent.mkdir(exist_ok=True)
    variables = {logical_id: dict(function.environment) for logical_id, function in stack.functions.items()}
    _ENVIRONMENT_FILE.write_text(json.dumps(variables, indent=2) + "\n")


def _directions(simulator: Simulator, endpoint_url: str, stack: Stack, webhooks_url: str) -> str:
    environment = _ENVIRONMENT_FILE.relative_to(_ENVIRONMENT_FILE.parent.parent)
    newest = simulator.world.invoice_ids()[-1]
    return f"""\
[bold]Running[/bold], until Ctrl-C
  Qonto API      {simulator.api_url}
  Qonto files    {simulator.files_origin}
  AWS            {endpoint_url}
  archive        s3://{stack.resources["ArchiveBucket"]}
  webhooks       {webhooks_url}
  environment    {environment}

Ask the simulator:
  curl -H 'Authorization: {simulator.login}:{simulator.secret_key}' '{simulator.api_url}/v2/client_invoices?per_page=1'

Edit an invoice: its webhook puts a message into the retry queue, for the connection {_TOLD_BY_WEBHOOKS}:
  curl -d '{{"terms_and_conditions": "new"}}' {simulator.api_url}/_simulator/invoices/{newest}/edit

Run the functions in Lambda's container, in another terminal:
  make invoke EVENT=events/scheduled-rule.json
  make invoke EVENT=events/retry-batch.json FUNCTION=RetryFunction
which is short for
  make build
  sam local invoke SyncFunction -e events/scheduled-rule.json \\
      --env-vars {environment} --parameter-overrides Architecture={_architecture()}
"""


def _architecture() -> str:
    """The one that this machine runs without emulation."""
    return "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"


def _default_host() -> str:
    with socket.socket() as probe:
        try:
            probe.bind((_DOCKER_BRIDGE, 0))
        except OSError:
            return _LOOPBACK
    return _DOCKER_BRIDGE


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.serve", description=__doc__)
    parser.add_argument("--host", default=_default_host(), help="address to listen on (default: %(default)s)")
    parser.add_argument("--public-host", help="name or address by which containers reach this machine, if another")
    parser.add_argument("--aws-port", type=int, default=4566, help="(default: %(default)s)")
    parser.add_argument("--api-port", type=int, default=8080, help="(default: %(default)s)")
    parser.add_argument("--files-port", type=int, default=8081, help="(default: %(default)s)")
    parser.add_argument("--webhooks-port", type=int, default=8082, help="(default: %(default)s)")
    parser.add_argument("--invoices", type=int, default=240, help="of the organization (default: %(default)s)")
    parser.add_argument("--fault-rate", type=float, default=0.0, help="share of requests that fail")
    return parser.parse_args()


if __name__ == "__main__":
    main()
