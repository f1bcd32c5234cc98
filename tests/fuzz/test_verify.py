"""Whatever lies in a copy of an archive, the second reader ends with a verdict, and calls no changed inventory good."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.verify import verify
from tests.archives import VersionedObjects
from tests.fuzz.documents import budget, corrupted, mutated, odd_texts
from tests.unit.conftest import World

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")

CERTIFICATE = "default/inventory/certificate.json"
OLDER = "default/inventory/certificate-1.json"
INVENTORY = "default/inventory/2026/03.csv"


def _archive() -> dict[str, bytes]:
    world = World()
    for number in range(3):
        world.qonto.put(f"i{number}", number=f"F-{number}")
    world.clock.advance(days=1)
    world.sync()
    world.reconcile()
    return {key: world.archive.content(key) for key in world.archive.versions}


ORIGINAL = _archive()
LATER = json.dumps(
    json.loads(ORIGINAL[CERTIFICATE])
    | {"version": 2, "previous_sha256": hashlib.sha256(ORIGINAL[CERTIFICATE]).hexdigest()}
).encode()
"""A certificate that follows the original one."""
certificates = mutated(json.loads(ORIGINAL[CERTIFICATE]))


def is_good(changes: dict[str, bytes]) -> bool:
    """What the second reader says."""
    objects = ORIGINAL | changes
    versions = {key: [content] for key, content in objects.items()}
    versions[CERTIFICATE] = [objects[key] for key in (OLDER, CERTIFICATE) if key in objects]
    return verify(VersionedObjects("default", versions), lambda _done, _total: None).is_good


def test_the_original_is_good() -> None:
    """So the tests below can fail."""
    assert is_good({})


@pytest.mark.slow
@budget(1_000)
@given(st.data())
def test_any_single_changed_byte_is_found(data: st.DataObject) -> None:
    """In any object, inventory or older certificate. The last certificate needs a hash that was kept elsewhere."""
    key = data.draw(st.sampled_from(sorted(ORIGINAL.keys() - {CERTIFICATE})) | st.just(OLDER))
    content = bytearray(ORIGINAL[CERTIFICATE] if key == OLDER else ORIGINAL[key])
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    assert not is_good({key: bytes(content), CERTIFICATE: LATER})
    assert is_good({OLDER: ORIGINAL[CERTIFICATE], CERTIFICATE: LATER})


@pytest.mark.slow
@budget(1_500)
@given(certificates | corrupted(certificates))
def test_any_certificate_gets_a_verdict(content: bytes) -> None:
    """What lies there may have any form, and name any inventory."""
    is_good({CERTIFICATE: content})


@pytest.mark.slow
@budget(1_500)
@given(
    corrupted(st.just(ORIGINAL[INVENTORY])) | odd_texts.map(lambda text: text.encode(errors="replace")), st.booleans()
)
def test_a_changed_inventory_is_never_good(content: bytes, is_forged: bool) -> None:  # noqa: FBT001
    """Unless the certificate is forged with it, and then only if every object that it names is there as it says."""
    if content == ORIGINAL[INVENTORY]:
        return
    changes = {INVENTORY: content}
    if is_forged:
        forged: dict[str, Any] = json.loads(ORIGINAL[CERTIFICATE])
        forged["months"][-1]["sha256"] = hashlib.sha256(content).hexdigest()
        is_good(changes | {CERTIFICATE: json.dumps(forged).encode()})
    else:
        assert not is_good(changes)
