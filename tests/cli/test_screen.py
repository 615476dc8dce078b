"""Whole screens, as an operator reads them."""

from __future__ import annotations

import click
import pytest

from tests.agent.story import MAC, MEMBER, MEMBER6, Plan, Story, eventful
from vipalived.cli.screen import clock, duration, screen
from vipalived.vrrp.model import Standing


def shown(story: Story, *, wide: bool = False) -> str:
    return click.unstyle(screen(story.shown(), wide=wide))


def test_a_good_master() -> None:
    story = Story()
    story.ledger.state("BACKUP", "startup")
    story.ledger.health(Standing.UNPROVEN, "connection refused")
    story.wait(30)
    story.ledger.health(Standing.HEALTHY, "")
    story.heard()
    story.wait(3.621)
    story.is_master()
    story.wait(8054)
    assert shown(story) == (
        "cp-1 is MASTER since 00:00:33 UTC, for 2 h 14 min (master-down-expired)\n"
        "\n"
        "  VIP         198.18.0.100/24 held on eth0\n"
        "  Master      this node, 198.18.0.1, priority 100\n"
        "  Priority    100\n"
        "  API server  healthy for 2 h 14 min; last error 2 h 14 min ago: connection refused\n"
        "  Failovers   1 to this node, the last took 3.62 s, 2 h 14 min ago\n"
        "  Agent       0.3.0, virtual router 51 on eth0, up 2 h 14 min"
    )


def test_a_good_backup_of_two_families() -> None:
    story = Story(Plan(health=None, members=(MEMBER, MEMBER6)))
    for _ in range(2):
        story.ledger.restarted()
    story.ledger.state("BACKUP", "startup")
    story.heard(150)
    story.wait(0.4)
    assert shown(story) == (
        "cp-1 is BACKUP since 00:00:00 UTC, for 400 ms (startup)\n"
        "\n"
        "  VIP         198.18.0.100/24 not on this node\n"
        "  VIP         2001:db8::100/64 not on this node\n"
        "  Master      198.18.0.2, priority 150, heard 400 ms ago\n"
        "  Priority    100\n"
        "  API server  not checked\n"
        "  Failovers   none to this node\n"
        "  Agent       0.3.0, virtual router 51 on eth0, up 400 ms, engine restarted 2 x"
    )


def test_a_node_in_trouble_in_all_its_width() -> None:
    story = eventful()
    story.ledger.priority(100, 1)
    assert shown(story, wide=True) == (
        "cp-1 is MASTER since 00:00:01 UTC, for 6 s (master-down-expired)\n"
        "\n"
        "  VIP         198.18.0.100/24 held on eth0\n"
        "  Master      this node, 198.18.0.1, priority 1\n"
        "  Priority    1 instead of 100\n"
        "  API server  dead for 6 s; last error 6 s ago: connection refused\n"
        "  Failovers   1 to this node, the last took 1 s, 6 s ago\n"
        "  Agent       0.3.0, virtual router 51 on eth0, up 7 s\n"
        "\n"
        "! the API server is dead: connection refused\n"
        f"! second holder: {MAC} claims 198.18.0.100, too\n"
        "! changed settings were refused: priority: expected 1..255, found 300\n"
        "\n"
        "Peers\n"
        "  198.18.0.2  priority 100, every 1 s, last heard 7 s ago\n"
        "\n"
        "Transitions\n"
        "  1 x  INITIALIZE -> BACKUP (startup)\n"
        "  1 x  BACKUP -> MASTER (master-down-expired)\n"
        "\n"
        "Refused packets\n"
        "  1 x  ttl, the last from 198.18.0.8\n"
        "\n"
        "Counters\n"
        "  Adverts         1 sent, 1 received\n"
        "  Late timers     1, the worst by 200 ms\n"
        "  Settings        generation 1, for 7 s\n"
        "  Second holders  1, for 3 s in all\n"
        "\n"
        "Troubles\n"
        "  1 x  cannot do it, the last 6 s ago\n"
        "  1 x  refused a packet from 198.18.0.8: ttl, the last 6 s ago"
    )


def test_one_that_waits_for_another_instance_is_well() -> None:
    story = Story(Plan(health=None))
    story.ledger.state("WAITING", "another-instance-on-this-node")
    story.wait(90)
    assert shown(story) == (
        "cp-1 is WAITING since 00:00:00 UTC, for 1 min 30 s (another-instance-on-this-node)\n"
        "\n"
        "  VIP         198.18.0.100/24 is for the other instance on this node\n"
        "  Master      known to the other instance on this node\n"
        "  Priority    100\n"
        "  API server  not checked\n"
        "  Failovers   none to this node\n"
        "  Agent       0.3.0, virtual router 51 on eth0, up 1 min 30 s"
    )


def test_without_a_master_that_is_said_first_and_last() -> None:
    story = Story()
    lines = shown(story).splitlines()
    assert lines[0] == "cp-1 is INITIALIZE since 00:00:00 UTC, for 0 ms (startup)"
    assert lines[3] == "  Master      not known"
    assert lines[-1] == "! it takes no part: startup"


def test_a_good_state_is_green_and_a_bad_one_red() -> None:
    story = Story()
    story.is_master()
    assert "\x1b[32m\x1b[1mMASTER" in screen(story.shown(), wide=False)
    story.ledger.held(())
    assert "\x1b[31m\x1b[1mMASTER" in screen(story.shown(), wide=False)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 ms"),
        (0.0425, "42 ms"),
        (3.6214, "3.62 s"),
        (59.6, "1 min"),
        (61, "1 min 1 s"),
        (3600, "1 h"),
        (8054, "2 h 14 min"),
        (266400, "3 d 2 h"),
        (86400 * 400, "400 d"),
    ],
)
def test_durations_have_two_units(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_another_day_has_its_date() -> None:
    now = Story().shown()
    assert clock(now, now.time + 86399) == "23:59:59 UTC"
    assert clock(now, now.time + 86400) == "2026-02-01 00:00:00 UTC"
