"""Faults, as a client meets them."""

import json
import math
from collections import Counter

import pytest
import urllib3
from urllib3.exceptions import ProtocolError

from local.qonto_simulator import FaultKind, Faults, World

from .conftest import Client, ManualClock, Serve

LIST = "/v2/client_invoices"


@pytest.fixture
def url(client: Client, clock: ManualClock) -> str:
    """Where a file can be fetched."""
    client.simulator.world.create()
    clock.move(10)
    url: str = client.attachment(client.simulator.world.attachment_ids()[0])["url"]
    return url


@pytest.mark.parametrize(
    ("kind", "status"),
    [("401", 401), ("403_scope", 403), ("429", 429), ("500", 500), ("503", 503), ("504", 504)],
)
def test_errors_of_the_api(client: Client, kind: str, status: int) -> None:
    """An installed error comes once, in the envelope, and then things are as before."""
    client.simulator.faults.install(kind, LIST)
    failed = client.get(LIST)
    assert failed.status == status
    assert failed.json()["trace_id"] == failed.headers["X-Tyk-Trace-Id"]
    assert client.get(LIST).status == 200
    assert client.simulator.faults.fired == Counter({FaultKind(kind): 1})
    assert [(each.status, each.fault) for each in client.simulator.requests] == [(status, kind), (200, None)]


def test_throttling_may_tell_the_wait(client: Client) -> None:
    """A 429 comes with `Retry-After` if told so."""
    client.simulator.faults.install("429", retry_after=7)
    client.simulator.faults.install("429")
    assert [client.get(LIST).headers.get("Retry-After") for _ in range(2)] == ["7", None]


def test_an_empty_coding(client: Client, url: str) -> None:
    """The file host sends the header without a value, and the file as it is."""
    client.simulator.faults.install("empty_coding")
    assert client.get(LIST).headers.get("Content-Encoding") is None
    first, second = client.get(url), client.get(url)
    assert (first.headers.get("Content-Encoding"), second.headers.get("Content-Encoding")) == ("", None)
    assert first.data == second.data


def test_shapes_without_the_envelope(client: Client) -> None:
    """A gateway answers HTML, a gated endpoint a message, the sandbox a login page with 200."""
    for kind in ("502", "403", "html_200"):
        client.simulator.faults.install(kind)
    gateway, gated, login = (client.get(LIST) for _ in range(3))
    assert (gateway.status, gateway.headers["Content-Type"]) == (502, "text/html; charset=utf-8")
    assert (gated.status, gated.json()["message"]) == (403, "Forbidden")
    assert (login.status, b"OneLogin" in login.data) == (200, True)


def test_reset(client: Client, url: str) -> None:
    """The connection breaks without an answer, on either origin, and the next request works."""
    for asked in (LIST, url):
        client.simulator.faults.install("reset")
        with pytest.raises(ProtocolError):
            client.get(asked)
        assert client.get(asked).status == 200
    assert client.simulator.requests[1].status is None


def test_truncated(client: Client, url: str) -> None:
    """Less comes than `Content-Length` says, on either origin."""
    for asked in (LIST, url):
        client.simulator.faults.install("truncated")
        with pytest.raises(ProtocolError, match="IncompleteRead"):
            client.get(asked)
        assert client.get(asked).status == 200


@pytest.mark.parametrize(
    ("kind", "name", "told"),
    [
        ("token_without_expiry", "expires_in", None),
        ("token_expiry_as_text", "expires_in", "3600"),
        ("token_expiry_too_long", "expires_in", 604_800.0),
        ("token_expiry_infinite", "expires_in", math.inf),
        ("no_access_token", "access_token", None),
        ("no_refresh_token", "refresh_token", ""),
    ],
)
def test_tokens_in_another_form(client: Client, kind: str, name: str, told: object) -> None:
    """The exchange is done, and one part of the answer is odd; an error stays as it is."""
    client.simulator.faults.install(kind, "/oauth2/token", times=2)
    usual = client.token(refresh_token="unknown")
    assert (usual.status, usual.json()["error"]) == (400, "invalid_grant")
    assert client.token().json().get(name) == told
    assert client.token().json()["expires_in"] == 3600


def test_tokens_with_another_status_and_encoding(client: Client) -> None:
    """Created, with a byte order mark."""
    client.simulator.faults.install("token_as_201_with_bom", "/oauth2/token")
    created = client.token()
    assert (created.status, created.data[:3]) == (201, b"\xef\xbb\xbf")


