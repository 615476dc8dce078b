"""The event table of RFC 9568 section 6.4 row by row, then each deliberate departure; literals by hand.

Unless said otherwise: VRRPv3, interval 1 s, priority 100, so Skew_Time is 156/256 = 0.609375 s and
Master_Down_Interval 3.609375 s. After priority 0 the prompt skew is 156/256 of 50 ms = 0.03046875 s.
"""

from __future__ import annotations

import math
from ipaddress import IPv4Address

import pytest
from msgspec.structs import replace

from vipalived.vrrp.model import (
    AddAddresses,
    AddressLost,
    Adopting,
    Advert,
    Announce,
    Backup,
    Bar,
    Changed,
    Claiming,
    Config,
    ForeignClaim,
    Garp,
    Health,
    Initialize,
    Link,
    Master,
    Reason,
    Reconfigured,
    Rejoin,
    Release,
    RemoveAddresses,
    Resigning,
    SendAdvert,
    Shutdown,
    Standing,
    Startup,
    State,
    Stranger,
    Timer,
)
from vipalived.vrrp.router import deadline, held_back, step

LOWER, OWN, HIGHER = (IPv4Address(f"198.18.0.{n}") for n in (1, 5, 9))
VIP, VIP2 = IPv4Address("198.18.0.100"), IPv4Address("198.18.0.101")
VIPS = (VIP,)
CONFIG = Config(vrid=51, priority=100, source=OWN, addresses=VIPS)
LETTER = replace(
    CONFIG,
    hitless=False,
    prompt_succession=False,
    claim_window=0.0,
    parting_advert=False,
    last_resort=False,
    kernel_lease=False,
    ask_first=False,
    incumbent_stays=False,
    garp=Garp(spread=0.0, refresh=0.0),
)
"""Every departure off."""
STARTED = State(started=True, acquainted=True)


def backup(
    at=10.0, interval=1.0, master=None, priority=None, reason=Reason.MASTER_DOWN, heard=-math.inf, **facts
):
    return replace(STARTED, role=Backup(at, interval, master, reason, priority, heard_at=heard), **facts)


def master(config=CONFIG, at=0.0, **facts):
    """A Master of long standing: it has advertised and renewed at `at`, and no ARP is due."""
    role = Master(at + config.interval, at, at + config.renewal, at + config.lease, (), math.inf)
    return replace(STARTED, role=role, **facts)


def advert(priority, source=HIGHER, interval=1.0):
    return Advert(priority, interval, source)


def changed(old, new, reason):
    return Changed(old, new, reason)


ADD_FOREVER, ADD = AddAddresses(VIPS, math.inf), AddAddresses(VIPS, 3.0)
REMOVE = RemoveAddresses(VIPS)


class TestEventTable:
    """RFC 9568 section 6.4 with every departure off."""

    def test_initialize_startup_as_owner(self):
        state, actions = step(replace(LETTER, priority=255), State(), Startup(), 5.0)
        assert actions == (
            SendAdvert(255),
            ADD_FOREVER,
            Announce(VIPS, 5),
            changed(Initialize, Master, Reason.STARTUP),
        )
        assert deadline(state) == 6.0

    def test_initialize_startup(self):
        state, actions = step(LETTER, State(), Startup(), 5.0)
        assert state == backup(8.609375, acquainted=False)
        assert actions == (changed(Initialize, Backup, Reason.STARTUP),)

    def test_initialize_hears_nothing_and_waits_for_nothing(self):
        for event in (advert(255), Timer(), Shutdown(), ForeignClaim(VIP), AddressLost(VIP), Release()):
            state, actions = step(LETTER, State(), event, 5.0)
            assert isinstance(state.role, Initialize)
            assert actions == ()
        assert deadline(State()) is None

    def test_backup_shutdown(self):
        state, actions = step(LETTER, backup(), Shutdown(), 9.0)
        assert state == State(acquainted=True)
        assert actions == (changed(Backup, Initialize, Reason.SHUTDOWN),)

    def test_backup_master_down_timer(self):
        state, actions = step(LETTER, backup(10.0), Timer(), 10.0)
        assert actions == (
            SendAdvert(100),
            ADD_FOREVER,
            Announce(VIPS, 5),
            changed(Backup, Master, Reason.MASTER_DOWN),
        )
        assert deadline(state) == 11.0

    def test_a_timer_before_its_time_does_nothing(self):
        assert step(LETTER, backup(10.0), Timer(), 9.999) == (backup(10.0), ())

    def test_backup_priority_zero(self):
        state, actions = step(LETTER, backup(10.0), advert(0), 9.0)
        assert state == backup(9.609375, reason=Reason.MASTER_RESIGNED)
        assert actions == ()

    @pytest.mark.parametrize("priority", [100, 101, 255])
    def test_backup_equal_or_higher_whatever_the_address(self, priority):
        for source in (LOWER, HIGHER):
            state, _ = step(LETTER, backup(10.0), advert(priority, source), 9.0)
            assert state == backup(12.609375, 1.0, source, priority, heard=9.0)

    def test_backup_learns_the_interval(self):
        """Interval 0.5 s: 1.5 + 0.609375 * 0.5 = 1.8046875 s."""
        state, _ = step(LETTER, backup(10.0), advert(100, interval=0.5), 9.0)
        assert state == backup(10.8046875, 0.5, HIGHER, 100, heard=9.0)

    def test_v2_learns_nothing(self):
        state, _ = step(replace(LETTER, version=2), backup(10.0), advert(100, interval=7.0), 9.0)
        assert state == backup(12.609375, 1.0, HIGHER, 100, heard=9.0)

    def test_backup_preempt_discards_a_lower_priority(self):
        state, _ = step(LETTER, backup(10.0), advert(99), 9.0)
        assert state == backup(10.0, 1.0, HIGHER, 99, heard=9.0)

    def test_backup_nopreempt_follows_a_lower_priority(self):
        state, _ = step(replace(LETTER, preempt=False), backup(10.0), advert(1), 9.0)
        assert state == backup(12.609375, 1.0, HIGHER, 1, heard=9.0)

    def test_master_shutdown(self):
        state, actions = step(LETTER, master(LETTER), Shutdown(), 0.5)
        assert state == State(acquainted=True)
        assert actions == (SendAdvert(0), REMOVE, changed(Master, Initialize, Reason.SHUTDOWN))

    def test_master_adver_timer(self):
        state, actions = step(LETTER, master(LETTER), Timer(), 1.0)
        assert actions == (SendAdvert(100),)
        assert deadline(state) == 2.0

    def test_master_adver_timer_keeps_the_beat_when_a_little_late(self):
        assert deadline(step(LETTER, master(LETTER), Timer(), 1.2)[0]) == 2.0
        assert deadline(step(LETTER, master(LETTER), Timer(), 2.5)[0]) == 3.0

    def test_master_priority_zero(self):
        state, actions = step(LETTER, master(LETTER), advert(0), 0.5)
        assert actions == (SendAdvert(100), Announce(VIPS, 1))
        assert isinstance(state.role, Master)
        assert state.role.adver_at == 1.5

    @pytest.mark.parametrize(("priority", "source"), [(101, LOWER), (100, HIGHER), (255, LOWER)])
    def test_master_hears_a_better_one(self, priority, source):
        state, actions = step(LETTER, master(LETTER), advert(priority, source, 2.0), 0.5)
        assert state == backup(0.5 + 7.21875, 2.0, source, priority, heard=0.5)
        assert actions == (REMOVE, changed(Master, Backup, Reason.BETTER_CLAIM))

    @pytest.mark.parametrize(("priority", "source"), [(99, HIGHER), (100, LOWER), (1, HIGHER)])
    def test_master_answers_a_worse_one_without_moving_its_timer(self, priority, source):
        state, actions = step(LETTER, master(LETTER), advert(priority, source), 0.5)
        assert actions == (SendAdvert(100), Announce(VIPS, 1))
        assert isinstance(state.role, Master)
        assert state.role.adver_at == 1.0

    def test_the_learned_interval_is_forgotten_on_becoming_master(self):
        config = replace(LETTER, interval=0.1)
        state, _ = step(config, backup(10.0, interval=5.0), Timer(), 10.0)
        assert deadline(state) == pytest.approx(10.1)


