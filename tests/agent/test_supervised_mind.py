"""What keepalived is told, in virtual time: priority 100, an interval of 1 s."""

from __future__ import annotations

import math
from ipaddress import ip_address

import pytest

from vipalived.agent.supervised.mind import FAULT_VALUE, Mind, Role, Wish
from vipalived.vrrp.model import Advert, Reason, Standing

PEER, OTHER = ip_address("198.18.0.2"), ip_address("198.18.0.3")
NEVER = math.inf
NOTHING = Wish(0, displacing=False, due=NEVER)


def mind(role: Role = Role.BACKUP, priority: int = 100) -> Mind:
    made = Mind(priority, 1.0)
    made.becomes(Role.BACKUP, 0.0)
    made.becomes(role, 0.0)
    return made


def advert(priority: int, source: object = PEER) -> Advert:
    return Advert(priority, 1.0, source)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("standing", "priority", "value"),
    [
        (Standing.HEALTHY, 100, 0),
        (Standing.UNPROVEN, 100, -97),
        (Standing.UNREADY, 100, -98),
        (Standing.DEAD, 100, -99),
        (Standing.DEAD, 254, -253),
        (Standing.UNPROVEN, 2, 0),
    ],
)
def test_a_standing_is_a_sum(standing: Standing, priority: int, value: int) -> None:
    node = mind(priority=priority)
    node.stands(standing, 10.0)
    assert node.wish(10.0) == Wish(value, displacing=False, due=NEVER)
    assert node.effective == priority + value


# giving away


def test_a_master_that_dies_gives_away_until_it_has_heard_nobody_for_an_interval_and_a_second() -> None:
    node = mind(Role.MASTER)
    node.stands(Standing.DEAD, 10.0)
    assert node.wish(10.0) == Wish(FAULT_VALUE, displacing=False, due=12.0)
    assert node.becomes(Role.FAULT, 10.01) is Reason.UNHEALTHY
    assert node.wish(11.9).value == FAULT_VALUE
    assert node.wish(12.0) == Wish(-99, displacing=False, due=NEVER)
    assert node.becomes(Role.BACKUP, 12.01) is Reason.UNHEALTHY
    assert node.becomes(Role.MASTER, 16.0) is Reason.MASTER_DOWN
    assert node.wish(16.0) == Wish(-99, displacing=False, due=NEVER)


def test_it_takes_part_again_once_another_one_is_master() -> None:
    node = mind(Role.MASTER)
    node.stands(Standing.DEAD, 10.0)
    node.hears(advert(50), 10.0)  # not yet the successor's: keepalived is still Master
    assert node.wish(10.0).value == FAULT_VALUE
    node.becomes(Role.FAULT, 10.01)
    node.hears(advert(0), 10.02)
    assert node.wish(10.02).value == FAULT_VALUE
    node.hears(advert(50), 10.6)
    assert node.wish(10.6).value == -99


def test_who_recovers_meanwhile_takes_part_at_once() -> None:
    node = mind(Role.MASTER)
    node.stands(Standing.DEAD, 10.0)
    node.becomes(Role.FAULT, 10.01)
    node.stands(Standing.HEALTHY, 10.5)
    assert node.wish(10.5) == NOTHING
    assert node.becomes(Role.BACKUP, 10.51) is Reason.HEALTHY


@pytest.mark.parametrize("standing", [Standing.UNPROVEN, Standing.UNREADY])
def test_an_unready_master_keeps_the_addresses(standing: Standing) -> None:
    node = mind(Role.MASTER)
    node.stands(standing, 10.0)
    assert node.wish(10.0).value > FAULT_VALUE


def test_a_dead_backup_that_becomes_the_last_resort_keeps_the_addresses() -> None:
    node = mind()
    node.stands(Standing.DEAD, 10.0)
    node.becomes(Role.MASTER, 11.0)
    node.stands(Standing.DEAD, 12.0)
    assert node.wish(12.0).value == -99


def test_a_released_node_stays_out_until_it_rejoins() -> None:
    node = mind(Role.MASTER)
    node.release(10.0)
    assert node.wish(10.0) == Wish(FAULT_VALUE, displacing=False, due=NEVER)
    assert node.becomes(Role.FAULT, 10.01) is Reason.RELEASED
    node.stands(Standing.DEAD, 11.0)
    node.hears(advert(100), 12.0)
    assert node.wish(99.0).value == FAULT_VALUE
    node.rejoin(100.0)
    assert node.wish(100.0).value == -99
    assert node.becomes(Role.BACKUP, 100.01) is Reason.REJOINED


