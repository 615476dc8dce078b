"""What keepalived is to be told, as things are: a pure decision, with the time as an argument.

keepalived elects by itself. The agent lowers its priority by a track file while the node is not healthy, gives the
addresses away by a value that means FAULT, and makes it displace a Master that is not healthy by another
configuration, which it would not do by itself under `nopreempt`. Seconds are on the engine's clock.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from vipalived.vrrp.model import RANKS, RESIGN, Advert, Reason, Standing
from vipalived.vrrp.moves import patience_with
from vipalived.vrrp.packet import IPAddress

FAULT_VALUE: Final = -254
"""keepalived takes such a sum for a fault: two advertisements of priority 0, and the addresses go at once."""
ALONE: Final = 1.0
"""Seconds beyond an Advertisement_Interval: a Backup that heard the resignation has advertised by then."""
_RECENT: Final = 1.0
_HEARS: Final = 2.5
"""Intervals of a Backup in which it hears a Master if there is one; keepalived claims after three at the earliest."""
_COUNTS: Final = 3.0
"""Intervals that a stranger's sign counts for, and a second more."""


class Role(StrEnum):
    """keepalived's state."""

    INITIALIZE = "INITIALIZE"
    BACKUP = "BACKUP"
    MASTER = "MASTER"
    FAULT = "FAULT"


@dataclass(frozen=True, slots=True)
class Wish:
    """`value` is for the track file; `displacing` chooses the configuration; `due` is when to think again."""

    value: int
    displacing: bool
    due: float


@dataclass(frozen=True, slots=True)
class _Heard:
    source: IPAddress
    priority: int
    at: float


