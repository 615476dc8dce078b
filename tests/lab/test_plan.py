"""Who is in the lab, and which addresses they get."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vipalived.lab.plan import BASE_LAYER, Plan, node_names, plan, timing
from vipalived.settings import Settings, load
from vipalived.settings.addresses import is_network_or_broadcast


def settings(instance: dict[str, Any] | None = None, **values: Any) -> Settings:
    return load([BASE_LAYER, {"keepalived": {"vrrpInstance": instance or {}}}, values]).settings


def addresses(cast: Plan) -> list[str]:
    return [str(address) for host in (*cast.nodes, cast.client) for address in host.addresses]


def test_the_default_world() -> None:
    cast = plan(settings())
    assert [host.name for host in cast.nodes] == ["node-1", "node-2", "node-3"]
    assert {host.link for host in cast.nodes} == {"eth0"}
    assert addresses(cast) == ["198.18.0.1/24", "198.18.0.2/24", "198.18.0.3/24", "198.18.0.250/24"]
    assert (str(cast.vip), cast.routes) == ("198.18.0.100", ())


def test_nodes_of_the_values_come_first_and_keep_their_links() -> None:
    given_nodes = {"cp-1": {"interface": "ens3"}, "node-1": {"priority": 150}}
    chosen = settings(nodes=given_nodes)
    assert node_names(chosen, None) == ("cp-1", "node-1", "node-2")
    assert node_names(chosen, 2) == ("cp-1", "node-1")
    assert [host.link for host in plan(chosen, 4).nodes] == ["ens3", "eth0", "eth0", "eth0"]
    assert timing(chosen, node_names(chosen, 4)).priorities == (100, 150, 100, 100)


def test_all_named_nodes_take_part_even_when_they_are_more_than_three() -> None:
    chosen = settings(nodes={f"cp-{index}": {} for index in range(5)})
    assert len(plan(chosen).nodes) == 5


def test_a_vip_with_a_subnet_puts_everybody_into_that_subnet_beside_it() -> None:
    cast = plan(settings({"virtualIpAddress": "192.168.7.1/24"}))
    assert addresses(cast) == ["192.168.7.2/24", "192.168.7.3/24", "192.168.7.4/24", "192.168.7.250/24"]
    assert cast.routes == ()


def test_the_clients_place_may_be_the_vips() -> None:
    cast = plan(settings({"virtualIpAddress": "192.168.7.250/24"}))
    assert str(cast.client.addresses[0]) == "192.168.7.4/24"


@pytest.mark.parametrize(
    ("vip", "route"),
    [("172.16.101.101/32", "172.16.101.101/32"), ("172.16.101.101/31", "172.16.101.101/32")],
)
def test_a_vip_without_room_for_nodes_is_reached_by_a_route(vip: str, route: str) -> None:
    cast = plan(settings({"virtualIpAddress": vip}))
    assert addresses(cast)[0] == "198.18.0.1/24"
    assert cast.routes == (ip_network(route),)


def test_an_ipv6_vip_is_asked_by_its_global_address() -> None:
    cast = plan(settings({"virtualIpAddress": "2001:db8:1::100/64"}))
    assert str(cast.vip) == "2001:db8:1::100"
    assert addresses(cast) == [
        "2001:db8:1::1/64",
        "2001:db8:1::2/64",
        "2001:db8:1::3/64",
        "2001:db8:1::fa/64",
    ]


def test_dual_stack_nodes_have_addresses_of_both_families() -> None:
    cast = plan(
        settings({"virtualIpAddress": "192.168.7.100/24", "virtualIpAddresses": ["2001:db8:1::100/128"]})
    )
    assert [str(address) for address in cast.nodes[0].addresses] == ["192.168.7.1/24", "2001:db8::1/64"]
    assert cast.routes == (ip_network("2001:db8:1::100/128"),)


def test_peers_and_source_addresses_are_the_nodes_own() -> None:
    cast = plan(
        settings(
            {"unicastPeers": ["10.1.2.11", "10.1.2.12", "10.1.2.13"], "virtualIpAddress": "10.1.2.100/24"},
            nodes={"cp-1": {"unicastSourceAddress": "10.1.2.13"}},
        )
    )
    assert {host.name: str(host.addresses[0].ip) for host in cast.nodes} == {
        "cp-1": "10.1.2.13",
        "node-1": "10.1.2.11",
        "node-2": "10.1.2.12",
    }
    assert str(cast.client.addresses[0]) == "10.1.2.250/24"


def test_peers_outside_the_vips_subnet_make_the_nodes_subnet() -> None:
    cast = plan(
        settings({"unicastPeers": ["10.1.2.11", "10.1.3.12"], "virtualIpAddress": "192.168.7.100/24"})
    )
    assert addresses(cast)[:2] == ["10.1.2.11/23", "10.1.3.12/23"]
    assert cast.routes == (ip_network("192.168.7.100/32"),)


def test_tracked_interfaces_are_there_but_the_nodes_own_link_is_there_once() -> None:
    cast = plan(settings({"trackInterface": ["eth1", "ens3"]}, nodes={"cp-1": {"interface": "ens3"}}))
    assert [host.further_links for host in cast.nodes] == [("eth1",), ("eth1", "ens3"), ("eth1", "ens3")]


def test_a_subnet_that_is_too_small_for_the_nodes_is_not_theirs() -> None:
    chosen = settings({"virtualIpAddress": "192.168.7.1/29"})
    assert addresses(plan(chosen, 3))[0] == "192.168.7.2/29"
    assert addresses(plan(chosen, 5))[0] == "198.18.0.1/24"


@given(
    network=st.integers(0, 2**16 - 1),
    host=st.integers(1, 254),
    prefix=st.integers(8, 32),
    peers=st.sampled_from([0, 2, 3, 4]),
    number=st.integers(2, 9),
)
def test_nobody_shares_an_address_and_everybody_reaches_the_vip(
    network: int, host: int, prefix: int, peers: int, number: int
) -> None:
    vip = f"10.{network >> 8}.{network & 255}.{host}/{prefix}"
    others = [f"10.200.{index}.7" for index in range(peers)]
    assume(not is_network_or_broadcast(ip_interface(vip)))
    chosen = settings(
        {"virtualIpAddress": vip, "unicastPeers": others},
        nodes={"cp-1": {"unicastSourceAddress": others[0]}} if others else {},
    )
    cast = plan(chosen, number)
    everybody = [address for member in (*cast.nodes, cast.client) for address in member.addresses]
    assert len({address.ip for address in everybody} | {cast.vip}) == number + 2
    reachable = [cast.client.addresses[0].network, *cast.routes]
    assert any(cast.vip in subnet for subnet in reachable)
    assert len({address.network for address in everybody}) == 1
    assert {ip_address(peer) for peer in others[:number]} <= {address.ip for address in everybody}
