"""Requests with a budget, on a server that is scripted answer by answer."""

from __future__ import annotations

import gzip
import http.client
import logging
import ssl
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, override

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from qonto_sync.domain.errors import ItemError, Permanent, Retriable
from qonto_sync.domain.request_counts import RequestCounter
from qonto_sync.qonto.http_client import LARGEST_RESPONSE_BYTES, HttpClient
from qonto_sync.qonto.http_pool import http_pool
from tests.fakes import CountedDeadline, ManualClock
from tests.unit.qonto.raw_server import raw_server
from tests.unit.qonto.scripted_http import URL, Bench, answer

if TYPE_CHECKING:
    from collections.abc import Iterator


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


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "Sun, 01 Mar 2026 12:00:20 GMT"}, 20),
        ({"Retry-After": "Sunday, 01-Mar-26 12:00:20 GMT"}, 20),
        ({"Retry-After": "Sun Mar  1 12:00:20 2026"}, 20),
        ({"Retry-After": "Sun, 01 Mar 2026 13:00:20 +0100"}, 20),
        ({"Retry-After": "Sun, 01 Mar 2026 12:00:20 GMT", "Date": "Sun, 01 Mar 2026 12:00:13 GMT"}, 7),
        ({"Retry-After": "Sun, 01 Mar 2026 12:00:20 GMT", "Date": "yesterday"}, 20),
        ({"Retry-After": "Sun, 01 Mar 2026 18:00:00 GMT"}, 60),
        ({"Retry-After": "Fri, 31 Dec 9999 23:59:59 -2359"}, 0.5),
        ({"Retry-After": "Sun, 01 Mar 2026 11:00:00 GMT"}, 0.5),
        ({"Retry-After": "9" * 5_000}, 60),
        ({"Retry-After": " 5 "}, 5),
        ({"Retry-After": "5.5"}, 0.5),
        ({"Retry-After": "-1"}, 0.5),
        ({"Retry-After": "\u0665"}, 0.5),
        ({"Retry-After": "soon"}, 0.5),
        ({"Retry-After": ""}, 0.5),
    ],
)
def test_retry_after_may_be_a_date(headers: dict[str, str], seconds: float) -> None:
    """By the server's clock if it tells it, else by ours, which says noon; what is neither does not count."""
    bench = Bench([answer(503, headers), answer(200)])
    bench.send()
    assert sum(bench.clock.slept) == seconds


def test_after_a_429_every_worker_pauses() -> None:
    """The limiter is shared: the next request waits, even if the one that got the 429 has given up."""
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


@pytest.mark.parametrize(("seconds", "read"), [(1_000, 60), (12, 12), (0, 5), (-3, 5)])
def test_an_answer_is_not_waited_for_beyond_the_deadline(seconds: float, read: float) -> None:
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


@pytest.mark.parametrize("stream", [False, True])
def test_a_malformed_url_is_not_asked(stream: bool) -> None:  # noqa: FBT001 - a parameter of the case
    """No retry mends it; it may be a credential all the same, so the error does not show it."""
    for url in ("https://[::1/secret", "https://files.example:99999/secret", "//:0/secret", "secret", ""):
        bench = Bench([answer(200)])
        with pytest.raises(Permanent) as error:
            bench.client.send("GET", url, headers={}, kind="files", stream=stream)
        assert_says_nothing(error.value)
        assert bench.pool.sent == []


