"""Qonto's limits: exact sliding windows per address."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from local.qonto_simulator import Limits, Window, World
from local.qonto_simulator.limits import Limiter

from .conftest import Client, ManualClock, Serve

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def admitted(moments: Sequence[int], limits: Limits) -> list[int]:
    """Return which of the seconds a limiter admits."""
    limiter = Limiter(limits)
    return [each for each in moments if limiter.admit("a", EPOCH + timedelta(seconds=each)) is None]


@given(steps=st.lists(st.integers(0, 5), max_size=60))
def test_no_window_ever_holds_too_many(steps: list[int]) -> None:
    """Whatever the arrivals, each is admitted exactly if both windows that end with it have room."""
    moments = [sum(steps[: number + 1]) for number in range(len(steps))]
    limits = Limits((Window(3, timedelta(seconds=10)), Window(5, timedelta(seconds=30))))
    expected: list[int] = []
    for moment in moments:
        if all(sum(moment - length < each for each in expected) < most for most, length in ((3, 10), (5, 30))):
            expected.append(moment)
    assert admitted(moments, limits) == expected


def test_the_wait_is_exact() -> None:
    """A refusal tells when the next request fits, and then it does."""
    limiter = Limiter(Limits((Window(2, timedelta(seconds=10)),)))
    for second in (0, 4):
        assert limiter.admit("a", EPOCH + timedelta(seconds=second)) is None
    assert limiter.admit("a", EPOCH + timedelta(seconds=7)) == timedelta(seconds=3)
    assert limiter.admit("b", EPOCH + timedelta(seconds=7)) is None
    assert limiter.admit("a", EPOCH + timedelta(seconds=10)) is None


def test_the_defaults_are_qontos(client: Client, clock: ManualClock) -> None:
    """A thousand requests in ten seconds pass; the next one is a 429 in the envelope, without a hint."""
    statuses = {client.get("/v2/client_invoices").status for _ in range(1000)}
    refused = client.get("/v2/client_invoices")
    assert statuses == {200}
    assert (refused.status, refused.json()["errors"][0]["code"]) == (429, "too_many_requests")
    assert "Retry-After" not in refused.headers
    assert client.get("/_simulator/").status == 200
    clock.move(10)
    assert client.get("/v2/client_invoices").status == 200


def test_ten_minutes_have_a_limit_of_their_own() -> None:
    """Ten thousand requests in ten minutes pass, spread as they may be."""
    moments = [number // 20 for number in range(12_000)]
    assert len(admitted(moments, Limits())) == 10_000


def test_too_many_401s_are_throttled(client: Client, clock: ManualClock) -> None:
    """After more than 200 of them in an hour, even good credentials wait."""
    for _ in range(200):
        assert client.get("/v2/client_invoices", {}).status == 401
    assert client.get("/v2/client_invoices").status == 200
    assert client.get("/v2/client_invoices", {}).status == 401
    assert client.get("/v2/client_invoices").status == 429
    clock.move(3600)
    assert client.get("/v2/client_invoices").status == 200


def test_a_limit_can_tell_the_wait(world: World, serve: Serve, clock: ManualClock) -> None:
    """`Retry-After` is sent if told so, in whole seconds, rounded up."""
    limits = Limits((Window(1, timedelta(seconds=10)),), retry_after="seconds")
    client = serve(world, limits=limits)
    assert client.get("/v2/client_invoices").status == 200
    clock.move(2.5)
    refused = client.get("/v2/client_invoices")
    assert (refused.status, refused.headers["Retry-After"]) == (429, "8")


def test_a_limit_can_tell_the_wait_as_a_date(world: World, serve: Serve, clock: ManualClock) -> None:
    """`Retry-After` is a date in that form, and never too early."""
    client = serve(world, limits=Limits((Window(1, timedelta(seconds=10)),), retry_after="date"))
    assert client.get("/v2/client_invoices").status == 200
    clock.move(2.5)
    refused = client.get("/v2/client_invoices")
    assert (refused.status, refused.headers["Retry-After"]) == (429, "Mon, 02 Nov 2026 09:00:11 GMT")
    clock.move(7.5)
    assert client.get("/v2/client_invoices").status == 200


def test_limits_can_be_turned_off(world: World, serve: Serve) -> None:
    """Without limits nothing is throttled."""
    client = serve(world, limits=None)
    assert {client.get("/v2/client_invoices").status for _ in range(1100)} == {200}
