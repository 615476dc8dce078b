"""What the state machine is made of: configuration, states, events and actions, as plain values.

Times are seconds on the caller's monotonic clock. Nothing here decides anything; `router.step` does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from msgspec import Struct, field

from vipalived.vrrp.packet import IPAddress
from vipalived.vrrp.timers import Version, master_down_interval, skew_time

OWNER: Final = 255
RESIGN: Final = 0
PROMPT: Final = 0.05
"""A Backup computes its Skew_Time after priority 0 over at most this long."""
CLAIM_WINDOW: Final = 0.012
"""How long a claim listens for a better one: some round trips on a segment, and what an engine takes to answer."""
ANSWER_GAP: Final = 0.01
"""Losing advertisements are answered at most this often, so that junk is not amplified."""
CHALLENGE: Final = 0.05
"""A better router is obeyed no sooner after it was answered: a claim and the first advertisement of a Master are one
sign of it, and it must have heard the answer as a Master."""
DEFEND_GAP: Final = 1.0
"""A foreign claim to a VIP is answered by ARP at most this often: two stubborn hosts must not flood."""
DEAF: Final = 120.0
"""So long after its start, or its link's, a router that has heard nobody may have been deaf: a switch that waits for
its spanning tree passes nothing for up to 50 s."""
PATIENCE: Final = 3.0
"""A healthy Backup lets an unready Master be for so long: when etcd stalls, every API server is unready within
some two seconds, and the addresses must stay where they are."""
ECHOES: Final = (0.0, 0.05, 0.25)
"""A holder that has heard a loser repeats its ARP after so long: the loser may have sent one of its own
(keepalived does up to 7 ms after its advertisement)."""


class Standing(StrEnum):
    """What is known of the local API server, and so of the node.

    Unproven: it has never answered. Unready: it answers, but not that it is ready. Dead: it is gone, hangs, or
    is about to stop.
    """

    HEALTHY = "healthy"
    UNPROVEN = "unproven"
    UNREADY = "unready"
    DEAD = "dead"


RANKS: Final[Mapping[Standing, int]] = MappingProxyType(
    {Standing.UNPROVEN: 3, Standing.UNREADY: 2, Standing.DEAD: 1}
)
"""The priority that a node of such a standing takes part with: below every healthy one, above nothing."""


class Reason(StrEnum):
    """Why a router changed its state: the fixed list for logs, notifications and metrics."""

    STARTUP = "startup"
    ADOPTED = "leftover-address-adopted"
    SUCCESSION = "succession-on-this-node"
    SHUTDOWN = "shutdown"
    RELEASED = "released"
    REJOINED = "rejoined"
    OWN_ADDRESS = "own-address"
    OWN_ADDRESS_GONE = "own-address-gone"
    LINK_DOWN = "link-down"
    LINK_UP = "link-up"
    UNHEALTHY = "unhealthy"
    HEALTHY = "healthy"
    MASTER_DOWN = "master-down-expired"
    MASTER_RESIGNED = "master-resigned"
    MASTER_UNHEALTHY = "master-is-unhealthy"
    PREEMPT_DELAY = "preempt-delay-expired"
    CLAIM_UNOPPOSED = "claim-unopposed"
    BETTER_CLAIM = "better-claim-heard"
    FOREIGN_HOLDER = "foreign-holder"
    STRANGER_GONE = "stranger-gone"
    SUCCESSOR_OWNS = "successor-owns"
    NO_SUCCESSOR = "no-successor"
    STALLED = "stalled"
    RECONFIGURED = "reconfigured"
    ADDRESS_LOST = "address-lost"


class Garp(Struct, frozen=True, kw_only=True):
    """How often a Master tells the segment about its addresses: keepalived's four values, and the pacing.

    `repeat` rounds at the transition and again `delay` seconds later (0: not again), `refresh_repeat` every
    `refresh` seconds (0: never). Each batch is spread over `spread` seconds; 0 sends it as one burst.
    """

    repeat: int = 5
    delay: float = 5.0
    refresh: float = 10.0
    refresh_repeat: int = 1
    spread: float = 1.0

    def batch(self, start: float, rounds: int) -> tuple[float, ...]:
        """When the rounds of a batch that begins at `start` are due; as in keepalived, at least one."""
        rounds = max(1, rounds)
        return tuple(start + self.spread * index / rounds for index in range(rounds))


class Config(Struct, frozen=True, kw_only=True):
    """One virtual router on one node; from `hitless` on, the deliberate departures from the RFC.

    `source` is the primary address that advertisements carry and that breaks ties. `interval`, `handover`,
    `linger` and `claim_window` are seconds.
    """

    vrid: int
    priority: int
    source: IPAddress
    addresses: tuple[IPAddress, ...]
    version: Version = 3
    interval: float = 1.0
    preempt: bool = True
    preempt_delay: float = 0.0
    """Seconds that a Backup lets a worse Master be, where it preempts at all; 0 is the RFC's own way."""
    garp: Garp = field(default_factory=Garp)
    hitless: bool = True
    """A Master keeps the addresses until its successor owns them: `linger` after the successor's
    gratuitous ARP, `handover` after its first advertisement, at the longest one Master_Down_Interval."""
    handover: float = 0.1
    linger: float = 0.02
    prompt_succession: bool = True
    """After priority 0 a Backup waits its Skew_Time over at most 50 ms; later copies do not postpone it."""
    claim_window: float = CLAIM_WINDOW
    """Advertise, listen for so long (a quarter of the interval if that is less), then own; 0 owns at once."""
    parting_advert: bool = True
    """A Master that hears a better one advertises once more, so that the winner repeats its ARP."""
    last_resort: bool = True
    """Not healthy: take part with a priority of `RANKS` instead of not at all."""
    kernel_lease: bool = True
    """Addresses carry a finite lifetime."""
    ask_first: bool = True
    """A router that has met no other yet does not claim what a stranger has."""
    incumbent_stays: bool = True
    """Under nopreempt a Master that was deaf at its start gives way to one that has been Master all along."""
    start_delay: float = 0.0
    """Seconds that a router which hears nobody waits for beyond Master_Down_Interval, after its start or its link's."""

    @property
    def lease(self) -> float:
        """Lifetime of an address in whole seconds: Master_Down_Interval rounded down, at least 2."""
        down = master_down_interval(self.priority, self.interval, self.version)
        return float(max(2, math.floor(down))) if self.kernel_lease else math.inf

    @property
    def renewal(self) -> float:
        """How often the lease is renewed; two renewals may come late before it runs out."""
        return self.lease / 3

    @property
    def window(self) -> float:
        """How long a claim listens: at short intervals the whole takeover must stay short."""
        return min(self.claim_window, self.interval / 4)

    def skew(self, priority: int, interval: float) -> float:
        """Skew_Time for the effective `priority`."""
        return skew_time(priority, interval, self.version)

    def succession(self, priority: int, interval: float) -> float:
        """Skew_Time after a resignation: with prompt succession, over at most 50 ms."""
        if self.prompt_succession:
            return skew_time(priority, min(PROMPT, interval), 3)
        return self.skew(priority, interval)

    def down(self, priority: int, interval: float) -> float:
        """Master_Down_Interval for the effective `priority`."""
        return master_down_interval(priority, interval, self.version)