class TestHitlessResignation:
    def test_priority_zero_first_and_the_addresses_stay(self):
        """The longest wait: 3 intervals and 256/256 of one."""
        state, actions = step(CONFIG, master(), Shutdown(), 0.5)
        assert actions == (SendAdvert(0), changed(Master, Resigning, Reason.SHUTDOWN))
        assert state.role == Resigning(until=4.5, resign_at=1.5, renew_at=1.0)

    def test_the_successor_s_advertisement_gives_it_100_ms(self):
        state, _ = step(CONFIG, master(), Shutdown(), 0.5)
        state, actions = step(CONFIG, state, advert(100, LOWER), 0.55)
        assert actions == ()
        assert deadline(state) == pytest.approx(0.65)
        state, actions = step(CONFIG, state, advert(100, LOWER), 0.6)
        assert deadline(state) == pytest.approx(0.65)
        state, actions = step(CONFIG, state, Timer(), 0.65)
        assert actions == (SendAdvert(0), REMOVE, changed(Resigning, Initialize, Reason.SUCCESSOR_OWNS))

    def test_the_successor_s_arp_lets_it_go_after_20_ms(self):
        state, _ = step(CONFIG, master(), Shutdown(), 0.5)
        state, _ = step(CONFIG, state, advert(100, LOWER), 0.55)
        state, actions = step(CONFIG, state, ForeignClaim(VIP), 0.57)
        assert actions == ()
        assert deadline(state) == pytest.approx(0.59)
        _, actions = step(CONFIG, state, Timer(), 0.6)
        assert actions == (REMOVE, changed(Resigning, Initialize, Reason.SUCCESSOR_OWNS))

    @pytest.mark.parametrize("priority", [1, 100, 255])
    def test_it_answers_no_claim_and_sends_no_arp(self, priority):
        state, _ = step(CONFIG, master(), Shutdown(), 0.5)
        for source in (LOWER, HIGHER):
            state, actions = step(CONFIG, state, advert(priority, source), 0.51)
            assert actions == ()

    def test_it_repeats_priority_zero_and_renews_until_nobody_can_come_any_more(self):
        state, _ = step(CONFIG, master(), Shutdown(), 0.5)
        state, actions = step(CONFIG, state, Timer(), 1.0)
        assert actions == (ADD,)
        state, actions = step(CONFIG, state, Timer(), 1.5)
        assert actions == (SendAdvert(0),)
        state, actions = step(CONFIG, state, Timer(), 4.5)
        assert actions == (REMOVE, changed(Resigning, Initialize, Reason.NO_SUCCESSOR))

    def test_of_two_that_resign_the_lower_address_lets_go(self):
        state, _ = step(CONFIG, master(), Shutdown(), 0.5)
        assert step(CONFIG, state, advert(0, LOWER), 0.6) == (state, ())
        _, actions = step(CONFIG, state, advert(0, HIGHER), 0.6)
        assert actions == (REMOVE, changed(Resigning, Initialize, Reason.FOREIGN_HOLDER))

    def test_a_successor_that_resigns_too_is_succeeded_promptly(self):
        state, _ = step(CONFIG, master(), Health(Standing.DEAD), 0.5)
        state, _ = step(CONFIG, state, advert(100, LOWER), 0.55)
        state, _ = step(CONFIG, state, advert(0, LOWER), 0.56)
        state, _ = step(CONFIG, state, Timer(), 0.7)
        # Priority 1 by now: 255/256 of 50 ms.
        expected = Backup(0.56 + 0.0498046875, 1.0, LOWER, Reason.MASTER_RESIGNED, 100, heard_at=0.55)
        assert state.role == replace(expected, master_down_at=pytest.approx(0.6098046875))

    def test_release_and_rejoin(self):
        state, actions = step(CONFIG, master(), Release(), 0.5)
        assert actions == (SendAdvert(0), changed(Master, Resigning, Reason.RELEASED))
        assert step(CONFIG, state, Release(), 0.6) == (state, ())
        state, actions = step(CONFIG, state, Rejoin(), 0.7)
        assert actions == ()
        # Nobody came: take part again without a gap.
        state, actions = step(CONFIG, state, Timer(), 4.5)
        assert actions == (SendAdvert(100), changed(Resigning, Claiming, Reason.NO_SUCCESSOR))
        assert state.role == Claiming(pytest.approx(4.512), 4.5, held=True)

    def test_rejoin_after_the_release(self):
        state, _ = step(CONFIG, replace(STARTED, released=True), Rejoin(), 3.0)
        assert state == backup(6.609375)

    def test_who_has_heard_nobody_waits_for_a_shorter_interval_at_once(self):
        slow = replace(CONFIG, interval=40.0)
        waiting = State(role=Backup(144.375, 40.0), started=True)
        state, actions = step(CONFIG, waiting, Reconfigured(slow), 5.0)
        assert (state.role, actions) == (Backup(8.609375, 1.0), ())
        # One that has heard a Master goes by that one's.
        heard = replace(waiting, role=Backup(144.375, 40.0, HIGHER, master_priority=150))
        assert step(CONFIG, heard, Reconfigured(slow), 5.0)[0] == heard

    def test_an_address_of_the_nodes_own_is_given_away_once_and_taken_no_more(self):
        state, actions = step(CONFIG, master(), Bar(True), 0.5)
        assert actions == (SendAdvert(0), changed(Master, Resigning, Reason.OWN_ADDRESS))
        # Nobody came, and the lease is let go all the same.
        state, actions = step(CONFIG, state, Timer(), 4.5)
        assert actions == (REMOVE, changed(Resigning, Initialize, Reason.NO_SUCCESSOR))
        for event in (Timer(), advert(50), Health(Standing.HEALTHY)):
            assert step(CONFIG, state, event, 5.0)[1] == ()
        state, actions = step(CONFIG, state, Bar(False), 6.0)
        assert actions == (changed(Initialize, Backup, Reason.OWN_ADDRESS_GONE),)
        assert step(CONFIG, STARTED, Bar(True), 0.0)[0].role == Initialize()

    def test_a_better_master_is_given_the_addresses_without_a_gap_and_is_told_of_this_holder(self):
        state, actions = step(CONFIG, master(), advert(150, LOWER), 0.5)
        assert actions == (SendAdvert(100), changed(Master, Resigning, Reason.BETTER_CLAIM))
        assert deadline(state) == 0.6
        state, actions = step(CONFIG, state, Timer(), 0.6)
        assert state == backup(4.109375, 1.0, LOWER, 150, heard=0.5)
        assert actions == (REMOVE, changed(Resigning, Backup, Reason.SUCCESSOR_OWNS))

    def test_an_unowned_claim_is_simply_withdrawn(self):
        state, _ = step(CONFIG, backup(10.0), Timer(), 10.0)
        state, actions = step(CONFIG, state, Shutdown(), 10.001)
        assert actions == (SendAdvert(0), changed(Claiming, Initialize, Reason.SHUTDOWN))

    def test_a_held_claim_resigns(self):
        state = replace(STARTED, role=Claiming(10.012, 10.0, held=True))
        state, actions = step(CONFIG, state, Shutdown(), 10.001)
        assert actions == (SendAdvert(0), changed(Claiming, Resigning, Reason.SHUTDOWN))


class TestPromptSuccession:
    def test_skew_over_50_ms(self):
        state, _ = step(CONFIG, backup(10.0), advert(0), 9.0)
        assert deadline(state) == 9.03046875
        assert isinstance(state.role, Backup)
        assert state.role.reason is Reason.MASTER_RESIGNED

    def test_a_faster_interval_keeps_its_own_skew(self):
        state, _ = step(CONFIG, backup(10.0, interval=0.01), advert(0), 9.0)
        assert deadline(state) == 9.00609375

    def test_a_copy_does_not_postpone(self):
        state, _ = step(CONFIG, backup(10.0), advert(0), 9.0)
        assert deadline(step(CONFIG, state, advert(0), 9.02)[0]) == 9.03046875

    def test_only_the_master_that_was_heard_last_can_resign(self):
        before = backup(12.0, master=LOWER)
        assert step(CONFIG, before, advert(0, HIGHER), 9.0) == (before, ())


