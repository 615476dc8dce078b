"""From the ledger to the snapshot: what is shown, and what of it means that something is wrong."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from vipalived.agent import snapshot as shown
from vipalived.agent.snapshot import HOLDING, STUCK, Snapshot
from vipalived.release import CHART_VERSION
from vipalived.vrrp.model import RESIGN, Standing
from vipalived.vrrp.timers import master_down_interval

if TYPE_CHECKING:
    from vipalived.agent.ledger import Ledger


def picture(ledger: Ledger, now: float, wall: float) -> Snapshot:
    """What the ledger knows at `now`, which is `wall` for a human."""
    book, plan, one = ledger.book, ledger.plan, _Picture(ledger, now, wall)
    return Snapshot(
        time=wall,
        node=plan.node,
        version=CHART_VERSION,
        interface=plan.interface,
        interface_chosen=plan.chosen,
        interface_elsewhere=ledger.elsewhere,
        vrid=plan.vrid,
        started=one.date(book.started),
        restarts=ledger.restarts,
        state=ledger.current,
        since=one.date(ledger.since),
        reason=ledger.reason,
        vips=one.vips,
        priority=ledger.configured,
        effective_priority=one.effective,
        master=one.master,
        master_down_interval=one.down,
        health=one.health,
        released=ledger.released_until is not None,
        released_until=one.released_until,
        held_back=ledger.held_back,
        configuration_generation=book.generation,
        configuration_since=one.date(book.generation_since),
        refused_configuration=book.refused,
        second_holder=one.second_holder,
        second_holder_episodes=book.rivals.episodes,
        second_holder_seconds=book.rivals.seconds,
        foreign_claims=book.foreign_claims,
        failovers=one.failovers,
        transitions=tuple(shown.Transition(*change, count) for change, count in book.transitions.items()),
        peers=tuple(one.peers()),
        adverts_sent=book.sent,
        adverts_received=book.received,
        adverts_strange=book.strange,
        discards=tuple(one.discards()),
        late_timers=book.late,
        worst_lateness=book.worst,
        troubles=tuple(one.troubles()),
        overdue=one.overdue,
        unready=tuple(one.unready()),
        problems=(*one.unready(), *one.problems()),
    )


class _Picture:
    """The parts of a snapshot, worked out once."""

    def __init__(self, ledger: Ledger, now: float, wall: float) -> None:
        self._ledger, self._book, self._now, self._wall = ledger, ledger.book, now, wall
        effective = ledger.effective
        self.effective = ledger.configured if effective is None else effective
        member = ledger.plan.members[0]
        heard = ledger.last_heard
        learned = heard.interval if heard is not None and member.version == 3 else member.interval
        self.down = master_down_interval(self.effective, learned, member.version)
        self.vips = tuple(
            shown.Vip(str(address), address.ip in ledger.on_interface)
            for member in ledger.plan.members
            for address in member.addresses
        )
        self.master = self._master()
        self.overdue = max(0.0, now - ledger.due) if ledger.due is not None else 0.0
        self.health = self._health()
        self.second_holder = self._second_holder()
        self.failovers = self._failovers()

    def date(self, moment: float) -> float:
        """A moment of the engine's clock for a human."""
        return self._wall - (self._now - moment)

    @property
    def released_until(self) -> float | None:
        until = self._ledger.released_until
        return None if until is None or math.isinf(until) else self.date(until)

    def _master(self) -> shown.Holder | None:
        ledger, heard = self._ledger, self._ledger.last_heard
        if ledger.current in HOLDING:
            source = ledger.sources.get(ledger.plan.members[0].family)
            return shown.Holder(str(source) if source else None, self.effective, ours=True, age=0.0)
        if heard is None or heard.priority == RESIGN or self._now - heard.at > self.down:
            return None
        return shown.Holder(str(heard.source), heard.priority, ours=False, age=self._now - heard.at)

    def _health(self) -> shown.Health:
        book = self._book
        return shown.Health(
            checked=self._ledger.plan.health is not None,
            standing=book.standing,
            since=self.date(book.stands_since),
            error=book.error,
            error_at=None if book.error_at is None else self.date(book.error_at),
        )

    def _second_holder(self) -> shown.SecondHolder | None:
        rivals = self._book.rivals
        if not rivals.proven:
            return None
        return shown.SecondHolder(
            rivals.who, rivals.address, self.date(rivals.first), rivals.last - rivals.first
        )

    def _failovers(self) -> shown.Failovers:
        book = self._book
        last, over = book.last_failover or (None, None)
        return shown.Failovers(
            last=last,
            last_at=None if over is None else self.date(over),
            count=book.failovers,
            total=book.failover_seconds,
            buckets=tuple(book.buckets),
        )

    def peers(self) -> Iterator[shown.Peer]:
        """Whom this node has heard, the last one first."""
        for heard in sorted(self._book.peers.values(), key=lambda heard: -heard.at):
            yield shown.Peer(str(heard.source), heard.priority, heard.interval, self._now - heard.at)

    def discards(self) -> Iterator[shown.Discarded]:
        """The most frequent reason first."""
        for reason, count in self._book.discards.most_common():
            yield shown.Discarded(str(reason), count, self._book.discarded_from[reason])

    def troubles(self) -> Iterator[shown.Trouble]:
        """The last one first."""
        for sentence, (at, count) in reversed(self._book.troubles.items()):
            yield shown.Trouble(sentence, self.date(at), count)

    def unready(self) -> Iterator[str]:
        """Why this node knows no Master, or takes no part."""
        state, heard = self._ledger.current, self._ledger.last_heard
        if self._ledger.released_until is not None:
            yield "released: it stays out until `vipalived rejoin`"
        elif self._ledger.held_back is not None:
            # A rollout must go on: the Master may be one of the pods that it is about to replace.
            return
        elif state == "INITIALIZE":
            yield f"it takes no part: {self._ledger.reason}"
        elif state == "WAITING":
            # It stands by, and must hold up no rollout.
            return
        elif state not in {"BACKUP", *HOLDING}:
            yield "an election is under way"
        elif self.master is None and heard is None:
            yield "no Master has been heard yet"
        elif self.master is None and heard is not None:
            what = "resigned" if heard.priority == RESIGN else "was last heard"
            yield f"the Master {heard.source} {what} {self._now - heard.at:.1f} s ago"

    def problems(self) -> Iterator[str]:
        """What else is wrong. A node that is unproven is not: on day 1 the VIP is there before any API server."""
        if self.overdue > STUCK:
            yield f"the engine's timer is overdue by {self.overdue:.0f} s"
        if self._book.standing in {Standing.DEAD, Standing.UNREADY}:
            because = f": {self._book.error}" if self._book.error else ""
            yield f"the API server is {self._book.standing}{because}"
        if self._ledger.current == "MASTER":
            for vip in self.vips:
                if not vip.held:
                    yield f"it is Master, but {vip.address} is not on {self._ledger.plan.interface}"
        if self.second_holder is not None:
            yield f"second holder: {self.second_holder.who} claims {self.second_holder.address}, too"
        if self._ledger.held_back is not None:
            yield f"the first claim is held back: {self._ledger.held_back}"
        if self._ledger.elsewhere is not None:
            yield f"`interface: auto` would be another one at the next start: {self._ledger.elsewhere}"
        if self._book.refused is not None:
            yield f"changed settings were refused: {self._book.refused}"
