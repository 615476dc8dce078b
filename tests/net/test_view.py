"""What the changes add up to."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface

from vipalived.net.view import AddressChange, LinkChange, View

VIPS = frozenset(map(ip_address, ("198.18.0.100", "fe80::200:5eff:fe00:233", "2001:db8::100")))


def seen(*addresses: str, **flags: bool) -> View:
    """Interface 7 with these addresses, the first one of a family its primary."""
    view = View({}, {})
    for text in addresses:
        view.apply(AddressChange(True, 7, ip_interface(text), **flags))
    return view


def source(view: View, family: int, peers: str = "", wanted: str = "") -> tuple[str, str] | None:
    found = view.source(
        7,
        family,
        VIPS,
        peers=frozenset(map(ip_address, peers.split())),
        wanted=ip_address(wanted) if wanted else None,
    )
    return None if found is None else (str(found.address), found.why)


SUBNET, PRIMARY = "whose subnet has a VIP", "the interface's primary address"
PEER, SAID, LOCAL = "which is among `unicastPeers`", "as the values say", "the interface's link-local address"


def test_the_source_is_the_one_that_the_values_say_and_is_waited_for() -> None:
    view = seen("198.18.0.1/24", "198.18.1.1/24")
    assert source(view, 4, wanted="198.18.1.1") == ("198.18.1.1", SAID)
    assert source(view, 4, peers="198.18.0.1", wanted="198.18.1.9") is None
    assert view.source(8, 4, VIPS) is None


def test_else_the_one_that_the_peers_know() -> None:
    view = seen("198.18.0.1/24", "198.18.1.1/24", "198.18.0.2/24")
    assert source(view, 4, peers="198.18.0.2 198.18.0.3") == ("198.18.0.2", PEER)
    view = seen("fe80::1/64", "2001:db8::1/64", "2001:db8::2/64")
    assert source(view, 6, peers="2001:db8::2 2001:db8::9") == ("2001:db8::2", PEER)
    assert source(view, 6, peers="fe80::1 fe80::9") == ("fe80::1", PEER)


def test_else_one_in_a_vips_subnet_else_the_primary_one() -> None:
    assert source(seen("198.18.1.1/24", "198.18.0.1/24"), 4) == ("198.18.0.1", SUBNET)
    assert source(seen("198.18.1.1/24", "198.18.2.1/24"), 4) == ("198.18.1.1", PRIMARY)
    assert source(seen("2001:db8:9::1/64", "2001:db8::1/64"), 6, peers="2001:db8::9") == (
        "2001:db8::1",
        SUBNET,
    )
    assert source(seen("fe80::1/64", "2001:db8:9::1/64"), 6, peers="2001:db8::9") == (
        "2001:db8:9::1",
        PRIMARY,
    )


def test_multicast_over_ipv6_comes_from_the_link_local_address() -> None:
    assert source(seen("2001:db8::1/64", "fe80::200:5eff:fe00:233/64", "fe80::1/64"), 6) == ("fe80::1", LOCAL)
    assert source(seen("2001:db8::1/64"), 6) is None


def test_no_source_is_what_is_a_vip_borrowed_or_not_ready() -> None:
    assert source(seen("198.18.0.100/24"), 4) is None
    assert source(seen("198.18.0.1/24", usable=False), 4) is None
    assert source(seen("198.18.0.1/24", primary=False), 4) is None
    assert source(seen("198.18.0.1/24", primary=False), 4, peers="198.18.0.1") == ("198.18.0.1", PEER)
    assert source(seen("198.18.0.1/32", ours=True), 4, wanted="198.18.0.1") is None
    view = seen("198.18.0.1/24")
    view.apply(AddressChange(False, 7, ip_interface("198.18.0.1/24")))
    assert source(view, 4) is None


def test_a_link_goes_by_each_of_its_names() -> None:
    view = View({}, {})
    view.apply(LinkChange(True, 7, "eth0", True, mac=b"\x02" * 6, alternatives=frozenset({"enp1s0"})))
    assert view.link("enp1s0") is view.link("eth0") is view.links[7]
    assert view.link("enp1s1") is None
    view.apply(LinkChange(True, 8, "tun0", True))
    assert view.macs() == {b"\x02" * 6}


def test_an_agents_address_leads_where_one_of_the_hosts_own_comes_after_it() -> None:
    view = seen("198.18.0.100/32", ours=True)
    assert not view.leads(7)
    view.apply(AddressChange(True, 7, ip_interface("2001:db8::1/64")))
    assert not view.leads(7)
    view.apply(AddressChange(True, 7, ip_interface("198.18.0.1/24")))
    assert view.leads(7)
    assert not view.leads(8)


def test_it_forgets_a_link_that_is_gone() -> None:
    view = View({}, {})
    view.apply(LinkChange(True, 7, "eth0", True))
    assert view.link("eth0") is not None
    view.apply(LinkChange(False, 7, "eth0", False))
    assert view.link("eth0") is None