class TestClaimBeforeOwn:
    def claim(self):
        return step(CONFIG, backup(10.0), Timer(), 10.0)

    def test_advertise_listen_own(self):
        state, actions = self.claim()
        assert actions == (SendAdvert(100), changed(Backup, Claiming, Reason.MASTER_DOWN))
        assert deadline(state) == pytest.approx(10.012)
        state, actions = step(CONFIG, state, Timer(), 10.012)
        assert actions == (
            SendAdvert(100),
            ADD,
            Announce(VIPS, 1),
            changed(Claiming, Master, Reason.CLAIM_UNOPPOSED),
        )

    def test_the_window_is_a_quarter_of_a_short_interval(self):
        state, _ = step(replace(CONFIG, interval=0.03), backup(10.0), Timer(), 10.0)
        assert deadline(state) == pytest.approx(10.0075)

    @pytest.mark.parametrize(("priority", "source"), [(101, LOWER), (100, HIGHER)])
    def test_a_better_claim_is_left_alone(self, priority, source):
        state, actions = step(CONFIG, self.claim()[0], advert(priority, source), 10.005)
        assert actions == (changed(Claiming, Backup, Reason.BETTER_CLAIM),)
        assert deadline(state) == 13.614375

    def test_the_winner_repeats_its_arp_when_it_has_heard_a_loser(self):
        state, actions = step(CONFIG, self.claim()[0], advert(100, LOWER), 10.005)
        assert actions == ()
        state, _ = step(CONFIG, state, Timer(), 10.012)
        assert isinstance(state.role, Master)
        assert state.role.rounds[:2] == (pytest.approx(10.062), pytest.approx(10.212))

    def test_a_resignation_opposes_nobody(self):
        state, _ = step(CONFIG, self.claim()[0], advert(0), 10.005)
        assert isinstance(state.role, Claiming)

    def test_a_held_claim_that_loses_is_handed_over(self):
        state = replace(STARTED, role=Claiming(10.012, 10.0, held=True))
        state, actions = step(CONFIG, state, advert(100), 10.005)
        assert actions == (changed(Claiming, Resigning, Reason.BETTER_CLAIM),)
        assert step(CONFIG, state, Timer(), 10.006)[1] == (ADD,)

    def test_other_people_s_arp_does_not_end_a_claim(self):
        state, _ = self.claim()
        assert step(CONFIG, state, ForeignClaim(VIP), 10.005) == (state, ())

    def test_the_owner_claims_at_start_unless_it_must_not_preempt(self):
        owner = replace(CONFIG, priority=255)
        assert isinstance(step(owner, State(), Startup(), 0.0)[0].role, Claiming)
        waits, _ = step(replace(owner, preempt=False), State(), Startup(), 0.0)
        assert isinstance(waits.role, Backup)


def arps(config, state, until):
    """When a Master that is left alone sends gratuitous ARP: (time, rounds)."""
    sent = []
    while (due := deadline(state)) is not None and due <= until:
        state, actions = step(config, state, Timer(), due)
        sent += [(pytest.approx(due), a.rounds) for a in actions if isinstance(a, Announce)]
    return sent


class TestPacedArp:
    def test_five_in_the_first_second_five_after_five_seconds_one_every_ten(self):
        sent = arps(CONFIG, backup(0.0), 21.0)
        first = [(0.012, 1), (0.212, 1), (0.412, 1), (0.612, 1), (0.812, 1)]
        second = [(5.012, 1), (5.212, 1), (5.412, 1), (5.612, 1), (5.812, 1)]
        assert sent == [*first, *second, (10.012, 1), (20.012, 1)]

    def test_bursts_and_what_zero_means(self):
        burst = replace(LETTER, garp=Garp(spread=0.0, repeat=3, delay=2.0, refresh=4.0, refresh_repeat=2))
        assert arps(burst, backup(0.0), 9.0) == [(0.0, 3), (2.0, 3), (4.0, 2), (8.0, 2)]
        once = replace(LETTER, garp=Garp(repeat=0, delay=0.0, refresh=0.0))
        assert arps(once, backup(0.0), 30.0) == [(0.0, 1)]

    def test_a_loser_makes_the_master_repeat_at_once_after_50_and_250_ms(self):
        state, _ = step(CONFIG, master(), advert(100, LOWER), 0.5)
        assert isinstance(state.role, Master)
        assert state.role.rounds == (0.55, 0.75)

    @pytest.mark.parametrize("priority", [0, 1, 100])
    def test_losers_are_answered_at_most_every_10_ms(self, priority):
        state, _ = step(CONFIG, master(), advert(priority, LOWER), 0.5)
        state, actions = step(CONFIG, state, advert(priority, LOWER), 0.505)
        assert actions == ()
        state, actions = step(CONFIG, state, advert(priority, LOWER), 0.52)
        assert actions == (SendAdvert(100),)
        state, actions = step(CONFIG, state, advert(priority, LOWER), 0.71)
        assert actions == (SendAdvert(100), Announce(VIPS, 2))

    def test_a_foreign_claim_is_answered_an_interval_later_and_once_a_second(self):
        """By then a better router that has taken over has advertised, and needs no answer."""
        state, actions = step(CONFIG, master(), ForeignClaim(VIP), 0.5)
        assert actions == ()
        assert isinstance(state.role, Master)
        assert state.role.rounds == (1.5,)
        again, actions = step(CONFIG, state, ForeignClaim(VIP), 0.7)
        assert (again, actions) == (state, ())
        state, actions = step(CONFIG, state, Timer(), 1.5)
        assert actions[-1] == Announce(VIPS, 1)
        state, actions = step(CONFIG, state, ForeignClaim(VIP), 1.6)
        assert actions == ()
        assert isinstance(state.role, Master)
        assert state.role.rounds == (2.6,)

    def test_a_removed_address_is_put_back(self):
        _, actions = step(CONFIG, master(), AddressLost(VIP), 0.5)
        assert actions == (ADD, Announce(VIPS, 1))
        assert step(CONFIG, backup(), AddressLost(VIP), 0.5)[1] == ()


class TestDeathAmidAClaim:
    """Whose API server dies while it claims takes the addresses that nobody has, and offers them at once."""

    def test_it_goes_on_and_gives_away_what_it_has_then(self):
        claiming = replace(STARTED, role=Claiming(10.012, 10.0))
        state, actions = step(CONFIG, claiming, Health(Standing.DEAD), 10.005)
        assert actions == (SendAdvert(1),)
        assert deadline(state) == 10.012
        state, actions = step(CONFIG, state, Timer(), 10.012)
        assert actions == (
            SendAdvert(1),
            ADD,
            Announce(VIPS, 1),
            changed(Claiming, Master, Reason.CLAIM_UNOPPOSED),
            SendAdvert(0),
            changed(Master, Resigning, Reason.UNHEALTHY),
        )
        state, actions = step(CONFIG, state, Timer(), 14.1)
        assert actions == (SendAdvert(1), changed(Resigning, Claiming, Reason.NO_SUCCESSOR))
        state, actions = step(CONFIG, state, Timer(), 14.2)
        assert actions[-1] == changed(Claiming, Master, Reason.CLAIM_UNOPPOSED)

    def test_a_better_claim_ends_it_as_any_other(self):
        claiming = replace(STARTED, role=Claiming(10.012, 10.0))
        state, _ = step(CONFIG, claiming, Health(Standing.DEAD), 10.005)
        state, actions = step(CONFIG, state, advert(90), 10.008)
        assert actions == (changed(Claiming, Backup, Reason.BETTER_CLAIM),)

    def test_who_has_the_addresses_already_offers_them_at_once(self):
        claiming = replace(STARTED, role=Claiming(10.012, 10.0, held=True))
        _, actions = step(CONFIG, claiming, Health(Standing.DEAD), 10.005)
        assert actions == (SendAdvert(0), changed(Claiming, Resigning, Reason.UNHEALTHY))