class Mind:
    """Facts in, `wish` out. `priority` is what keepalived is configured with, `interval` Advertisement_Interval."""

    def __init__(self, priority: int, interval: float, *, acquainted: bool = True) -> None:
        self.priority, self.interval, self.acquainted = priority, interval, acquainted
        self.standing = Standing.HEALTHY
        self.released = False
        self.role = Role.INITIALIZE
        self._master: _Heard | None = None
        self._last: _Heard | None = None
        self._displace_at = math.inf
        self._giving_until = -math.inf
        self._giving_for: Reason | None = None
        self._left_fault_for = Reason.LINK_UP
        self._occupied_until = self._hold_at = -math.inf
        self._holding = False

    @property
    def held_back(self) -> bool:
        """Whether a stranger keeps the node from its first claim."""
        return self._holding

    @property
    def effective(self) -> int:
        """What the node takes part with."""
        return min(self.priority, RANKS.get(self.standing, self.priority))

    # facts

    def stands(self, standing: Standing, now: float) -> None:
        """The health check changed its mind."""
        died = standing is Standing.DEAD and self.standing is not Standing.DEAD
        self.standing = standing
        if died and self.role is Role.MASTER:
            self._give(Reason.UNHEALTHY, now + self.interval + ALONE)
        elif standing is not Standing.DEAD and self._giving_for is Reason.UNHEALTHY:
            self._keep(Reason.HEALTHY)
        self._consider(now)

    def release(self, now: float) -> None:
        """The operator wants the addresses elsewhere."""
        self.released = True
        self._consider(now)

    def rejoin(self, now: float) -> None:
        """The operator lets the node take part again."""
        self.released = False
        self._left_fault_for = Reason.REJOINED
        self._consider(now)

    def reconfigure(self, priority: int, interval: float, now: float) -> None:
        """keepalived runs with other values from now on."""
        self.priority, self.interval = priority, interval
        self._consider(now)

    def misses(self, now: float, rest: float) -> None:
        """A Master has not got its addresses on the interface, and is of no use for some seconds."""
        self._give(Reason.ADDRESS_MISSING, now + rest)
        self._consider(now)

    def hears(self, advert: Advert, now: float) -> None:
        """Another router's advertisement."""
        self._last = heard = _Heard(advert.source, advert.priority, now)
        if advert.priority == RESIGN:
            if self._master is not None and self._master.source == advert.source:
                self._master = None
        elif not self._stray(heard):
            self._master = heard
            if self._giving_for is Reason.UNHEALTHY and self.role is Role.FAULT:
                self._keep(Reason.UNHEALTHY)
        self._consider(now)

    def meets(self) -> None:
        """It has heard a router of its kind, or claimed: from now on it claims as VRRP says."""
        self.acquainted = True
        self._let_claim()

    def sees_stranger(self, now: float) -> None:
        """Somebody answers for the addresses, or advertises their virtual router's ID, who is no router of its kind."""
        if not self.acquainted:
            self._occupied_until = now + _COUNTS * self.interval + 1

    def _let_claim(self) -> None:
        if self._holding:
            self._holding, self._left_fault_for = False, Reason.STRANGER_GONE

    def becomes(self, role: Role, now: float) -> Reason | None:
        """keepalived's new state; why, or None when it is none."""
        if role is self.role:
            return None
        reason = self._reason(role, now)
        self.role = role
        if role is Role.BACKUP:
            self._hold_at = now + _HEARS * self.interval
        if role is Role.MASTER:
            self._master = None
            self.meets()
        self._consider(now)
        return reason

    # conclusions

    def wish(self, now: float) -> Wish:
        """What keepalived should be told now."""
        if now >= self._giving_until and self._giving_for is not None:
            self._keep(self._giving_for)
            self._consider(now)
        hold_due = self._hold(now)
        out = self.released or self._giving_for or self._holding
        value = FAULT_VALUE if out else self.effective - self.priority
        displacing = now >= self._displace_at
        due = min(
            self._giving_until if self._giving_for else math.inf,
            math.inf if displacing else self._displace_at,
            hold_due,
        )
        return Wish(value, displacing, due)

    def _hold(self, now: float) -> float:
        """Whether to keep keepalived from its first claim, and when to think of that again."""
        if self.acquainted or now >= self._occupied_until:
            self._let_claim()
            return math.inf
        if self.role is Role.BACKUP and now < self._hold_at:
            return self._hold_at
        self._holding = self._holding or self.role is Role.BACKUP
        return self._occupied_until

    def _give(self, reason: Reason, until: float) -> None:
        self._giving_for, self._giving_until = reason, until

    def _keep(self, reason: Reason) -> None:
        self._giving_for, self._left_fault_for = None, reason

    def _stray(self, heard: _Heard) -> bool:
        """The last word of a last resort, while another one is Master, says nothing of the Master."""
        known = self._master
        if known is None or known.source == heard.source or heard.priority not in RANKS.values():
            return False
        return known.priority > heard.priority and heard.at - known.at < 3 * self.interval + 1

    def _consider(self, now: float) -> None:
        """When to displace the Master, as things are; a wait under way is not begun anew."""
        able = self.role is Role.BACKUP and not self.released and self._giving_for is None
        master = self._master if able else None
        wait = patience_with(master.priority, self.effective, self.standing) if master else None
        self._displace_at = math.inf if wait is None else min(self._displace_at, now + wait)

    def _reason(self, role: Role, now: float) -> Reason:
        match role:
            case Role.FAULT:
                if self._holding and not (self.released or self._giving_for):
                    return Reason.FOREIGN_HOLDER
                return Reason.RELEASED if self.released else self._giving_for or Reason.LINK_DOWN
            case Role.BACKUP:
                return self._reason_of_backup(now)
            case Role.MASTER if now >= self._displace_at:
                return Reason.MASTER_UNHEALTHY
            case Role.MASTER:
                resigned = self._last is not None and self._last.priority == RESIGN
                return Reason.MASTER_RESIGNED if resigned else Reason.MASTER_DOWN
            case _:
                return Reason.DAEMON_ENDED

    def _reason_of_backup(self, now: float) -> Reason:
        match self.role:
            case Role.INITIALIZE:
                return Reason.STARTUP
            case Role.MASTER:
                last = self._last
                beaten = last is not None and now - last.at < _RECENT and last.priority >= self.effective
                return Reason.BETTER_CLAIM if beaten else Reason.ADDRESS_LOST
            case _:
                reason, self._left_fault_for = self._left_fault_for, Reason.LINK_UP
                return reason
