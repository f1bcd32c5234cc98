"""The local endpoint: what comes in is what the function gets, byte for byte."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
import urllib3

from local.stack import DeployedFunction
from local.webhook_endpoint import WebhookEndpoint

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HANDLER = """
import json

def lambda_handler(event, context):
    match event.get("body"):
        case "raise":
            raise ValueError("no business of the caller's")
        case "nothing":
            return None
        case "bytes":
            return {"statusCode": 200, "body": "/wA=", "isBase64Encoded": True}
    return {"statusCode": 202, "headers": {"x-seen": "yes"}, "body": json.dumps(event)}
"""


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """The address of a function with the handler above."""
    (tmp_path / "app.py").write_text(HANDLER)
    function = DeployedFunction(
        logical_id="WebhookFunction",
        name="webhook",
        arn="arn:aws:lambda:eu-central-1:123456789012:function:webhook",
        handler="app.lambda_handler",
        timeout=10,
        memory=256,
        environment={},
        log_group="/aws/lambda/webhook",
        source=tmp_path,
    )
    with WebhookEndpoint(function) as endpoint:
        yield endpoint.url.replace("<connection>", "acme")


def send(url: str, body: bytes, content_type: str = "application/json", method: str = "POST") -> Any:
    """The answer to one request."""
    return urllib3.request(method, url, body=body, headers={"Content-Type": content_type}, retries=False, timeout=30)


def test_the_event_is_in_format_2(url: str) -> None:
    """Path, query, method and headers, their names in lower case."""
    answer = send(f"{url}?a=b", b"{}")
    event = json.loads(answer.data)
    assert (answer.status, answer.headers["x-seen"]) == (202, "yes")
    assert (event["version"], event["rawPath"], event["rawQueryString"]) == ("2.0", "/webhooks/acme", "a=b")
    assert event["headers"]["content-type"] == "application/json"
    http = event["requestContext"]["http"]
    assert (http["method"], http["path"], http["sourceIp"]) == ("POST", "/webhooks/acme", "127.0.0.1")
    assert event["pathParameters"] == {"connection": "acme"}


@pytest.mark.parametrize(("path", "method"), [("", "PUT"), ("", "GET"), ("/more", "POST")])
def test_other_routes_are_not_there(url: str, path: str, method: str) -> None:
    """The gateway says so, and no function runs."""
    answer = send(f"{url}{path}", b"raise", method=method)
    assert (answer.status, answer.data) == (404, b'{"message":"Not Found"}')


@pytest.mark.parametrize(
    ("body", "content_type", "is_base64"),
    [
        ('{"name": "Café"}\r\n '.encode(), "application/json", False),
        (b"plain", "Text/Plain; charset=utf-8", False),
        (b'{"name": "\xff"}', "application/json", True),
        (b"{}", "application/octet-stream", True),
        (b"{}", "", True),
    ],
)
def test_no_byte_changes(url: str, body: bytes, content_type: str, is_base64: bool) -> None:  # noqa: FBT001 - a case
    """A signature is over the bytes: what is no text goes in Base64."""
    event = json.loads(send(url, body, content_type).data)
    assert event["isBase64Encoded"] is is_base64
    received = base64.b64decode(event["body"]) if is_base64 else event["body"].encode()
    assert received == body


@pytest.mark.parametrize("body", [b"raise", b"nothing"])
def test_a_failure_is_a_500_without_a_reason(url: str, body: bytes) -> None:
    """As the gateway reports it."""
    answer = send(url, body)
    assert (answer.status, answer.data) == (500, b'{"message":"Internal Server Error"}')


def test_an_answer_may_be_bytes(url: str) -> None:
    """In Base64, as in API Gateway."""
    assert send(url, b"bytes").data == b"\xff\x00"