@pytest.mark.parametrize(
    "failure",
    [
        urllib3.exceptions.NewConnectionError(Any, "refused"),  # type: ignore[arg-type]
        urllib3.exceptions.NameResolutionError("files.example", Any, OSError()),  # type: ignore[arg-type]
        urllib3.exceptions.ConnectTimeoutError(),
        urllib3.exceptions.SSLError("certificate verify failed"),
        urllib3.exceptions.InvalidHeader("Content-Length"),
        urllib3.exceptions.IncompleteRead(1, 2),
        urllib3.exceptions.DecodeError("gzip"),
        http.client.BadStatusLine("HTTQ"),
        http.client.LineTooLong("header line"),
        ssl.SSLError("handshake"),
        TimeoutError(),
        ConnectionResetError(),
        OSError("no route"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_connection_that_fails_is_tried_again(failure: Exception) -> None:
    """However it fails."""
    bench = Bench([failure, answer(200)])
    assert bench.send() == 200
    bench = Bench([failure])
    with pytest.raises(Retriable, match=f"after 4 attempts: {type(failure).__name__}"):
        bench.send()


@pytest.mark.parametrize(
    "failure",
    [
        urllib3.exceptions.LocationParseError("https://files.example/secret"),
        urllib3.exceptions.LocationValueError("secret"),
        ValueError("Invalid header value b'secret'"),
        UnicodeEncodeError("latin-1", "secret", 0, 1, "secret"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_request_that_cannot_be_sent_is_permanent(failure: Exception) -> None:
    """A label of 64 letters, a line break in a header: no retry mends it, and no text of it is repeated."""
    bench = Bench([failure])
    with pytest.raises(Permanent, match=r"^files\.example cannot be sent") as error:
        bench.send()
    assert_says_nothing(error.value)
    assert len(bench.pool.sent) == 1


def assert_says_nothing(error: BaseException) -> None:
    """Neither it nor what a traceback would show before it has the secret."""
    assert "secret" not in "".join(traceback.format_exception(error, limit=0))


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("4bf92f35-77b3", " (trace id 4bf92f35-77b3)"),
        ("a" * 64, f" (trace id {'a' * 64})"),
        ("a" * 65, ""),
        ("a b", ""),
        ("<script>", ""),
        ("", ""),
    ],
)
def test_the_error_has_the_trace_id_of_the_last_answer(told: str, kept: str) -> None:
    """Qonto's support asks for it; what does not look like one is left out."""
    headers = {"X-Tyk-Trace-Id": told}
    last: list[urllib3.HTTPResponse | Exception] = [answer(503), answer(502, headers), ConnectionResetError()]
    with pytest.raises(Retriable) as error:
        Bench(last).send()
    assert str(error.value) == f"no answer from files.example after 4 attempts: ConnectionResetError{kept}"


def test_an_answer_is_read_whole() -> None:
    """After decoding, when it was encoded although that was not requested."""
    text = b"[" + b"1," * 100_000 + b"1]"
    for response in (answer(200, {}, text), answer(200, {"Content-Encoding": "gzip"}, gzip.compress(text))):
        read = Bench([response]).client.send("GET", URL, headers={}, kind="qonto")
        assert (read.data, read.data) == (text, text)


def test_an_empty_answer_is_empty() -> None:
    """Not None."""
    for headers in ({}, {"Content-Encoding": "gzip"}):
        assert Bench([answer(204, headers)]).client.send("GET", URL, headers={}, kind="qonto").data == b""


class Endless(BytesIO):
    """A body without an end, or an encoded one that swells."""

    def __init__(self, begin: bytes = b"") -> None:
        super().__init__(begin)
        self.given = 0

    @override
    def read(self, size: int | None = -1, /) -> bytes:
        assert size
        assert 0 < size <= 65_536
        piece = super().read(size) or b"x" * size
        self.given += len(piece)
        return piece


def test_an_answer_without_end_is_cut_off() -> None:
    """Without another try: memory is bounded, and so is what a bomb of a few bytes makes of itself."""
    endless = Endless()
    swelling = gzip.compress(bytes(LARGEST_RESPONSE_BYTES + 1))
    for body, encoding in ((endless, "identity"), (BytesIO(swelling), "gzip")):
        headers = {"Content-Encoding": encoding, "X-Tyk-Trace-Id": "4bf9"}
        bench = Bench([urllib3.HTTPResponse(body=body, headers=headers, status=200, preload_content=False)])
        with pytest.raises(Retriable, match=r"of more than 67108864 bytes is not read \(trace id 4bf9\)"):
            bench.send()
        assert len(bench.pool.sent) == 1
    assert endless.given <= LARGEST_RESPONSE_BYTES + 65_536


@given(
    st.integers(100, 999),
    st.dictionaries(
        st.sampled_from(
            ["Content-Length", "Content-Encoding", "Transfer-Encoding", "Retry-After", "X-Tyk-Trace-Id", "Location"]
        ),
        st.one_of(
            st.sampled_from(["gzip", "deflate", "gzip, deflate", "chunked", "7", "-1", "٣", "9" * 5_000]),
            st.binary().map(lambda value: value.decode("latin-1")),
        ),
    ),
    st.one_of(st.binary(), st.binary().map(gzip.compress), st.binary().map(lambda data: gzip.compress(data)[:-9])),
)
def test_no_answer_breaks_the_client(status: int, headers: dict[str, str], body: bytes) -> None:
    """It is given, or it is an error of an item."""
    with suppress(ItemError):
        given_back = Bench([answer(status, headers, body)]).client.send("GET", URL, headers={}, kind="qonto")
        assert isinstance(given_back.data, bytes)


class TickingClock(ManualClock):
    """Each call takes four seconds."""

    @override
    def monotonic(self) -> float:
        self.advance(seconds=4)
        return super().monotonic()


@dataclass(frozen=True)
class Dripping:
    """An answer that is complete and correct, and takes its time."""

    begin: bytes
    drop: bytes
    end: bytes

    def __iter__(self) -> Iterator[bytes]:
        yield self.begin
        for _ in range(200):
            # So that each drop is received alone.
            time.sleep(0.005)
            yield self.drop
        yield self.end


HEADERS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("begin", "drop", "end"),
    [
        (b"HTTP/1.1 200 O", b"K", b"\r\nContent-Length: 0\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"x", b"\r\nContent-Length: 0\r\n\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n", b"x", b""),
        (HEADERS, b"1\r\nx\r\n", b"0\r\n\r\n"),
        (HEADERS, b"0", b"0\r\n\r\n"),
        (HEADERS + b"0\r\n", b"X: x\r\n", b"\r\n"),
    ],
    ids=["status", "header", "continue", "body", "chunks", "chunk-size", "trailers"],
)
def test_a_slow_server_is_abandoned(begin: bytes, drop: bytes, end: bytes) -> None:
    """Each wait is short, but all of them together have a budget; wherever in the answer the drops are."""
    with raw_server(Dripping(begin, drop, end)) as server, pytest.raises(Retriable, match="ReadTimeoutError"):
        client(TickingClock()).send("GET", server.origin, headers={}, kind="qonto")


def test_a_download_ends_with_the_invocation() -> None:
    """At most five minutes for a file, and none beyond the deadline but what fits into the reserve."""
    for seconds, read in ((1_000, 300), (200, 200), (3, 5)):
        bench = Bench([answer(200)], seconds=seconds)
        bench.client.send("GET", URL, headers={}, kind="files", stream=True)
        assert bench.pool.sent[0]["timeout"].read_timeout == read


def test_a_chunk_of_less_than_nothing_is_no_chunk() -> None:
    """The standard library would read all there is for it, in one piece."""
    sent: list[bytes] = []

    def flood() -> Iterator[bytes]:
        yield HEADERS + b"-1\r\n"
        for _ in range(500):
            sent.append(bytes(100_000))
            yield sent[-1]

    with raw_server(flood()) as server:
        response = client().send("GET", server.origin, headers={}, kind="files", stream=True)
        with pytest.raises(urllib3.exceptions.ProtocolError):
            response.read(10)
    # What fits into the buffers between two sockets may be on its way.
    assert len(sent) < 250


def test_a_connection_is_used_again() -> None:
    """Whatever the body's coding and whether there is one."""
    answers = [
        [HEADERS + b"2\r\nok\r\n0\r\n\r\n"],
        [b"HTTP/1.1 204 No Content\r\n\r\n"],
        [b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno"],
    ]
    with raw_server(*answers, keep_alive=True) as server:
        asking = client()
        statuses = [asking.send("GET", server.origin, headers={}, kind="qonto").status for _ in range(5)]
        assert statuses == [200, 204, 404, 404, 404]
        assert len(server.connections) == 1


def test_odd_headers_do_not_bring_the_url_into_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """urllib3 would warn of them with the URL in its text."""
    caplog.set_level(logging.DEBUG)
    with raw_server([b"HTTP/1.1 200 OK\r\nno header\r\nContent-Length: 2\r\n\r\nok"]) as server:
        client().send("GET", f"{server.origin}/secret", headers={}, kind="files")
    assert "secret" not in caplog.text


def client(clock: ManualClock | None = None) -> HttpClient:
    """One on real sockets, whose answers are timed by this clock."""
    return HttpClient(
        http_pool(1, clock or ManualClock()),
        clock=ManualClock(),
        deadline=CountedDeadline(),
        random=lambda: 0.5,
        requests=RequestCounter(),
    )
