"""Our messages against pyroute2's: it reads what we write, and we read what it writes."""

from __future__ import annotations

import errno
import math
from ipaddress import ip_address, ip_interface
from typing import Any

import pytest
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from vipalived.net import rtnetlink
from vipalived.net.rtnetlink import AddressChange, LinkChange, View

V4, V6 = ip_interface("198.18.0.100/24"), ip_interface("2001:db8::100/64")
LINK_LOCAL = ip_interface("fe80::200:5eff:fe00:233/64")
UP_AND_RUNNING = 0x1 | 0x40


def theirs(data: bytes) -> dict[str, Any]:
    message = ifaddrmsg(data)
    message.decode()
    return {
        "header": (message["header"]["type"], message["header"]["flags"], message["header"]["length"]),
        "body": (message["family"], message["prefixlen"], message["scope"], message["index"]),
        **{name: message.get_attr(name) for name in ("IFA_LOCAL", "IFA_ADDRESS", "IFA_FLAGS")},
        "valid": (message.get_attr("IFA_CACHEINFO") or {}).get("ifa_valid"),
        "preferred": (message.get_attr("IFA_CACHEINFO") or {}).get("ifa_preferred"),
    }


def test_an_ipv4_address_with_a_lease() -> None:
    data = rtnetlink.add_address(7, V4, 3.0)
    assert theirs(data) == {
        "header": (20, 0x1 | 0x4 | 0x100 | 0x400, len(data)),  # request, ack, replace, create
        "body": (2, 24, 0, 7),
        "IFA_LOCAL": "198.18.0.100",
        "IFA_ADDRESS": "198.18.0.100",
        "IFA_FLAGS": None,
        "valid": 3,
        "preferred": 0,
    }


def test_an_ipv6_address_for_ever_and_without_duplicate_address_detection() -> None:
    read = theirs(rtnetlink.add_address(7, V6, math.inf))
    assert read["body"] == (10, 64, 0, 7)
    assert (read["IFA_LOCAL"], read["IFA_FLAGS"], read["valid"]) == ("2001:db8::100", 0x02, 0xFFFFFFFF)
    assert theirs(rtnetlink.add_address(7, LINK_LOCAL, 3.0))["body"] == (10, 64, 253, 7)


def test_a_removal_names_address_and_prefix() -> None:
    read = theirs(rtnetlink.remove_address(7, V4))
    assert (read["header"][:2], read["body"], read["IFA_LOCAL"]) == ((21, 0x5), (2, 24, 0, 7), "198.18.0.100")


def address_message(kind: int, address: str, prefix: int, flags: int, family: int = 2) -> bytes:
    message = ifaddrmsg()
    message["header"]["type"] = kind
    message["family"], message["prefixlen"], message["index"] = family, prefix, 7
    message["flags"] = flags & 0xFF
    message["attrs"] = [("IFA_ADDRESS", address), ("IFA_FLAGS", flags)]
    if family == 2:
        message["attrs"].append(("IFA_LOCAL", address))
    message.encode()
    return bytes(message.data)


def link_message(kind: int, name: str, flags: int, family: int = 0) -> bytes:
    message = ifinfmsg()
    message["header"]["type"] = kind
    message["family"], message["index"], message["flags"] = family, 7, flags
    message["attrs"] = [("IFLA_IFNAME", name), ("IFLA_ADDRESS", "02:00:00:00:00:01")]
    message.encode()
    return bytes(message.data)


def test_address_changes_are_read() -> None:
    data = address_message(20, "198.18.0.1", 24, 0x80) + address_message(21, "2001:db8::1", 64, 0x40, 10)
    arrived, left = rtnetlink.parse(data)
    assert arrived == AddressChange(True, 7, ip_interface("198.18.0.1/24"), 0x80)
    assert left == AddressChange(False, 7, ip_interface("2001:db8::1/64"), 0x40)


@pytest.mark.parametrize(
    ("flags", "running"), [(UP_AND_RUNNING, True), (0x1, False), (0x40, False), (0, False)]
)
def test_a_link_runs_when_it_is_up_and_has_carrier(flags: int, running: bool) -> None:
    (change,) = rtnetlink.parse(link_message(16, "eth0", flags))
    assert change == LinkChange(True, 7, "eth0", running, bytes.fromhex("020000000001"))


def test_a_bridge_that_speaks_of_its_port_says_nothing_about_the_link() -> None:
    assert list(rtnetlink.parse(link_message(17, "eth0", 0, family=7))) == []


def test_an_error_is_raised_and_an_acknowledgement_is_the_end() -> None:
    acknowledged = bytes.fromhex("24000000 0200 0000 00000000 00000000 00000000") + bytes(16)
    refused = acknowledged[:16] + (-errno.EPERM).to_bytes(4, "little", signed=True) + bytes(16)
    assert list(rtnetlink.parse(acknowledged)) == [None]
    with pytest.raises(PermissionError):
        list(rtnetlink.parse(refused))


def test_the_view_knows_the_source_address() -> None:
    view = View({}, {})
    vips = frozenset({V4.ip, LINK_LOCAL.ip})
    secondary, tentative, deprecated = 0x01, 0x40, 0x20
    for text, flags in (
        ("198.18.0.100/24", 0),
        ("198.18.0.5/24", secondary),
        ("198.18.0.6/24", deprecated),
        ("198.18.0.1/24", 0x80),
        ("2001:db8::1/64", 0x80),
        ("fe80::200:5eff:fe00:233/64", 0x80),
        ("fe80::2/64", tentative),
        ("fe80::1/64", 0x80),
    ):
        view.apply(AddressChange(True, 7, ip_interface(text), flags))
    assert view.source(7, 4, vips) == ip_address("198.18.0.1")
    assert view.source(7, 6, vips) == ip_address("fe80::1")
    assert view.source(8, 4, vips) is None
    view.apply(AddressChange(False, 7, ip_interface("198.18.0.1/24"), 0x80))
    assert view.source(7, 4, vips) is None
    assert ip_interface("198.18.0.100/24") in view.on(7)


def test_the_view_forgets_a_link_that_is_gone() -> None:
    view = View({}, {})
    view.apply(LinkChange(True, 7, "eth0", True))
    assert view.link("eth0") is not None
    view.apply(LinkChange(False, 7, "eth0", False))
    assert view.link("eth0") is None
