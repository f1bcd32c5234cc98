"""Certificates and inventories, as whoever checks or uses an archive reads them.

It shares no code with what writes them: a second reader of the formats that docs/archive.md describes. Both may be
forged or damaged.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from typing import Any, NamedTuple


class Certificate(NamedTuple):
    """A certificate that can be read."""

    sha256: str
    fields: dict[str, Any]
    """`version` is a positive number, `breaks` a list, `months` and `gaps` are lists of objects."""

    @property
    def version(self) -> int:
        """Its place in the chain, from 1."""
        version: int = self.fields["version"]
        return version


def parse_certificate(content: bytes) -> Certificate | None:
    """What a certificate says; None if it has not the form of one."""
    try:
        fields = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict) or type(fields.get("version")) is not int or fields["version"] < 1:
        return None
    lists = {name: fields.get(name, []) for name in ("months", "gaps", "breaks")}
    if not all(isinstance(value, list) for value in lists.values()):
        return None
    if not all(isinstance(each, dict) for each in (*lists["months"], *lists["gaps"])):
        return None
    return Certificate(hashlib.sha256(content).hexdigest(), {**fields, **lists})


def inventory_key(connection: str, month: str) -> str:
    """Where the inventory of a month lies, such as `2026-10`."""
    year, _, number = month.partition("-")
    return f"{connection}/inventory/{year}/{number}.csv"


def inventory_rows(content: bytes) -> list[dict[str, str]]:
    """The rows of an inventory, each by the names of its columns, all as text.

    Raises:
        ValueError: It is no UTF-8, no CSV, or a row has not as many fields as there are columns.
    """
    try:
        rows = list(csv.DictReader(io.StringIO(content.decode("utf-8"), newline=""), strict=True))
    except csv.Error as error:
        raise ValueError(str(error)) from error
    for number, row in enumerate(rows, 1):
        if None in row or None in row.values():
            raise ValueError(f"row {number} has not as many fields as there are columns")
    return rows
