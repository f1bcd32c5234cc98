"""Tells public IP addresses from those of this network, so that a URL cannot reach internal services (SSRF)."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

_NAT64 = IPv6Network("64:ff9b::/96")
"""RFC 6052: IPv4 addresses in networks that have IPv6 only."""


def is_public(address: str) -> bool:
    """Whether this IP address is public; an IPv6 address that embeds an IPv4 one is judged by the latter.

    Private, shared, loopback, link-local, multicast, reserved and unspecified addresses are not public. Among them are
    the metadata services of the cloud and all neighbours in the network.
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
    # `is_global` is also true of multicast addresses and of IPv6's reserved blocks.
    return address.is_global and not (address.is_multicast or address.is_reserved)
