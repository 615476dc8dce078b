"""What has happened on this node so far: engines and checks write it down, status and metrics read it.

One `Ledger` in an agent, whose engines it outlives. Writing is cheap; `snapshot` makes the picture that is
shown. Moments are kept on the engine's clock, which never jumps, and become wall-clock time only in the picture.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final, Protocol

from msgspec import Struct, field

from vipalived.agent.episodes import Episodes
from vipalived.agent.log import Log
from vipalived.agent.picture import picture
from vipalived.agent.plan import MemberPlan
from vipalived.agent.rivals import Rivals
from vipalived.agent.snapshot import BUCKETS, Snapshot
from vipalived.net import clock
from vipalived.vrrp.model import Standing
from vipalived.vrrp.packet import Discard, IPAddress

PEERS: Final = 32
"""Anybody on the segment can invent routers; so many are remembered."""
TROUBLES: Final = 5


class Facts(Protocol):
    """What the ledger wants to know of a plan: no password is among it."""

    @property
    def node(self) -> str: ...
    @property
    def interface(self) -> str: ...
    @property
    def chosen(self) -> str: ...
    @property
    def vrid(self) -> int: ...
    @property
    def health(self) -> object | None: ...
    @property
    def members(self) -> Sequence[MemberPlan]: ...


class Heard(Struct, frozen=True):
    """The last advertisement of another router."""

    source: IPAddress
    priority: int
    interval: float
    at: float


class Book(Struct):
    """What is counted and remembered."""

    started: float
    standing: Standing
    stands_since: float
    error: str = ""
    error_at: float | None = None
    refused: str | None = None
    generation: int = 1
    generation_since: float = 0.0
    transitions: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    failovers: int = 0
    failover_seconds: float = 0.0
    last_failover: tuple[float, float] | None = None
    """How long it took, and when it was over."""
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    sent: int = 0
    received: int = 0
    strange: int = 0
    episodes: Episodes = field(default_factory=Episodes)
    discards: Counter[str] = field(default_factory=Counter)
    discarded_from: dict[str, str] = field(default_factory=dict)
    late: int = 0
    worst: float = 0.0
    rivals: Rivals = field(default_factory=Rivals)
    foreign_claims: int = 0
    acquainted: bool = False
    peers: dict[IPAddress, Heard] = field(default_factory=dict)
    troubles: dict[str, tuple[float, int]] = field(default_factory=dict)


class Ledger:
    """Facts in; a `Snapshot` out."""

    def __init__(
        self,
        plan: Facts,
        *,
        now: Callable[[], float] = clock.now,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._now, self._wall = now, wall
        self.restarts = 0
        moment = now()
        self.book = Book(moment, Standing.UNPROVEN, moment, generation_since=moment)
        self.current, self.since, self.reason = "INITIALIZE", moment, "startup"
        self.effective: int | None = None
        self.sources: dict[int, IPAddress] = {}
        self.on_interface: frozenset[IPAddress] = frozenset()
        self.last_heard: Heard | None = None
        self.released_until: float | None = None
        self.held_back: str | None = None
        self.due: float | None = None
        self._sign: float | None = None
        self.follow(plan)

    def follow(self, plan: Facts) -> None:
        """The plan from now on."""
        self.plan = plan
        self.elsewhere: str | None = None
        self.configured = plan.members[0].priority
        self._log = Log.of_router(plan.vrid, plan.interface)

    def snapshot(self) -> Snapshot:
        """The picture of this moment."""
        self._look_for_quiet()
        return picture(self, self._now(), self._wall())

    # the engine

    def state(self, name: str, reason: str) -> None:
        """The engine is in another state: INITIALIZE, BACKUP, MASTER ..., for a reason of the fixed list."""
        if name == self.current:
            return
        now = self._now()
        self.book.transitions[self.current, name, reason] += 1
        if name == "MASTER":
            self._won(now)
        elif self.current == "MASTER":
            self._end_of_rivals("this node is no longer Master")
        self._note_sign(name)
        self.current, self.since, self.reason = name, now, reason

    def _won(self, now: float) -> None:
        if self._sign is None:
            return
        seconds = now - self._sign
        self.book.last_failover = seconds, now
        self.book.failovers += 1
        self.book.failover_seconds += seconds
        self.book.buckets[bisect_left(BUCKETS, seconds)] += 1

    def _note_sign(self, new: str) -> None:
        """Where this node takes no part, or is the Master, there is no sign of another one."""
        if new in {"MASTER", "INITIALIZE"} or self.current == "MASTER":
            self._sign = None
        elif self.current == "CLAIMING" and self.last_heard is not None and self.last_heard.at >= self.since:
            # A claimant hears losers as well; only now is it known that this was none.
            self._sign = self.last_heard.at

    def restarted(self) -> None:
        """A bug has ended the engine; its timer stays, so that whoever asks for a sign of life gets none."""
        self.restarts += 1
        self.book.rivals.end()
        self.state("INITIALIZE", "engine-failed")

    def priority(self, configured: int, effective: int) -> None:
        """What the node would advertise."""
        self.configured, self.effective = configured, effective

    def source(self, address: IPAddress) -> None:
        """What its advertisements carry as their sender."""
        self.sources[address.version] = address

    def held(self, addresses: Collection[IPAddress]) -> None:
        """Which of its VIPs are on the interface now."""
        self.on_interface = frozenset(addresses)

    def timer(self, due: float | None) -> None:
        """When the engine's own timer is to ring next."""
        self.due = due

    def late(self, seconds: float) -> None:
        """A timer came late by so much."""
        self.book.late += 1
        self.book.worst = max(self.book.worst, seconds)

    # the segment

    def heard(self, source: IPAddress, priority: int, interval: float) -> None:
        """An advertisement of another router that passed every check; seconds."""
        heard = Heard(source, priority, interval, self._now())
        peers = self.book.peers
        peers[source] = heard
        if len(peers) > PEERS:
            del peers[min(peers, key=lambda address: peers[address].at)]
        if source.version == self.plan.members[0].family:
            self.last_heard = heard
            if self.current not in {"CLAIMING", "MASTER"}:
                self._sign = heard.at
        self.book.received += 1

    def sent(self, priority: int) -> None:
        """An advertisement of our own."""
        del priority
        self._look_for_quiet()
        self.book.sent += 1

    def discarded(self, reason: str, source: str) -> None:
        """A packet that was refused."""
        self.book.discards[reason] += 1
        self.book.discarded_from[reason] = source
        if reason != Discard.OWN_SOURCE:
            self._notice(f"refused a packet from {source}: {reason}")

    def strange(self, source: IPAddress, addresses: Iterable[IPAddress]) -> None:
        """An advertisement that passed every check, and lists other addresses than this node's."""
        self.book.strange += 1
        listed = ", ".join(map(str, addresses))
        self._notice(f"{source} advertises virtual router {self.plan.vrid} with other addresses: {listed}")

    def _notice(self, sentence: str) -> None:
        """What may go on for long, packet by packet."""
        if self.book.episodes.begins(sentence, self._now()):
            self._log.warn(sentence)
            self.trouble(sentence)

    def second_holder(self, address: IPAddress, who: str) -> None:
        """While this node is Master, somebody else (a MAC address, or an IP address) claims the VIP, too."""
        if self.current != "MASTER":
            return
        self._look_for_quiet()
        self.book.foreign_claims += 1
        if self.book.rivals.claim(str(address), who, self._now()):
            self._log.warn(f"second holder: {who} claims {address}, too", who=who, address=str(address))

    def _look_for_quiet(self) -> None:
        if self.book.rivals.quiet(self._now()):
            self._end_of_rivals("nothing more is heard of it")

    def _end_of_rivals(self, why: str) -> None:
        seconds = self.book.rivals.end()
        if seconds is not None:
            self._log.warn(f"second holder: {why} after {seconds:.1f} s", who=self.book.rivals.who)

    # the node

    def health(self, standing: Standing, error: str) -> None:
        """What the health check thinks, and why if it is not healthy."""
        now = self._now()
        if standing is not self.book.standing:
            self.book.standing, self.book.stands_since = standing, now
        if error:
            self.book.error, self.book.error_at = error, now

    def released(self, until: float | None) -> None:
        """The operator keeps the node out until a moment of the engine's clock (inf: until told), or no longer."""
        self.released_until = until

    def acquainted(self) -> None:
        """The engine has met another router, or claimed the addresses: what keeps a newcomer back is no more."""
        self.book.acquainted = True

    def holds_back(self, stranger: str | None) -> None:
        """Who keeps the engine from its first claim, as a sentence; None when nobody does."""
        if stranger is not None and self.held_back is None:
            self._log.warn(f"the first claim is held back: {stranger}")
        elif stranger is None and self.held_back is not None:
            self._log.say("the first claim is no longer held back")
        self.held_back = stranger

    def other_interface(self, choice: str | None) -> None:
        """What `interface: auto` would mean by now, if that is another one than the engine has."""
        self.elsewhere = choice

    def configuration(self, error: str | None) -> None:
        """Why changed settings were refused; None when the last ones are followed."""
        self.book.refused = error

    def changed_configuration(self) -> None:
        """Other settings than before are followed from now on."""
        self.book.generation += 1
        self.book.generation_since = self._now()

    def trouble(self, sentence: str) -> None:
        """Something that the operator should know and that has no counter of its own."""
        troubles = self.book.troubles
        _, count = troubles.pop(sentence, (0.0, 0))
        troubles[sentence] = self._now(), count + 1
        if len(troubles) > TROUBLES:
            del troubles[next(iter(troubles))]