class TestRelease:
    """An operator gives the addresses away for good, or to whoever takes them."""

    def released(self, forced):
        state, actions = step(CONFIG, master(), Release(forced), 1.0)
        assert actions == (SendAdvert(0), changed(Master, Resigning, Reason.RELEASED))
        assert deadline(state) == 1.0
        return state

    def test_where_nobody_takes_them_they_are_kept(self):
        state = self.released(forced=False)
        state, actions = step(CONFIG, state, Timer(), 5.0)
        assert actions == (SendAdvert(100), changed(Resigning, Claiming, Reason.NO_SUCCESSOR))
        assert (state.role.held, state.released, state.reluctant) == (True, False, False)

    def test_by_force_they_are_let_go(self):
        state = self.released(forced=True)
        state, actions = step(CONFIG, state, Timer(), 5.0)
        assert actions == (REMOVE, changed(Resigning, Initialize, Reason.NO_SUCCESSOR))
        assert state.released

    @pytest.mark.parametrize("forced", [False, True])
    def test_who_takes_them_has_them(self, forced):
        state = self.released(forced)
        state, _ = step(CONFIG, state, advert(90), 1.05)
        state, actions = step(CONFIG, state, Timer(), 1.16)
        assert actions[-1] == changed(Resigning, Initialize, Reason.SUCCESSOR_OWNS)
        assert state.released
        state, actions = step(CONFIG, state, Rejoin(), 2.0)
        assert actions == (changed(Initialize, Backup, Reason.REJOINED),)
        assert (state.released, state.reluctant) == (False, False)

    def test_who_has_nothing_to_give_is_out_at_once(self):
        state, actions = step(CONFIG, backup(10.0), Release(forced=False), 1.0)
        assert actions == (changed(Backup, Initialize, Reason.RELEASED),)
        assert state.released


class TestPreemptDelay:
    """A better router lets a healthy Master be for so long, and until its own API server is steady."""

    WAITS = replace(CONFIG, preempt_delay=30.0)

    def test_a_worse_master_is_let_be_and_then_displaced(self):
        state, _ = step(self.WAITS, backup(10.0), advert(90), 8.0)
        assert state.role.displace_at == 38.0
        for second in range(9, 38):
            state, actions = step(self.WAITS, state, advert(90), float(second))
            assert actions == ()
            assert deadline(state) == min(second + 3.609375, 38.0)
        state, actions = step(self.WAITS, state, Timer(), 38.0)
        assert actions == (SendAdvert(100), changed(Backup, Claiming, Reason.PREEMPT_DELAY))

    def test_the_wait_is_over_when_the_master_falls_silent_or_resigns(self):
        state, _ = step(self.WAITS, backup(10.0), advert(90), 8.0)
        assert deadline(state) == 11.609375
        assert step(self.WAITS, state, Timer(), 11.61)[1][1].reason is Reason.MASTER_DOWN
        state, _ = step(self.WAITS, state, advert(0), 9.0)
        assert deadline(state) == 9.03046875

    def test_another_worse_master_is_let_be_for_what_is_left_of_it(self):
        state, _ = step(self.WAITS, backup(10.0), advert(90), 8.0)
        state, _ = step(self.WAITS, state, advert(95, source=LOWER), 12.0)
        assert (state.role.master, state.role.displace_at) == (LOWER, 38.0)

    @pytest.mark.parametrize("priority", [100, 110])
    def test_a_master_that_is_not_worse_stays(self, priority):
        state, _ = step(self.WAITS, backup(10.0), advert(90), 8.0)
        state, _ = step(self.WAITS, state, advert(priority), 9.0)
        assert state.role.displace_at == math.inf
        state, _ = step(self.WAITS, state, advert(90), 20.0)
        assert state.role.displace_at == 50.0

    def test_under_nopreempt_there_is_nothing_to_wait_for(self):
        state, _ = step(replace(self.WAITS, preempt=False), backup(10.0), advert(90), 8.0)
        assert deadline(state) == 11.609375

    def test_who_is_not_steady_lets_it_be_and_waits_from_when_it_is(self):
        state, _ = step(self.WAITS, backup(10.0, steady=False), advert(90), 8.0)
        assert (deadline(state), state.role.displace_at) == (11.609375, math.inf)
        state, actions = step(self.WAITS, state, Health(Standing.HEALTHY), 8.5)
        assert (actions, state.role.displace_at) == ((), 38.5)
        state, _ = step(self.WAITS, state, Health(Standing.HEALTHY, steady=False), 9.0)
        assert state.role.displace_at == math.inf

    def test_without_a_delay_being_steady_is_enough(self):
        state, _ = step(CONFIG, backup(10.0, steady=False), advert(90), 8.0)
        assert deadline(state) == 11.609375
        state, _ = step(CONFIG, state, advert(90), 9.0)
        assert deadline(state) == 12.609375
        state, _ = step(CONFIG, state, Health(Standing.HEALTHY), 9.5)
        state, _ = step(CONFIG, state, advert(90), 10.0)
        assert deadline(state) == 12.609375

    def test_who_is_not_steady_succeeds_and_displaces_as_any_other(self):
        state, _ = step(CONFIG, backup(10.0, steady=False), advert(0), 9.0)
        assert deadline(state) == 9.03046875
        state, _ = step(CONFIG, backup(10.0, steady=False), advert(1), 9.0)
        assert deadline(state) == 9.03046875


