"""The functions as the benchmark deploys them."""

from __future__ import annotations

from bench.deployment import our_threads
from bench.ports import Ports


def test_function_gets_the_templates_settings() -> None:
    """As texts, as Lambda gives them, also where the parameter is a number."""
    assert our_threads(Ports(qonto=1, files=2, aws=3, control=4)) == 24
