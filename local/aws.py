"""AWS on this machine: a moto server, and sessions that carry no real credentials."""

from __future__ import annotations

import json
import logging
import socket
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

import boto3
import urllib3
from moto.dynamodb.responses import DynamoHandler
from moto.server import ThreadedMotoServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REGION: Final = "eu-central-1"
"""Where the local stack is deployed."""

ACCESS_KEY: Final = "local"
"""Access key and secret of everything local. moto accepts any, AWS would reject it."""


def session() -> boto3.Session:
    """Makes clients for the local AWS: `session().client("s3", endpoint_url=…)`."""
    return boto3.Session(aws_access_key_id=ACCESS_KEY, aws_secret_access_key=ACCESS_KEY, region_name=REGION)


def put_secret(endpoint_url: str, name: str, value: Mapping[str, object]) -> None:
    """Stores a connection's credentials, as the user does after deploying."""
    client = session().client("secretsmanager", endpoint_url=endpoint_url)
    client.create_secret(Name=name, SecretString=json.dumps(dict(value)))


# For a transaction moto copies the table, which fails if another request changes it meanwhile.
_TABLES: Final = Lock()
_call_action: Final = DynamoHandler.call_action


def _one_after_another(handler: DynamoHandler) -> Any:
    with _TABLES:
        return _call_action(handler)


DynamoHandler.call_action = _one_after_another  # type: ignore[method-assign]


@contextmanager
def moto_server(host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Runs AWS's stand-in in this process and gives its address; port 0 takes a free one.

    It is empty at first and afterwards. moto keeps its data per process, so a second server at the same
    time would show the same data, and emptying one empties both.

    Raises:
        OSError: The port is taken.
    """
    if port:
        # moto would wait for its server without end.
        socket.create_server((host, port)).close()
    # One line per request otherwise.
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address=host, port=port, verbose=False)
    server.start()
    address = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104
    endpoint_url = f"http://{address}:{server.get_host_and_port()[1]}"
    try:
        _forget_everything(endpoint_url)
        yield endpoint_url
    finally:
        _forget_everything(endpoint_url)
        server.stop()


def _forget_everything(endpoint_url: str) -> None:
    urllib3.request("POST", f"{endpoint_url}/moto-api/reset", timeout=10, retries=False)
