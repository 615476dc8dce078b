"""A sync group: an IPv4 and an IPv6 virtual router that are always on the same node.

There is one election, the leader's (the first member's): a group is one router that holds the addresses of
both families and advertises for both. Two elections tied together can disagree for ever, when priorities
are equal and the address order of the nodes is not the same in both families; one cannot. While the leader
claims, the other family is silent, so that a claim that fails has disturbed nobody there.
"""

from __future__ import annotations

from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from vipalived.vrrp import router
from vipalived.vrrp.model import (
    RESIGN,
    Action,
    AddAddresses,
    Advert,
    Announce,
    Changed,
    Claiming,
    Config,
    Event,
    ForeignClaim,
    RemoveAddresses,
    Resigning,
    SendAdvert,
    State,
)
from vipalived.vrrp.moves import meet


class Group(Struct, frozen=True):
    """The members, at most one for each address family; the first one's election decides."""

    members: tuple[Config, ...]

    @property
    def config(self) -> Config:
        """The one router that the group amounts to: use it for `Reconfigured.previous`, too."""
        addresses = tuple(address for member in self.members for address in member.addresses)
        return replace(self.members[0], addresses=addresses)


class MemberAction(Struct, frozen=True):
    """`action` is to be carried out for the member with this index."""

    member: int
    action: Action


def step(
    group: Group, state: State, event: Event, now: float, *, member: int = 0
) -> tuple[State, tuple[MemberAction, ...]]:
    """As `router.step`; `member` is the one that received an `Advert`, and does not matter otherwise."""
    config = group.config
    state, event = meet(config, state, event)
    if isinstance(event, Advert) and member != 0:
        if event.priority == RESIGN or isinstance(state.role, Resigning):
            return state, ()
        # It decides nothing, but is another holder whose MAC address may be in the caches of that family.
        event = ForeignClaim(group.members[member].addresses[0])
    state, actions = router.step(config, state, event, now)
    claiming = isinstance(state.role, Claiming)
    tagged = [part for action in actions for part in _split(group, action, leader_only=claiming)]
    return state, tuple(tagged)


def _split(group: Group, action: Action, *, leader_only: bool) -> list[MemberAction]:
    match action:
        case Changed():
            return [MemberAction(0, action)]
        case SendAdvert():
            members = range(1 if leader_only else len(group.members))
            return [MemberAction(index, action) for index in members]
        case AddAddresses() | RemoveAddresses() | Announce():
            return _by_family(group, action)
        case _:
            assert_never(action)


def _by_family(group: Group, action: AddAddresses | RemoveAddresses | Announce) -> list[MemberAction]:
    parts = []
    for index, member in enumerate(group.members):
        mine = tuple(a for a in action.addresses if a.version == member.source.version)
        if mine:
            parts.append(MemberAction(index, replace(action, addresses=mine)))
    return parts
