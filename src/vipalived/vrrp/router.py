"""One virtual router as a pure function: configuration, state, event and time in; state and actions out.

The event table is RFC 9568 section 6.4; the deliberate departures from it are fields of `Config`:

- Taking over: Backup -> Claiming -> Master. A claim is an advertisement; whoever hears a better one (higher
  priority, then higher address) steps back before it has touched anybody's ARP cache.
- Under nopreempt the one that has been Master all along stays: a better router is answered once and obeyed at its
  next advertisement, and who may have been deaf since its start gives back what it has taken to whom it hears
  advertise and claim by ARP.
- Giving away: Master -> Resigning -> Backup or Initialize. The addresses stay until the successor owns them.
  A resigning router sends no ARP and, whatever it hears, never again its own priority. To an heir on the same
  node it leaves them without a word, Master -> Initialize, and that one begins with a claim.
- A step that comes more than Master_Down_Interval late finds a router that may have been succeeded: it claims
  anew while its lease lasts, and without one it lets go and listens. Read every queued packet before `Timer`.

Every role carries its own deadlines, so a stale timer cannot exist. Only what passed `packet.decode` becomes
an `Advert`: a rejected packet cannot move a timer because there is no event for it.
"""

from __future__ import annotations

import math
from typing import assert_never

from msgspec.structs import replace

