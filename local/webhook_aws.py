"""The AWS calls that WebhookFunction makes, because moto takes longer for a message than the function for a webhook."""

from __future__ import annotations

import hashlib
import json
import uuid
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from local.qonto_simulator.http_server import HttpServer
from local.qonto_simulator.messages import Response

if TYPE_CHECKING:
    from local.qonto_simulator.messages import Request

_JSON: Final = "application/x-amz-json-1.1"


class WebhookAws:
    """One secret and one queue, over AWS's own JSON protocol. What was sent is kept and not delivered."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._lock = Lock()
        self._bodies: list[str] = []
        self._server = HttpServer("127.0.0.1", 0, lambda: datetime.now(UTC))
        self.url = f"http://127.0.0.1:{self._server.port}"

    def start(self) -> None:
        """Starts to respond, from separate threads."""
        self._server.start(self._answer)

    def bodies(self) -> list[str]:
        """The messages sent so far."""
        with self._lock:
            return list(self._bodies)

    def forget(self) -> None:
        """Empties the queue."""
        with self._lock:
            self._bodies.clear()

    def _answer(self, request: Request) -> Response:
        fields = json.loads(request.body)
        match request.headers.get("x-amz-target"):
            case "secretsmanager.GetSecretValue":
                answer: dict[str, Any] = {"Name": fields["SecretId"], "SecretString": self._secret}
            case "AmazonSQS.SendMessageBatch":
                answer = {"Successful": [self._sent(entry) for entry in fields["Entries"]], "Failed": []}
            case target:
                raise ValueError(f"the webhook function has no business with {target}")
        return Response(200, json.dumps(answer).encode(), _JSON)

    def _sent(self, entry: dict[str, Any]) -> dict[str, str]:
        body = entry["MessageBody"]
        with self._lock:
            self._bodies.append(body)
        digest = hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()
        return {"Id": entry["Id"], "MessageId": str(uuid.uuid4()), "MD5OfMessageBody": digest}
