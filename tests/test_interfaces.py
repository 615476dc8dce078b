"""Which interface `auto` means, in worlds made by hand."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface

import pytest

from vipalived.interfaces import Choice, DefaultRoute, Device, Undecided, choose, missing


def device(name: str, index: int, *addresses: str, flags: str = "BROADCAST MULTICAST UP") -> Device:
    return Device(name, index, frozenset(flags.split()), tuple(map(ip_interface, addresses)))


ETH0 = device("eth0", 2, "198.18.0.1/24", "2001:db8::1/64", "fe80::1/64")
ETH1 = device("eth1", 3, "198.19.0.1/16", "fe80::2/64")
WIDE = device("eth2", 4, "198.18.7.1/16")
TO_ETH0, TO_ETH1 = DefaultRoute(4, 2, 100), DefaultRoute(4, 3, 200)
V6_TO_ETH1 = DefaultRoute(6, 3, 1024)


def chosen(
    *vips: str, devices: tuple[Device, ...] = (ETH0, ETH1), routes: tuple[DefaultRoute, ...] = ()
) -> Choice:
    return choose([ip_address(vip) for vip in vips], devices, routes)


@pytest.mark.parametrize(
    ("vips", "devices", "routes", "name", "reason"),
    [
        ("198.18.0.100", (ETH0, ETH1), (TO_ETH1,), "eth0", "has 198.18.0.1/24, the subnet of 198.18.0.100"),
        (
            "198.18.0.100",
            (WIDE, ETH0),
            (),
            "eth0",
            "has 198.18.0.1/24, the subnet of 198.18.0.100; eth2 has such a subnet, too",
        ),
        (
            "172.16.101.101",
            (ETH0, ETH1),
            (TO_ETH1, TO_ETH0),
            "eth0",
            "has the IPv4 default route; no subnet here has 172.16.101.101",
        ),
        (
            "2001:db8::100",
            (ETH0, ETH1),
            (V6_TO_ETH1,),
            "eth0",
            "has 2001:db8::1/64, the subnet of 2001:db8::100",
        ),
        (
            "2001:db8:7::100",
            (ETH0, ETH1),
            (TO_ETH0, V6_TO_ETH1),
            "eth1",
            "has the IPv6 default route; no subnet here has 2001:db8:7::100",
        ),
        (
            "198.18.0.100 2001:db8::100 fe80::100",
            (ETH0, ETH1),
            (),
            "eth0",
            "has 198.18.0.1/24, the subnet of 198.18.0.100",
        ),
        # The one family tells, where the other has nothing to go by.
        ("198.19.0.9 2001:db8:7::9", (ETH0, ETH1), (), "eth1", "has 198.19.0.1/16, the subnet of 198.19.0.9"),
    ],
)
def test_the_choice_and_its_reason(
    vips: str, devices: tuple[Device, ...], routes: tuple[DefaultRoute, ...], name: str, reason: str
) -> None:
    assert chosen(*vips.split(), devices=devices, routes=routes) == Choice(name, reason)


@pytest.mark.parametrize(
    ("vips", "routes", "reason"),
    [
        (
            "172.16.101.101",
            (),
            "no subnet here has 172.16.101.101, and there is no IPv4 default route to go by",
        ),
        ("fe80::100", (V6_TO_ETH1,), "there is no VIP but link-local ones to go by"),
        (
            "198.18.0.100 2001:db8:7::9",
            (V6_TO_ETH1,),
            (
                "a virtual router has one interface, but eth0 has 198.18.0.1/24, the subnet of 198.18.0.100; "
                "eth1 has the IPv6 default route; no subnet here has 2001:db8:7::9"
            ),
        ),
    ],
)
def test_there_may_be_none(vips: str, routes: tuple[DefaultRoute, ...], reason: str) -> None:
    with pytest.raises(Undecided) as undecided:
        chosen(*vips.split(), routes=routes)
    assert str(undecided.value) == reason


@pytest.mark.parametrize(
    "unable",
    [
        device("lo", 1, "198.18.0.1/24", flags="LOOPBACK UP"),
        device("kube-ipvs0", 5, "198.18.0.1/24", flags="BROADCAST NOARP"),
        device("wg0", 5, "198.18.0.1/24", flags="POINTOPOINT UP"),
        device("cni0", 5, "198.18.0.1/24"),
        device("br-0123456789ab", 5, "198.18.0.1/24"),
        device("eth9", 5, "198.18.0.100/24"),  # the VIP itself, which a dead predecessor has left
    ],
)
def test_what_cannot_hold_a_vip_is_no_candidate(unable: Device) -> None:
    assert chosen("198.18.0.100", devices=(unable, ETH0)).interface == "eth0"
    with pytest.raises(Undecided):
        chosen("198.18.0.100", devices=(unable,), routes=(TO_ETH0,))


def test_who_waits_for_an_interface_names_those_that_there_are() -> None:
    assert missing("eth0", ["ens3", "ens4"]) == "the interface eth0; this node has ens3, ens4"
    assert missing("eth0", []) == "the interface eth0; this node has none that could have a VIP"
