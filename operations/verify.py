"""Checks an archive by its certificates: `python -m operations verify`.

It is a second reader of the formats that docs/archive.md describes, and shares no code with their writer. It needs the
bucket, with permission to read it, or a copy of it; neither Qonto nor the state table.

Each certificate has the hash of the one before, and of all inventories; each inventory has those of all objects.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple, override

from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import boto3
    from mypy_boto3_s3 import S3Client

_AT_ONCE: Final = 16
_CHUNK: Final = 1024 * 1024


class Found(NamedTuple):
    """An object as it is now."""

    sha256: str
    changed_at: datetime | None
    """When it was written; None if nobody knows."""


class Archive(ABC):
    """One connection's part of an archive."""

    def __init__(self, connection: str) -> None:
        self.certificate_key = f"{connection}/inventory/certificate.json"
        self.prefix = f"{connection}/client_invoices/"

    @abstractmethod
    def certificates(self) -> list[bytes]:
        """Every certificate that can be found, the newest first."""

    @abstractmethod
    def content(self, key: str) -> bytes | None:
        """The object under a key; None if there is none."""

    @abstractmethod
    def find(self, key: str) -> Found | None:
        """The hash of the object under a key; None if there is none. It is not kept in memory."""

    @abstractmethod
    def keys(self) -> Iterator[str]:
        """The keys of all invoices' objects."""


class Folder(Archive):
    """A copy of the bucket on disk: each key is a path. Older certificates lie beside the last, under other names."""

    def __init__(self, path: Path, connection: str) -> None:
        super().__init__(connection)
        self._path = path

    @override
    def certificates(self) -> list[bytes]:
        folder = (self._path / self.certificate_key).parent
        return [path.read_bytes() for path in sorted(folder.glob("certificate*.json"), reverse=True)]

    @override
    def content(self, key: str) -> bytes | None:
        path = self._inside(key)
        return path.read_bytes() if path and path.is_file() else None

    @override
    def find(self, key: str) -> Found | None:
        path = self._inside(key)
        if path is None or not path.is_file():
            return None
        with path.open("rb") as file:
            return Found(hashlib.file_digest(file, "sha256").hexdigest(), None)

    @override
    def keys(self) -> Iterator[str]:
        for path in (self._path / self.prefix).rglob("*"):
            if path.is_file():
                yield path.relative_to(self._path).as_posix()

    def _inside(self, key: str) -> Path | None:
        """The path; None for a key that is none or leads out of the folder, because an inventory may be forged."""
        try:
            path = (self._path / key).resolve()
        except ValueError:
            return None
        return path if path.is_relative_to(self._path.resolve()) else None


