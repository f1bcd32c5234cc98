"""An archive in memory, as the second reader reads it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, BinaryIO, override

from operations.archives import Archive, Found

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


class VersionedObjects(Archive):
    """One connection's objects with all their versions, the oldest first; a deleted object has none."""

    def __init__(self, connection: str, versions: Mapping[str, Sequence[bytes]]) -> None:
        super().__init__(connection)
        self._versions = versions

    @override
    def certificates(self) -> list[bytes]:
        return list(reversed(self._versions.get(self.certificate_key, [])))

    @override
    def content(self, key: str) -> bytes | None:
        versions = self._versions.get(key)
        return versions[-1] if versions else None

    @override
    def find(self, key: str) -> Found | None:
        content = self.content(key)
        return None if content is None else Found(hashlib.sha256(content).hexdigest(), None)

    @override
    def fetch(self, key: str, sha256: str, to: BinaryIO) -> bool:
        for content in reversed(self._versions.get(key, [])):
            if hashlib.sha256(content).hexdigest() == sha256:
                to.write(content)
                return True
        return False

    @override
    def keys(self) -> Iterator[str]:
        return (key for key, versions in self._versions.items() if versions and key.startswith(self.prefix))
