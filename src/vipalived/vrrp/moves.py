"""The moves of a virtual router: taking the addresses, keeping them known, giving them away.

`router.step` decides which move an event calls for; each move here is a function from `Turn` to `Turn`.
"""

from __future__ import annotations

import math

from msgspec import Struct
from msgspec.structs import replace

from vipalived.vrrp.model import (
    ANSWER_GAP,
    CHALLENGE,
    DEAF,
    DEFEND_GAP,
    ECHOES,
    PATIENCE,
    RANKS,
    RESIGN,
    Action,
    AddAddresses,
    Adopting,
    Advert,
    Announce,
    Backup,
    Changed,
    Claiming,
    Config,
    Event,
    Initialize,
    Master,
    Reason,
    RemoveAddresses,
    Resigning,
    Role,
    SendAdvert,
    Standing,
    State,
    Stranger,
)
from vipalived.vrrp.timers import PARTING


def takes_part(config: Config, state: State) -> bool:
    """Whether the router competes for the addresses at all."""
    able = state.standing is Standing.HEALTHY or config.last_resort
    return state.started and state.link and not state.released and not state.barred and able


def effective_priority(config: Config, state: State) -> int:
    """The configured priority, or that of a standing that is not healthy."""
    return min(config.priority, RANKS.get(state.standing, config.priority))


def holds(state: State) -> bool:
    """Whether the addresses should be on the interface: what a guard compares with what is there."""
    role = state.role
    return isinstance(role, Master | Resigning | Adopting) or (isinstance(role, Claiming) and role.held)


class Turn(Struct, frozen=True):
    """A step in progress: what it sees, what it has done so far."""

    config: Config
    now: float
    state: State
    actions: tuple[Action, ...] = ()

    @property
    def takes_part(self) -> bool:
        """Whether the router competes for the addresses."""
        return takes_part(self.config, self.state)

    @property
    def priority(self) -> int:
        """The effective priority."""
        return effective_priority(self.config, self.state)

    def does(self, *actions: Action) -> Turn:
        """Do this too, after the rest."""
        return replace(self, actions=self.actions + actions)

    def to(self, role: Role, reason: Reason) -> Turn:
        """Take on `role`, and say so if it is another kind."""
        old, new = type(self.state.role), type(role)
        turn = self.stay(role)
        return turn if old is new else turn.does(Changed(old, new, reason))

    def stay(self, role: Role) -> Turn:
        """The same kind of role with other particulars."""
        return replace(self, state=replace(self.state, role=role))

    def adds(self) -> Turn:
        """Put the addresses on the interface, or renew their lease."""
        return self.does(AddAddresses(self.config.addresses, self.config.lease))

    def removes(self) -> Turn:
        """Take the addresses off the interface, if they are there."""
        return self.does(RemoveAddresses(self.config.addresses)) if holds(self.state) else self

    def loses_to(self, advert: Advert) -> bool:
        """Higher priority, then higher address (RFC 9568 section 6.4.3)."""
        return (advert.priority, int(advert.source)) > (self.priority, int(self.config.source))

    def backup(self) -> Backup:
        """A Backup that has just come to be: it waits one Master_Down_Interval of its own."""
        interval = self.config.interval
        return Backup(self.now + self.config.down(self.priority, interval), interval)


def claim(turn: Turn, reason: Reason, *, held: bool = False) -> Turn:
    """Advertise and listen; without a claim window, own at once as the RFC says."""
    window, turn = turn.config.window, replace(turn, state=replace(turn.state, acquainted=True))
    if not window:
        return own(turn, reason)
    return turn.does(SendAdvert(turn.priority)).to(Claiming(turn.now + window, turn.now, held), reason)


def own(turn: Turn, reason: Reason, *, contested: bool = False) -> Turn:
    """Become Master. After a claim this advertises again: one lost packet must not make two holders."""
    config, now, garp = turn.config, turn.now, turn.config.garp
    later = garp.batch(now + garp.delay, garp.repeat) if garp.delay else ()
    echoes = tuple(now + echo for echo in ECHOES[1:]) if contested else ()
    master = Master(
        adver_at=now + config.interval,
        sent_at=now,
        renew_at=now + config.renewal,
        lease_until=now + config.lease,
        rounds=tuple(sorted(garp.batch(now, garp.repeat) + later + echoes)),
        refresh_at=now + (garp.refresh or math.inf),
    )
    return announce(turn.does(SendAdvert(turn.priority)).adds(), master, reason)


