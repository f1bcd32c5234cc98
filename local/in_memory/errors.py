"""The error of a service that refuses a request."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError


class ServiceError(ClientError):
    """A `ClientError` as botocore makes it from a service's answer; `details` are the answer's other members."""

    def __init__(self, code: str, status: int, **details: Any) -> None:
        self.code = code
        self.status = status
        self.details = details
        answer: Any = {
            "Error": {"Code": code, "Message": code},
            "ResponseMetadata": {"HTTPStatusCode": status},
            **details,
        }
        super().__init__(answer, "Simulated")
