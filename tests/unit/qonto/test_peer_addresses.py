"""Who is on the other end of a connection."""

from __future__ import annotations

import socket
from ipaddress import IPv6Address
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qonto_sync.bootstrap import Application
from qonto_sync.domain.errors import ItemError, Permanent
from qonto_sync.domain.ids import AttachmentId
from qonto_sync.domain.invoice import Attachment
from qonto_sync.qonto.http_pool import http_pool
from qonto_sync.qonto.peer_addresses import is_public
from qonto_sync.settings import Settings
from tests.fakes import CONNECTION, ManualClock
from tests.unit.qonto.raw_server import raw_server
from tests.unit.test_settings import GOOD

if TYPE_CHECKING:
    from collections.abc import Callable
    from ipaddress import IPv4Address

OK = [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"]


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # noqa: S104 - nothing is bound to it
        "10.0.0.5",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:10.0.0.5",
        "64:ff9b::a00:5",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:a00:5::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff0e::1",
    ],
)
def test_addresses_of_this_network_or_of_nobody(address: str) -> None:
    """Metadata services, neighbours, this machine, groups, documentation and what is reserved."""
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["52.219.170.1", "2a05:d018::1", "::ffff:52.219.170.1", "64:ff9b::34db:aa01", "2002:34db:aa01::1"]
)
def test_addresses_of_the_internet(address: str) -> None:
    """Also those that a network without IPv4 writes in its own way."""
    assert is_public(address)


@given(st.ip_addresses(v=4))
def test_no_wrapping_makes_an_address_public(address: IPv4Address) -> None:
    """What IPv6 can say about an IPv4 address changes nothing."""
    number = int(address)
    wrapped = [0xFFFF << 32 | number, 0x64_FF9B << 96 | number, 0x2002 << 112 | number << 80]
    assert {is_public(str(IPv6Address(value))) for value in wrapped} == {is_public(str(address))}


def test_a_host_of_this_network_gets_no_byte() -> None:
    """The error names the host, the address and the setting."""
    with raw_server(OK) as server:
        pool = http_pool(1, ManualClock(), public_only=True)
        with pytest.raises(Permanent, match=r"127\.0\.0\.1 .* not public.* ATTACHMENT_HOSTS") as error:
            pool.request("GET", f"{server.origin}/f?X-Amz-Signature=secret", timeout=5)
        assert "secret" not in str(error.value)
        assert http_pool(1, ManualClock()).request("GET", f"{server.origin}/f").data == b"ok"
        assert [text.split()[0:2] for text in server.received] == [["GET", "/f"]]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_address_that_counts_is_the_connected_one(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever an earlier look-up of the name returned; TLS has not started by then."""
    real: Callable[..., Any] = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda _, *rest: real("127.0.0.1", *rest))
    with raw_server(OK) as server:
        pool = http_pool(1, ManualClock(), public_only=True)
        with pytest.raises(Permanent, match=r"files\.example has the address 127\.0\.0\.1"):
            pool.request("GET", f"{scheme}://files.example:{server.port}/f", timeout=5)
        assert server.received == []


def test_a_bare_host_is_public_and_a_full_origin_is_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the functions are wired: how a host is listed decides whether it may be one of this network."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with raw_server(OK) as server:
        hosts = f"127.0.0.1:{server.port},{server.origin}"
        application = Application(Settings.from_environment({**GOOD, "ATTACHMENT_HOSTS": hosts}))
        context: Any = SimpleNamespace(get_remaining_time_in_millis=lambda: 5_000, memory_limit_in_mb="1024")
        files: Any = application.retry_batch(context)._connect(CONNECTION)._archiver._files
        for origin, error in ((f"https://127.0.0.1:{server.port}", "is not public"), (server.origin, "is no PDF")):
            attachment = Attachment(AttachmentId("a"), f"{origin}/f", None, None)
            with pytest.raises(ItemError, match=error), files.open(attachment, None):
                pass
        assert len(server.received) == 1