def announce(turn: Turn, master: Master, reason: Reason) -> Turn:
    """Be `master`, and send the gratuitous ARP rounds that are due."""
    due = sum(at <= turn.now for at in master.rounds)
    turn = turn.does(Announce(turn.config.addresses, due)) if due else turn
    return turn.to(replace(master, rounds=master.rounds[due:]), reason)


def keep(turn: Turn, master: Master) -> Turn:
    """Carry on as Master without a change of role."""
    return announce(turn, master, Reason.CLAIM_UNOPPOSED)


def master_timer(turn: Turn, master: Master) -> Turn:
    """Whatever is due: advertisement, lease, gratuitous ARP."""
    config, now, garp = turn.config, turn.now, turn.config.garp
    early = 0.0
    if now >= master.adver_at:
        # What is due before the next one is renewed together with an advertisement: nothing wakes up for it alone.
        early = config.interval
        # Keep the beat, unless the step is so late that two advertisements would follow each other.
        following = max(master.adver_at, now - config.interval / 2) + config.interval
        turn = turn.does(SendAdvert(turn.priority))
        master = replace(master, adver_at=following, sent_at=now)
    if now >= master.again_at:
        turn = turn.does(SendAdvert(turn.priority))
        master = replace(master, again_at=math.inf, sent_at=now)
    if now >= master.renew_at - early:
        turn = turn.adds()
        master = replace(master, renew_at=now + config.renewal, lease_until=now + config.lease)
    if now >= master.refresh_at:
        rounds = sorted((*master.rounds, *garp.batch(now, garp.refresh_repeat)))
        master = replace(master, rounds=tuple(rounds), refresh_at=now + garp.refresh)
    return keep(turn, master)


def master_hears(turn: Turn, master: Master, advert: Advert) -> Turn:
    """RFC 9568 section 6.4.3; whoever is not better may have left its MAC address in a cache."""
    if turn.loses_to(advert):
        if not is_challenge(turn, master, advert):
            return yield_to(turn, advert, master.renew_at)
        return challenged(turn, master, advert)
    turn, master = answer(turn, master, advert)
    return echo(turn, replace(master, loser=advert, lost_at=turn.now))


def challenged(turn: Turn, master: Master, advert: Advert) -> Turn:
    """Answer a better router, and once more as soon as its next sign counts: by then it gives way, or is obeyed."""
    turn, master = answer(turn, master, advert)
    if master.challenger != advert.source or turn.now - master.challenged_at >= CHALLENGE:
        again = turn.now + CHALLENGE + ANSWER_GAP
        master = replace(master, challenger=advert.source, challenged_at=turn.now, again_at=again)
    return echo(turn, master)


def answer(turn: Turn, master: Master, advert: Advert) -> tuple[Turn, Master]:
    """Advertise at once, so that the other one knows; not again within ANSWER_GAP."""
    now = turn.now
    if now - master.answered_at < ANSWER_GAP:
        return turn, master
    due = now + turn.config.interval if advert.priority == RESIGN else master.adver_at
    return turn.does(SendAdvert(turn.priority)), replace(master, answered_at=now, sent_at=now, adver_at=due)


def is_challenge(turn: Turn, master: Master, advert: Advert) -> bool:
    """Whether a better router is to say so once more: under nopreempt it may be a latecomer, that gives way itself.

    It does when it hears an answer, if it has heard nobody since its start; any other one answers back.
    """
    config = turn.config
    since = turn.now - master.challenged_at if master.challenger == advert.source else math.inf
    proven = CHALLENGE <= since <= CHALLENGE + config.down(turn.priority, config.interval)
    stays = config.incumbent_stays and not config.preempt and turn.state.standing is Standing.HEALTHY
    return stays and not proven


def incumbent(turn: Turn, master: Master) -> Advert | None:
    """The worse router that has been Master all along, under nopreempt: it has just advertised, and now claims by ARP.

    An advertisement alone proves nothing: it may be a mistaken claim, or an old one that a loop repeats.
    """
    config, now, other = turn.config, turn.now, master.loser
    if other is None or config.preempt or now >= turn.state.deaf_until:
        return None
    recent = now - master.lost_at <= config.down(turn.priority, config.interval)
    lives = other.priority != RESIGN and not _is_rank(config, other.priority)
    return other if recent and lives else None