class Initialize(Struct, frozen=True):
    """Takes no part, holds nothing."""


class Backup(Struct, frozen=True):
    """Waits. `interval` is the Master's, learned; `master` is who it is, last heard at `heard_at`.

    `displace_at`: when this router takes over although the Master lives, as its `master_priority` says that it is
    not healthy, or worse; `displace_reason` is which of them.
    """

    master_down_at: float
    interval: float
    master: IPAddress | None = None
    reason: Reason = Reason.MASTER_DOWN
    master_priority: int | None = None
    displace_at: float = math.inf
    displace_reason: Reason = Reason.MASTER_UNHEALTHY
    heard_at: float = -math.inf


class Adopting(Struct, frozen=True):
    """Found the addresses of a dead predecessor on the node: keeps them unless somebody else is Master."""

    until: float


class Claiming(Struct, frozen=True):
    """Has advertised and listens for a better claim before it owns; `held`: has the addresses already.

    `dying`: its API server died meanwhile, so that it owns the addresses only to give them away.
    """

    until: float
    sent_at: float
    held: bool = False
    contested: bool = False
    dying: bool = False


class Master(Struct, frozen=True):
    """Holds the addresses. `rounds` are the gratuitous ARP rounds still due, in order.

    `challenger`: the better router that was last answered instead of obeyed, and is `again_at`. `loser`: what the
    last worse one said.
    """

    adver_at: float
    sent_at: float
    renew_at: float
    lease_until: float
    rounds: tuple[float, ...]
    refresh_at: float
    answered_at: float = -math.inf
    echoed_at: float = -math.inf
    defended_at: float = -math.inf
    challenger: IPAddress | None = None
    challenged_at: float = -math.inf
    again_at: float = math.inf
    loser: Advert | None = None
    lost_at: float = -math.inf


