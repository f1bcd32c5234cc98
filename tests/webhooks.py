"""Webhooks as Qonto sends them and as API Gateway hands them on."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

SIGNING_SECRET: Final = "whsec_of-the-tests"
DATA: Final = {"id": "2c1f7b0e-0000-4000-8000-000000000001", "status": "unpaid"}


def webhook_event(
    *,
    connection: str = "default",
    topic: str = "v1/client-invoices",
    data: Mapping[str, Any] = DATA,
    secret: str = SIGNING_SECRET,
    signed_at: datetime | None = None,
) -> dict[str, Any]:
    """A delivery that is right, signed now unless another time is given."""
    body = json.dumps({"id": "event", "type": topic, "data": data}, separators=(",", ":"))
    seconds = int((signed_at or datetime.now(UTC)).timestamp())
    digest = hmac.new(secret.encode(), f"{seconds}.{body}".encode(), hashlib.sha256).hexdigest()
    path = f"/webhooks/{connection}"
    return {
        "version": "2.0",
        "routeKey": "POST /webhooks/{connection}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "application/json", "x-qonto-signature": f"t={seconds},v1={digest}"},
        "requestContext": {"http": {"method": "POST", "path": path, "protocol": "HTTP/1.1"}},
        "pathParameters": {"connection": connection},
        "body": body,
        "isBase64Encoded": False,
    }