from vipalived.vrrp.model import (
    OWNER,
    RESIGN,
    Action,
    AddressLost,
    Adopting,
    Advert,
    Announce,
    Backup,
    Bar,
    Claiming,
    Config,
    Event,
    ForeignClaim,
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
from vipalived.vrrp.moves import (
    Turn,
    backup_hears,
    bequeath,
    claim,
    claim_at,
    defend,
    depart,
    displacing,
    effective_priority,
    held_back,
    hold_back,
    holds,
    keep,
    master_hears,
    master_timer,
    meet,
    newcomer,
    own,
    resign,
    resigning_hears,
    resigning_timer,
    rest,
    takes_part,
    yield_to,
)

__all__ = ["deadline", "effective_priority", "held_back", "holds", "step", "takes_part"]


def step(config: Config, state: State, event: Event, now: float) -> tuple[State, tuple[Action, ...]]:
    """What `event` at `now` makes of `state`, and what to do about it, in this order."""
    before = event.previous if isinstance(event, Reconfigured) else config
    state, event = meet(config, state, event)
    turn = _after_stall(Turn(before, now, state), event)
    turn = _handle(turn, event, config)
    return turn.state, turn.actions


def deadline(state: State) -> float | None:
    """When the router wants `Timer`, if ever."""
    match role := state.role:
        case Initialize():
            return None
        case Backup():
            return min(claim_at(state, role), role.displace_at)
        case Adopting() | Claiming():
            return role.until
        case Master():
            return min(role.adver_at, role.renew_at, role.refresh_at, role.again_at, *role.rounds[:1])
        case Resigning():
            return min(role.until, role.resign_at, role.renew_at)
        case _:
            assert_never(role)


def _handle(turn: Turn, event: Event, config: Config) -> Turn:
    state = turn.state
    match event:
        case Timer():
            return _timer(turn)
        case Advert():
            return _hears(turn, event)
        case ForeignClaim():
            return _sees_claim(turn)
        case Stranger():
            return hold_back(turn) if isinstance(state.role, Backup) else turn
        case AddressLost():
            held = isinstance(state.role, Master)
            return turn.adds().does(Announce(config.addresses)) if held else turn
        case Reconfigured():
            return _reconfigure(turn, replace(turn, config=config))
        case Startup():
            known = state.acquainted or event.acquainted or event.leftover
            return _start(turn, replace(state, started=True, acquainted=known), event)
        case Shutdown(heir=True) if isinstance(state.role, Master):
            return bequeath(turn)
        case Shutdown() | Release() | Rejoin() | Bar() | Health() | Link():
            return _settle(turn, *_told(turn, event))
        case _:
            assert_never(event)


def _told(turn: Turn, event: Shutdown | Release | Rejoin | Bar | Health | Link) -> tuple[Turn, Reason]:
    """The turn with the new fact about the world, and how the log calls it."""
    state = turn.state
    match event:
        case Shutdown():
            fact, reason = replace(state, started=False), Reason.SHUTDOWN
        case Release(forced):
            fact, reason = replace(state, released=True, reluctant=not forced), Reason.RELEASED
        case Rejoin():
            fact, reason = replace(state, released=False, reluctant=False), Reason.REJOINED
        case Bar(on):
            fact = replace(state, barred=on)
            reason = Reason.OWN_ADDRESS if on else Reason.OWN_ADDRESS_GONE
        case Health(standing, steady):
            fact = replace(state, standing=standing, steady=steady)
            reason = Reason.HEALTHY if standing is Standing.HEALTHY else Reason.UNHEALTHY
        case Link(up):
            fact, reason = replace(state, link=up), Reason.LINK_UP if up else Reason.LINK_DOWN
        case _:
            assert_never(event)
    return replace(turn, state=fact), reason


def _start(turn: Turn, state: State, event: Startup) -> Turn:
    after = replace(turn, state=state)
    if not event.leftover or not isinstance(state.role, Initialize):
        return _settle(turn, after, Reason.STARTUP)
    if not after.takes_part:
        return after.does(RemoveAddresses(turn.config.addresses))
    if event.inherited:
        return claim(after.adds(), Reason.SUCCESSION, held=True)
    # A living Master is heard within an interval; a dead one's Backups wait for three.
    until = turn.now + turn.config.interval + turn.config.skew(after.priority, turn.config.interval)
    return after.adds().to(Adopting(until), Reason.ADOPTED)


def _settle(before: Turn, after: Turn, reason: Reason) -> Turn:
    """Draw the conclusion from a new fact or a new configuration."""
    role = after.state.role
    if not after.takes_part:
        if after.state.link:
            return resign(after, reason)
        return after.removes().to(Initialize(), reason)
    if isinstance(role, Initialize):
        # The address owner need not wait (RFC 9568 section 6.4.1), unless it has been told not to preempt.
        if reason in {Reason.STARTUP, Reason.LINK_UP}:
            after = replace(after, state=newcomer(after))
        at_once = after.priority == OWNER and after.config.preempt and not after.config.start_delay
        return claim(after, reason) if at_once else after.to(after.backup(), reason)
    died = before.state.standing is not after.state.standing is Standing.DEAD
    if died and isinstance(role, Claiming) and not role.held:
        # Nobody may have the addresses, and nobody else want them: to let go now would cost another wait.
        return after.does(SendAdvert(after.priority)).stay(replace(role, dying=True))
    if died and isinstance(role, Master | Claiming):
        return resign(after, reason)
    if before.priority != after.priority:
        return _reprioritize(before, after)
    return after.stay(displacing(after, role)) if isinstance(role, Backup) else after


def _reprioritize(before: Turn, after: Turn) -> Turn:
    match role := after.state.role:
        case Backup():
            # Keep the time already waited, as keepalived does.
            old, new = _wait(before, role), _wait(after, role)
            role = replace(role, master_down_at=role.master_down_at - old + new)
            return after.stay(displacing(after, role))
        case Master():
            return after.does(SendAdvert(after.priority)).stay(replace(role, sent_at=after.now))
        case Claiming():
            # Others may have stepped back for what it was.
            return after.does(SendAdvert(after.priority))
        case _:
            return after


def _wait(turn: Turn, role: Backup) -> float:
    """How long a Backup waits after the last word of its Master."""
    config, priority = turn.config, turn.priority
    if role.reason is Reason.MASTER_DOWN:
        return config.down(priority, role.interval)
    # Else who has just become the better one claims after the worse one, and unseats it.
    return config.succession(priority, role.interval)


def _reconfigure(before: Turn, after: Turn) -> Turn:
    gone = tuple(a for a in before.config.addresses if a not in after.config.addresses)
    if gone and holds(after.state):
        after = after.does(RemoveAddresses(gone))
    if isinstance(role := after.state.role, Backup) and role.master is None:
        # Nobody's interval is known: the wait under way is for one's own, which may be shorter now.
        soonest = min(role.master_down_at, after.backup().master_down_at)
        after = after.stay(replace(role, master_down_at=soonest, interval=after.config.interval))
    if not (isinstance(role := after.state.role, Master) and after.takes_part):
        return _settle(before, after, Reason.RECONFIGURED)
    config, now = after.config, after.now
    fresh = not set(config.addresses) <= set(before.config.addresses)
    rounds = config.garp.batch(now, config.garp.repeat) if fresh else ()
    master = replace(
        role,
        adver_at=now + config.interval,
        sent_at=now,
        renew_at=now + config.renewal,
        lease_until=now + config.lease,
        rounds=tuple(sorted((*role.rounds, *rounds))),
        refresh_at=now + (config.garp.refresh or math.inf),
    )
    return keep(after.does(SendAdvert(after.priority)).adds(), master)


def _after_stall(turn: Turn, event: Event) -> Turn:
    """A step later than Master_Down_Interval: others may have taken over meanwhile."""
    config, role, now = turn.config, turn.state.role, turn.now
    match role:
        case Master() | Claiming():
            since, interval = role.sent_at, config.interval
        case Backup():
            since, interval = claim_at(turn.state, role), role.interval
        case _:
            return turn
    if now - since <= config.down(turn.priority, interval):
        return turn
    # Somebody else's packet, read before the timer: that one has taken over. Otherwise nobody has that we
    # could have heard, and while the lease runs the addresses need not be let go to ask once more.
    leased = isinstance(role, Master) and now < role.lease_until
    if leased and not isinstance(event, Advert | ForeignClaim):
        return claim(turn, Reason.STALLED, held=True)
    listening = Backup(now + interval + config.skew(turn.priority, interval), interval)
    if isinstance(event, Advert):
        turn = depart(turn, event)
    elif holds(turn.state) and config.parting_advert:
        # A Master behind a partition that ends just now tells the clients when it hears this; nobody else would.
        turn = turn.does(SendAdvert(RESIGN))
    return turn.removes().to(listening, Reason.STALLED)


def _timer(turn: Turn) -> Turn:
    due = deadline(turn.state)
    if due is not None and turn.now < due:
        return turn
    match role := turn.state.role:
        case Initialize():
            return turn
        case Backup():
            displaces = turn.now < role.master_down_at
            return claim(turn, role.displace_reason if displaces else role.reason)
        case Adopting():
            return claim(turn, Reason.ADOPTED, held=True)
        case Claiming():
            owned = own(turn, Reason.CLAIM_UNOPPOSED, contested=role.contested)
            return resign(owned, Reason.UNHEALTHY) if role.dying else owned
        case Master():
            return master_timer(turn, role)
        case Resigning():
            return resigning_timer(turn, role)
        case _:
            assert_never(role)


def _hears(turn: Turn, advert: Advert) -> Turn:
    match role := turn.state.role:
        case Initialize():
            return turn
        case Backup():
            return turn.stay(backup_hears(turn, role, advert))
        case Adopting():
            successor = backup_hears(turn, turn.backup(), advert)
            return rest(depart(turn, advert), Reason.FOREIGN_HOLDER, successor)
        case Claiming():
            if turn.loses_to(advert):
                return yield_to(turn, advert, turn.now)
            return turn.stay(replace(role, contested=True))
        case Master():
            return master_hears(turn, role, advert)
        case Resigning():
            return resigning_hears(turn, role, advert)
        case _:
            assert_never(role)


def _sees_claim(turn: Turn) -> Turn:
    """Another host's ARP says that it has the address."""
    match role := turn.state.role:
        case Master():
            return defend(turn, role)
        case Resigning():
            until = min(role.until, turn.now + turn.config.linger)
            successor = role.successor or turn.backup()
            return turn.stay(Resigning(until, math.inf, role.renew_at, successor))
        case Adopting():
            return rest(turn, Reason.FOREIGN_HOLDER)
        case Backup():
            return hold_back(turn)
        case _:
            return turn
