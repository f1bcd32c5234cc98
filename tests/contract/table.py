"""A state table on moto."""

from __future__ import annotations

import uuid
from typing import Any

from local.aws import session


def create_state_table(endpoint_url: str) -> tuple[Any, str]:
    """A client, and the name of an empty table with the template's keys."""
    client: Any = session().client("dynamodb", endpoint_url=endpoint_url)
    name = f"table-{uuid.uuid4().hex}"
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": attribute, "AttributeType": "S"} for attribute in ("pk", "pending_for", "due_at")
        ],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "pending",
                "KeySchema": [
                    {"AttributeName": "pending_for", "KeyType": "HASH"},
                    {"AttributeName": "due_at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    return client, name
