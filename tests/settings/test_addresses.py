"""The address patterns agree with the standard library, less what is stated here."""

from __future__ import annotations

import ipaddress
import re
from ipaddress import IPv4Network, IPv6Network

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.strategies import ipv4_addresses, ipv6_addresses, spellings
from vipalived.settings.addresses import (
    ADDRESS_PATTERN,
    VIP_PATTERN,
    is_network_or_broadcast,
    parse_address,
    parse_vip,
    virtual_link_local,
)

# Where no unicast address of a host or a VIP is: "this network", loopback, multicast and what lies above;
# in IPv6 the unspecified address, loopback and the embedded IPv4 addresses (all in 0::/16), and multicast.
NOT_UNICAST = [
    IPv4Network("0.0.0.0/8"),
    IPv4Network("127.0.0.0/8"),
    IPv4Network("224.0.0.0/3"),
    IPv6Network("::/16"),
    IPv6Network("ff00::/8"),
]


def is_unicast(text: str) -> bool:
    """What the pattern must say, from the standard library; hexadecimal groups and no scope are what we write."""
    if "%" in text or (":" in text and "." in text) or not text.isascii():
        return False
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not any(address in network for network in NOT_UNICAST if network.version == address.version)


def is_vip(text: str) -> bool:
    address, slash, prefix = text.partition("/")
    if not slash or not re.fullmatch(r"0|[1-9][0-9]*", prefix) or not prefix.isascii():
        return False
    least, most = (0, 128) if ":" in address else (1, 32)
    return is_unicast(address) and least <= int(prefix) <= most


any_address = (
    st.ip_addresses(v=4).map(str)
    | st.ip_addresses(v=6).map(str)
    | st.ip_addresses(v=6).map(lambda address: address.exploded.upper())
    | (ipv4_addresses | ipv6_addresses).flatmap(spellings)
    | st.integers(0, 0xFFFF).map(lambda group: f"{group:x}::1")
    | st.integers(0, 0xFFFF).map(lambda group: f"{group:04X}:0::")
    | st.integers(0, 255).map(lambda octet: f"{octet}.0.0.1")
)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """An address with a few characters replaced, put in or taken out."""
    characters = list(draw(any_address))
    for _ in range(draw(st.integers(1, 3))):
        where = draw(st.integers(0, len(characters)))
        characters[where : where + draw(st.integers(0, 2))] = draw(
            st.text("0123456789abcdefF:./%g-\n ", max_size=2)
        )
    return "".join(characters)


@given(any_address | mutated())
@example("::")
@example("::1")
@example("1::")
@example("1:2:3:4:5:6:7::")
@example("1:2:3:4:5:6::8")
@example("1::3:4:5:6:7:8")
@example("1:2:3:4:5:6:7:8")
@example("1:2:3:4:5:6:7:8::")
@example("0db8::1")
@example("00ff::1")
@example("fe80::1%eth0")
@example("64:ff9b::192.0.2.1")
@example("01.2.3.4")
@example("1.2.3.4\n")
@example("\u0661.2.3.4")
def test_an_address_is_what_the_standard_library_takes_for_unicast(text: str) -> None:
    assert bool(re.fullmatch(ADDRESS_PATTERN, text)) == is_unicast(text)
    if is_unicast(text):
        assert parse_address(text) == ipaddress.ip_address(text)


@given(st.tuples(any_address | mutated(), st.integers(0, 140).map(str) | st.text("0123456789/ ", max_size=4)))
@example(("192.0.2.1", "0"))
@example(("192.0.2.1", "032"))
@example(("192.0.2.1", "255.255.255.0"))
@example(("2001:db8::1", "0"))
def test_a_vip_is_such_an_address_with_a_prefix(parts: tuple[str, str]) -> None:
    text = "/".join(parts)
    assert bool(re.fullmatch(VIP_PATTERN, text)) == is_vip(text)
    if is_vip(text):
        assert parse_vip(text) == ipaddress.ip_interface(text)


@pytest.mark.parametrize(
    ("vip", "expected"),
    [
        ("192.0.2.0/24", True),
        ("192.0.2.255/24", True),
        ("192.0.2.1/24", False),
        ("192.0.2.254/24", False),
        ("192.0.2.4/30", True),
        ("192.0.2.7/30", True),
        ("192.0.2.0/31", False),
        ("192.0.2.1/31", False),
        ("192.0.2.0/32", False),
        ("10.0.0.0/8", True),
        ("2001:db8::/64", False),
    ],
)
def test_the_ends_of_a_subnet_are_no_hosts(vip: str, expected: bool) -> None:
    assert is_network_or_broadcast(parse_vip(vip)) is expected


@pytest.mark.parametrize(
    ("vrid", "expected"), [(1, "fe80::200:5eff:fe00:201/64"), (255, "fe80::200:5eff:fe00:2ff/64")]
)
def test_the_link_local_address_of_a_virtual_router(vrid: int, expected: str) -> None:
    # RFC 9568 section 7.3: the virtual MAC is 00-00-5E-00-02-{VRID}; EUI-64 turns the second lowest bit of 00 to 02.
    assert str(virtual_link_local(vrid)) == expected