class Bucket(Archive):
    """The bucket itself. Older certificates are older versions of the object."""

    def __init__(self, session: boto3.Session, name: str, connection: str, *, endpoint_url: str | None = None) -> None:
        super().__init__(connection)
        config = Config(max_pool_connections=_AT_ONCE)
        self._client: S3Client = session.client("s3", config=config, endpoint_url=endpoint_url)
        self._name = name

    @override
    def certificates(self) -> list[bytes]:
        key = self.certificate_key
        pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self._name, Prefix=key)
        return [
            self._client.get_object(Bucket=self._name, Key=key, VersionId=version["VersionId"])["Body"].read()
            for page in pages
            for version in page.get("Versions", [])
        ]

    @override
    def content(self, key: str) -> bytes | None:
        found = self._get(key)
        return found["Body"].read() if found else None

    @override
    def find(self, key: str) -> Found | None:
        found = self._get(key)
        if not found:
            return None
        digest = hashlib.sha256()
        while chunk := found["Body"].read(_CHUNK):
            digest.update(chunk)
        return Found(digest.hexdigest(), found["LastModified"])

    @override
    def keys(self) -> Iterator[str]:
        for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._name, Prefix=self.prefix):
            yield from (found["Key"] for found in page.get("Contents", []))

    def _get(self, key: str) -> Any:
        try:
            return self._client.get_object(Bucket=self._name, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in {"NoSuchKey", "404"}:
                return None
            raise


class Certificate(NamedTuple):
    """A certificate that can be read."""

    sha256: str
    fields: dict[str, Any]
    """`version` is a positive number, `breaks` a list, `months` and `gaps` are lists of objects."""


@dataclass(slots=True)
class Verdict:
    """What a verification found."""

    version: int = 0
    """Of the last certificate; 0: there is none."""
    reconciled_at: str = ""
    certificates: int = 0
    months: int = 0
    objects: int = 0
    """Whose hash was compared."""
    differences: list[tuple[str, str]] = field(default_factory=list)
    """Keys, and what is wrong with them."""
    notes: list[str] = field(default_factory=list)
    """What a reader should know, and is no difference."""

    @property
    def is_good(self) -> bool:
        """Whether everything that was certified is as it was certified."""
        return self.version > 0 and not self.differences


def verify(archive: Archive, advance: Callable[[int, int], None]) -> Verdict:
    """Checks all that the last certificate names. `advance` is called with how many objects are done, of how many."""
    verdict = Verdict()
    chain = _chain(archive, verdict)
    if not chain:
        verdict.differences.append((archive.certificate_key, "there is no certificate"))
        return verdict
    verdict.version = max(chain)
    last = chain[verdict.version].fields
    verdict.reconciled_at = str(last.get("reconciled_at", ""))
    for version, certificate in chain.items():
        verdict.notes += [f"certificate {version} notes: {what}" for what in certificate.fields["breaks"]]
    for gap in last["gaps"]:
        verdict.notes.append(f"the month {gap.get('month')} is not certified: {gap.get('detail')}")
    expected = _expected_objects(archive, last, verdict)
    _check_objects(archive, expected, verdict, advance)
    others = sum(key not in expected for key in archive.keys())  # noqa: SIM118 - it is no mapping
    if others:
        verdict.notes.append(
            f"{others} objects are in no inventory: newer than the certificate, or replaced attachments"
        )
    return verdict


def _chain(archive: Archive, verdict: Verdict) -> dict[int, Certificate]:
    """The certificates by their version, in order, each the one that the next one follows.

    Somebody may have written something else over one of them. If a later certificate follows the right one, that is a
    note.
    """
    contents = archive.certificates()
    found = _by_version(contents)
    chain: dict[int, Certificate] = {}
    for version in sorted(found, reverse=True):
        candidates, following = found[version], chain.get(version + 1)
        followed = [each for each in candidates if following and following.fields.get("previous_sha256") == each.sha256]
        chain[version] = (followed or candidates)[0]
        if following and not followed:
            what = f"version {version + 1} does not follow version {version} as it is"
            verdict.differences.append((archive.certificate_key, what))
        elif len(candidates) > 1 and followed:
            verdict.notes.append(
                f"version {version} of the certificate was written over, and the chain goes on without"
            )
        elif len(candidates) > 1:
            verdict.differences.append((archive.certificate_key, f"there are {len(candidates)} of version {version}"))
    if unreadable := [number for number, content in enumerate(contents) if _fields_of(content) is None]:
        # The newest comes first. Without gaps in the chain nothing of it can be in what nobody can read.
        is_extra = 0 not in unreadable and sorted(chain) == list(range(1, len(chain) + 1))
        what = f"{len(unreadable)} of its versions are no certificates"
        if is_extra:
            verdict.notes.append(f"{archive.certificate_key}: {what}")
        else:
            verdict.differences.append((archive.certificate_key, what))
    newest = _fields_of(contents[0]) if contents else None
    if newest and newest["version"] < max(chain):
        what = f"it is of version {newest['version']}, and there is an older one of version {max(chain)}"
        verdict.differences.append((archive.certificate_key, what))
    verdict.certificates = len(chain)
    return dict(sorted(chain.items()))


def _by_version(contents: list[bytes]) -> dict[int, list[Certificate]]:
    """The certificates that differ, by their version; the newer ones come first."""
    found: dict[int, list[Certificate]] = {}
    for content in contents:
        fields = _fields_of(content)
        if fields is None:
            continue
        certificate = Certificate(hashlib.sha256(content).hexdigest(), fields)
        known = found.setdefault(fields["version"], [])
        if certificate.sha256 not in {each.sha256 for each in known}:
            known.append(certificate)
    return found


def _fields_of(content: bytes) -> dict[str, Any] | None:
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
    are_objects = all(isinstance(each, dict) for each in (*lists["months"], *lists["gaps"]))
    return {**fields, **lists} if are_objects else None


def _expected_objects(archive: Archive, last: dict[str, Any], verdict: Verdict) -> dict[str, str]:
    """The hash of each object, by key, from the inventories that have the hashes of the certificate."""
    expected: dict[str, str] = {}
    for month in last["months"]:
        year, _, number = str(month.get("month")).partition("-")
        key = f"{last.get('connection')}/inventory/{year}/{number}.csv"
        content = archive.content(key)
        verdict.months += 1
        if content is None:
            verdict.differences.append((key, "it is not there"))
        elif hashlib.sha256(content).hexdigest() != month.get("sha256"):
            verdict.differences.append((key, "its hash is not the one of the certificate"))
        else:
            try:
                expected |= _objects_of(content)
            except (ValueError, KeyError, csv.Error) as error:
                verdict.differences.append((key, f"it is no inventory: {type(error).__name__}"))
    return expected


def _objects_of(inventory: bytes) -> dict[str, str]:
    rows = csv.DictReader(io.StringIO(inventory.decode("utf-8"), newline=""))
    return {
        row[f"{kind}_key"]: row[f"{kind}_sha256"]
        for row in rows
        for kind in ("document", "file")
        if row.get(f"{kind}_key")
    }


def _check_objects(
    archive: Archive, expected: dict[str, str], verdict: Verdict, advance: Callable[[int, int], None]
) -> None:
    certified_at = _instant(verdict.reconciled_at)
    changed = 0
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = pool.map(archive.find, expected)
        for done, (key, now) in enumerate(zip(expected, found, strict=True), 1):
            verdict.objects += 1
            advance(done, len(expected))
            if now is None:
                verdict.differences.append((key, "it is not there"))
            elif now.sha256 != expected[key]:
                if now.changed_at and certified_at and now.changed_at > certified_at:
                    changed += 1
                else:
                    verdict.differences.append((key, "its hash is not the one of the inventory"))
    if changed:
        verdict.notes.append(f"{changed} objects were replaced after the certificate: the next one has their hashes")


def _instant(text: str) -> datetime | None:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
