"""Requests with a budget, on a server that is scripted answer by answer."""

from __future__ import annotations

import pytest
import urllib3

from qonto_sync.errors import Retriable
from tests.fakes import CountedDeadline
from tests.unit.scripted_http import Bench, answer


@pytest.mark.parametrize("status", [200, 204, 301, 304, 400, 401, 403, 404, 410, 422])
def test_an_answer_that_no_retry_changes_is_given_at_once(status: int) -> None:
    """What it means is for the caller to say."""
    bench = Bench([answer(status)])
    assert bench.send() == status
    assert (len(bench.pool.sent), bench.clock.slept) == (1, [])


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_an_answer_that_may_change_is_asked_for_again(status: int) -> None:
    """Four times in all, with growing waits."""
    bench = Bench([answer(status), answer(200)])
    assert bench.send() == 200
    bench = Bench([answer(status)])
    with pytest.raises(Retriable, match=f"no answer from files.example after 4 attempts: status {status}"):
        bench.send()
    assert bench.requests.as_dict()["qonto"] == 4


def test_the_url_is_in_no_error() -> None:
    """Neither in ours nor, by its text, in the one behind it: it may be a credential."""
    bench = Bench([urllib3.exceptions.ProtocolError("Connection aborted.")])
    with pytest.raises(Retriable) as error:
        bench.send()
    assert "X-Amz" not in str(error.value)


def test_waits_grow() -> None:
    """Exponentially, jittered."""
    bench = Bench([answer(503)])
    with pytest.raises(Retriable):
        bench.send()
    assert bench.clock.slept == [0.5, 1.0, 2.0]


def test_retry_after_is_honoured_up_to_a_cap() -> None:
    """No server may stop us for hours."""
    bench = Bench([answer(503, {"Retry-After": "7"}), answer(200)])
    bench.send()
    assert sum(bench.clock.slept) == 7
    bench = Bench([answer(503, {"Retry-After": "21600"}), answer(200)])
    bench.send()
    assert sum(bench.clock.slept) == 60


def test_after_a_429_every_worker_pauses() -> None:
    """The limiter is shared: whoever asks next waits, even if the one who was refused has given up."""
    bench = Bench([answer(429, {"Retry-After": "30"})], seconds=20)
    with pytest.raises(Retriable):
        bench.send()
    assert bench.requests.as_dict() == {"qonto": 1, "files": 0, "throttled": 1}
    assert bench.clock.slept == []
    bench.limiter.acquire(CountedDeadline())
    assert bench.clock.slept == [30]


def test_no_wait_goes_beyond_the_deadline() -> None:
    """When the next attempt would come too late, the error comes now."""
    bench = Bench([answer(503, {"Retry-After": "30"})], seconds=20)
    with pytest.raises(Retriable, match="after 1 attempts"):
        bench.send()
    assert bench.clock.slept == []


def test_all_attempts_share_one_budget() -> None:
    """Attempts are bounded, and so is their total time."""
    bench = Bench([answer(503, {"Retry-After": "60"})])
    with pytest.raises(Retriable, match="after 2 attempts"):
        bench.send()
    assert sum(bench.clock.slept) == 60


@pytest.mark.parametrize(("seconds", "read"), [(1_000, 30), (12, 12), (0, 5), (-3, 5)])
def test_a_silent_server_is_not_waited_for_beyond_the_deadline(seconds: float, read: float) -> None:
    """What is in flight when it comes ends within the reserve."""
    bench = Bench([answer(200)], seconds=seconds)
    bench.send()
    timeout = bench.pool.sent[0]["timeout"]
    assert (timeout.connect_timeout, timeout.read_timeout) == (5, read)


def test_redirects_are_not_followed() -> None:
    """They could carry the credentials elsewhere."""
    bench = Bench([answer(302, {"Location": "https://elsewhere.example"})])
    assert bench.send() == 302
    assert bench.pool.sent[0]["redirect"] is False
