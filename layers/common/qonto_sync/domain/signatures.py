"""Qonto's signature of a webhook: `t=1704110400,v1=56aff0…`, with several `v1` while a secret is rotated."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

_LONGEST_HEADER = 2048
_SECONDS = re.compile(r"[0-9]{1,12}")
_HEX_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Signature:
    """The content of the signature header, not yet verified."""

    signed_at: str
    """Seconds since 1970, as they are written in the header, because this text is part of what is signed."""
    digests: tuple[str, ...]
    """At least one, in lower-case hexadecimal digits."""

    @staticmethod
    def parse(header: str) -> Signature | None:
        """The signature; None unless the header has exactly one time and at least one digest of version 1.

        Other parts are ignored, so that Qonto can add a version.
        """
        if len(header) > _LONGEST_HEADER:
            return None
        parts = [
            (name.strip(), value.strip()) for name, _, value in (part.partition("=") for part in header.split(","))
        ]
        times = [value for name, value in parts if name == "t"]
        digests = tuple(value for name, value in parts if name == "v1" and _HEX_SHA256.fullmatch(value))
        if len(times) != 1 or not _SECONDS.fullmatch(times[0]) or not digests:
            return None
        return Signature(times[0], digests)

    def is_timely(self, now: datetime, tolerance: timedelta) -> bool:
        """Whether it was made about now, so that a recorded request cannot be replayed later."""
        return abs(now.timestamp() - int(self.signed_at)) <= tolerance.total_seconds()

    def is_of(self, body: bytes, secrets: Iterable[str]) -> bool:
        """Whether one of the secrets signed exactly these bytes at that time. Compares in constant time."""
        signed = b"%s.%s" % (self.signed_at.encode(), body)
        # JSON can express lone surrogates, which UTF-8 cannot encode.
        keys = [secret.encode(errors="surrogatepass") for secret in secrets if secret]
        expected = [hmac.new(key, signed, hashlib.sha256).hexdigest() for key in keys]
        # All are compared, so that the time does not depend on which one matches.
        return any([hmac.compare_digest(ours, theirs) for ours in expected for theirs in self.digests])  # noqa: C419
