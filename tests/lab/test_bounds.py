"""What each scenario may cost, against numbers worked out by hand from RFC 9568 section 6.1 and RFC 3768."""

from __future__ import annotations

import pytest

from vipalived.lab.bounds import Timing, bound, recovery_deadline, settling_deadline
from vipalived.lab.scenarios import SCENARIOS

CONTRACT = Timing(version=3, advertisement_interval=1.0, priorities=(100, 100, 100), nopreempt=True)
PREFERRED = Timing(version=3, advertisement_interval=0.5, priorities=(200, 150, 50), nopreempt=False)
WHOLE_SECONDS = Timing(version=2, advertisement_interval=2.0, priorities=(100, 100), nopreempt=True)


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
        (WHOLE_SECONDS, "stop", 0.709375),  # in VRRPv2 Skew_Time does not grow with the interval
        (WHOLE_SECONDS, "crash", 6.709375),
    ],
)
def test_bounds(timing: Timing, scenario: str, seconds: float) -> None:
    assert bound(scenario, timing) == pytest.approx(seconds)


def test_every_scenario_has_a_bound_and_says_what_happens() -> None:
    for name, scenario in SCENARIOS.items():
        assert bound(name, CONTRACT) >= 0
        assert scenario.says


def test_the_waits_have_deadlines_that_follow_from_the_values() -> None:
    assert settling_deadline(CONTRACT) == pytest.approx(17.21875)  # 2 * 3.609375 + 5 + 5
    assert recovery_deadline(CONTRACT) == pytest.approx(51.65625)
    assert settling_deadline(PREFERRED) == pytest.approx(13.8046875)  # the slowest: 1.5 + 206/256 of 0.5 s
