"""The lab as its user runs it, with a real keepalived and an Advertisement_Interval of 0.1 s.

At that interval and priority 100, Skew_Time is 60.9 ms and Master_Down_Interval 360.9 ms.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Lab

pytestmark = pytest.mark.netns

STOPS_WITHOUT_A_WORD = """#!/bin/sh
# keepalived as it should not be: on SIGTERM the VIP goes away, and nobody is told
case "$1" in --version) exec keepalived --version ;; esac
keepalived "$@" &
trap 'kill -STOP $!; for child in $(cat /proc/$!/task/$!/children); do kill -KILL $child; done
      kill -KILL $!; ip address del 198.18.0.100/24 dev eth0; exit' TERM
wait
"""
REFUSES = """#!/bin/sh
case "$1" in --version) exec keepalived --version ;; esac
echo 'no configuration today'; exit 3
"""


def program(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def test_a_stop_costs_skew_time_and_a_crash_master_down_interval(lab: Lab) -> None:
    run = lab(*lab.ONE_BACKUP, "--scenario", "stop", "--scenario", "crash")
    assert run.code == 0, run.err
    assert "2 trials, about 7.3 s\n" in run.err
    stop, crash = run.trials["stop"], run.trials["crash"]
    assert (stop["bound_ms"], crash["bound_ms"]) == (160.9, 460.9)
    assert lab.LEAST <= stop["blackout_ms"] <= 160.9
    assert 255 <= crash["blackout_ms"] <= 460.9  # the last advertisement was up to 100 ms before the cut
    for trial in (stop, crash):
        assert trial["from"] != trial["to"]
        assert trial["lost"] >= lab.LEAST
        assert trial["sent"] > 1000
        assert trial["no_holder_ms"] >= lab.LEAST
        assert trial["http_sent"] > 10


def test_a_node_that_was_deaf_at_its_start_leaves_the_vip_where_it_is(lab: Lab) -> None:
    native = lab("--scenario", "deaf-start", "--engine", "native")
    assert native.code == 0, native.err
    trial = native.trials["deaf-start"]
    assert trial["from"] == trial["to"]
    assert trial["stays"]
    assert trial["two_holders_ms"] >= 3000  # it did become Master where it heard nobody
    assert trial["one_holder_ms"] <= 200
    delayed = lab("--scenario", "deaf-start", "--set", "keepalived.vrrpInstance.startDelay=6")
    assert delayed.code == 0, delayed.err
    assert delayed.trials["deaf-start"]["moves_bound"] == delayed.trials["deaf-start"]["moves"] == 0


def test_a_kill_leaves_the_vip_on_two_nodes(lab: Lab) -> None:
    trial = lab(*lab.ONE_BACKUP, "--scenario", "kill").trials["kill"]
    assert trial["from"] != trial["to"]
    assert trial["two_holders_ms"] >= 900  # from the takeover on, watched for a second
    assert trial["blackout_ms"] <= 460.9


def test_the_control_loses_nothing(lab: Lab) -> None:
    run = lab("--scenario", "control")
    assert run.code == 0, run.err
    trial = run.trials["control"]
    assert (trial["gaps"], trial["lost"], trial["http_failed"]) == ([], 0, 0)
    assert trial["from"] == trial["to"]
    assert trial["sent"] > 4000


def test_both_engines_take_turns_and_a_node_that_returns_moves_nothing(lab: Lab) -> None:
    run = lab("--scenario", "return", "--engine", "keepalived", "--engine", "keepalived-0.2.3")
    assert run.code == 0, run.err
    assert [trial["engine"] for trial in run.report["trials"]] == ["keepalived", "keepalived-0.2.3"]
    assert all(trial["from"] == trial["to"] for trial in run.report["trials"])


def test_a_partition_makes_two_holders_and_heals(lab: Lab) -> None:
    trial = lab(*lab.ONE_BACKUP, "--scenario", "partition").trials["partition"]
    assert trial["two_holders_ms"] >= 400
    assert 255 <= trial["blackout_ms"] <= 460.9
    assert [text.split()[0] for _, text in trial["marks"]] == ["isolate", "heal"]


def test_what_must_not_move_the_vip_does_not(lab: Lab) -> None:
    options = [word for name in ("reload", "pause-all") for word in ("--scenario", name)]
    run = lab("--engine", "keepalived", "--engine", "native", *options, "--set", SLOW)
    assert run.code == 0, run.err
    assert len(run.report["trials"]) == 4
    for trial in run.report["trials"]:
        assert (trial["moves"], trial["moves_bound"]) == (0, 0)
        assert trial["from"] == trial["to"]
        assert trial["sent"] > 1000


# Beside an interval of 1 s, standing still for 0.1 s is nothing.
SLOW = "keepalived.vrrpInstance.advertInt=1"


def test_a_loose_contact_costs_one_takeover(lab: Lab) -> None:
    run = lab(*lab.ONE_BACKUP, "--engine", "keepalived", "--engine", "native", "--scenario", "flap")
    assert run.code == 0, run.err
    for trial in run.report["trials"]:
        assert trial["from"] != trial["to"]
        assert 255 <= trial["blackout_ms"] <= 460.9


@pytest.mark.parametrize(
    "values",
    [
        ["virtualIpAddress=172.16.101.101/32"],
        ["virtualIpAddress=2001:db8:1::100/64"],
        ["virtualIpAddress=192.168.7.100/24", "virtualIpAddresses={2001:db8:1::100/64}"],
        ["unicastPeers={198.18.0.11,198.18.0.12,198.18.0.13}"],
    ],
    ids=["host-route", "ipv6", "dual-stack", "unicast"],
)
def test_the_users_own_addresses(lab: Lab, values: list[str]) -> None:
    options = [word for value in values for word in ("--set", f"keepalived.vrrpInstance.{value}")]
    run = lab(*lab.ONE_BACKUP, "--scenario", "stop", *options)
    assert run.code == 0, run.err
    assert run.trials["stop"]["lost"] >= lab.LEAST


def test_a_miss_is_reported(lab: Lab, tmp_path: Path) -> None:
    broken = program(tmp_path / "keepalived", STOPS_WITHOUT_A_WORD)
    run = lab(*lab.ONE_BACKUP, "--scenario", "stop", "--keepalived", broken)
    assert run.code == 1
    assert run.trials["stop"]["blackout_ms"] > 255
    assert "not every trial was within its bound" in run.err
    assert [row["max_ms"] > row["bound_ms"] for row in run.report["summary"]] == [True]


def test_the_baselines_miss_is_shown_and_fails_nothing(lab: Lab, tmp_path: Path) -> None:
    broken = program(tmp_path / "keepalived", STOPS_WITHOUT_A_WORD)
    run = lab(*lab.ONE_BACKUP, "--scenario", "stop", "--keepalived", broken, "--engine", "keepalived-0.2.3")
    assert run.code == 0
    assert "without an answer, bound 161\n" in run.err


def test_a_daemon_that_does_not_run_is_told_with_what_it_said(lab: Lab, tmp_path: Path) -> None:
    run = lab("--scenario", "stop", "--keepalived", program(tmp_path / "keepalived", REFUSES))
    assert run.code == 1
    assert "ended by itself with exit code 3" in run.trials["stop"]["error"]
    assert "no configuration today" in run.err
    assert "node-1: 127.0.0.1, 198.18.0.1" in run.err


def test_outputs(lab: Lab, tmp_path: Path) -> None:
    page, logs = tmp_path / "lab.html", tmp_path / "logs"
    run = lab("--scenario", "stop", "--nodes", "2", "--html", str(page), "--keep-logs", str(logs))
    assert run.code == 0, run.err
    assert run.report["lab"]["nodes"] == ["node-1", "node-2"]
    assert datetime.now(UTC) - datetime.fromisoformat(run.report["lab"]["began"]) < timedelta(minutes=5)
    assert run.report["lab"]["version"] == version("vipalived")
    assert page.read_text().startswith("<!doctype html>")
    kept = {path.name for path in (logs / "stop-keepalived-1").iterdir()}
    assert kept >= {"node-1.daemon.log", "node-2.daemon.log", "node-1.keepalived.conf"}
    assert "stop" in run.out


def test_an_agent_takes_the_vip_to_an_api_server_that_answers(lab: Lab) -> None:
    run = lab("--engine", "native", "--scenario", "services-stop", "--scenario", "api-stop")
    assert run.code == 0, run.err
    assert len(run.report["trials"]) >= 2
    for trial in run.report["trials"]:
        assert trial["from"] != trial["to"]
        assert trial["https"]
        assert trial["http_sent"] > 50
    assert run.trials["services-stop"]["http_bound_ms"] == 150.0
    assert run.trials["services-stop"]["moves"] == 2  # it came to one node, and left another


def test_https_never_comes_back_where_nobody_looks(lab: Lab) -> None:
    run = lab("--scenario", "api-crash")
    assert run.code == 0, run.err
    trial = run.trials["api-crash"]
    assert (trial["from"], trial["moves"], trial["lost"]) == (trial["to"], 0, 0)
    assert not trial["recovered"]
    assert trial["http_failed"] > 100
    assert "never" in run.out


QUICK_CHECK = [
    word for value in ("interval=0.2", "timeout=0.2", "fall=2") for word in ("--set", f"healthCheck.{value}")
]


def test_a_frozen_api_server_is_left_once_enough_questions_went_unanswered(lab: Lab) -> None:
    run = lab("--engine", "native", "--scenario", "api-hang", *QUICK_CHECK)
    assert run.code == 0, run.err
    trial = run.trials["api-hang"]
    assert trial["from"] != trial["to"]
    assert trial["http_bound_ms"] == 950.0
    assert trial["http_recovery_ms"] >= 200.0  # the last question takes its whole timeout


def test_with_no_api_server_anywhere_one_node_holds_the_vip(lab: Lab) -> None:
    run = lab("--engine", "native", "--scenario", "api-all-down", "--scenario", "api-elsewhere")
    assert run.code == 0, run.err
    for trial in run.trials.values():
        assert trial["no_holder_ms"] <= 1.0
        assert trial["http_failed"] > 100


def test_on_day_1_the_vip_is_there_first_and_goes_to_the_first_api_server(lab: Lab) -> None:
    run = lab("--engine", "native", "--scenario", "day-1")
    assert run.code == 0, run.err
    trial = run.trials["day-1"]
    assert trial["from"] != trial["to"]
    assert trial["no_holder_ms"] <= 1.0
    assert trial["http_bound_ms"] == 1000.0


def test_a_node_that_is_released(lab: Lab) -> None:
    run = lab("--engine", "native", "--scenario", "release", "--set", SLOW)
    assert run.code == 0, run.err
    assert run.trials["release"]["from"] != run.trials["release"]["to"]


@pytest.mark.skipif(os.geteuid() != 0, reason="keepalived runs a check only where it may set groups")
def test_keepaliveds_own_check_moves_the_vip_in_whole_seconds(lab: Lab) -> None:
    run = lab(*lab.ONE_BACKUP, "--engine", "keepalived-check", "--scenario", "api-crash")
    assert run.code == 0, run.err
    trial = run.trials["api-crash"]
    assert trial["from"] != trial["to"]
    assert trial["recovered"]
    assert trial["http_recovery_ms"] >= 2000.0  # three failures in a row, a second apart