class Resigning(Struct, frozen=True):
    """Gives the addresses away but keeps them until the successor owns them.

    `resign_at`: when priority 0 is repeated, until there is a `successor`: the Backup that this one will be.
    `silent`: the successor has advertised, but nobody has heard its ARP. `loser`: who claimed, and lost, just before.
    """

    until: float
    resign_at: float
    renew_at: float
    successor: Backup | None = None
    silent: bool = False
    loser: IPAddress | None = None


Role = Initialize | Backup | Adopting | Claiming | Master | Resigning


class State(Struct, frozen=True):
    """A router between two steps: its role, and what it has been told about the world.

    `steady`: see `Health`. `reluctant`: released only if somebody else takes the addresses. `barred`: one of the
    addresses is the node's own. `acquainted`: it has heard another router of its kind, or claimed the addresses, in
    this life. Before that a stranger, heard of last, keeps it from claiming until `occupied_until`. Until it hears
    somebody, it does not claim before `waits_until`, and may be deaf up to `deaf_until`.
    """

    role: Role = field(default_factory=Initialize)
    started: bool = False
    standing: Standing = Standing.HEALTHY
    steady: bool = True
    link: bool = True
    released: bool = False
    reluctant: bool = False
    barred: bool = False
    acquainted: bool = False
    occupied_until: float = -math.inf
    waits_until: float = -math.inf
    deaf_until: float = -math.inf


class Startup(Struct, frozen=True):
    """Take part; `leftover` when the addresses are already on the node, left by a dead predecessor.

    `acquainted` when that one was, see `State`; `inherited` when it was Master to its end, and has left them to this
    router only now.
    """

    leftover: bool = False
    acquainted: bool = False
    inherited: bool = False


class Shutdown(Struct, frozen=True):
    """Stop taking part; done when the role is Initialize.

    `heir`: an equal router on this node is about to start, and takes up what it finds there.
    """

    heir: bool = False


class Timer(Struct, frozen=True):
    """`deadline(state)` has been reached."""


class Advert(Struct, frozen=True):
    """An advertisement that passed every check of the packet module; seconds.

    It is `strange` when the addresses in it are all others than the receiver's.
    """

    priority: int
    interval: float
    source: IPAddress
    strange: bool = False


class Health(Struct, frozen=True):
    """The health check changed its mind. Who is not `steady` takes nothing from a healthy Master."""

    standing: Standing
    steady: bool = True


class Link(Struct, frozen=True):
    """The interface went up (with an address to send from) or down."""

    up: bool


class Release(Struct, frozen=True):
    """The operator wants the addresses elsewhere, for now; unless `forced`, only if somebody else takes them."""

    forced: bool = True


class Rejoin(Struct, frozen=True):
    """The operator lets this node take part again."""


class Bar(Struct, frozen=True):
    """One of the addresses is the node's own, or no longer: nothing may be done with it then."""

    on: bool


class Reconfigured(Struct, frozen=True):
    """The step's configuration replaces `previous`; VRID, version and interface are the same."""

    previous: Config


class ForeignClaim(Struct, frozen=True):
    """Another host's ARP or neighbour advertisement claimed one of the addresses."""

    address: IPAddress


class Stranger(Struct, frozen=True):
    """Somebody advertises the virtual router's ID in a way that no router of its kind does."""

    source: IPAddress


class AddressLost(Struct, frozen=True):
    """Somebody else removed one of the addresses from this node."""

    address: IPAddress


Event = (
    Startup
    | Shutdown
    | Timer
    | Advert
    | Health
    | Link
    | Release
    | Rejoin
    | Bar
    | Reconfigured
    | ForeignClaim
    | Stranger
    | AddressLost
)


class SendAdvert(Struct, frozen=True):
    """Advertise the configured addresses and interval with this priority."""

    priority: int


class AddAddresses(Struct, frozen=True):
    """Put the addresses on the interface, or renew them, valid for `lease` seconds (inf: for ever)."""

    addresses: tuple[IPAddress, ...]
    lease: float


class RemoveAddresses(Struct, frozen=True):
    """Take the addresses off the interface; some may be gone already."""

    addresses: tuple[IPAddress, ...]


class Announce(Struct, frozen=True):
    """Send `rounds` rounds of gratuitous ARP or unsolicited NA, each over all addresses, at once."""

    addresses: tuple[IPAddress, ...]
    rounds: int = 1


class Changed(Struct, frozen=True):
    """The role changed: for the log, the notifications and the metrics."""

    old: type[Role]
    new: type[Role]
    reason: Reason


Action = SendAdvert | AddAddresses | RemoveAddresses | Announce | Changed
