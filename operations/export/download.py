"""Fetches objects into a folder, each under its hash: what is there already is checked, and not fetched again."""

from __future__ import annotations

import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from itertools import batched
from typing import TYPE_CHECKING, Final, NamedTuple

from operations.archives import AT_ONCE
from operations.aws import OperationFailed
from operations.options import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from operations.archives import Archive

_BATCH: Final = 4 * AT_ONCE
"""Objects in flight: an error ends the download soon."""


_SHA256: Final = re.compile("[0-9a-f]{64}")


class Wanted(NamedTuple):
    """An object that an inventory names."""

    key: str
    sha256: str
    invoice: str
    """For a person."""


def download(archive: Archive, wanted: Sequence[Wanted], folder: Path, advance: Callable[[int], None]) -> None:
    """Fetches them all. `advance` is called with the bytes of each that is there.

    Raises:
        OperationFailed: One is not there, or is not the one that was certified. The others stay, for another try.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for batch in batched(wanted, _BATCH, strict=False):
            for size in pool.map(lambda each: _fetch(archive, each, folder), batch):
                advance(size)


def _fetch(archive: Archive, wanted: Wanted, folder: Path) -> int:
    path = folder / wanted.sha256
    what = printable(f"{wanted.key} of {wanted.invoice}")
    if not _SHA256.fullmatch(wanted.sha256):
        raise OperationFailed(f"{what}: {printable(wanted.sha256)} is no hash")
    if path.is_file():
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() == wanted.sha256:
                return path.stat().st_size
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        is_found = archive.fetch(wanted.key, wanted.sha256, file)
    if not is_found:
        partial.unlink()
        raise OperationFailed(
            f"{what} is not as it was certified, and no older version is. Nothing was"
            " exported; `qonto-sync verify` lists all that differs"
        )
    partial.replace(path)
    return path.stat().st_size
