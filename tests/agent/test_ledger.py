"""What is written down comes out again, in virtual time."""

from __future__ import annotations

import json
import logging
import math
from ipaddress import ip_address

import pytest
from msgspec.structs import replace

from tests.agent.story import MAC, MEMBER, MEMBER6, MIDNIGHT, OTHER, VIP, VIP6, Plan, Story, eventful
from vipalived.agent.ledger import PEERS, TROUBLES
from vipalived.agent.snapshot import Discarded, Holder, Peer, Snapshot, Transition, Vip
from vipalived.vrrp.model import Standing


def test_at_the_start_nothing_is_known() -> None:
    now = Story().shown()
    assert (now.node, now.interface, now.vrid) == ("cp-1", "eth0", 51)
    assert (now.started, now.restarts, now.time) == (MIDNIGHT, 0, MIDNIGHT)
    assert (now.state, now.since, now.reason) == ("INITIALIZE", MIDNIGHT, "startup")
    assert (now.priority, now.effective_priority, now.master) == (100, 100, None)
    assert (now.health.standing, now.health.error, now.health.checked) == ("unproven", "", True)
    assert now.vips == (Vip("198.18.0.100/24", False),)
    assert now.problems == ("it takes no part: startup",)
    assert (now.live, now.ready, now.good) == (True, False, False)


def test_a_master_knows_itself() -> None:
    story = Story()
    story.is_master()
    story.wait(60)
    now = story.shown()
    assert (now.state, now.since, now.reason) == ("MASTER", MIDNIGHT, "master-down-expired")
    assert now.master == Holder("198.18.0.1", 100, ours=True, age=0.0)
    assert now.vips == (Vip("198.18.0.100/24", True),)
    assert (now.problems, now.ready, now.good) == ((), True, True)


def test_a_master_whose_address_is_not_on_the_interface_is_not_good_but_ready() -> None:
    story = Story(Plan(members=(MEMBER, MEMBER6)))
    story.is_master()
    now = story.shown()
    assert now.problems == ("it is Master, but 2001:db8::100/64 is not on eth0",)
    assert (now.ready, now.good) == (True, False)
    story.ledger.held({VIP, VIP6})
    assert story.shown().good


def test_a_backup_is_good_while_its_master_lives() -> None:
    story = Story()
    story.ledger.state("BACKUP", "startup")
    assert story.shown().problems == ("no Master has been heard yet",)
    story.heard(150)
    # Master_Down_Interval: 3 s and (256 - 100) / 256 s.
    story.wait(3.609)
    now = story.shown()
    assert now.master is not None
    assert (now.master.address, now.master.priority, now.master.ours) == ("198.18.0.2", 150, False)
    assert now.master.age == pytest.approx(3.609)
    assert (now.ready, now.good) == (True, True)
    assert now.master_down_interval == pytest.approx(3.609375)
    story.wait(0.001)
    now = story.shown()
    assert (now.master, now.ready) == (None, False)
    assert now.problems == ("the Master 198.18.0.2 was last heard 3.6 s ago",)


def test_the_interval_is_learned_under_vrrpv3_only() -> None:
    story = Story()
    story.heard(interval=2.0)
    # 3 * 2 s and 156 / 256 * 2 s.
    assert story.shown().master_down_interval == pytest.approx(7.21875)
    older = Story(Plan(members=(replace(MEMBER, version=2, interval=1.0),)))
    older.heard(interval=2.0)
    assert older.shown().master_down_interval == pytest.approx(3.609375)


def test_a_master_that_has_resigned_is_none() -> None:
    story = Story()
    story.ledger.state("BACKUP", "startup")
    story.heard()
    story.heard(priority=0)
    story.wait(0.02)
    assert story.shown().problems == ("the Master 198.18.0.2 resigned 0.0 s ago",)


def test_an_election_is_not_readiness() -> None:
    story = Story()
    story.ledger.state("CLAIMING", "master-down-expired")
    assert story.shown().unready == ("an election is under way",)
    story.is_master()
    story.ledger.state("RESIGNING", "shutdown")
    assert story.shown().ready


def test_transitions_are_counted_by_reason() -> None:
    story = Story()
    story.ledger.state("BACKUP", "startup")
    for _ in range(2):
        story.ledger.state("MASTER", "master-down-expired")
        story.ledger.state("MASTER", "master-down-expired")
        story.wait(5)
        story.ledger.state("BACKUP", "better-claim-heard")
    now = story.shown()
    assert now.transitions == (
        Transition("INITIALIZE", "BACKUP", "startup", 1),
        Transition("BACKUP", "MASTER", "master-down-expired", 2),
        Transition("MASTER", "BACKUP", "better-claim-heard", 2),
    )
    assert now.since == MIDNIGHT + 10


