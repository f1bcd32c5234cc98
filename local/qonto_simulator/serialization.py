"""JSON text as Qonto writes it, byte for byte the same wherever an object appears.

Decimals keep their digits (`1.10`) and `&`, `<`, `>` are escaped inside strings, so that a client which parses
and writes again, instead of keeping what it received, is noticed.
"""

import json
import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from local.qonto_simulator.timestamps import zulu

# The standard encoder writes no decimals. It gets a string that starts with this private character instead, and
# the quotes go afterwards; encoding in Python, value by value, takes five times as long.
_DECIMAL = "\ue000"
_QUOTED_DECIMAL = re.compile(f'"{_DECIMAL}([^"]+)"')

type Notation = Callable[[datetime], str]


def to_json(value: Any, notation: Notation = zulu) -> str:
    """Return the value as JSON text, times in the given notation."""

    def stand_in(unknown: object) -> str:
        match unknown:
            case datetime():
                return notation(unknown)
            case Decimal():
                return f"{_DECIMAL}{unknown}"
            case _:
                raise TypeError(f"not for JSON: {type(unknown).__name__}")

    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=stand_in)
    # These three occur in strings only.
    text = text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    return _QUOTED_DECIMAL.sub(r"\1", text)
