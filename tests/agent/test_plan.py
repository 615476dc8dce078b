"""What the engine takes from a values file."""

from __future__ import annotations

import pickle
from ipaddress import ip_address, ip_interface
from typing import Any

import pytest
from msgspec.structs import replace

from vipalived.agent.plan import Departures, Plan, plan
from vipalived.settings import load
from vipalived.settings.model import Native
from vipalived.vrrp.model import Config, Garp
from vipalived.vrrp.packet import Auth, AuthType

SOURCE = ip_address("198.18.0.1")


def made(instance: dict[str, Any] | None = None, node: str = "cp-1", **keepalived: Any) -> Plan:
    own = {"virtualIpAddress": "198.18.0.100/24"} | (instance or {})
    return plan(load([{"keepalived": keepalived | {"vrrpInstance": own}}]).settings, node)


def test_the_contract_s_defaults() -> None:
    found = made()
    (member,) = found.members
    assert (found.interface, found.tracked, found.vrid) == ("eth0", (), 51)
    assert (member.family, member.version, member.priority, member.interval) == (4, 3, 100, 1.0)
    assert not member.preempt
    assert member.addresses == (ip_interface("198.18.0.100/24"),)
    assert member.garp == Garp(repeat=5, delay=5.0, refresh=10.0, refresh_repeat=1, spread=1.0)
    assert (member.auth, member.peers, member.source) == (None, frozenset(), None)


def test_a_plan_crosses_a_process_boundary() -> None:
    assert pickle.loads(pickle.dumps(made())) == made()


def test_version_2_is_authenticated_version_3_is_not() -> None:
    assert made(vrrpVersion=2).members[0].auth == Auth(AuthType.PASS, b"k8s_vip")
    ah = made({"authentication": {"authType": "AH", "authPass": "s3cret"}}, vrrpVersion=2)
    assert ah.members[0].auth == Auth(AuthType.AH, b"s3cret")


def test_two_families_are_two_members_and_the_ipv6_one_begins_with_a_link_local_address() -> None:
    found = made({"virtualIpAddresses": ["2001:db8::100/64"]})
    assert [member.family for member in found.members] == [4, 6]
    assert found.members[1].vips == (ip_address("fe80::200:5eff:fe00:233"), ip_address("2001:db8::100"))
    assert len(found.vips) == 3


def test_the_role_is_what_a_successor_on_the_node_must_agree_in() -> None:
    def role(instance: dict[str, Any] | None = None, **changes: Any) -> str:
        return made(instance, **changes).role

    assert role() == role({"priority": 200, "advertInt": 0.5})
    other = {"interface": "eth1"}, {"virtualRouterId": 52}, {"virtualIpAddress": "198.18.0.100/32"}
    more = {"virtualIpAddresses": ["198.18.0.101/24"]}, {"unicastPeers": ["198.18.0.2"]}
    roles = [role(), *map(role, (*other, *more)), role(vrrpVersion=2)]
    assert len(set(roles)) == len(roles)
    assert all(roles)


def test_with_ah_there_is_no_role_that_another_could_go_on_with() -> None:
    ah = made({"authentication": {"authType": "AH", "authPass": "s3cret"}}, vrrpVersion=2)
    assert ah.role == ""


def test_a_node_is_no_peer_of_itself() -> None:
    peers = ["198.18.0.1", "198.18.0.2", "198.18.0.3"]
    (member,) = made({"unicastPeers": peers}).members
    assert member.source is None
    assert member.policy(SOURCE).peers == {ip_address("198.18.0.2"), ip_address("198.18.0.3")}


