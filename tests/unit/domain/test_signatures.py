"""Qonto's signature: the published example, and everything that differs from it."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qonto_sync.domain.signatures import Signature
from tests.fuzz.documents import budget

SECRET: Final = "test-secret"
BODY: Final = b'{"test":"data"}'
SIGNED_AT: Final = 1704110400
DIGEST: Final = "56aff06dc227db80d6568a5070f912c601c31f20451745d257cbc0b5dfa93805"
HEADER: Final = f"t={SIGNED_AT},v1={DIGEST}"
OTHER: Final = "0" * 64


def parsed(header: str) -> Signature:
    """The signature in a header that has one."""
    signature = Signature.parse(header)
    assert signature
    return signature


def test_the_published_example_is_right() -> None:
    """Qonto's documentation has it: secret, body, time and digest."""
    assert parsed(HEADER).is_of(BODY, [SECRET])


@budget(200)
@given(st.integers(0, 8 * len(BODY) - 1))
def test_no_bit_of_the_body_can_change(bit: int) -> None:
    """Each of them is signed."""
    changed = bytearray(BODY)
    changed[bit // 8] ^= 1 << bit % 8
    assert not parsed(HEADER).is_of(bytes(changed), [SECRET])


@budget(200)
@given(st.integers(0, 255))
def test_no_bit_of_the_digest_can_change(bit: int) -> None:
    """Close is not right."""
    changed = f"{int(DIGEST, 16) ^ 1 << bit:064x}"
    assert not parsed(f"t={SIGNED_AT},v1={changed}").is_of(BODY, [SECRET])


@budget(200)
@given(st.integers(0, 10**12 - 1).filter(lambda at: at != SIGNED_AT))
def test_the_time_is_signed(at: int) -> None:
    """A recorded signature can't be given another time; nor the same one, spelled differently."""
    assert not parsed(f"t={at},v1={DIGEST}").is_of(BODY, [SECRET])
    assert not parsed(f"t=0{SIGNED_AT},v1={DIGEST}").is_of(BODY, [SECRET])


@budget(200)
@given(st.lists(st.text(st.characters(), max_size=80).filter(lambda secret: secret != SECRET), max_size=4))
def test_no_other_secret_makes_it(secrets: list[str]) -> None:
    """Whatever else is stored, characters included that UTF-8 does not have; and none is not everybody's."""
    assert not parsed(HEADER).is_of(BODY, secrets)
    assert parsed(HEADER).is_of(BODY, [*secrets, SECRET])


def test_a_secret_that_cannot_be_written_does_no_harm() -> None:
    """JSON has halves of characters, UTF-8 has not; the others in the list are good all the same."""
    assert parsed(HEADER).is_of(BODY, ["\ud800", SECRET])


def test_an_empty_secret_signs_nothing() -> None:
    """Everybody could have it."""
    digest = hmac.new(b"", f"{SIGNED_AT}.".encode() + BODY, hashlib.sha256).hexdigest()
    assert not parsed(f"t={SIGNED_AT},v1={digest}").is_of(BODY, [""])


@pytest.mark.parametrize(
    "header",
    [
        f"t={SIGNED_AT},v1={OTHER},v1={DIGEST}",
        f"v1={DIGEST}, v1={OTHER} ,t={SIGNED_AT}",
        f"t={SIGNED_AT},v0=older,v1={DIGEST},v2=newer,x",
        f"t={SIGNED_AT},v1=short,v1={DIGEST}",
    ],
)
def test_one_right_digest_is_enough(header: str) -> None:
    """While a secret is rotated there are two; and other versions are not ours to judge."""
    assert parsed(header).is_of(BODY, ["another", SECRET])


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t",
        ",,,",
        f"v1={DIGEST}",
        f"t={SIGNED_AT}",
        f"t=,v1={DIGEST}",
        f"t=-1,v1={DIGEST}",
        f"t=1e9,v1={DIGEST}",
        f"t=\u0661\u0667,v1={DIGEST}",
        f"t={'9' * 13},v1={DIGEST}",
        f"t={SIGNED_AT},t={SIGNED_AT},v1={DIGEST}",
        f"t={SIGNED_AT},v1={DIGEST[:-1]}",
        f"t={SIGNED_AT},v2={DIGEST}",
        f"{HEADER},{'x' * 2048}",
    ],
)
def test_what_is_no_signature_is_none(header: str) -> None:
    """Without one time and one digest there is nothing to compare."""
    assert Signature.parse(header) is None


@budget(200)
@given(st.text(st.characters(), max_size=300))
def test_no_header_does_any_harm(header: str) -> None:
    """It is a signature or it is not."""
    signature = Signature.parse(header)
    assert signature is None or not signature.is_of(BODY, [SECRET])


@pytest.mark.parametrize("seconds", [-301, -300, -1, 0, 300, 300.5])
def test_only_a_new_one_is_timely(seconds: float) -> None:
    """So many seconds in either direction, for clocks differ both ways."""
    now = datetime.fromtimestamp(SIGNED_AT, UTC) + timedelta(seconds=seconds)
    assert parsed(HEADER).is_timely(now, timedelta(seconds=300)) is (abs(seconds) <= 300)
