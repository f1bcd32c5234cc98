"""The AWS clients: how long a call may take, and whose error comes out."""

from __future__ import annotations

import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.parsers import ResponseParserError

from qonto_sync.aws.clients import LONGEST_CALL, aws_errors, client_config
from qonto_sync.domain.errors import Retriable


def test_a_call_without_an_answer_ends_within_its_budget() -> None:
    """All attempts with their timeouts, and the longest wait of the SDK's standard mode before the second."""
    config = vars(client_config(workers=1))
    attempts = config["retries"]["total_max_attempts"]
    longest = attempts * (config["connect_timeout"] + config["read_timeout"]) + sum(2**n for n in range(attempts - 1))
    assert longest == LONGEST_CALL.total_seconds()


@pytest.mark.parametrize("error", [EndpointConnectionError(endpoint_url="https://aws.example"), ResponseParserError()])
def test_botocore_s_errors_are_ours(error: Exception) -> None:
    """Also the one of its parser, which is none of botocore's own kind."""
    with pytest.raises(Retriable, match=f"table state: {type(error).__name__}"), aws_errors("table state"):
        raise error


def test_other_errors_are_not_hidden() -> None:
    """A fault in our own code is not taken for one of AWS."""
    with pytest.raises(ZeroDivisionError), aws_errors("table state"):
        raise ZeroDivisionError