def test_a_master_without_its_addresses_rests_whoever_else_is_master() -> None:
    node = mind(Role.MASTER)
    node.misses(10.0, 4.0)
    assert node.wish(10.0) == Wish(FAULT_VALUE, displacing=False, due=14.0)
    assert node.becomes(Role.FAULT, 10.01) is Reason.ADDRESS_MISSING
    node.hears(advert(50), 11.0)
    node.stands(Standing.UNREADY, 12.0)
    assert node.wish(13.9).value == FAULT_VALUE
    assert node.wish(14.0).value == -98


# displacing


@pytest.mark.parametrize("priority", [1, 3])
def test_a_master_of_last_resort_is_displaced_at_once(priority: int) -> None:
    node = mind()
    node.hears(advert(priority), 10.0)
    assert node.wish(10.0) == Wish(0, displacing=True, due=NEVER)
    assert node.becomes(Role.MASTER, 11.6) is Reason.MASTER_UNHEALTHY
    assert node.wish(11.6) == NOTHING


def test_an_unready_master_is_displaced_when_it_has_lasted() -> None:
    node = mind()
    for second in (10.0, 11.0, 12.0):
        node.hears(advert(2), second)
        assert node.wish(second) == Wish(0, displacing=False, due=13.0)
    assert node.wish(13.0) == Wish(0, displacing=True, due=NEVER)


def test_the_wait_begins_anew_when_the_master_was_healthy_in_between() -> None:
    node = mind()
    node.hears(advert(2), 10.0)
    node.hears(advert(100), 12.0)
    assert node.wish(12.0) == NOTHING
    node.hears(advert(2), 13.0)
    assert node.wish(13.0).due == 16.0


@pytest.mark.parametrize(
    ("standing", "master", "displacing"),
    [
        (Standing.HEALTHY, 4, False),
        (Standing.HEALTHY, 100, False),
        (Standing.UNPROVEN, 1, True),
        (Standing.UNPROVEN, 2, False),
        (Standing.UNREADY, 1, True),
        (Standing.UNREADY, 2, False),
        (Standing.DEAD, 1, False),
    ],
)
def test_only_a_better_node_displaces(standing: Standing, master: int, displacing: bool) -> None:
    node = mind()
    node.stands(standing, 9.0)
    node.hears(advert(master), 10.0)
    assert node.wish(20.0).displacing is displacing


def test_nobody_is_displaced_by_a_node_that_falls_ill_or_is_released() -> None:
    node = mind()
    node.hears(advert(1), 10.0)
    node.stands(Standing.DEAD, 10.1)
    assert not node.wish(10.1).displacing
    node.stands(Standing.HEALTHY, 10.2)
    assert node.wish(10.2).displacing
    node.release(10.3)
    assert not node.wish(10.3).displacing


def test_the_last_word_of_a_last_resort_says_nothing_of_its_successor() -> None:
    node = mind()
    node.hears(advert(1, PEER), 10.0)
    node.hears(advert(100, OTHER), 11.0)
    node.hears(advert(1, PEER), 11.1)
    assert node.wish(11.1) == NOTHING
    # The successor has been silent for longer than any Master may be.
    node.hears(advert(1, PEER), 15.1)
    assert node.wish(15.1).displacing


def test_who_has_resigned_is_no_master() -> None:
    node = mind()
    node.hears(advert(1), 10.0)
    node.hears(advert(0), 10.5)
    assert node.wish(10.5) == NOTHING
    assert node.becomes(Role.MASTER, 11.1) is Reason.MASTER_RESIGNED


# the rest of the reasons


def test_the_same_state_again_is_no_news() -> None:
    assert mind().becomes(Role.BACKUP, 1.0) is None


def test_why_a_master_is_none_any_more() -> None:
    beaten = mind(Role.MASTER)
    beaten.hears(advert(100), 10.0)
    assert beaten.becomes(Role.BACKUP, 10.01) is Reason.BETTER_CLAIM
    robbed = mind(Role.MASTER)
    robbed.hears(advert(50), 10.0)
    assert robbed.becomes(Role.BACKUP, 10.01) is Reason.ADDRESS_LOST
    assert mind(Role.MASTER).becomes(Role.FAULT, 10.0) is Reason.LINK_DOWN
    assert mind(Role.MASTER).becomes(Role.INITIALIZE, 10.0) is Reason.DAEMON_ENDED


def test_a_link_comes_back() -> None:
    node = mind(Role.FAULT)
    assert node.becomes(Role.BACKUP, 10.0) is Reason.LINK_UP


def test_another_priority_counts_from_then_on() -> None:
    node = mind()
    node.stands(Standing.DEAD, 1.0)
    node.reconfigure(150, 2.0, 2.0)
    assert node.wish(2.0).value == -149
    node.becomes(Role.MASTER, 3.0)
    node.stands(Standing.HEALTHY, 4.0)
    node.stands(Standing.DEAD, 5.0)
    assert node.wish(5.0).due == 8.0