def test_a_node_speaks_from_an_address_of_its_own_for_each_family() -> None:
    peers = ["198.18.0.1", "198.18.0.2", "2001:db8::1", "2001:db8::2"]
    instance = {"virtualIpAddress": "198.18.0.100/24", "virtualIpAddresses": ["2001:db8::9/64"]}
    layer = {
        "keepalived": {"vrrpInstance": instance | {"unicastPeers": peers}},
        "nodes": {
            "cp-1": {"unicastSourceAddress": ["2001:DB8::1", "198.18.0.1"]},
            "cp-2": {"unicastSourceAddress": "2001:db8::2"},
        },
    }
    sources = {
        name: [member.source for member in plan(load([layer]).settings, name).members]
        for name in ("cp-1", "cp-2", "cp-3")
    }
    assert sources == {
        "cp-1": [SOURCE, ip_address("2001:db8::1")],
        "cp-2": [None, ip_address("2001:db8::2")],
        "cp-3": [None, None],
    }


def test_a_node_s_own_values_win() -> None:
    layer = {
        "keepalived": {
            "vrrpInstance": {"trackInterface": ["eth1", "eth2"], "virtualIpAddress": "198.18.0.100/24"}
        },
        "nodes": {"cp-1": {"interface": "eth1", "priority": 150}},
    }
    found = plan(load([layer]).settings, "cp-1")
    assert (found.interface, found.tracked, found.members[0].priority) == ("eth1", ("eth2",), 150)


@pytest.mark.parametrize(
    ("host", "node", "priority", "unnamed"),
    [
        ("cp-1", "cp-1", 150, False),
        ("CP-1", "cp-1", 150, False),
        ("cp-1.example.org", "cp-1", 150, False),
        ("cp-2.Example.org", "cp-2.example.org", 120, False),
        ("cp-3.example.org", "cp-3.example.org", 100, True),
        ("cp-2", "cp-2", 100, True),
    ],
)
def test_a_host_is_the_node_that_kubelet_makes_of_it(
    host: str, node: str, priority: int, unnamed: bool
) -> None:
    nodes = {"cp-1": {"priority": 150}, "cp-2.example.org": {"priority": 120}}
    found = plan(load([{"nodes": nodes}]).settings, host)
    assert (found.node, found.members[0].priority, found.unnamed) == (node, priority, unnamed)
    assert not plan(load([]).settings, host).unnamed


def test_the_state_machine_gets_the_same_words() -> None:
    config = made().members[0].config(SOURCE)
    assert (config.vrid, config.priority, config.source, config.interval) == (51, 100, SOURCE, 1.0)
    assert config.addresses == (ip_address("198.18.0.100"),)


def config_with(**native: bool) -> Config:
    return plan(load([{"native": native}]).settings, "cp-1").members[0].config(SOURCE)


@pytest.mark.parametrize(
    ("value", "changed"),
    [
        ("hitlessResignation", {"hitless": False}),
        ("promptSuccession", {"prompt_succession": False}),
        ("claimBeforeOwn", {"claim_window": 0.0}),
        ("partingAdvert", {"parting_advert": False}),
        ("pacedGarp", {"garp": Garp(spread=0.0)}),
        ("lastResort", {"last_resort": False}),
        ("kernelLease", {"kernel_lease": False}),
        ("checksumPseudoHeader", {}),
    ],
)
def test_each_departure_can_be_switched_off_alone(value: str, changed: dict[str, Any]) -> None:
    assert config_with(**{value: False}) == replace(config_with(), **changed)


def test_every_departure_is_a_value() -> None:
    assert set(Departures.__struct_fields__) == set(Native.model_fields)
    assert all(default is True for default in Native().model_dump().values())


@pytest.mark.parametrize(
    ("instance", "keepalived", "same"),
    [
        ({"priority": 120}, {}, True),
        ({"virtualIpAddresses": ["198.18.0.101/24"]}, {}, True),
        ({"advertInt": 2}, {}, True),
        ({"virtualRouterId": 52}, {}, False),
        ({"interface": "eth1"}, {}, False),
        ({"virtualIpAddresses": ["2001:db8::100/64"]}, {}, False),
        ({}, {"vrrpVersion": 2}, False),
        ({"unicastPeers": ["198.18.0.2"]}, {}, False),
    ],
)
def test_what_a_running_engine_can_change_to(
    instance: dict[str, Any], keepalived: dict[str, Any], same: bool
) -> None:
    assert made(instance, **keepalived).succeeds(made()) is same