def give_back(turn: Turn, master: Master, advert: Advert) -> Turn:
    """Leave the addresses to a worse router, which repeats its ARP when it hears the parting advertisement."""
    successor = backup_hears(turn, turn.backup(), advert)
    if turn.config.parting_advert:
        turn = turn.does(SendAdvert(parting(turn.config, turn.priority)))
    if not turn.config.hitless:
        return rest(turn, Reason.FOREIGN_HOLDER, successor)
    leaving = Resigning(turn.now + turn.config.handover, math.inf, master.renew_at, successor)
    return turn.to(leaving, Reason.FOREIGN_HOLDER)


def newcomer(turn: Turn) -> State:
    """The state of a router that begins to take part: it hears nobody yet, and perhaps cannot."""
    config, now = turn.config, turn.now
    wait = (
        config.start_delay + config.down(turn.priority, config.interval) if config.start_delay else -math.inf
    )
    deaf = DEAF if config.incumbent_stays else -math.inf
    return replace(turn.state, waits_until=now + wait, deaf_until=now + deaf)


def echo(turn: Turn, master: Master) -> Turn:
    """Repeat the gratuitous ARP over a loser's, unless repeats that come late enough are due anyway."""
    if turn.now - master.echoed_at < ECHOES[-1] - ECHOES[1]:
        return keep(turn, master)
    rounds = sorted((*master.rounds, *(turn.now + after for after in ECHOES)))
    return keep(turn, replace(master, rounds=tuple(rounds), echoed_at=turn.now))


def defend(turn: Turn, master: Master) -> Turn:
    """Answer a foreign claim by ARP, once it has turned out not to be a better router's, or the incumbent's.

    FRR says by a neighbour advertisement that it has taken over, and up to an interval later by its first
    advertisement; a holder that has answered in between leaves the clients with a stale cache for good.
    """
    if (other := incumbent(turn, master)) is not None:
        return give_back(turn, master, other)
    if turn.now < master.defended_at:
        return turn
    at = max(turn.now + turn.config.interval, master.defended_at + DEFEND_GAP)
    return keep(turn, replace(master, rounds=tuple(sorted((*master.rounds, at))), defended_at=at))


def resign(turn: Turn, reason: Reason) -> Turn:
    """Give the addresses away for good: priority 0, and keep them until the successor owns them."""
    match role := turn.state.role:
        case Initialize() | Resigning():
            return turn
        case Backup() | Adopting():
            return rest(turn, reason)
        case _:
            turn = turn.does(SendAdvert(RESIGN))
    if not (turn.config.hitless and holds(turn.state)):
        return rest(turn, reason)
    config, now = turn.config, turn.now
    # Priority 0 waits longest: by then every Backup has timed out, even one that heard no resignation.
    down = config.down(RESIGN, config.interval)
    resigning = Resigning(now + min(down, PARTING), now + config.interval, now)
    if isinstance(role, Master):
        lost = role.loser if now - role.lost_at <= down else None
        resigning = replace(
            resigning, renew_at=role.renew_at, loser=lost.source if lost is not None else None
        )
    return turn.to(resigning, reason)


def bequeath(turn: Turn) -> Turn:
    """Leave the addresses on the node to the next router there: nobody else is to notice.

    An advertisement and a renewal just before give it all the time that there is.
    """
    turn = turn.does(SendAdvert(turn.priority)).adds()
    ended = replace(turn.state, started=False)
    return replace(turn, state=ended).to(Initialize(), Reason.SUCCESSION)


def yield_to(turn: Turn, advert: Advert, renew_at: float) -> Turn:
    """A better router claims what this one has: keep it until that one owns it.

    The parting advertisement makes a winner that has been Master all along, after a partition, repeat its
    ARP: it would never learn otherwise that there was a second holder.
    """
    config, now = turn.config, turn.now
    successor = backup_hears(turn, turn.backup(), advert)
    if isinstance(turn.state.role, Master) and config.parting_advert:
        turn = turn.does(SendAdvert(parting(config, turn.priority)))
    if not (config.hitless and holds(turn.state)):
        return turn.removes().to(successor, Reason.BETTER_CLAIM)
    leaving = Resigning(now + config.handover, math.inf, renew_at, successor)
    return turn.to(leaving, Reason.BETTER_CLAIM)


