"""What one node runs with, and which virtual routers the VIPs make."""

from __future__ import annotations

import pytest
import yaml

from vipalived.settings import Node, Settings, load


def settings(text: str) -> Settings:
    return load([yaml.safe_load(text)]).settings


@pytest.mark.parametrize(
    ("values", "state", "nopreempt"),
    [
        ("{}", "BACKUP", True),
        ("{keepalived: {vrrpInstance: {nopreempt: false}}}", "BACKUP", False),
        ("{keepalived: {vrrpInstance: {state: MASTER}}}", "MASTER", False),
        ("{keepalived: {vrrpInstance: {priority: 255}}}", "BACKUP", False),
        (
            "{keepalived: {vrrpVersion: 2, vrrpInstance: {state: MASTER, authentication: {authType: AH}}}}",
            "BACKUP",
            True,
        ),
        (
            (
                "{keepalived: {vrrpVersion: 2,"
                " vrrpInstance: {state: MASTER, priority: 255, authentication: {authType: AH}}}}"
            ),
            "MASTER",
            False,
        ),
    ],
)
def test_a_node_has_what_keepalived_would_make_of_it(values: str, state: str, nopreempt: bool) -> None:
    node = settings(values).node()
    assert (node.state, node.nopreempt) == (state, nopreempt)


@pytest.mark.parametrize(
    ("values", "delay"),
    [
        ("nopreempt: false, preemptDelay: 30", 30),
        ("nopreempt: true, preemptDelay: 30", 0),
        ("nopreempt: false, preemptDelay: 30, state: MASTER", 0),
        ("nopreempt: false, preemptDelay: 30, priority: 255", 0),
    ],
)
def test_who_takes_the_vip_at_once_or_never_waits_for_nothing(values: str, delay: int) -> None:
    assert settings(f"{{keepalived: {{vrrpInstance: {{{values}}}}}}}").node().preempt_delay == delay


def test_a_node_has_its_own_values_over_the_common_ones() -> None:
    common = settings(
        "{keepalived: {vrrpInstance: {unicastSourceAddress: 198.18.0.7}},"
        " nodes: {a: {priority: 9, interface: eth9, state: MASTER, unicastSourceAddress: 198.18.0.9}, b: {}}}"
    )
    assert common.node("a") == Node("a", "MASTER", "eth9", 9, False, 0, ("198.18.0.9",))
    assert common.node("b") == Node("b", "BACKUP", "eth0", 100, True, 0, ("198.18.0.7",))
    assert common.node("unknown") == Node("unknown", "BACKUP", "eth0", 100, True, 0, ("198.18.0.7",))


def test_each_address_family_has_its_virtual_router() -> None:
    first, second = settings(
        "{keepalived: {vrrpInstance: {name: VI, virtualIpAddress: '2001:db8::9/64', virtualRouterId: 16,"
        " virtualIpAddresses: [198.18.0.9/24, 'fe80::9/64', 198.18.0.8/24]}}}"
    ).virtual_routers()
    assert (first.name, first.family) == ("VI", 6)
    # RFC 9568 section 5.2.9: a link-local address comes first.
    assert list(map(str, first.addresses)) == ["fe80::200:5eff:fe00:210/64", "2001:db8::9/64", "fe80::9/64"]
    assert (second.name, second.family) == ("VI_V4", 4)
    assert list(map(str, second.addresses)) == ["198.18.0.9/24", "198.18.0.8/24"]


def test_a_link_local_vip_that_comes_first_is_enough() -> None:
    [router] = settings(
        "{keepalived: {vrrpInstance: {virtualIpAddress: 'FE80::9/64', virtualIpAddresses: ['2001:db8::9/64']}}}"
    ).virtual_routers()
    assert router.written == ("FE80::9/64", "2001:db8::9/64")
