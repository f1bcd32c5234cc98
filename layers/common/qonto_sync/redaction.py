"""What others wrote, made fit for a log line. Pure, and quick, whoever wrote it and however long it is."""

from __future__ import annotations

import re

_HIDDEN = "[redacted]"

_LONGEST = 2_000
"""Characters. More would be cut off for a log line anyway, and no pattern can take long on so few."""

_SECRETS = (
    (
        re.compile(
            r"\b(authorization|bearer)\b[\s:=\"']++(?:(?:authorization|bearer|basic)\b[\s:=\"']++)*+\S++", re.IGNORECASE
        ),
        rf"\1 {_HIDDEN}",
    ),
    # The query of a URL, whole or relative: presigned ones are credentials.
    (re.compile(r"(\?|%3F)\S++", re.IGNORECASE), rf"\1{_HIDDEN}"),
    (re.compile(r"(token|secret|secret_key|signature|password|credential)=\S++", re.IGNORECASE), rf"\1={_HIDDEN}"),
    # A JSON Web Token, which may be a bearer token without saying so.
    (re.compile(r"\beyJ[\w-]++\.[\w.-]++"), _HIDDEN),
    # E-mail addresses, also as a URL spells them.
    (re.compile(r"(?<![^\s<>\"(),;:])[^\s<>\"(),;:@%]*+(?:(?:@|%40)[^\s<>\"(),;:@%]*+)++", re.IGNORECASE), _HIDDEN),
    # IBANs, as they are stored or in groups of four. 32 hexadecimal digits are one of our own ids.
    (
        re.compile(
            r"\b(?![0-9a-f]{32}\b)[A-Z]{2}\d{2}(?:[A-Z0-9]{11,30}|(?:\s[A-Z0-9]{4}){2,7}(?:\s[A-Z0-9]{1,4})?)\b",
            re.IGNORECASE,
        ),
        _HIDDEN,
    ),
)


def redacted(text: str) -> str:
    """The text's beginning, without what looks like a URL's query, a token, an e-mail address or an IBAN."""
    text = text[:_LONGEST]
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text
