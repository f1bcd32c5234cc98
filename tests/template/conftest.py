"""The template as it is written, as CloudFormation gets it, and as it is deployed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from local.aws import moto_server
from local.cloudformation import read, translate
from local.stack import TEMPLATE, deploy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.stack import Stack

ROOT: Final = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def source() -> dict[str, Any]:
    """The template as it is written."""
    return read(TEMPLATE)


@pytest.fixture(scope="session")
def resources() -> dict[str, Any]:
    """The template's resources after SAM's translation, by logical id."""
    translated = translate(read(TEMPLATE), {})
    found: dict[str, Any] = translated["Resources"]
    return found


@pytest.fixture
def stack() -> Iterator[Stack]:
    """The template, deployed on an empty local AWS."""
    with moto_server() as endpoint_url:
        yield deploy(endpoint_url, parameters={"LogLevel": "DEBUG"})
