"""The computation of costs."""

from __future__ import annotations

from typing import Any

import pytest

from bench.cost import RUN_SECONDS, Usage, first_import_seconds, runs_for, seconds_at, usage
from local.cloudformation import read
from local.stack import TEMPLATE

RUN: dict[str, Any] = {
    "work": {"invoices": 1_000},
    "measurement": {"wall": 10.0, "cpu": 4.0},
    "requests": {"qonto list": 10, "qonto attachment": 1_000, "s3 PutObject": 2_000, "dynamodb PutItem": 1_000},
    "amounts": {"write_units": 1_001, "read_units": 2},
    "log_bytes": 1_000,
}


def test_s3_uploads_are_most_of_a_new_invoice() -> None:
    """There are two of them, JSON and file."""
    usd = usage(RUN, 10.0, 1_024).usd()
    assert usd["S3 requests"] == pytest.approx(0.0108)
    assert usd["S3 requests"] > 0.9 * sum(usd.values())


def test_memory_is_billed_by_the_second() -> None:
    """In GB-seconds of 1 024 MB."""
    assert usage(RUN, 10.0, 512).gb_seconds == pytest.approx(5)


def test_a_function_with_little_memory_computes_longer() -> None:
    """442 MB are a quarter of a vCPU; the time spent waiting does not change."""
    assert seconds_at(RUN, 1_769) == pytest.approx(10)
    assert seconds_at(RUN, 442) == pytest.approx(16, rel=0.01)


def test_qontos_limit_decides_how_long_a_first_import_takes() -> None:
    """1 010 requests per thousand invoices, at 10 000 requests in ten minutes."""
    assert first_import_seconds(RUN, 100_000, 1_024) == pytest.approx(101_000 * 0.06)


def test_a_first_import_is_cut_into_runs() -> None:
    """Each ends a minute before the function's timeout."""
    timeout = read(TEMPLATE)["Resources"]["SyncFunction"]["Properties"]["Timeout"]
    assert timeout - 60 == RUN_SECONDS
    assert [runs_for(seconds) for seconds in (1, RUN_SECONDS, RUN_SECONDS + 1, 101_000 * 0.06)] == [1, 1, 2, 8]


def test_usage_adds_up() -> None:
    """Twice the amounts cost twice as much."""
    once = Usage(gb_seconds=3, puts=5, log_bytes=7)
    assert sum(once.times(2).usd().values()) == pytest.approx(2 * sum(once.usd().values()))