class TestLastResort:
    def test_a_master_that_turns_unhealthy_resigns_and_comes_back_with_priority_one(self):
        state, actions = step(CONFIG, master(), Health(Standing.DEAD), 0.5)
        assert actions == (SendAdvert(0), changed(Master, Resigning, Reason.UNHEALTHY))
        state, actions = step(CONFIG, state, Timer(), 4.5)
        assert actions == (SendAdvert(1), changed(Resigning, Claiming, Reason.NO_SUCCESSOR))

    def test_the_last_word_of_a_last_resort_does_not_unseat_who_has_displaced_it(self):
        """Two healthy Backups hurry; the faster one claims, and its loser's parting advertisement has priority 1."""
        state, _ = step(CONFIG, backup(10.0), advert(1, LOWER), 9.0)
        assert state.role.displace_at == 9.03046875
        state, _ = step(replace(CONFIG, preempt=False), state, advert(90, HIGHER), 9.01)
        displaced, actions = step(replace(CONFIG, preempt=False), state, advert(1, LOWER), 9.011)
        assert (displaced, actions) == (state, ())

    def test_a_backup_keeps_the_time_it_has_waited(self):
        """Priority 1 skews 255/256 instead of 156/256 of a second: 0.38671875 s more."""
        state, _ = step(CONFIG, backup(10.0), Health(Standing.DEAD), 9.0)
        assert deadline(state) == 10.38671875
        assert deadline(step(CONFIG, state, Health(Standing.HEALTHY), 9.0)[0]) == 10.0
        hurried = backup(9.01, reason=Reason.MASTER_RESIGNED)
        assert deadline(step(CONFIG, hurried, Health(Standing.DEAD), 9.0)[0]) == pytest.approx(9.0293359375)

    def test_of_two_that_succeed_one_that_has_just_become_the_better_one_comes_first(self):
        late = backup(9.03, reason=Reason.MASTER_RESIGNED, standing=Standing.UNREADY)
        state, _ = step(CONFIG, late, Health(Standing.HEALTHY), 9.0)
        assert deadline(state) == pytest.approx(9.010859375)
        state, _ = step(CONFIG, late, Health(Standing.HEALTHY), 9.02)
        assert step(CONFIG, state, Timer(), 9.02)[1][0] == SendAdvert(100)

    def test_an_unhealthy_master_that_recovers_says_so_at_once(self):
        _, actions = step(CONFIG, master(standing=Standing.DEAD), Health(Standing.HEALTHY), 0.5)
        assert actions == (SendAdvert(100),)

    @pytest.mark.parametrize("preempt", [True, False])
    def test_a_healthy_backup_displaces_it_promptly_even_under_nopreempt(self, preempt):
        config = replace(CONFIG, preempt=preempt)
        state, _ = step(config, backup(10.0), advert(1), 8.0)
        assert deadline(state) == 8.03046875
        _, actions = step(config, state, Timer(), 8.031)
        assert actions == (SendAdvert(100), changed(Backup, Claiming, Reason.MASTER_UNHEALTHY))

    def test_a_dead_backup_follows_it(self):
        state, _ = step(CONFIG, backup(10.0, standing=Standing.DEAD), advert(1), 8.0)
        assert deadline(state) == 11.99609375

    @pytest.mark.parametrize(
        ("standing", "priority"), [(Standing.UNPROVEN, 3), (Standing.UNREADY, 2), (Standing.DEAD, 1)]
    )
    def test_each_standing_has_a_priority(self, standing, priority):
        _, actions = step(CONFIG, backup(10.0, standing=standing), Timer(), 10.0)
        assert actions[0] == SendAdvert(priority)
        _, actions = step(replace(CONFIG, priority=1), backup(10.0, standing=standing), Timer(), 10.0)
        assert actions[0] == SendAdvert(1)

    def test_a_master_that_turns_unready_stays_and_says_so(self):
        state, actions = step(CONFIG, master(), Health(Standing.UNREADY), 0.5)
        assert actions == (SendAdvert(2),)
        assert isinstance(state.role, Master)
        assert step(CONFIG, state, Health(Standing.DEAD), 0.6)[1][0] == SendAdvert(0)

    @pytest.mark.parametrize("preempt", [True, False])
    def test_an_unready_master_gives_way_to_a_healthy_backup_after_three_seconds(self, preempt):
        config = replace(CONFIG, preempt=preempt)
        state, _ = step(config, backup(10.0), advert(2), 8.0)
        assert deadline(state) == 11.0
        state, _ = step(config, state, advert(2), 9.0)
        assert deadline(state) == 11.0
        state, _ = step(config, state, advert(2), 10.0)
        _, actions = step(config, state, Timer(), 11.0)
        assert actions == (SendAdvert(100), changed(Backup, Claiming, Reason.MASTER_UNHEALTHY))

    def test_and_keeps_the_address_when_it_recovers_in_time(self):
        config = replace(CONFIG, preempt=False)
        state, _ = step(config, backup(10.0), advert(2), 8.0)
        state, _ = step(config, state, advert(90), 9.0)
        assert deadline(state) == 12.609375
        state, _ = step(CONFIG, backup(10.0), advert(2), 8.0)
        state, _ = step(CONFIG, state, advert(90), 9.0)
        assert deadline(state) == 11.609375

    def test_an_unready_master_that_falls_silent_is_succeeded_as_any_other(self):
        config = replace(CONFIG, interval=0.1)
        state, _ = step(config, backup(10.0, 0.1), advert(2, interval=0.1), 8.0)
        assert deadline(state) == 8.3609375
        assert step(config, state, Timer(), 8.361)[1][1].reason is Reason.MASTER_DOWN

    @pytest.mark.parametrize("standing", [Standing.UNPROVEN, Standing.UNREADY])
    @pytest.mark.parametrize("preempt", [True, False])
    def test_an_unready_master_gives_way_to_nobody_else(self, standing, preempt):
        state, _ = step(replace(CONFIG, preempt=preempt), backup(10.0, standing=standing), advert(2), 8.0)
        assert state.role.displace_at == math.inf
        assert deadline(state) > 11.9

    def test_a_backup_that_turns_healthy_displaces_at_once_and_one_that_turns_unready_no_longer(self):
        config = replace(CONFIG, preempt=False)
        state, _ = step(config, backup(10.0, standing=Standing.DEAD), advert(1), 8.0)
        state, _ = step(config, state, Health(Standing.HEALTHY), 8.5)
        assert deadline(state) == 8.53046875
        state, _ = step(config, state, Health(Standing.DEAD), 8.51)
        assert deadline(state) == 11.99609375
        state, _ = step(config, backup(10.0), advert(2), 8.0)
        state, _ = step(config, state, Health(Standing.UNREADY), 9.0)
        assert deadline(state) == 11.9921875

    def test_a_dead_master_gives_way_to_an_unready_backup(self):
        state, _ = step(CONFIG, backup(10.0, standing=Standing.UNREADY), advert(1), 8.0)
        assert deadline(state) == 8.049609375

    def test_whoever_keeps_to_the_letter_takes_a_low_priority_for_what_it_is(self):
        state, _ = step(LETTER, backup(10.0), advert(1), 8.0)
        assert deadline(state) == 10.0

    def test_what_became_unhealthy_while_a_better_one_waited_is_displaced_at_once(self):
        waits = replace(CONFIG, preempt_delay=30.0)
        state, _ = step(waits, backup(10.0), advert(90), 8.0)
        assert state.role.displace_at == 38.0
        state, _ = step(waits, state, advert(1), 9.0)
        assert deadline(state) == 9.03046875
        assert step(waits, state, Timer(), 9.031)[1][1].reason is Reason.MASTER_UNHEALTHY
        # And one that recovers in time is again given all of the delay.
        state, _ = step(waits, state, advert(90), 9.025)
        assert state.role.displace_at == 39.025

    def test_switched_off_the_unhealthy_take_no_part(self):
        config = replace(CONFIG, last_resort=False)
        state, actions = step(config, backup(), Health(Standing.DEAD), 1.0)
        assert actions == (changed(Backup, Initialize, Reason.UNHEALTHY),)
        state, actions = step(config, state, Health(Standing.HEALTHY), 2.0)
        assert state == backup(5.609375)
        assert actions == (changed(Initialize, Backup, Reason.HEALTHY),)


class TestLease:
    @pytest.mark.parametrize(
        ("priority", "interval", "lease"),
        [(100, 1.0, 3), (254, 1.0, 3), (100, 0.1, 2), (1, 2.0, 7), (100, 10.0, 36)],
    )
    def test_master_down_interval_in_whole_seconds(self, priority, interval, lease):
        assert replace(CONFIG, priority=priority, interval=interval).lease == lease

    def test_it_is_renewed_every_third_of_it(self):
        state, actions = step(CONFIG, master(), Timer(), 1.0)
        assert actions == (SendAdvert(100), ADD)
        assert isinstance(state.role, Master)
        assert (state.role.renew_at, state.role.lease_until) == (2.0, 4.0)

    @pytest.mark.parametrize("interval", [0.01, 0.03, 0.1, 0.5, 1.0, 1.3, 4.0, 40.95])
    def test_it_is_renewed_with_an_advertisement_and_in_time(self, interval):
        config = replace(CONFIG, interval=interval)
        state, renewed = master(config), 0.0
        for _ in range(200):
            now = deadline(state) + 0.003 * interval
            state, actions = step(config, state, Timer(), now)
            assert SendAdvert(100) in actions
            if any(isinstance(action, AddAddresses) for action in actions):
                assert now - renewed <= config.renewal + 0.003 * interval
                renewed = now
                assert state.role.lease_until == now + config.lease
        assert renewed >= now - config.renewal


class TestStall:
    """A step more than 3.609375 s after the last advertisement."""

    def test_a_master_whose_lease_ran_out_lets_go_and_listens(self):
        state, actions = step(CONFIG, master(), Timer(), 3.7)
        assert state == backup(5.309375)
        assert actions == (SendAdvert(0), REMOVE, changed(Master, Backup, Reason.STALLED))

    def test_just_within_it_the_master_carries_on(self):
        _, actions = step(CONFIG, master(), Timer(), 3.6)
        assert actions == (SendAdvert(100), ADD)

    def test_while_the_lease_lasts_it_asks_first_and_renews_nothing(self):
        """Interval 0.1 s: Master_Down_Interval 0.3609375 s, lease 2 s."""
        config = replace(CONFIG, interval=0.1)
        state, actions = step(config, master(config), Timer(), 0.5)
        assert actions == (SendAdvert(100), changed(Master, Claiming, Reason.STALLED))
        assert state.role == Claiming(pytest.approx(0.512), 0.5, held=True)

    @pytest.mark.parametrize(
        ("theirs", "said", "stays"), [(100, 99, False), (150, 149, False), (50, 49, False), (50, 1, True)]
    )
    def test_a_queued_advertisement_proves_a_takeover_and_gets_a_losing_answer(self, theirs, said, stays):
        config = replace(CONFIG, interval=0.1, preempt=False, incumbent_stays=stays)
        state, actions = step(config, master(config), advert(theirs, interval=0.1), 0.5)
        assert actions == (SendAdvert(said), REMOVE, changed(Master, Backup, Reason.STALLED))
        assert isinstance(state.role, Backup)
        assert state.role.master == HIGHER

    def test_foreign_arp_proves_it_too(self):
        config = replace(CONFIG, interval=0.1)
        _, actions = step(config, master(config), ForeignClaim(VIP), 0.5)
        assert actions == (SendAdvert(0), REMOVE, changed(Master, Backup, Reason.STALLED))

    def test_a_claim_and_a_backup_listen_again(self):
        claiming = replace(STARTED, role=Claiming(10.012, 10.0))
        state, actions = step(CONFIG, claiming, Timer(), 14.0)
        assert state == backup(15.609375)
        assert actions == (changed(Claiming, Backup, Reason.STALLED),)
        assert step(CONFIG, backup(10.0), Timer(), 14.0) == (backup(15.609375), ())