# failovers


def failover(story: Story) -> None:
    story.ledger.state("CLAIMING", "master-down-expired")
    story.wait(0.012)
    story.ledger.state("MASTER", "claim-unopposed")


def test_a_failover_lasts_from_the_last_sign_of_the_master_until_this_node_is_it() -> None:
    story = Story()
    story.ledger.state("BACKUP", "startup")
    story.heard()
    story.wait(1)
    story.heard()
    story.wait(3.609)
    failover(story)
    story.wait(7)
    failovers = story.shown().failovers
    assert failovers.last == pytest.approx(3.621)
    assert (failovers.last_at, failovers.count) == (pytest.approx(MIDNIGHT + 4.621), 1)
    assert failovers.total == pytest.approx(3.621)
    # 2.5 s < 3.621 s <= 5 s.
    assert failovers.buckets == (0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0)


def test_a_word_of_priority_0_is_the_last_sign() -> None:
    story = Story()
    story.ledger.state("BACKUP", "startup")
    story.heard()
    story.wait(0.7)
    story.heard(priority=0)
    story.wait(0.0305)
    failover(story)
    assert story.shown().failovers.last == pytest.approx(0.0425)
    assert story.shown().failovers.buckets[2] == 1


def test_who_becomes_master_without_having_heard_another_one_has_not_failed_over() -> None:
    story = Story()
    story.is_master()
    assert story.shown().failovers.count == 0


def test_a_loser_that_is_heard_in_an_election_is_no_sign_of_a_master() -> None:
    story = Story()
    story.ledger.state("BACKUP", "startup")
    story.heard()
    story.wait(3.609)
    story.ledger.state("CLAIMING", "master-down-expired")
    story.wait(0.006)
    story.heard(priority=50)
    story.wait(0.006)
    story.ledger.state("MASTER", "claim-unopposed")
    assert story.shown().failovers.last == pytest.approx(3.621)


def test_a_winner_that_is_heard_in_an_election_is_one() -> None:
    story = Story()
    story.ledger.state("BACKUP", "startup")
    story.heard()
    story.wait(3.609)
    story.ledger.state("CLAIMING", "master-down-expired")
    story.heard(priority=150)
    story.ledger.state("BACKUP", "better-claim-heard")
    story.wait(3.609)
    failover(story)
    assert story.shown().failovers.last == pytest.approx(3.621)


@pytest.mark.parametrize("state", ["INITIALIZE"])
def test_who_has_taken_no_part_begins_anew(state: str) -> None:
    story = Story()
    story.ledger.state("BACKUP", "startup")
    story.heard()
    story.ledger.state(state, "link-down")
    story.ledger.state("BACKUP", "link-up")
    story.ledger.state("MASTER", "master-down-expired")
    assert story.shown().failovers.count == 0


def test_what_a_master_hears_is_no_sign_of_a_master_before_it() -> None:
    story = Story()
    story.is_master()
    story.heard(priority=50)
    story.wait(3600)
    story.ledger.state("RESIGNING", "unhealthy")
    story.ledger.state("MASTER", "no-successor")
    assert story.shown().failovers.count == 0


# the segment


def test_peers_are_known_by_their_last_advertisement() -> None:
    story = Story()
    story.ledger.heard(OTHER, 50, 1.0)
    story.wait(2)
    story.heard(100)
    story.wait(1)
    now = story.shown()
    assert now.peers == (Peer("198.18.0.2", 100, 1.0, 1.0), Peer("198.18.0.3", 50, 1.0, 3.0))
    assert now.adverts_received == 2


def test_invented_peers_do_not_fill_the_memory() -> None:
    story = Story()
    for number in range(1000):
        story.wait(0.001)
        story.ledger.heard(OTHER + number, 100, 1.0)
    peers = story.shown().peers
    assert (len(peers), peers[0].address, peers[-1].address) == (PEERS, "198.18.3.234", "198.18.3.203")


def test_the_first_address_family_says_who_is_master() -> None:
    story = Story(Plan(members=(MEMBER, MEMBER6)))
    story.ledger.state("BACKUP", "startup")
    story.ledger.heard(ip_address("fe80::2"), 100, 1.0)
    assert not story.shown().ready
    story.heard()
    story.ledger.heard(ip_address("fe80::2"), 100, 1.0)
    master = story.shown().master
    assert master is not None
    assert master.address == "198.18.0.2"


