"""Which addresses a file may be downloaded from: those of the internet, and none that only this network knows."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

_NAT64 = IPv6Network("64:ff9b::/96")
"""RFC 6052: how a network without IPv4 writes an IPv4 address."""


def is_public(address: str) -> bool:
    """Whether this IP address belongs to the internet at large, also where IPv6 wraps an IPv4 one.

    Private, shared, loopback, link-local, multicast, reserved and unspecified addresses do not, so neither a metadata
    service nor a neighbour is one.
    """
    return _is_public(ip_address(address))


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address):
        wrapped = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            wrapped = IPv4Address(int(address) & 0xFFFF_FFFF)
        if wrapped:
            return _is_public(wrapped)
        if address.is_site_local:
            return False
    # `is_global` alone is true of multicast, and of the reserved blocks of IPv6.
    return address.is_global and not (address.is_multicast or address.is_reserved)
