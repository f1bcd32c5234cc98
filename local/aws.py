"""AWS on this machine: a moto server, and sessions that carry no real credentials."""

from __future__ import annotations

import copy
import json
import logging
import socket
from contextlib import contextmanager
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, Final

import boto3
import urllib3
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import Table
from moto.dynamodb.responses import DynamoHandler
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

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


# For a transaction moto copies the whole table, so that it can undo it. With a thousand invoices that copy takes most
# of the local AWS's time. Sharing the items is enough as long as a transaction only replaces them.
_transact_write_items: Final = DynamoDBBackend.transact_write_items


def _copy_sharing_items(table: Table, _: object) -> Table:
    copied = copy.copy(table)
    copied.items = copy.copy(table.items)
    if table.has_range_key:
        copied.items.update({key: copy.copy(items) for key, items in table.items.items()})
    return copied


def _without_updates(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
    # A put replaces an item. An update would change it in the shared copy, too.
    if any("Update" in item for item in transact_items):
        raise NotImplementedError("moto could not undo an update in a transaction: copy the updated item first")
    _transact_write_items(backend, transact_items)


Table.__deepcopy__ = _copy_sharing_items  # type: ignore[attr-defined]
DynamoDBBackend.transact_write_items = _without_updates  # type: ignore[method-assign, assignment]


# moto builds an application for each service that is called; all servers share them, as they share the data.
_AWS: Final = DomainDispatcherApplication(create_backend_app)


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
    server = make_server(host, port, _AWS, threaded=True, request_handler=MotoRequestHandler)
    # Stopping takes this interval, and tests stop many servers.
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    address = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104
    endpoint_url = f"http://{address}:{server.port}"
    try:
        _forget_everything(endpoint_url)
        yield endpoint_url
    finally:
        _forget_everything(endpoint_url)
        server.shutdown()
        thread.join()


def _forget_everything(endpoint_url: str) -> None:
    urllib3.request("POST", f"{endpoint_url}/moto-api/reset", timeout=10, retries=False)