def test_what_is_sent_late_or_refused_is_counted() -> None:
    story = Story()
    story.ledger.sent(100)
    story.ledger.sent(100)
    story.ledger.late(0.2)
    story.ledger.late(0.1)
    story.ledger.discarded("ttl", "198.18.0.8")
    story.ledger.discarded("checksum", "198.18.0.8")
    story.ledger.discarded("checksum", "198.18.0.9")
    now = story.shown()
    assert (now.adverts_sent, now.late_timers, now.worst_lateness) == (2, 2, 0.2)
    assert now.discards == (Discarded("checksum", 2, "198.18.0.9"), Discarded("ttl", 1, "198.18.0.8"))


def test_what_does_not_fit_is_told_once_while_it_lasts(caplog: pytest.LogCaptureFixture) -> None:
    story = Story()
    for _ in range(3):
        story.ledger.discarded("checksum", "198.18.0.8")
        story.ledger.discarded("own-source", "198.18.0.1")
        story.ledger.strange(OTHER, [ip_address("198.18.0.77"), ip_address("198.18.0.78")])
        story.wait(59.0)
    assert [record.getMessage() for record in caplog.records] == [
        "vrid=51 eth0 refused a packet from 198.18.0.8: checksum",
        "vrid=51 eth0 198.18.0.3 advertises virtual router 51 with other addresses: 198.18.0.77, 198.18.0.78",
    ]
    now = story.shown()
    assert (now.adverts_strange, len(now.troubles)) == (3, 2)
    story.wait(2.0)
    story.ledger.strange(OTHER, [ip_address("198.18.0.77")])
    assert len(caplog.records) == 3


# a second holder


def test_one_claim_is_not_a_second_holder() -> None:
    story = Story()
    story.is_master()
    story.ledger.second_holder(VIP, MAC)
    story.wait(0.4)
    story.ledger.second_holder(VIP, MAC)
    now = story.shown()
    assert (now.second_holder, now.second_holder_episodes, now.second_holder_seconds) == (None, 0, 0.0)


def test_a_second_holder_is_told_once_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    story = Story()
    story.is_master()
    with caplog.at_level(logging.INFO, "vipalived"):
        for _ in range(3):
            story.ledger.second_holder(VIP, MAC)
            story.wait(5)
        now = story.shown()
    assert caplog.messages == [f"vrid=51 eth0 second holder: {MAC} claims 198.18.0.100, too"]
    assert now.second_holder is not None
    assert (now.second_holder.who, now.second_holder.address) == (MAC, "198.18.0.100")
    assert (now.second_holder.since, now.second_holder.seconds) == (MIDNIGHT, 10.0)
    assert (now.second_holder_episodes, now.second_holder_seconds) == (1, 10.0)
    assert now.problems == (f"second holder: {MAC} claims 198.18.0.100, too",)
    assert (now.ready, now.good) == (True, False)


def test_an_episode_ends_in_silence(caplog: pytest.LogCaptureFixture) -> None:
    story = Story()
    story.is_master()
    for _ in range(2):
        story.ledger.second_holder(VIP, MAC)
        story.wait(5)
    caplog.clear()
    story.wait(5.001)
    with caplog.at_level(logging.INFO, "vipalived"):
        story.ledger.sent(100)
    assert caplog.messages == ["vrid=51 eth0 second holder: nothing more is heard of it after 5.0 s"]
    story.ledger.second_holder(VIP, MAC)
    now = story.shown()
    assert (now.second_holder, now.second_holder_episodes, now.second_holder_seconds) == (None, 1, 5.0)
    assert now.good


def test_an_episode_ends_with_the_mastership() -> None:
    story = Story()
    story.is_master()
    for _ in range(2):
        story.ledger.second_holder(VIP, MAC)
        story.wait(5)
    story.ledger.state("BACKUP", "better-claim-heard")
    story.ledger.second_holder(VIP, MAC)
    now = story.shown()
    assert (now.second_holder, now.second_holder_episodes, now.second_holder_seconds) == (None, 1, 5.0)


# the node


def test_health_has_its_last_error() -> None:
    story = Story()
    story.is_master()
    story.ledger.health(Standing.HEALTHY, "")
    story.wait(10)
    story.ledger.health(Standing.DEAD, "connection refused")
    story.wait(1)
    story.ledger.health(Standing.DEAD, "no answer within 1 s")
    now = story.shown()
    assert (now.health.standing, now.health.since) == ("dead", MIDNIGHT + 10)
    assert (now.health.error, now.health.error_at) == ("no answer within 1 s", MIDNIGHT + 11)
    assert now.problems == ("the API server is dead: no answer within 1 s",)
    assert now.ready
    story.ledger.health(Standing.HEALTHY, "")
    now = story.shown()
    assert (now.health.standing, now.health.error, now.good) == ("healthy", "no answer within 1 s", True)


