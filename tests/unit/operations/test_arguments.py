"""What may be typed."""

from __future__ import annotations

import re

import pytest
from botocore.loaders import Loader
from hypothesis import given
from hypothesis import strategies as st

from operations.arguments import connection_name, schedule_expression, stalled_after
from operations.aws import WrongArgument
from qonto_sync.domain.ids import CONNECTION_PATTERN

HOSTILE = ["a b", "../x", "x#y", "-x", "_x", "a/b", "a.b", "acme\n", "ä", "$(id)", "--help", "x" * 65]


@pytest.mark.parametrize("text", ["acme", "A", "0-_", "x" * 64])
def test_takes_a_name(text: str) -> None:
    """What `qonto_sync` takes, the operator may type."""
    assert connection_name(text) == text


@pytest.mark.parametrize("text", HOSTILE)
def test_refuses_what_is_no_name(text: str) -> None:
    """The error names the argument, its value and what would be right."""
    with pytest.raises(WrongArgument, match=r"must be 1 to 64 letters.* such as acme") as refused:
        connection_name(text)
    assert str(refused.value).startswith(f"NAME is {text!r}, but ")


def test_tells_a_missing_name() -> None:
    """An empty name is not called a wrong one."""
    with pytest.raises(WrongArgument, match=r"^NAME is missing: .* acme$"):
        connection_name("")


def test_leaves_the_default_connection_to_the_stack() -> None:
    """Its schedule would be there twice; the error says which parameter is meant for it."""
    with pytest.raises(WrongArgument, match=r"belongs to the stack.*DefaultSchedule"):
        connection_name("default")


@given(st.from_regex(CONNECTION_PATTERN, fullmatch=True))
def test_every_name_can_be_a_schedules(text: str) -> None:
    """EventBridge Scheduler's own rule for names, from its service model, is wider than ours."""
    rule = Loader().load_service_model("scheduler", "service-2")["shapes"]["Name"]
    assert re.fullmatch(rule["pattern"], text)
    assert rule["min"] <= len(text) <= rule["max"]


@pytest.mark.parametrize("text", ["at(2027-01-01T00:00:00)", "1 hour", "hourly", " rate(1 hour)"])
def test_refuses_a_schedule_that_does_not_recur(text: str) -> None:
    """EventBridge Scheduler would take `at(…)`, and the connection would run once and never again."""
    with pytest.raises(WrongArgument, match=r"^--schedule is .* must be like 'rate\(1 hour\)'"):
        schedule_expression(text)


@pytest.mark.parametrize("text", ["0", "169", "-1", "1.5", "6h", "²", "0006", "9" * 5000])
def test_refuses_hours_that_no_alarm_waits(text: str) -> None:
    """CloudWatch evaluates up to a week, by the hour."""
    with pytest.raises(WrongArgument, match=r"^--stalled-after is .* must be 1 to 168, in hours$"):
        stalled_after(text)


@pytest.mark.parametrize(("text", "hours"), [("", None), ("1", 1), ("168", 168)])
def test_takes_hours(text: str, hours: int | None) -> None:
    """A week at most; nothing at all leaves it to the schedule."""
    assert stalled_after(text) == hours
