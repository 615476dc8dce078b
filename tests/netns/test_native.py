"""The native engine for real: in the lab, beside keepalived, and alone on a link of its own.

At an Advertisement_Interval of 0.1 s and priority 100, Skew_Time is 60.9 ms and Master_Down_Interval 360.9 ms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.netns.telling import tell

if TYPE_CHECKING:
    from conftest import Lab

pytestmark = pytest.mark.netns

NATIVE = ("--engine", "native")
LEASE = 2000.0
"""Milliseconds: the shortest lifetime that an address is given; the kernel may be 400 ms late."""
BUSY = 100.0
"""Milliseconds that a machine may take which runs the other tests too. What a hand-over costs on one that does
not is for `make bench` to say; here it is told apart from keepalived's 609 ms."""


def test_a_stop_loses_nothing_and_a_crash_costs_master_down_interval(lab: Lab) -> None:
    run = lab(*NATIVE, "--scenario", "stop", "--scenario", "crash", "--scenario", "rolling")
    for name in ("stop", "rolling"):
        assert run.trials[name]["no_holder_ms"] <= 1, run.err
        assert run.trials[name]["blackout_ms"] <= BUSY, run.err
    crash = run.trials["crash"]
    assert 255 <= crash["blackout_ms"] <= 410.9 + BUSY
    assert crash["from"] != crash["to"]


def test_with_ah_two_that_claim_at_once_agree_at_once(lab: Lab) -> None:
    """Their sequence numbers are the same, as both go on from that of the one who has resigned."""
    values = "vrrpVersion=2 vrrpInstance.advertInt=1 vrrpInstance.authentication.authType=AH"
    settings = ",".join(f"keepalived.{value}" for value in values.split())
    run = lab(*NATIVE, "--scenario", "stop", "--repeat", "3", "--set", settings)
    assert len(run.report["trials"]) >= 3
    for trial in run.report["trials"]:
        assert trial["two_holders_ms"] <= BUSY, run.err


def test_a_killed_engine_leaves_two_holders_no_longer_than_the_lease(lab: Lab) -> None:
    trial = lab(*NATIVE, "--scenario", "kill").trials["kill"]
    assert trial["from"] != trial["to"]
    assert trial["two_holders_ms"] <= LEASE + 400 + BUSY
    assert trial["blackout_ms"] <= 410.9 + BUSY


def test_each_takes_over_from_the_other_in_every_form_of_vrrp(lab: Lab) -> None:
    """A native holder hands over without loss; after keepalived, which lets go at once, it takes 43 ms."""
    run = lab(*lab.ONE_BACKUP, "--scenario", "mixed-stop", "--set", "keepalived.vrrpInstance.advertInt=1")
    assert len({trial["engine"] for trial in run.report["trials"]}) == 12
    for trial in run.report["trials"]:
        assert trial["from"] == "node-1", trial
        assert trial["to"] not in {"node-1", None}, trial
        handed = (
            0 if trial["engine"].startswith("native>") else 42.5
        )  # 156/256 of 50 ms, and a claim of 12 ms
        assert trial["blackout_ms"] <= handed + BUSY, trial


@pytest.mark.untimed
@pytest.mark.parametrize(
    "story",
    [
        *(
            "leftover",
            "restarted",
            "deleted",
            "reload",
            "second",
            "vanishing",
            "carrier",
            "readdressed",
            "elsewhere",
        ),
        *("late_source", "known_source"),
        *(
            "permission",
            "own",
            "foreign",
            "other_engine",
            "bug",
            "json_log",
            "released",
            "asked_at_once",
            "unanswered",
            "health",
        ),
    ],
)
def test_alone_on_a_link(story: str) -> None:
    tell("alone.py", story)