@pytest.mark.parametrize(
    ("standing", "good"), [("healthy", True), ("unproven", True), ("unready", False), ("dead", False)]
)
def test_a_node_whose_api_server_has_never_answered_is_good(standing: str, good: bool) -> None:
    story = Story()
    story.is_master()
    story.ledger.health(Standing(standing), "")
    assert story.shown().good is good


def test_a_released_node_takes_no_part_and_says_so() -> None:
    story = Story()
    story.is_master()
    story.ledger.released(1600.0)
    now = story.shown()
    assert (now.released, now.released_until) == (True, MIDNIGHT + 600)
    assert now.unready == ("released: it stays out until `vipalived rejoin`",)
    story.ledger.released(math.inf)
    assert (story.shown().released, story.shown().released_until) == (True, None)
    story.ledger.released(None)
    assert (story.shown().released, story.shown().good) == (False, True)


def test_refused_settings_are_shown_until_better_ones_come() -> None:
    story = Story()
    story.is_master()
    story.ledger.configuration("priority: expected 1..255, found 300")
    now = story.shown()
    assert now.refused_configuration == "priority: expected 1..255, found 300"
    assert now.problems == ("changed settings were refused: priority: expected 1..255, found 300",)
    story.ledger.configuration(None)
    assert story.shown().good


def test_settings_are_numbered_and_dated() -> None:
    story = Story()
    story.wait(5)
    now = story.shown()
    assert (now.configuration_generation, now.configuration_since) == (1, MIDNIGHT)
    story.ledger.configuration(None)  # read again, and the same
    assert story.shown().configuration_generation == 1
    story.ledger.changed_configuration()
    story.wait(5)
    now = story.shown()
    assert (now.configuration_generation, now.configuration_since) == (2, MIDNIGHT + 5)


def test_an_engine_whose_timer_is_overdue_does_not_live() -> None:
    story = Story()
    story.is_master()
    story.ledger.timer(1002.0)
    story.wait(7)
    assert (story.shown().overdue, story.shown().live, story.shown().good) == (5.0, True, True)
    story.wait(0.1)
    assert (story.shown().live, story.shown().good) == (False, False)
    assert story.shown().problems == ("the engine's timer is overdue by 5 s",)
    story.ledger.timer(None)
    assert story.shown().live


def test_the_effective_priority_is_the_engines_word() -> None:
    story = Story()
    story.ledger.priority(100, 1)
    now = story.shown()
    assert (now.priority, now.effective_priority) == (100, 1)


def test_only_the_last_troubles_are_kept() -> None:
    story = Story()
    for number in range(10):
        story.ledger.trouble(f"trouble {number}")
    story.wait(1)
    story.ledger.trouble("trouble 7")
    troubles = story.shown().troubles
    assert [(one.sentence, one.count) for one in troubles[:2]] == [("trouble 7", 2), ("trouble 9", 1)]
    assert (len(troubles), troubles[0].at) == (TROUBLES, MIDNIGHT + 1)


def test_another_plan_is_followed() -> None:
    story = Story()
    story.ledger.follow(Plan(vrid=7, interface="eth1", health=None, members=(replace(MEMBER, priority=9),)))
    now = story.shown()
    assert (now.vrid, now.interface, now.priority, now.health.checked) == (7, "eth1", 9, False)


# what travels


def test_a_snapshot_travels_as_json() -> None:
    now = eventful().shown()
    assert now.second_holder is not None
    assert Snapshot.from_json(json.loads(json.dumps(now.to_json()))) == now
    assert now.to_json()["good"] is False


def test_after_a_bug_the_next_engine_goes_on_counting() -> None:
    story = eventful()
    was = story.shown()
    story.ledger.restarted()
    now = story.shown()
    assert (now.started, now.restarts, now.adverts_sent) == (was.started, 1, was.adverts_sent)
    assert (now.health, now.failovers, now.peers) == (was.health, was.failovers, was.peers)
    # The state is the new engine's own, and an episode needs a Master.
    assert (now.state, now.reason, now.second_holder) == ("INITIALIZE", "engine-failed", None)
    assert (now.second_holder_episodes, now.second_holder_seconds) == (1, 3.0)
