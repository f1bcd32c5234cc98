"""The AWS clients: how long a call may take, and whose error comes out."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest
from botocore.config import Config

from local.aws import session
from qonto_sync.aws.clients import LONGEST_CALL, aws_errors, client_config
from qonto_sync.domain.errors import Retriable

if TYPE_CHECKING:
    from collections.abc import Iterator

NO_AWS = b"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: 6\r\n\r\n<html>"


@pytest.fixture
def something_else() -> Iterator[str]:
    """The address of a server that answers each request with what is no answer of AWS."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65_536)
                    connection.sendall(NO_AWS)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_call_without_an_answer_ends_within_its_budget() -> None:
    """All attempts with their timeouts, and the longest wait of the SDK's standard mode before the second."""
    config = vars(client_config(workers=1))
    attempts = config["retries"]["total_max_attempts"]
    longest = attempts * (config["connect_timeout"] + config["read_timeout"]) + sum(2**n for n in range(attempts - 1))
    assert longest == LONGEST_CALL.total_seconds()


def test_an_answer_that_cannot_be_parsed_is_an_error_of_ours(something_else: str) -> None:
    """Botocore's parser raises an error that is none of botocore's own."""
    client = session().client("s3", endpoint_url=something_else, config=Config(retries={"total_max_attempts": 1}))
    with pytest.raises(Retriable, match="bucket archive: ResponseParserError"), aws_errors("bucket archive"):
        client.list_objects_v2(Bucket="archive")


def test_other_errors_are_not_hidden() -> None:
    """A fault in our own code is not taken for one of AWS."""
    with pytest.raises(ZeroDivisionError), aws_errors("table state"):
        raise ZeroDivisionError