class TestAdoption:
    """A leftover address at start."""

    def test_it_is_kept_and_taken_over_when_nobody_else_is_master(self):
        state, actions = step(CONFIG, State(), Startup(leftover=True), 5.0)
        assert actions == (ADD, changed(Initialize, Adopting, Reason.ADOPTED))
        assert deadline(state) == 6.609375
        state, actions = step(CONFIG, state, Timer(), 6.61)
        assert actions == (SendAdvert(100), changed(Adopting, Claiming, Reason.ADOPTED))

    @pytest.mark.parametrize(("theirs", "said"), [(100, (SendAdvert(99),)), (2, (SendAdvert(1),)), (1, ())])
    def test_it_goes_when_somebody_else_is(self, theirs, said):
        state, _ = step(CONFIG, State(), Startup(leftover=True), 5.0)
        state, actions = step(CONFIG, state, advert(theirs), 5.5)
        assert actions == (*said, REMOVE, changed(Adopting, Backup, Reason.FOREIGN_HOLDER))

    def test_it_goes_when_somebody_else_claims_it_by_arp(self):
        state, _ = step(CONFIG, State(), Startup(leftover=True), 5.0)
        _, actions = step(CONFIG, state, ForeignClaim(VIP), 5.5)
        assert actions == (REMOVE, changed(Adopting, Backup, Reason.FOREIGN_HOLDER))

    def test_it_goes_when_this_node_takes_no_part(self):
        _, actions = step(CONFIG, State(link=False), Startup(leftover=True), 5.0)
        assert actions == (REMOVE,)

    def test_it_goes_at_shutdown(self):
        state, _ = step(CONFIG, State(), Startup(leftover=True), 5.0)
        _, actions = step(CONFIG, state, Shutdown(), 5.5)
        assert actions == (REMOVE, changed(Adopting, Initialize, Reason.SHUTDOWN))

    def test_a_second_startup_is_nothing_new(self):
        assert step(CONFIG, master(), Startup(leftover=True), 0.5) == (master(), ())


class TestSuccessionOnOneNode:
    """Two instances on one node, one after the other: the others are to notice nothing."""

    def test_a_master_leaves_the_addresses_to_an_heir(self):
        state, actions = step(CONFIG, master(), Shutdown(heir=True), 0.4)
        assert actions == (SendAdvert(100), ADD, changed(Master, Initialize, Reason.SUCCESSION))
        assert state == State(acquainted=True)

    def test_who_gives_them_to_another_node_already_goes_on_with_that(self):
        state, _ = step(CONFIG, master(), Release(), 0.4)
        after, actions = step(CONFIG, state, Shutdown(heir=True), 0.5)
        assert actions == ()
        assert isinstance(after.role, Resigning)

    def test_a_backup_has_nothing_to_leave(self):
        state, actions = step(CONFIG, backup(3.609375), Shutdown(heir=True), 0.5)
        assert (state, actions) == (State(acquainted=True), (changed(Backup, Initialize, Reason.SHUTDOWN),))

    def test_one_that_stood_still_for_too_long_does_not_know_whether_they_are_its_own(self):
        state, actions = step(CONFIG, master(), Shutdown(heir=True), 3.7)
        assert state == State(acquainted=True)
        assert actions[:2] == (SendAdvert(0), REMOVE)

    def test_the_heir_claims_them_at_once(self):
        state, actions = step(CONFIG, State(), Startup(leftover=True, inherited=True), 5.0)
        assert actions == (ADD, SendAdvert(100), changed(Initialize, Claiming, Reason.SUCCESSION))
        assert state.role == Claiming(5.012, 5.0, held=True)

    def test_what_is_not_there_any_more_is_not_inherited(self):
        state, actions = step(CONFIG, State(), Startup(inherited=True), 5.0)
        assert actions == (changed(Initialize, Backup, Reason.STARTUP),)
        assert state == backup(8.609375, acquainted=False, deaf_until=125.0)

    def test_an_heir_that_takes_no_part_removes_them(self):
        _, actions = step(CONFIG, State(released=True), Startup(leftover=True, inherited=True), 5.0)
        assert actions == (REMOVE,)


class TestClaimant:
    def test_it_says_what_it_has_become(self):
        claims = replace(STARTED, role=Claiming(1.012, 1.0))
        state, actions = step(CONFIG, claims, Health(Standing.UNREADY), 1.005)
        assert actions == (SendAdvert(2),)
        assert state.role == claims.role


class TestLosers:
    """Whoever advertises, and loses: it neither hides the Master nor succeeds it."""

    @staticmethod
    def beside(later=0.5, config=CONFIG, loser=50):
        """A Backup that hears its Master, and then a loser."""
        config = replace(config, preempt=False)
        state, _ = step(config, backup(), advert(200), 1.0)
        state, _ = step(config, state, advert(loser, LOWER), 1.0 + later)
        return config, state

    def test_a_loser_is_not_taken_for_the_master(self):
        config, state = self.beside()
        assert (state.role.master, state.role.master_priority) == (HIGHER, 200)
        state, _ = step(config, state, advert(0), 1.6)
        assert deadline(state) == pytest.approx(1.63046875)  # the prompt skew
        assert state.role.reason is Reason.MASTER_RESIGNED

    @pytest.mark.parametrize("preempt", [False, True])
    def test_nor_does_it_hold_up_the_succession(self, preempt):
        config = replace(CONFIG, preempt=preempt)
        waits = backup(1.03, 1.0, HIGHER, 200, Reason.MASTER_RESIGNED)
        assert step(config, waits, advert(50, LOWER), 1.01) == (waits, ())
        state, _ = step(config, waits, advert(100, LOWER), 1.01)
        assert deadline(state) > 4.0  # an equal one may be the successor

    def test_it_is_once_the_master_is_silent(self):
        _, state = self.beside(later=1.51)
        assert (state.role.master, state.role.heard_at) == (LOWER, 2.51)

    @pytest.mark.parametrize(("preempt", "stays"), [(True, True), (False, False)])
    def test_a_better_one_is_the_master_at_once(self, preempt, stays):
        config = replace(CONFIG, preempt=preempt, incumbent_stays=stays)
        state, _ = step(config, backup(), advert(200), 1.0)
        state, _ = step(config, state, advert(201, LOWER), 1.5)
        assert state.role.master == LOWER

    def test_under_nopreempt_once_the_incumbent_has_obeyed(self):
        """By its last word, which is of priority 1; before that the better one may be a latecomer that gives way."""
        config, state = self.beside(loser=201)
        assert state.role.master == HIGHER
        state, _ = step(config, state, advert(1), 1.55)
        state, _ = step(config, state, advert(201, LOWER), 1.551)
        assert (state.role.master, state.role.displace_at) == (LOWER, math.inf)

    def test_of_equal_priority_the_address_decides(self):
        _, state = self.beside(loser=200)
        assert state.role.master == HIGHER

    def resigned(self, lost=0.4, at=0.5, **config):
        config = replace(CONFIG, **config)
        state, _ = step(config, master(config), advert(50, LOWER), lost)
        role = replace(state.role, adver_at=99.0, sent_at=at, renew_at=99.0, rounds=(), refresh_at=99.0)
        return step(config, replace(state, role=role), Shutdown(), at)[0]

    def test_a_resigning_router_is_not_succeeded_by_who_has_just_lost(self):
        state = self.resigned()
        after, actions = step(CONFIG, state, advert(50, LOWER), 0.51)
        assert (after, actions) == (state, ())

    def test_but_for_its_arp(self):
        state, _ = step(CONFIG, self.resigned(), ForeignClaim(VIP), 0.51)
        assert state.role.until == 0.53

    def test_another_one_succeeds(self):
        state, _ = step(CONFIG, self.resigned(), advert(100, HIGHER), 0.51)
        assert state.role.successor.master == HIGHER

    def test_who_lost_long_ago_may_succeed(self):
        state, _ = step(CONFIG, self.resigned(at=4.5), advert(50, LOWER), 4.6)
        assert state.role.successor.master == LOWER


class TestParting:
    """A router that nobody succeeds ends within kubelet's and systemd's patience, whatever its interval."""

    @pytest.mark.parametrize(("interval", "seconds"), [(1.0, 4.0), (5.0, 20.0), (10.0, 20.0), (40.95, 20.0)])
    def test_it_lets_go_after_master_down_interval_or_20_s(self, interval, seconds):
        config = replace(CONFIG, interval=interval)
        state, _ = step(config, master(config), Shutdown(), 0.5)
        assert state.role.until == 0.5 + seconds


