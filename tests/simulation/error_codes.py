"""The code of the error that a call raises."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError


def code_of(call: Any, **request: Any) -> str:
    """Expects a `ClientError`, and returns its code."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    return str(caught.value.response["Error"]["Code"])