def parting(config: Config, usual: int) -> int:
    """The priority of a parting advertisement: under nopreempt one that nobody takes for a Master's that goes on."""
    if config.preempt or not config.incumbent_stays:
        return usual
    return min(RANKS.values()) if config.last_resort else RESIGN


def depart(turn: Turn, advert: Advert) -> Turn:
    """Let go of addresses that another router turns out to hold; it must hear that it was not the only one.

    The parting advertisement is made to lose, whatever this router's priority: it has no claim to defend.
    """
    priority = parting(turn.config, advert.priority - 1)
    parts = turn.config.parting_advert and holds(turn.state) and priority > RESIGN
    return turn.does(SendAdvert(priority)) if parts else turn


def rest(turn: Turn, reason: Reason, backup: Backup | None = None) -> Turn:
    """Hold nothing: as a Backup, or in Initialize when there is no taking part."""
    role = (backup or turn.backup()) if turn.takes_part else Initialize()
    return turn.removes().to(role, reason)


def resigning_timer(turn: Turn, role: Resigning) -> Turn:
    """Repeat priority 0 (once an interval is never often enough to postpone a Backup), renew, let go."""
    config, now = turn.config, turn.now
    if now >= role.until:
        if role.successor is not None:
            # A successor that was Master all along, behind a partition, tells the clients when it hears this.
            turn = turn.does(SendAdvert(RESIGN)) if role.silent else turn
            return rest(turn, Reason.SUCCESSOR_OWNS, role.successor)
        if turn.state.reluctant:
            turn = replace(turn, state=replace(turn.state, released=False, reluctant=False))
        reason = Reason.NO_SUCCESSOR
        return claim(turn, reason, held=True) if turn.takes_part else rest(turn, reason)
    if now >= role.resign_at:
        turn, role = turn.does(SendAdvert(RESIGN)), replace(role, resign_at=now + config.interval)
    if now >= role.renew_at:
        turn, role = turn.adds(), replace(role, renew_at=now + config.renewal)
    return turn.stay(role)


def resigning_hears(turn: Turn, role: Resigning, advert: Advert) -> Turn:
    """Any claim is the successor's, and never answered, but for who claimed and lost just before: its ARP will tell.

    Two that resign at once, after a partition, would wait for each other: the lower address lets go.
    """
    if advert.source == role.loser:
        return turn
    successor = backup_hears(turn, role.successor or turn.backup(), advert)
    if role.successor is None and advert.priority == RESIGN:
        alone = int(advert.source) < int(turn.config.source)
        return turn if alone else rest(turn, Reason.FOREIGN_HOLDER, successor)
    until = min(role.until, turn.now + turn.config.handover)
    silent = role.silent or role.successor is None
    return turn.stay(Resigning(until, math.inf, role.renew_at, successor, silent))


def meet(config: Config, state: State, event: Event) -> tuple[State, Event]:
    """What an advertisement is to who has met no other router yet: an acquaintance, or a stranger's.

    Later on its addresses do not matter (RFC 9568 section 7.1 has a receiver log it): they may be about to change.
    """
    if not isinstance(event, Advert):
        return state, event
    if event.strange and config.ask_first and not state.acquainted:
        return state, Stranger(event.source)
    state = replace(state, acquainted=True)
    if isinstance(state.role, Backup):
        # It hears: whatever it takes from now on, it takes knowingly.
        state = replace(state, waits_until=-math.inf, deaf_until=-math.inf)
    return state, event


def claim_at(state: State, role: Backup) -> float:
    """When a Backup takes over from a Master that is silent."""
    at = max(role.master_down_at, state.waits_until)
    return at if state.acquainted else max(at, state.occupied_until)


def held_back(state: State, now: float) -> bool:
    """Whether nothing but a stranger keeps the router from its first claim."""
    role = state.role
    due = isinstance(role, Backup) and max(role.master_down_at, state.waits_until) <= now
    return due and not state.acquainted and now < state.occupied_until


def hold_back(turn: Turn) -> Turn:
    """A stranger has the addresses, or their virtual router's ID: before the first claim that counts like a Master.

    Only then: who has met a Master claims when that one falls silent, whoever else may still answer for the
    addresses. Its node may be left without a daemon.
    """
    config, state = turn.config, turn.state
    if state.acquainted or not config.ask_first:
        return turn
    until = turn.now + config.down(turn.priority, config.interval)
    return replace(turn, state=replace(state, occupied_until=until))