class TestIncumbent:
    """Under nopreempt the one that has been Master all along stays, whoever is the better router."""

    STAYS = replace(CONFIG, preempt=False)

    def challenged(self, config=STAYS, **facts):
        return step(config, master(config, **facts), advert(150), 0.4)

    def test_a_better_router_is_answered_first(self):
        state, actions = self.challenged()
        assert actions == (SendAdvert(100), Announce(VIPS))
        assert isinstance(state.role, Master)
        assert (state.role.challenger, state.role.challenged_at) == (HIGHER, 0.4)
        # Any other one than a latecomer answers that, and is obeyed.
        state = replace(state, role=replace(state.role, rounds=()))
        assert (state.role.adver_at, deadline(state)) == (1.0, pytest.approx(0.46))
        state, actions = step(self.STAYS, state, Timer(), deadline(state))
        assert actions == (SendAdvert(100),)
        assert deadline(state) == 1.0

    def test_its_claim_and_its_first_advertisement_are_one_sign_of_it(self):
        state, _ = self.challenged()
        state, actions = step(self.STAYS, state, advert(150), 0.412)
        assert actions[0] == SendAdvert(100)
        assert (state.role.challenged_at, state.role.again_at) == (0.4, pytest.approx(0.46))

    def test_its_next_advertisement_is_obeyed(self):
        state, _ = self.challenged()
        state, actions = step(self.STAYS, state, advert(150), 0.46)
        # Its last word must not be one that a latecomer gives way to, or both would have given way.
        assert actions == (SendAdvert(1), changed(Master, Resigning, Reason.BETTER_CLAIM))

    def test_without_ranks_its_last_word_is_priority_0(self):
        config = replace(self.STAYS, last_resort=False)
        state, _ = self.challenged(config)
        assert step(config, state, advert(150), 0.46)[1][0] == SendAdvert(0)

    @pytest.mark.parametrize(
        ("source", "later", "obeys"),
        [(HIGHER, 3.6, True), (HIGHER, 3.66, False), (IPv4Address("198.18.0.10"), 0.1, False)],
    )
    def test_another_time_or_another_router_begins_anew(self, source, later, obeys):
        state, _ = self.challenged()
        role = replace(state.role, adver_at=9.0, sent_at=0.4 + later)
        state, _ = step(self.STAYS, replace(state, role=role), advert(150, source), 0.4 + later)
        assert isinstance(state.role, Resigning) is obeys

    def test_at_the_shortest_interval_too(self):
        """Master_Down_Interval is shorter there than the time that a challenger is given."""
        config = replace(self.STAYS, interval=0.01)
        state = master(config)
        for number in range(1, 7):
            now = number * 0.01 + 0.001
            state, _ = step(config, state, Timer(), now - 0.001)
            state, _ = step(config, state, advert(150, interval=0.01), now)
            assert isinstance(state.role, Resigning) is (number == 6)

    def test_who_was_answered_a_moment_ago_is_not_answered_again(self):
        held = master(self.STAYS)
        held = replace(held, role=replace(held.role, answered_at=0.395))
        state, actions = step(self.STAYS, held, advert(150), 0.4)
        assert actions == (Announce(VIPS),)
        assert state.role.challenger == HIGHER

    def test_with_preemption_it_is_obeyed_at_once(self):
        state, _ = self.challenged(CONFIG)
        assert isinstance(state.role, Resigning)

    def test_by_the_letter_it_is_obeyed_at_once(self):
        state, _ = self.challenged(replace(self.STAYS, incumbent_stays=False))
        assert isinstance(state.role, Resigning)

    def test_a_node_that_is_not_healthy_obeys_at_once(self):
        state, _ = self.challenged(standing=Standing.UNREADY)
        assert isinstance(state.role, Resigning)

    def deaf(self, config=STAYS, now=10.0, priority=50, later=0.001, **facts):
        """It hears a worse router, and then that router's ARP."""
        held = master(config, at=now - 0.5, **({"deaf_until": 120.0} | facts))
        state, _ = step(config, held, advert(priority, LOWER), now - later)
        return step(config, state, ForeignClaim(VIP), now)

    def test_a_latecomer_gives_back_what_it_took(self):
        state, actions = self.deaf()
        assert actions == (SendAdvert(1), changed(Master, Resigning, Reason.FOREIGN_HOLDER))
        assert (state.role.until, state.role.resign_at) == (10.1, math.inf)
        assert state.role.successor == Backup(13.609375, 1.0, LOWER, Reason.MASTER_DOWN, 50, heard_at=10.0)

    def test_and_lets_go_when_the_other_one_says_by_arp_that_it_has_them(self):
        state, _ = self.deaf()
        state, _ = step(self.STAYS, state, ForeignClaim(VIP), 10.001)
        state, actions = step(self.STAYS, state, Timer(), deadline(state))
        assert actions == (REMOVE, changed(Resigning, Backup, Reason.SUCCESSOR_OWNS))
        assert deadline(state) == 13.609375

    def test_without_hitless_resignation_it_lets_go_at_once(self):
        _, actions = self.deaf(replace(self.STAYS, hitless=False))
        assert actions == (SendAdvert(1), REMOVE, changed(Master, Backup, Reason.FOREIGN_HOLDER))

    def test_without_a_parting_advert_without_a_word(self):
        _, actions = self.deaf(replace(self.STAYS, parting_advert=False))
        assert actions == (changed(Master, Resigning, Reason.FOREIGN_HOLDER),)

    @pytest.mark.parametrize(
        "other",
        [
            {"now": 120.0},
            {"deaf_until": -math.inf},
            {"config": CONFIG},
            {"priority": 0},  # it gives the addresses away
            {"priority": 1},  # its API server is dead
        ],
    )
    def test_else_it_stays_master(self, other):
        state, _ = self.deaf(**other)
        assert isinstance(state.role, Master)

    def test_advertisements_alone_do_not_unseat_it(self):
        """A loop in the network repeats an old one for ever; its claim by ARP is what proves a Master."""
        state = master(self.STAYS, at=9.5, deaf_until=120.0)
        for number in range(100):
            state, _ = step(self.STAYS, state, advert(50, LOWER), 10.0 + number / 1000)
            assert isinstance(state.role, Master)

    def test_nor_does_arp_alone(self):
        held = master(self.STAYS, at=9.5, deaf_until=120.0)
        state, _ = step(self.STAYS, held, ForeignClaim(VIP), 10.0)
        assert isinstance(state.role, Master)

    def test_nor_both_of_them_long_after_each_other(self):
        held = master(self.STAYS, at=9.5, deaf_until=120.0)
        state, _ = step(self.STAYS, held, advert(50, LOWER), 10.0)
        state = replace(state, role=replace(state.role, adver_at=14.0, sent_at=13.0, rounds=()))
        state, _ = step(self.STAYS, state, ForeignClaim(VIP), 13.7)
        assert isinstance(state.role, Master)

    def test_without_ranks_priority_1_is_one_like_others(self):
        state, _ = self.deaf(replace(self.STAYS, last_resort=False), priority=1)
        assert isinstance(state.role, Resigning)

    def test_who_has_heard_somebody_since_its_start_is_not_deaf(self):
        state, _ = step(self.STAYS, State(), Startup(), 0.0)
        assert state.deaf_until == 120.0
        state, _ = step(self.STAYS, state, advert(50), 1.0)
        assert state.deaf_until == -math.inf

    def test_what_a_master_hears_does_not_make_it_less_deaf(self):
        state, _ = self.deaf(priority=0)
        assert state.deaf_until == 120.0


