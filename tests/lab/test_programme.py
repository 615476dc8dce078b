"""Which trials an order amounts to, and in which order."""

from __future__ import annotations

from typing import Any

import pytest

from vipalived.errors import InvalidSettings
from vipalived.lab.pressure import Quota
from vipalived.lab.programme import Order
from vipalived.lab.scenarios import SCENARIOS


def order(*scenarios: str, layer: dict[str, Any] | None = None, **others: Any) -> Order:
    engines = others.pop("engines", ("native", "keepalived"))
    return Order(layer=layer or {}, engines=engines, scenarios=scenarios, **others)


def test_engines_take_turns_and_every_round_has_every_scenario() -> None:
    found = order("stop", "crash", repeat=2).programme()
    assert [(case.number, case.scenario, case.engine.name) for case in found] == [
        *(
            (1, "stop", "native"),
            (1, "stop", "keepalived"),
            (1, "crash", "native"),
            (1, "crash", "keepalived"),
        ),
        *(
            (2, "stop", "native"),
            (2, "stop", "keepalived"),
            (2, "crash", "native"),
            (2, "crash", "keepalived"),
        ),
    ]


def test_who_takes_no_commands_is_left_out_where_one_is_given() -> None:
    both = order("release", "stop").programme()
    assert [(case.scenario, case.engine.name) for case in both] == [
        ("release", "native"),
        ("stop", "native"),
        ("stop", "keepalived"),
    ]
    with pytest.raises(InvalidSettings, match="`release` needs an engine that takes commands"):
        order("release", engines=("keepalived", "keepalived-check")).programme()


def test_each_engine_is_held_to_what_it_promises() -> None:
    native, keepalived = order("stop").programme()
    assert native.limits.blackout == pytest.approx(0.02)
    assert keepalived.limits.blackout == pytest.approx(0.709375)


def test_mixed_has_both_engines_as_the_holder_in_every_form_of_vrrp() -> None:
    found = order("mixed-stop").programme()
    assert [case.engine.name for case in found] == [
        *("native>keepalived v2", "keepalived>native v2"),
        *("native>keepalived v2-pass", "keepalived>native v2-pass"),
        *("native>keepalived v2-ah", "keepalived>native v2-ah"),
        *("native>keepalived v3", "keepalived>native v3"),
        *("native>keepalived v3-ipv6", "keepalived>native v3-ipv6"),
        *("native>keepalived unicast", "keepalived>native unicast"),
    ]
    vrrp = [case.settings.keepalived for case in found[::2]]
    assert [one.vrrp_version for one in vrrp] == [2, 2, 2, 3, 3, 3]
    assert [one.vrrp_instance.authentication.auth_type for one in vrrp][:3] == ["PASS", "PASS", "AH"]
    assert [one.vrrp_instance.authentication.auth_pass for one in vrrp][:3] == ["", "k8s_vip", "k8s_vip"]
    assert vrrp[4].vrrp_instance.virtual_ip_address == "2001:db8::100/64"
    assert vrrp[5].vrrp_instance.unicast_peers == ["198.18.0.1", "198.18.0.2", "198.18.0.3"]
    # Only the address family makes another world.
    assert len({case.plan for case in found}) == 2


def test_values_that_a_form_of_vrrp_cannot_carry_are_refused_before_anything_is_built() -> None:
    dual = {"keepalived": {"vrrpInstance": {"virtualIpAddresses": ["2001:db8::7/64"]}}}
    with pytest.raises(InvalidSettings, match="in the scenario `mixed`, which also runs v2"):
        order("mixed-stop", layer=dual).programme()


def test_an_order_travels_as_json() -> None:
    sent = order("stop", repeat=3, nodes=4, json=5, quota=Quota("/sys/fs/cgroup/cpu/lab"))
    assert Order.from_json(sent.as_json()) == sent


def test_a_trial_says_about_how_long_it_takes() -> None:
    usual, quick = (
        {
            case.scenario: case.lasts
            for case in order(*SCENARIOS, layer=layer, engines=("native",)).programme()
        }
        for layer in ({}, {"keepalived": {"vrrpInstance": {"advertInt": 0.1}}})
    )
    assert (usual["stop"], quick["stop"]) == (8, 3.5)
    assert all(3 < quick[name] < seconds for name, seconds in usual.items())
    assert 360 < sum(usual[name] for name in SCENARIOS if not SCENARIOS[name].mixed) < 420
