"""AWS on this machine: a moto server, and sessions that carry no real credentials."""

from __future__ import annotations

import json
import logging
import socket
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Final

import boto3
import urllib3

from local.moto_http import MotoServer
from local.moto_secrets import correct_current_version
from local.moto_transactions import correct_transactions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REGION: Final = "eu-central-1"
"""Where the local stack is deployed."""

ACCESS_KEY: Final = "local"
"""Access key and secret of everything local. moto accepts any, AWS would reject it."""


@cache
def session() -> boto3.Session:
    """Makes clients for the local AWS: `session().client("s3", endpoint_url=…)`. One thread at a time may do that.

    There is one session: each new one would read the descriptions of AWS's services again.
    """
    return boto3.Session(aws_access_key_id=ACCESS_KEY, aws_secret_access_key=ACCESS_KEY, region_name=REGION)


def put_secret(endpoint_url: str, name: str, value: Mapping[str, object]) -> None:
    """Stores a connection's credentials, as the user does after deploying."""
    client = session().client("secretsmanager", endpoint_url=endpoint_url)
    client.create_secret(Name=name, SecretString=json.dumps(dict(value)))


correct_transactions()
correct_current_version()


@contextmanager
def moto_server(host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Runs AWS's stand-in in this process and gives its address; port 0 takes a free one.

    It is empty at first and afterwards. moto keeps its data per process, so a second server at the same
    time would show the same data, and emptying one empties both.

    Raises:
        OSError: The port is taken.
    """
    if port:
        # Otherwise the server prints an error and exits.
        socket.create_server((host, port)).close()
    # One line per request otherwise.
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = MotoServer(host, port)
    server.start()
    address = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104
    endpoint_url = f"http://{address}:{server.port}"
    try:
        _forget_everything(endpoint_url)
        yield endpoint_url
    finally:
        _forget_everything(endpoint_url)
        server.stop()


def _forget_everything(endpoint_url: str) -> None:
    urllib3.request("POST", f"{endpoint_url}/moto-api/reset", timeout=10, retries=False)