class TestStartDelay:
    DELAYED = replace(CONFIG, start_delay=5.0)

    def test_who_hears_nobody_waits_longer(self):
        state, _ = step(self.DELAYED, State(), Startup(), 1.0)
        assert deadline(state) == 9.609375  # 1 + 5 + Master_Down_Interval
        assert not held_back(state, 9.0)
        state, actions = step(self.DELAYED, state, Timer(), 9.609375)
        assert actions == (SendAdvert(100), changed(Backup, Claiming, Reason.MASTER_DOWN))

    def test_after_its_link_too(self):
        state, _ = step(self.DELAYED, replace(STARTED, link=False), Link(True), 3.0)
        assert deadline(state) == 11.609375

    def test_the_address_owner_waits_too(self):
        owner = replace(self.DELAYED, priority=255)
        state, _ = step(owner, State(), Startup(), 0.0)
        assert isinstance(state.role, Backup)
        assert deadline(state) == 8.00390625

    def test_not_once_somebody_is_heard(self):
        state, _ = step(self.DELAYED, State(), Startup(), 0.0)
        state, _ = step(self.DELAYED, state, advert(150), 1.0)
        assert deadline(state) == 4.609375

    def test_a_restarted_holder_goes_on(self):
        state, _ = step(self.DELAYED, State(), Startup(leftover=True), 0.0)
        assert deadline(state) == 1.609375

    def test_the_doubt_about_a_stranger_is_the_longer_wait(self):
        state, _ = step(self.DELAYED, State(), Startup(), 0.0)
        state, _ = step(self.DELAYED, state, Stranger(HIGHER), 7.0)
        assert held_back(state, 9.0)
        assert deadline(state) == 10.609375


class TestLink:
    @pytest.mark.parametrize("role", [Master, Resigning])
    def test_a_lost_link_ends_everything_at_once(self, role):
        state = master() if role is Master else step(CONFIG, master(), Shutdown(), 0.4)[0]
        state, actions = step(CONFIG, state, Link(False), 0.5)
        assert actions == (REMOVE, changed(role, Initialize, Reason.LINK_DOWN))

    def test_it_comes_back_as_a_backup(self):
        state, actions = step(CONFIG, replace(STARTED, link=False), Link(True), 3.0)
        assert state == backup(6.609375, deaf_until=123.0)
        assert actions == (changed(Initialize, Backup, Reason.LINK_UP),)

    def test_resigning_with_nothing_to_do_any_more(self):
        state = replace(step(CONFIG, master(), Shutdown(), 0.4)[0], link=False)
        assert isinstance(step(CONFIG, state, Link(False), 0.5)[0].role, Initialize)


class TestReload:
    def test_a_master_drops_nothing_that_stays_and_says_the_new_priority(self):
        new = replace(CONFIG, priority=50, addresses=(VIP, VIP2))
        state, actions = step(new, master(), Reconfigured(CONFIG), 0.5)
        assert actions == (SendAdvert(50), AddAddresses((VIP, VIP2), 3.0), Announce((VIP, VIP2), 1))
        _, actions = step(CONFIG, state, Reconfigured(new), 0.6)
        assert actions[:3] == (RemoveAddresses((VIP2,)), SendAdvert(100), ADD)

    def test_nothing_new_no_arp(self):
        new = replace(CONFIG, garp=Garp(refresh=0.0))
        state, actions = step(new, master(), Reconfigured(CONFIG), 0.5)
        assert actions == (SendAdvert(100), ADD)
        assert isinstance(state.role, Master)
        assert state.role.refresh_at == math.inf

    def test_a_backup_keeps_the_time_it_has_waited(self):
        """Priority 100 to 200: 100/256 s less."""
        state, actions = step(replace(CONFIG, priority=200), backup(10.0), Reconfigured(CONFIG), 9.0)
        assert deadline(state) == 9.609375
        assert actions == ()

    def test_a_shorter_interval_is_no_stall(self):
        old = replace(CONFIG, interval=10.0)
        state, _ = step(replace(CONFIG, interval=0.1), master(old), Reconfigured(old), 9.0)
        assert isinstance(state.role, Master)
        assert state.role.adver_at == pytest.approx(9.1)

    def test_the_last_resort_switched_off_makes_an_unhealthy_master_resign(self):
        new = replace(CONFIG, last_resort=False)
        _, actions = step(new, master(standing=Standing.DEAD), Reconfigured(CONFIG), 0.5)
        assert actions == (SendAdvert(0), changed(Master, Resigning, Reason.RECONFIGURED))

    def test_a_resigning_router_only_follows(self):
        state, _ = step(CONFIG, master(), Release(), 0.4)
        state, _ = step(CONFIG, state, Rejoin(), 0.45)
        new = replace(CONFIG, addresses=(VIP2,), priority=7)
        assert step(new, state, Reconfigured(CONFIG), 0.5)[1] == (REMOVE,)


class TestFirstClaim:
    """A stranger keeps who has met nobody yet from claiming; Master_Down_Interval is 3.609375 s throughout."""

    @staticmethod
    def newcomer(*told, config=CONFIG):
        """Started at 0, and told what happened since."""
        state, _ = step(config, State(), Startup(), 0.0)
        for event, at in told:
            state, actions = step(config, state, event, at)
            assert actions == ()
        return state

    @pytest.mark.parametrize(
        "event", [ForeignClaim(VIP), Stranger(HIGHER), Advert(50, 1.0, HIGHER, strange=True)]
    )
    def test_each_sign_of_a_stranger_postpones_it(self, event):
        state = self.newcomer((event, 3.0))
        assert deadline(state) == 6.609375
        assert [held_back(state, at) for at in (3.0, 3.609374, 3.609375, 6.6, 6.609375)] == [
            *(False, False, True, True, False)
        ]
        assert step(CONFIG, state, Timer(), 6.6) == (state, ())
        _, actions = step(CONFIG, state, Timer(), 6.609375)
        assert actions == (SendAdvert(100), changed(Backup, Claiming, Reason.MASTER_DOWN))

    def test_it_lasts_as_long_as_the_stranger_does(self):
        signs = [(ForeignClaim(VIP), float(at)) for at in range(1, 100)]
        state = self.newcomer(*signs)
        assert held_back(state, 99.0)
        assert deadline(state) == 102.609375

    def test_a_stranger_who_is_gone_in_time_costs_nothing(self):
        state = self.newcomer((ForeignClaim(VIP), 0.0))
        assert deadline(state) == 3.609375
        assert not held_back(state, 3.609375)

    def test_who_has_heard_a_master_claims_whoever_answers(self):
        """Its daemon may have died and left it the addresses."""
        state = self.newcomer((ForeignClaim(VIP), 1.0), (advert(100), 1.5), (ForeignClaim(VIP), 5.0))
        assert deadline(state) == 5.109375
        assert not held_back(state, 5.2)

    def test_a_lower_master_ends_it_too(self):
        state = self.newcomer((ForeignClaim(VIP), 2.0), (advert(50), 2.5))
        assert deadline(state) == 3.609375

    def test_a_resignation_that_is_heard_is_an_acquaintance(self):
        state = self.newcomer((ForeignClaim(VIP), 2.0), (advert(0), 2.5), (ForeignClaim(VIP), 2.51))
        assert deadline(state) == 2.53046875

    def test_once_acquainted_a_master_may_have_whatever_addresses(self):
        state = self.newcomer((advert(100), 1.0), (Advert(100, 1.0, HIGHER, strange=True), 2.0))
        assert deadline(state) == 5.609375

    @pytest.mark.parametrize("startup", [Startup(acquainted=True), Startup(leftover=True)])
    def test_a_predecessor_s_acquaintances_count(self, startup):
        assert step(CONFIG, State(), startup, 0.0)[0].acquainted

    def test_the_first_claim_is_the_only_one(self):
        state = self.newcomer()
        for at in (3.61, 3.63):
            state, _ = step(CONFIG, state, Timer(), at)
        assert isinstance(state.role, Master)
        assert state.acquainted
        state, _ = step(CONFIG, state, advert(150), 4.0)
        state, _ = step(CONFIG, state, Timer(), 4.2)
        assert isinstance(state.role, Backup)
        assert step(CONFIG, state, ForeignClaim(VIP), 4.3) == (state, ())

    def test_a_stranger_means_nothing_to_who_takes_no_part(self):
        assert step(CONFIG, State(), Stranger(HIGHER), 1.0) == (State(), ())

    def test_it_is_a_value(self):
        config = replace(CONFIG, ask_first=False)
        assert (
            deadline(self.newcomer((ForeignClaim(VIP), 3.0), (Stranger(LOWER), 3.1), config=config))
            == 3.609375
        )
        state = self.newcomer((Advert(100, 1.0, HIGHER, strange=True), 3.0), config=config)
        assert deadline(state) == 6.609375

    def test_a_claim_that_comes_late_after_a_hold_is_no_stall(self):
        state = self.newcomer(*((ForeignClaim(VIP), float(at)) for at in range(1, 20)))
        _, actions = step(CONFIG, state, Timer(), 24.0)
        assert actions[0] == SendAdvert(100)
