"""Scheduling and caches for the speed of the whole suite. No test depends on them."""

from __future__ import annotations

import gc
import os
from functools import cache

import botocore.session
import pytest
from hypothesis import settings

# Without the cache each of the many sessions parses the descriptions of AWS's services again.
botocore.session.create_loader = cache(botocore.session.create_loader)

# How long an example takes depends on what else the machine does, so no example has a deadline. All else stays as it
# is, such as the derandomized examples that Hypothesis chooses in CI.
settings.register_profile("untimed", parent=settings(), deadline=None)
settings.load_profile("untimed")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """More workers than processors for `-n auto`, because some tests wait while the code under test backs off."""
    return (os.process_cpu_count() or 1) * 3 // 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Starts the slow tests first, so that none of them runs alone at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_collection_finish() -> None:
    """Excludes everything that was imported, and lives until the end, from garbage collection."""
    gc.collect()
    gc.freeze()
