"""What a local run keeps between two runs: the bucket as files to open, the table, and where the clock stood.

The archive lies in `archive/` exactly as its keys say. What S3 and DynamoDB know besides goes into `state/`, so
that the next run's cloud can be filled with it: moto forgets everything when it stops.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from local.aws import session

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from local.stack import Stack


@dataclass(frozen=True, slots=True)
class SavedObject:
    """The headers of an S3 object."""

    etag: str
    content_type: str
    content_disposition: str
    metadata: dict[str, str]


class SavedState:
    """The folder of one organization's local runs."""

    def __init__(self, folder: Path) -> None:
        self.archive = folder / "archive"
        self._objects_file = folder / "state" / "objects.json"
        self._table_file = folder / "state" / "table.json"
        self._notes_file = folder / "state" / "notes.json"

    def notes(self) -> dict[str, Any]:
        """What the last run wrote down for this one; empty before the first."""
        return dict(_read(self._notes_file))

    def pending(self) -> Counter[str]:
        """How many invoices the ledger has as pending, by reason."""
        return Counter(item["reason"]["S"] for item in _read(self._table_file).values() if "reason" in item)

    def restore(self, stack: Stack, advance: Callable[[int, int], None]) -> None:
        """Fills an empty stack with the last run's objects and rows."""
        s3, bucket = _client(stack, "s3"), stack.resources["ArchiveBucket"]
        saved = {key: SavedObject(**fields) for key, fields in _read(self._objects_file).items()}
        for count, (key, facts) in enumerate(saved.items(), 1):
            s3.put_object(
                Bucket=bucket,
                Key=key,
                Body=(self.archive / key).read_bytes(),
                ContentType=facts.content_type,
                ContentDisposition=facts.content_disposition,
                Metadata=facts.metadata,
            )
            advance(count, len(saved))
        dynamodb, table = _client(stack, "dynamodb"), stack.resources["StateTable"]
        for item in _read(self._table_file).values():
            dynamodb.put_item(TableName=table, Item=item)

    def save(self, stack: Stack, notes: dict[str, Any]) -> None:
        """Brings the folder up to date; only what changed is written."""
        s3, bucket = _client(stack, "s3"), stack.resources["ArchiveBucket"]
        known, saved = _read(self._objects_file), {}
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for listed in page.get("Contents", []):
                key, facts = listed["Key"], known.get(listed["Key"])
                if facts is None or facts["etag"] != listed["ETag"]:
                    facts = asdict(self._write_object(s3.get_object(Bucket=bucket, Key=key), key))
                saved[key] = facts
        dynamodb, table = _client(stack, "dynamodb"), stack.resources["StateTable"]
        items = [item for page in dynamodb.get_paginator("scan").paginate(TableName=table) for item in page["Items"]]
        _write(self._table_file, {item["pk"]["S"]: item for item in items})
        _write(self._objects_file, saved)
        _write(self._notes_file, notes)

    def _write_object(self, answer: Any, key: str) -> SavedObject:
        path = self.archive / key
        if not path.resolve().is_relative_to(self.archive.resolve()):
            raise ValueError(f"the key {key!r} leads out of the archive")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(answer["Body"].read())
        return SavedObject(
            answer["ETag"], answer["ContentType"], answer.get("ContentDisposition", ""), answer["Metadata"]
        )


def _client(stack: Stack, service: str) -> Any:
    # The service is a variable here, so that the stubs cannot tell the type.
    return session().client(service, endpoint_url=stack.endpoint_url)  # type: ignore[call-overload]


def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text())) if path.exists() else {}


def _write(path: Path, content: dict[str, Any]) -> None:
    """All or nothing: an interrupted run leaves the last state whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
    draft.replace(path)
