"""A sync group is one election for two families: nothing ever separates them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from msgspec.structs import replace

from vipalived.vrrp.group import Group, MemberAction, step
from vipalived.vrrp.model import (
    AddAddresses,
    Adopting,
    Advert,
    Announce,
    Backup,
    Changed,
    Claiming,
    Config,
    Initialize,
    Master,
    Reason,
    Reconfigured,
    RemoveAddresses,
    SendAdvert,
    Shutdown,
    Startup,
    State,
    Timer,
)
from vipalived.vrrp.router import deadline

VIP4, VIP6 = IPv4Address("198.18.0.100"), IPv6Address("2001:db8::100")
V4 = Config(vrid=51, priority=100, source=IPv4Address("198.18.0.5"), addresses=(VIP4,))
V6 = Config(vrid=51, priority=100, source=IPv6Address("fe80::5"), addresses=(VIP6,))
GROUP = Group((V4, V6))
OTHER4, OTHER6 = IPv4Address("198.18.0.1"), IPv6Address("fe80::9")


def run(state, *events):
    """The state and the actions of the last event."""
    actions = ()
    for event, now in events:
        state, actions = step(GROUP, state, event, now)
    return state, actions


def holder():
    return run(State(), (Startup(), 0.0), (Timer(), 3.61), (Timer(), 3.63))


def test_a_claim_is_made_in_the_leader_s_family_only():
    state, actions = run(State(), (Startup(), 0.0), (Timer(), 3.61))
    assert actions == (
        MemberAction(0, SendAdvert(100)),
        MemberAction(0, Changed(Backup, Claiming, Reason.MASTER_DOWN)),
    )
    assert deadline(state) == pytest.approx(3.622)


def test_both_families_are_taken_in_one_step_addresses_before_arp():
    _, actions = holder()
    assert actions == (
        MemberAction(0, SendAdvert(100)),
        MemberAction(1, SendAdvert(100)),
        MemberAction(0, AddAddresses((VIP4,), 3.0)),
        MemberAction(1, AddAddresses((VIP6,), 3.0)),
        MemberAction(0, Announce((VIP4,), 1)),
        MemberAction(1, Announce((VIP6,), 1)),
        MemberAction(0, Changed(Claiming, Master, Reason.CLAIM_UNOPPOSED)),
    )


def test_both_families_are_given_away_in_one_step():
    state, actions = step(GROUP, holder()[0], Shutdown(), 4.0)
    assert actions[:2] == (MemberAction(0, SendAdvert(0)), MemberAction(1, SendAdvert(0)))
    state, _ = step(GROUP, state, Advert(100, 1.0, OTHER4), 4.06)
    _, actions = step(GROUP, state, Timer(), 4.16)
    assert [a.action for a in actions[2:4]] == [RemoveAddresses((VIP4,)), RemoveAddresses((VIP6,))]


def test_a_follower_s_advertisement_decides_nothing_but_is_answered_by_arp():
    """Its sender is better in IPv6 and worse in IPv4: with two elections neither would ever hold both."""
    state, _ = holder()
    after, actions = step(GROUP, state, Advert(100, 1.0, OTHER6), 4.0, member=1)
    assert isinstance(after.role, Master)
    assert actions[-2:] == (MemberAction(0, Announce((VIP4,), 1)), MemberAction(1, Announce((VIP6,), 1)))
    assert 5.0 in after.role.rounds


def test_a_follower_s_resignation_means_nothing():
    state, _ = holder()
    assert step(GROUP, state, Advert(0, 1.0, OTHER6), 4.0, member=1) == (state, ())


def test_a_resigning_group_waits_for_the_leader_s_successor():
    state, _ = step(GROUP, holder()[0], Shutdown(), 4.0)
    assert step(GROUP, state, Advert(100, 1.0, OTHER6), 4.06, member=1) == (state, ())


def test_another_holder_in_either_family_ends_an_adoption_of_both():
    state, _ = run(State(), (Startup(leftover=True), 0.0))
    state, actions = step(GROUP, state, Advert(100, 1.0, OTHER6), 0.5, member=1)
    assert actions == (
        MemberAction(0, RemoveAddresses((VIP4,))),
        MemberAction(1, RemoveAddresses((VIP6,))),
        MemberAction(0, Changed(Adopting, Backup, Reason.FOREIGN_HOLDER)),
    )


def test_a_follower_s_advertisement_is_an_acquaintance_and_a_stranger_s_is_none():
    newcomer, _ = run(State(), (Startup(), 0.0))
    known, _ = step(GROUP, newcomer, Advert(100, 1.0, OTHER6), 1.0, member=1)
    assert known.acquainted
    assert deadline(known) == 3.609375
    state, _ = step(GROUP, newcomer, Advert(100, 1.0, OTHER6, strange=True), 1.0, member=1)
    assert not state.acquainted
    assert deadline(state) == 4.609375


def test_a_group_is_left_to_an_heir_as_one():
    _, actions = step(GROUP, holder()[0], Shutdown(heir=True), 4.0)
    lease = actions[2].action.lease
    assert actions == (
        MemberAction(0, SendAdvert(100)),
        MemberAction(1, SendAdvert(100)),
        MemberAction(0, AddAddresses((VIP4,), lease)),
        MemberAction(1, AddAddresses((VIP6,), lease)),
        MemberAction(0, Changed(Master, Initialize, Reason.SUCCESSION)),
    )


def test_a_reload_that_changes_one_family_leaves_the_other_alone():
    state, _ = holder()
    extra = IPv6Address("2001:db8::101")
    wider = Group((V4, replace(V6, addresses=(VIP6, extra))))
    state, _ = step(wider, state, Reconfigured(GROUP.config), 4.0)
    _, actions = step(GROUP, state, Reconfigured(wider.config), 4.1)
    removed = [a for a in actions if isinstance(a.action, RemoveAddresses)]
    assert removed == [MemberAction(1, RemoveAddresses((extra,)))]


def test_a_group_stops_as_one():
    state, actions = run(State(), (Startup(), 0.0), (Shutdown(), 1.0))
    assert state == State(deaf_until=120.0)
    assert actions == (MemberAction(0, Changed(Backup, Initialize, Reason.SHUTDOWN)),)