def backup_hears(turn: Turn, role: Backup, advert: Advert) -> Backup:
    """RFC 9568 section 6.4.2, and the departures that shorten a Backup's wait."""
    config, now, own_priority = turn.config, turn.now, turn.priority
    weak = _patience(turn, advert.priority) is not None
    if (advert.priority == RESIGN or weak) and role.master not in (None, advert.source):
        # A resignation's late copy, or the last word of a last resort, must not unseat who has taken over since.
        return role
    if advert.priority == RESIGN:
        at = now + config.succession(own_priority, role.interval)
        soonest = min(at, role.master_down_at) if config.prompt_succession else at
        return replace(role, master_down_at=soonest, reason=Reason.MASTER_RESIGNED)
    if role.reason is Reason.MASTER_RESIGNED and advert.priority < own_priority:
        # Of two that succeed the better one claims first: this is a loser, which was there before.
        return role
    heard = role if _is_incumbent(turn, role, advert) else _follows(turn, role, advert)
    low = _is_rank(config, advert.priority)
    if config.preempt and advert.priority < own_priority and not low and not _holds_back(turn):
        return displacing(turn, heard)
    interval = advert.interval if config.version == 3 else config.interval
    down_at = now + config.down(own_priority, interval)
    follows = replace(heard, master_down_at=down_at, interval=interval, reason=Reason.MASTER_DOWN)
    return displacing(turn, follows)


def _follows(turn: Turn, role: Backup, advert: Advert) -> Backup:
    return replace(role, master=advert.source, master_priority=advert.priority, heard_at=turn.now)


def _is_incumbent(turn: Turn, role: Backup, advert: Advert) -> bool:
    """Whether a Master that was heard within an interval and a half is still the one that can resign.

    It is where it is better; and under nopreempt until it says that it is not healthy, as it may be the incumbent.
    """
    if role.master in (None, advert.source) or turn.now - role.heard_at > 1.5 * role.interval:
        return False
    config, known = turn.config, role.master_priority or 0
    stays = config.incumbent_stays and not config.preempt and known not in RANKS.values()
    return stays or (advert.priority, int(advert.source)) < (known, int(role.master or 0))


def displacing(turn: Turn, role: Backup) -> Backup:
    """When to displace a Master that is not healthy, or worse; a wait under way for the same reason goes on."""
    wait, reason = _wait_for(turn, role.master_priority)
    at = turn.now + wait
    if role.displace_reason is reason and wait < math.inf:
        at = min(at, role.displace_at)
    return replace(role, displace_at=at, displace_reason=reason)


def _wait_for(turn: Turn, master_priority: int | None) -> tuple[float, Reason]:
    """How long to wait before displacing a Master of this priority, and why; inf: it may stay."""
    config, own_priority = turn.config, turn.priority
    patience = _patience(turn, master_priority)
    if patience is not None:
        return patience or config.succession(own_priority, config.interval), Reason.MASTER_UNHEALTHY
    worse = master_priority is not None and master_priority < own_priority
    sick = _is_rank(config, master_priority)
    if config.preempt and config.preempt_delay and worse and not sick and turn.state.steady:
        return config.preempt_delay, Reason.PREEMPT_DELAY
    return math.inf, Reason.MASTER_UNHEALTHY


def _is_rank(config: Config, priority: int | None) -> bool:
    """Whether a priority says of its router that it is not healthy."""
    return config.last_resort and priority in RANKS.values()


def _holds_back(turn: Turn) -> bool:
    """Whether a router that preempts lets a worse Master be for now."""
    return turn.config.preempt_delay > 0 or not turn.state.steady


def _patience(turn: Turn, master_priority: int | None) -> float | None:
    if not turn.config.last_resort:
        return None
    return patience_with(master_priority, turn.priority, turn.state.standing)


def patience_with(master_priority: int | None, own_priority: int, standing: Standing) -> float | None:
    """How long a Backup of this priority and standing bears with a Master that is not healthy; None: it may stay.

    A dead API server gives way to any better node. An unready one gives way to a healthy node alone, and not
    before it has turned out that the others are not as slow.
    """
    if master_priority is None or master_priority >= own_priority or master_priority not in RANKS.values():
        return None
    if master_priority != RANKS[Standing.UNREADY]:
        return 0.0
    return PATIENCE if standing is Standing.HEALTHY else None
