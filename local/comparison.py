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
    """How many invoices and files are equal, and what differs."""

    invoices: int
    files: int
    different: tuple[str, ...]
    """One line per difference: the invoice, and what differs."""


def compare(world: World, stack: Stack, connection: str = "default") -> Comparison:
    """Compares every invoice that the checkpoint claims; what changed after it is the next run's business."""
    archive = _Archive(stack, connection)
    checkpoint = archive.rows.get(f"checkpoint#{connection}")
    if checkpoint is None:
        return Comparison(0, 0, ())
    until = datetime.fromisoformat(checkpoint["synced_until"]["S"])
    invoices, files, different = 0, 0, list[str]()
    for invoice_id in world.invoice_ids():
        invoice = json.loads(world.document(invoice_id))
        if datetime.fromisoformat(invoice["updated_at"]) > until:
            continue
        invoices += 1
        files += invoice["attachment_id"] is not None
        row = archive.row(invoice_id)
        if "reason" in row:
            different.append(f"{invoice_id}: pending, {row['reason']['S']}")
        different += archive.differences(world, invoice_id)
    return Comparison(invoices, files, tuple(different))


def is_archived(world: World, stack: Stack, invoice_id: str, connection: str = "default") -> bool:
    """Whether the archive has the current version of the invoice and of its file, pending or not."""
    return not _Archive(stack, connection).differences(world, invoice_id)


class _Archive:
    """One connection's ledger and bucket, as they are now."""

    def __init__(self, stack: Stack, connection: str) -> None:
        self._connection = connection
        self._bucket = stack.resources["ArchiveBucket"]
        self._s3 = session().client("s3", endpoint_url=stack.endpoint_url)
        dynamodb = session().client("dynamodb", endpoint_url=stack.endpoint_url)
        self.rows: dict[str, Any] = {
            item["pk"]["S"]: item
            for page in dynamodb.get_paginator("scan").paginate(TableName=stack.resources["StateTable"])
            for item in page["Items"]
        }

    def row(self, invoice_id: str) -> dict[str, Any]:
        """The invoice's row in the ledger, empty if there is none."""
        return dict(self.rows.get(f"invoice#{self._connection}#{invoice_id}", {}))

    def differences(self, world: World, invoice_id: str) -> list[str]:
        """What is not the source's, one line each."""
        row, document = self.row(invoice_id), world.document(invoice_id)
        attachment_id = json.loads(document)["attachment_id"]
        different = []
        if self._content(row, "document") != document:
            different.append(f"{invoice_id}: the JSON is not the source's")
        if attachment_id is not None and self._content(row, "file") != world.file(attachment_id):
            different.append(f"{invoice_id}: the file is not the source's")
        return different

    def _content(self, row: dict[str, Any], name: str) -> bytes | None:
        if name not in row:
            return None
        return self._s3.get_object(Bucket=self._bucket, Key=row[name]["M"]["key"]["S"])["Body"].read()
