"""Holds the archive against the simulated organization: is everything there, byte for byte?"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from local.aws import session

if TYPE_CHECKING:
    from local.qonto_simulator import World
    from local.stack import Stack


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was found equal, and what was not."""

    invoices: int
    files: int
    different: tuple[str, ...]
    """One line each: the invoice, and what is wrong with it."""


def compare(world: World, stack: Stack, connection: str = "default") -> Comparison:
    """Compares every invoice that the checkpoint claims; what changed after it is the next run's business."""
    dynamodb = session().client("dynamodb", endpoint_url=stack.endpoint_url)
    rows = {
        item["pk"]["S"]: item
        for page in dynamodb.get_paginator("scan").paginate(TableName=stack.resources["StateTable"])
        for item in page["Items"]
    }
    checkpoint = rows.get(f"checkpoint#{connection}")
    if checkpoint is None:
        return Comparison(0, 0, ())
    until = datetime.fromisoformat(checkpoint["synced_until"]["S"])
    s3 = session().client("s3", endpoint_url=stack.endpoint_url)

    def archived(row: dict[str, Any], name: str) -> bytes | None:
        if name not in row:
            return None
        key = row[name]["M"]["key"]["S"]
        return s3.get_object(Bucket=stack.resources["ArchiveBucket"], Key=key)["Body"].read()

    invoices, files, different = 0, 0, list[str]()
    for invoice_id in world.invoice_ids():
        document = world.document(invoice_id)
        invoice = json.loads(document)
        if datetime.fromisoformat(invoice["updated_at"]) > until:
            continue
        invoices += 1
        files += invoice["attachment_id"] is not None
        row = rows.get(f"invoice#{connection}#{invoice_id}", {})
        if "reason" in row:
            different.append(f"{invoice_id}: pending, {row['reason']['S']}")
        if archived(row, "document") != document:
            different.append(f"{invoice_id}: the JSON is not the source's")
        if invoice["attachment_id"] is not None and archived(row, "file") != world.file(invoice["attachment_id"]):
            different.append(f"{invoice_id}: the file is not the source's")
    return Comparison(invoices, files, tuple(different))
