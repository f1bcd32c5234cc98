"""Checks an archive by its certificates: `qonto-sync verify`.

Each certificate has the hash of the one before, and of all inventories; each inventory has those of all objects.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from operations.archives import AT_ONCE
from operations.certificates import inventory_key, inventory_rows, parse_certificate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from operations.archives import Archive
    from operations.certificates import Certificate


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
    parsed = [parse_certificate(content) for content in archive.certificates()]
    found = _by_version(filter(None, parsed))
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
    if unreadable := parsed.count(None):
        # The newest comes first. Without gaps in the chain nothing of it can be in what nobody can read.
        is_extra = parsed[0] is not None and sorted(chain) == list(range(1, len(chain) + 1))
        what = f"{unreadable} of its versions are no certificates"
        if is_extra:
            verdict.notes.append(f"{archive.certificate_key}: {what}")
        else:
            verdict.differences.append((archive.certificate_key, what))
    newest = parsed[0] if parsed else None
    if newest and newest.version < max(chain):
        what = f"it is of version {newest.version}, and there is an older one of version {max(chain)}"
        verdict.differences.append((archive.certificate_key, what))
    verdict.certificates = len(chain)
    return dict(sorted(chain.items()))


def _by_version(certificates: Iterable[Certificate]) -> dict[int, list[Certificate]]:
    """The certificates that differ, by their version; the newer ones come first."""
    found: dict[int, list[Certificate]] = {}
    for certificate in certificates:
        known = found.setdefault(certificate.version, [])
        if certificate not in known:
            known.append(certificate)
    return found


def _expected_objects(archive: Archive, last: Mapping[str, Any], verdict: Verdict) -> dict[str, str]:
    """The hash of each object, by key, from the inventories that have the hashes of the certificate."""
    expected: dict[str, str] = {}
    for month in last["months"]:
        key = inventory_key(str(last.get("connection")), str(month.get("month")))
        content = archive.content(key)
        verdict.months += 1
        if content is None:
            verdict.differences.append((key, "it is not there"))
        elif hashlib.sha256(content).hexdigest() != month.get("sha256"):
            verdict.differences.append((key, "its hash is not the one of the certificate"))
        else:
            try:
                expected |= _objects_of(content)
            except (ValueError, KeyError) as error:
                verdict.differences.append((key, f"it is no inventory: {type(error).__name__}"))
    return expected


def _objects_of(inventory: bytes) -> dict[str, str]:
    return {
        row[f"{kind}_key"]: row[f"{kind}_sha256"]
        for row in inventory_rows(inventory)
        for kind in ("document", "file")
        if row.get(f"{kind}_key")
    }


def _check_objects(
    archive: Archive, expected: dict[str, str], verdict: Verdict, advance: Callable[[int, int], None]
) -> None:
    certified_at = _instant(verdict.reconciled_at)
    changed = 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
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
