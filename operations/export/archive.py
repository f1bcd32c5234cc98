"""The ZIP: files under readable names, tables, and a manifest of hashes. The same archive makes the same ZIP."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

_CHUNK: Final = 1024 * 1024


class ZipWriter:
    """Writes members one after the other, in a `with` block; of each only a part is in memory."""

    def __init__(self, path: Path, made_at: datetime) -> None:
        """`made_at` is the time of all members."""
        self._zip = zipfile.ZipFile(path, "w", allowZip64=True)
        self._time = made_at.timetuple()[:6]
        self._hashes: list[tuple[str, str]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def add_file(self, name: str, path: Path, *, is_compressed: bool = False) -> None:
        """Adds a file. PDFs and pictures are compressed already."""
        with path.open("rb") as source:
            sha256 = hashlib.file_digest(source, "sha256").hexdigest()
            source.seek(0)
            with self._zip.open(self._entry(name, path.stat().st_size, is_compressed=is_compressed), "w") as member:
                shutil.copyfileobj(source, member, _CHUNK)
        self._hashes.append((sha256, name))

    def add_bytes(self, name: str, content: bytes) -> None:
        """Adds a text."""
        with self._zip.open(self._entry(name, len(content), is_compressed=True), "w") as member:
            member.write(content)
        self._hashes.append((hashlib.sha256(content).hexdigest(), name))

    def add_manifest(self) -> None:
        """Adds the hashes of what was added, in the form that `sha256sum --check` reads."""
        lines = [f"{sha256}  {name}\n" for sha256, name in self._hashes]
        self.add_bytes("MANIFEST.sha256", "".join(lines).encode())

    def _entry(self, name: str, size: int, *, is_compressed: bool) -> zipfile.ZipInfo:
        entry = zipfile.ZipInfo(name, self._time)
        entry.file_size = size
        entry.compress_type = zipfile.ZIP_DEFLATED if is_compressed else zipfile.ZIP_STORED
        entry.external_attr = 0o644 << 16
        return entry
