"""What each scenario may cost, against numbers worked out by hand from RFC 9568 section 6.1 and RFC 3768."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from vipalived.lab.bounds import (
    NATIVE,
    RFC,
    Limits,
    Rule,
    Timing,
    recovery_deadline,
    settling_deadline,
)
from vipalived.lab.scenarios import SCENARIOS

CONTRACT = Timing(version=3, advertisement_interval=1.0, priorities=(100, 100, 100), nopreempt=True)
PREFERRED = Timing(version=3, advertisement_interval=0.5, priorities=(200, 150, 50), nopreempt=False)
WHOLE_SECONDS = Timing(version=2, advertisement_interval=2.0, priorities=(100, 100), nopreempt=True)
FAST = Timing(version=3, advertisement_interval=0.03, priorities=(100, 100), nopreempt=True)


@pytest.mark.parametrize(
    ("timing", "scenario", "seconds"),
    [
        (CONTRACT, "control", 0.0),
        (CONTRACT, "return", 0.0),
        (CONTRACT, "stop", 0.709375),  # 156/256 + 0.1
        (CONTRACT, "rolling", 0.709375),
        (CONTRACT, "crash", 3.709375),  # 3 + 156/256 + 0.1
        (CONTRACT, "kill", 3.709375),
        (CONTRACT, "freeze", 3.709375),
        (CONTRACT, "partition", 3.709375),
        (PREFERRED, "stop", 0.30703125),  # the second best takes over: 106/256 of 0.5 s, + 0.1
        (PREFERRED, "crash", 1.80703125),
        (PREFERRED, "return", 0.1),  # with preemption the VIP may move, but at once
        (CONTRACT, "reload", 0.0),
        (CONTRACT, "flap", 3.709375),
        (CONTRACT, "pause-all", 0.0),
        (CONTRACT, "load", 0.0),
        (
            FAST,
            "pause-all",
            0.20828125,
        ),  # 0.1 s is longer than two intervals: as a silence of 3 + 156/256 of 0.03 s
        (CONTRACT, "mixed-stop", 0.14246875),  # 156/256 of 50 ms, the claim's 12 ms, + 0.1
        (FAST, "mixed-stop", 0.12578125),  # 156/256 of 30 ms, a claim of a quarter of it, + 0.1
        (CONTRACT, "mixed-crash", 3.709375),
        (WHOLE_SECONDS, "stop", 0.709375),  # in VRRPv2 Skew_Time does not grow with the interval
        (WHOLE_SECONDS, "crash", 6.709375),
    ],
)
def test_what_vrrp_promises(timing: Timing, scenario: str, seconds: float) -> None:
    assert RFC[scenario](timing).blackout == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("timing", "scenario", "seconds"),
    [
        (CONTRACT, "control", 0.0),
        (CONTRACT, "stop", 0.02),
        (CONTRACT, "rolling", 0.02),
        (CONTRACT, "return", 0.02),
        (PREFERRED, "return", 0.02),
        (CONTRACT, "reload", 0.02),
        (CONTRACT, "crash", 3.659375),  # 3 + 156/256 + 0.05
        (FAST, "crash", 0.15828125),  # 3.609375 of 0.03 s, + 0.05
        (CONTRACT, "partition", 3.659375),
        (CONTRACT, "flap", 3.659375),
        (CONTRACT, "kill", 3.659375),
        (CONTRACT, "freeze", 3.659375),
        (CONTRACT, "load", 0.0),
        (CONTRACT, "mixed-stop", 0.02),
        (CONTRACT, "mixed-crash", 3.709375),  # keepalived takes over
    ],
)
def test_what_the_native_engine_promises(timing: Timing, scenario: str, seconds: float) -> None:
    assert NATIVE[scenario](timing).blackout == pytest.approx(seconds)


@pytest.mark.parametrize("scenario", ["kill", "freeze"])
def test_a_dead_native_holder_has_the_address_no_longer_than_its_lease(scenario: str) -> None:
    # a lease of 3 s, the kernel 0.4 s late, less a takeover after 2.609375 s, + 0.05
    assert NATIVE[scenario](CONTRACT).two_holders == pytest.approx(0.840625)
    # a lease of 2 s, the shortest, and a takeover after 2.609375 intervals of 0.03 s
    assert NATIVE[scenario](FAST).two_holders == pytest.approx(2.37171875)
    assert RFC[scenario](CONTRACT).two_holders is None


def test_after_a_partition_one_holder_is_left_within_an_interval() -> None:
    assert NATIVE["partition"](CONTRACT).one_holder == pytest.approx(1.1)
    assert RFC["partition"](CONTRACT).one_holder is None


def test_where_nothing_asks_for_a_move_the_vip_stays() -> None:
    asked = {"control", "return", "reload", "pause-all", "load"}
    for bounds, more in ((RFC, set()), (NATIVE, {"api-slow"})):
        assert {name for name in bounds if bounds[name](CONTRACT).moves == 0} == asked | more
        assert bounds["return"](PREFERRED).moves is None


def test_who_was_deaf_at_its_start_takes_nothing_for_good() -> None:
    waits = replace(CONTRACT, start_delay=5.0)
    assert RFC["deaf-start"](waits) == Limits(0.0, two_holders=0.001, no_holder=0.001, moves=0)
    for timing in (CONTRACT, replace(CONTRACT, start_delay=4.99), replace(waits, nopreempt=False)):
        assert RFC["deaf-start"](timing) == Limits()
    assert NATIVE["deaf-start"](CONTRACT) == Limits(0.02, one_holder=1.1, stays=True)
    assert NATIVE["deaf-start"](PREFERRED) == Limits(0.02)


@pytest.mark.parametrize(
    ("bounds", "scenario", "two", "none"),
    [
        (RFC, "control", 0.001, 0.001),
        (RFC, "stop", 1.1, 0.709375),  # an interval + 0.1; 156/256 + 0.1
        (RFC, "rolling", 1.1, 2.128125),  # three times 156/256 + 0.1
        (RFC, "crash", 1.1, 3.709375),
        (RFC, "kill", None, 3.709375),  # the dead daemon's node has it, and VRRP does not say how long
        (RFC, "partition", None, 3.709375),
        (NATIVE, "control", 0.001, 0.001),
        (NATIVE, "reload", 0.001, 0.001),
        (NATIVE, "stop", 0.15, 0.001),  # 0.1 s to hand over, + 0.05
        (NATIVE, "rolling", 0.45, 0.001),
        (NATIVE, "release", 0.15, 0.001),
        (NATIVE, "api-crash", 0.15, 0.001),
        (NATIVE, "api-stop", 0.15, 0.001),
        (NATIVE, "api-hang", 0.15, 0.001),
        (NATIVE, "crash", 1.1, 3.659375),
        (NATIVE, "partition", None, 3.659375),
        (NATIVE, "mixed-stop", 1.1, 0.001),
    ],
)
def test_how_long_two_nodes_may_hold_the_vip_and_how_long_none(
    bounds: Mapping[str, Rule], scenario: str, two: float | None, none: float
) -> None:
    limits = bounds[scenario](CONTRACT)
    assert limits.two_holders == (None if two is None else pytest.approx(two))
    assert limits.no_holder == pytest.approx(none)


QUICK_CHECK = replace(CONTRACT, check_interval=0.2, check_timeout=0.2, check_fall=2)


@pytest.mark.parametrize(
    ("bounds", "timing", "scenario", "seconds"),
    [
        (NATIVE, CONTRACT, "api-crash", 0.15),
        (NATIVE, CONTRACT, "api-hang", 3.15),  # four questions half a second apart, 1 s for the last, + 0.15
        (NATIVE, QUICK_CHECK, "api-hang", 0.95),  # three of them 0.2 s apart, 0.2 s, + 0.15
        (NATIVE, CONTRACT, "api-all-down", 0.15),
        (NATIVE, CONTRACT, "api-elsewhere", 1.0),
        (NATIVE, CONTRACT, "day-1", 1.0),
        (NATIVE, CONTRACT, "services-stop", 0.15),
    ],
)
def test_how_soon_https_is_answered_again(
    bounds: Mapping[str, Rule], timing: Timing, scenario: str, seconds: float
) -> None:
    assert bounds[scenario](timing).http == pytest.approx(seconds)


def test_a_planned_stop_of_the_api_server_fails_no_request() -> None:
    assert NATIVE["api-stop"](CONTRACT).http_failed == 0


@pytest.mark.parametrize("scenario", ["api-all-down", "api-elsewhere", "api-all-slow", "day-1"])
def test_a_native_cluster_has_one_holder_whatever_becomes_of_its_api_servers(scenario: str) -> None:
    limits = NATIVE[scenario](CONTRACT)
    assert limits.no_holder == pytest.approx(0.001)
    assert limits.two_holders == pytest.approx(0.15)  # 0.1 s to hand over, + 0.05


def test_a_stalled_etcd_moves_the_vip_once_at_most() -> None:
    assert NATIVE["api-all-slow"](CONTRACT).moves == 2
    assert NATIVE["services-stop"](CONTRACT).moves == 2


def test_plain_keepalived_promises_nothing_of_api_servers() -> None:
    assert {name for name in RFC if RFC[name](CONTRACT) == Limits()} == {
        *("api-crash", "api-stop", "api-hang", "api-all-down", "api-elsewhere", "api-all-slow"),
        *("api-slow", "services-stop", "day-1", "release", "deaf-start"),
    }


def test_every_scenario_has_its_bounds_and_says_what_happens() -> None:
    tables = (RFC, NATIVE)
    assert all(set(table) == set(SCENARIOS) for table in tables)
    assert all(isinstance(rule(CONTRACT), Limits) for table in tables for rule in table.values())
    assert all(scenario.says for scenario in SCENARIOS.values())


def test_the_waits_have_deadlines_that_follow_from_the_values() -> None:
    assert settling_deadline(CONTRACT) == pytest.approx(17.21875)  # 2 * 3.609375 + 5 + 5
    assert recovery_deadline(CONTRACT) == pytest.approx(51.65625)
    assert settling_deadline(PREFERRED) == pytest.approx(13.8046875)  # the slowest: 1.5 + 206/256 of 0.5 s
