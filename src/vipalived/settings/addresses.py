"""What an address may look like in a values file: one regular expression for Python and for the chart.

The patterns are in the subset that Rust (pydantic), RE2 (Helm) and ECMA 262 (JSON Schema) read alike.
They admit unicast addresses only: neither 0/8, 127/8, 224/4 and above, nor 0::/16 (with `::`, `::1` and the
embedded IPv4 addresses) and ff00::/8. IPv6 is written in hexadecimal groups alone, without a scope.
"""

from __future__ import annotations

from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv6Address,
    IPv6Interface,
    ip_address,
    ip_interface,
)

Interface = IPv4Interface | IPv6Interface
Address = IPv4Address | IPv6Address

_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_FIRST_OCTET = r"(?:22[0-3]|2[01][0-9]|1[013-9][0-9]|12[0-689]|[1-9][0-9]?)"
_IPV4 = rf"{_FIRST_OCTET}(?:\.{_OCTET}){{3}}"

_HEX = "[0-9a-fA-F]"
_GROUP = rf"{_HEX}{{1,4}}"
_NOT_ZERO = "[1-9a-fA-F]"
# Neither 0 nor ff00 and above, with or without leading zeros.
_FIRST_GROUP = (
    rf"(?:0{{0,3}}{_NOT_ZERO}|0{{0,2}}{_NOT_ZERO}{_HEX}|0?{_NOT_ZERO}{_HEX}{{2}}"
    rf"|[1-9a-eA-E]{_HEX}{{3}}|[fF][0-9a-eA-E]{_HEX}{{2}})"
)
_IPV6_TAILS = [
    rf"(?::{_GROUP}){{7}}",
    *(rf"(?::{_GROUP}){{{n}}}::(?:{_GROUP}(?::{_GROUP}){{0,{5 - n}}})?" for n in range(6)),
]
_IPV6 = rf"{_FIRST_GROUP}(?:{'|'.join([*_IPV6_TAILS, rf'(?::{_GROUP}){{6}}::'])})"

ADDRESS_PATTERN = rf"^(?:{_IPV4}|{_IPV6})$"
LISTEN_PATTERN = rf"^(?:{_OCTET}(?:\.{_OCTET}){{3}}|::1?|{_IPV6})$"
"""Any address, the loopback and the wildcard ones included."""
HOST_PATTERN = rf"(?:[A-Za-z0-9.-]+|\[(?:::1|{_IPV6})\])"
"""The host of a URL, as a part of a pattern: a name or an address."""
VIP_PATTERN = rf"^(?:{_IPV4}/(?:3[0-2]|[12][0-9]|[1-9])|{_IPV6}/(?:12[0-8]|1[01][0-9]|[1-9]?[0-9]))$"


def parse_vip(text: str) -> Interface:
    """The address and prefix of a VIP; `text` matches VIP_PATTERN."""
    return ip_interface(text)


def parse_address(text: str) -> Address:
    """The address of a peer or source; `text` matches ADDRESS_PATTERN."""
    return ip_address(text)


def is_network_or_broadcast(vip: Interface) -> bool:
    """Whether no host may have this address: the first or last of an IPv4 subnet with room for both."""
    network = vip.network
    return vip.version == 4 and network.prefixlen <= 30 and vip.ip in (network[0], network[-1])


def virtual_link_local(virtual_router_id: int) -> IPv6Interface:
    """The IPv6 link-local address of a virtual router, fe80::/64 with the modified EUI-64 of its virtual MAC.

    RFC 9568 section 5.2.9 wants a link-local address first in every IPv6 advertisement;
    section 7.3 gives the virtual MAC 00-00-5E-00-02-{VRID}.
    """
    return IPv6Interface(f"fe80::200:5eff:fe00:2{virtual_router_id:02x}/64")