def test_malformed_json(client: Client) -> None:
    """The answer is complete, but no JSON."""
    client.simulator.faults.install("malformed_json")
    response = client.get(LIST)
    assert response.status == 200
    with pytest.raises(json.JSONDecodeError):
        response.json()


def test_wrong_length(client: Client, url: str) -> None:
    """The file is complete as HTTP goes, but shorter than its `file_size`."""
    client.simulator.faults.install("wrong_length")
    response = client.get(url)
    assert response.status == 200
    assert int(response.headers["Content-Length"]) == len(response.data)
    content = client.simulator.world.file(client.simulator.world.attachment_ids()[0])
    assert content.startswith(response.data)
    assert len(response.data) < len(content)


@pytest.mark.parametrize(
    ("kind", "status", "text"),
    [
        ("403", 403, b"Request has expired"),
        ("500", 500, b"InternalError"),
        ("503", 503, b"SlowDown"),
        ("504", 504, b"RequestTimeout"),
        ("html_200", 200, b"OneLogin"),
    ],
)
def test_errors_of_the_file_host(client: Client, url: str, kind: str, status: int, text: bytes) -> None:
    """The file host fails in S3's words."""
    client.simulator.faults.install(kind, "/production/uploads/")
    response = client.get(url)
    assert (response.status, text in response.data) == (status, True)
    assert client.get(url).status == 200


def test_slow(world: World, serve: Serve) -> None:
    """A slow answer is the right one, later."""
    waited: list[float] = []
    faults = Faults(sleep=waited.append)
    client = serve(world, faults=faults)
    faults.install("slow", delay=3)
    faults.install("500")
    assert client.get(LIST).status == 200
    assert client.get(LIST).status == 500
    assert waited == [3]


def test_a_real_delay_is_longer_than_a_short_timeout(client: Client) -> None:
    """A client with little patience really runs into its timeout."""
    client.simulator.faults.install("slow", delay=0.5)
    with (
        urllib3.PoolManager(retries=False, timeout=0.1) as impatient,
        pytest.raises(urllib3.exceptions.ReadTimeoutError),
    ):
        impatient.request("GET", f"{client.simulator.api_url}{LIST}")


def test_faults_are_aimed(client: Client) -> None:
    """A fault hits requests whose target matches, after as many as told, as often as told."""
    client.simulator.faults.install("500", r"/v2/client_invoices\?.*page=2", times=2, skip=1)
    pages = (1, 2, 2, 1, 2, 2)
    assert [client.get(f"{LIST}?page={page}").status for page in pages] == [200, 200, 500, 200, 500, 200]


def test_a_fault_waits_for_the_origin_it_can_happen_to(client: Client, url: str) -> None:
    """What cannot happen to a request is kept for one that it can."""
    client.simulator.faults.install("401")
    assert [client.get(asked).status for asked in (url, LIST, LIST)] == [200, 401, 200]
    client.simulator.faults.install("wrong_length")
    client.get(LIST).json()
    assert client.simulator.faults.fired == Counter({FaultKind.UNAUTHORIZED: 1})
    client.get(url)
    assert client.simulator.faults.fired[FaultKind.WRONG_LENGTH] == 1


def test_the_token_endpoint_fails_too(client: Client) -> None:
    """Faults can be aimed at the token endpoint."""
    client.simulator.faults.install("503", "/oauth2/token")
    assert [client.token().status for _ in range(2)] == [503, 200]


def test_faults_can_be_cleared(client: Client) -> None:
    """Clearing stops installed and random faults."""
    client.simulator.faults.install("500", times=100)
    client.simulator.faults.rate = 1.0
    client.simulator.faults.clear()
    assert client.get(LIST).status == 200


def observed(world: World, serve: Serve, seed: int) -> list[str]:
    """Return what 300 requests see of random faults."""
    client = serve(world, faults=Faults(rate=0.3, seed=seed, delay=0), limits=None)
    seen = []
    for _ in range(300):
        try:
            response = client.get(LIST)
            seen.append(f"{response.status} {response.headers['Content-Type']} {len(response.data)}")
        except ProtocolError as error:
            seen.append(type(error).__name__)
    return seen


def test_random_faults(world: World, serve: Serve) -> None:
    """About the share told of all requests fails, in every way but credentials, the same way for the same seed."""
    first = observed(world, serve, seed=1)
    assert 60 < sum(each != first[-1] for each in first) < 120
    assert len(set(first)) >= 8
    assert not any(each.startswith(("401", "403")) for each in first)
    assert observed(world, serve, seed=1) == first
    assert observed(world, serve, seed=2) != first
