"""What is known of this node at one moment, as plain values: shown by `vipalived status`, served as metrics.

Made by `agent.ledger`, carried as JSON. Moments are seconds since 1970, durations seconds, addresses text.
It imports next to nothing, as `vipalived status` may be a probe.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct, convert, to_builtins

STATES: Final = ("INITIALIZE", "WAITING", "BACKUP", "ADOPTING", "CLAIMING", "MASTER", "RESIGNING")
"""WAITING is for another instance on this node, which acts."""
HOLDING: Final = frozenset({"MASTER", "RESIGNING"})
"""In these the node is the Master that it knows."""
STANDINGS: Final = ("healthy", "unproven", "unready", "dead")
BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the histogram of failovers, seconds; a last one without a bound follows."""
STUCK: Final = 5.0
"""An engine whose own timer is overdue by so much does not live."""


class Vip(Struct, frozen=True):
    """A virtual address with its prefix, and whether it is on the interface."""

    address: str
    held: bool


class Holder(Struct, frozen=True):
    """The Master: this node (`ours`), or whom it last heard, `age` ago."""

    address: str | None
    priority: int
    ours: bool
    age: float


class Health(Struct, frozen=True):
    """The local API server. `error` is the last one there was, at `error_at`."""

    checked: bool
    standing: str
    since: float
    error: str
    error_at: float | None


class Peer(Struct, frozen=True):
    """Another router that has advertised."""

    address: str
    priority: int
    interval: float
    age: float


class Transition(Struct, frozen=True):
    """How often the state has changed so."""

    from_state: str
    to_state: str
    reason: str
    count: int


class Failovers(Struct, frozen=True):
    """How long it took from the last sign of another Master until this node was it.

    `buckets` counts by `BUCKETS`, not cumulated.
    """

    last: float | None
    last_at: float | None
    count: int
    total: float
    buckets: tuple[int, ...]


class Discarded(Struct, frozen=True):
    """Packets refused for one reason, and who sent the last of them."""

    reason: str
    count: int
    source: str


class SecondHolder(Struct, frozen=True):
    """Somebody else has claimed a VIP again and again since this moment, while this node is Master."""

    who: str
    address: str
    since: float
    seconds: float


class Trouble(Struct, frozen=True):
    """What went wrong last at this moment, and how often so far."""

    sentence: str
    at: float
    count: int


class Snapshot(Struct, frozen=True, kw_only=True):
    """All that is known at `time`.

    `unready` says why the node knows no Master, `problems` why it is not in a good state (each is empty if all is
    well). `overdue`: by how much the engine has missed its own timer. `held_back`: who keeps the node from its first
    claim. `configuration_generation` counts the settings that were followed, the first ones included, and
    `configuration_since` is when that was last. `interface_chosen`: why `interface: auto` is this one;
    `interface_elsewhere`: which other one it would be.
    """

    time: float
    node: str
    version: str
    interface: str
    interface_chosen: str
    interface_elsewhere: str | None
    vrid: int
    started: float
    restarts: int
    state: str
    since: float
    reason: str
    vips: tuple[Vip, ...]
    priority: int
    effective_priority: int
    master: Holder | None
    master_down_interval: float
    health: Health
    released: bool
    released_until: float | None
    held_back: str | None
    configuration_generation: int
    configuration_since: float
    refused_configuration: str | None
    second_holder: SecondHolder | None
    second_holder_episodes: int
    second_holder_seconds: float
    foreign_claims: int
    failovers: Failovers
    transitions: tuple[Transition, ...]
    peers: tuple[Peer, ...]
    adverts_sent: int
    adverts_received: int
    adverts_strange: int
    discards: tuple[Discarded, ...]
    late_timers: int
    worst_lateness: float
    troubles: tuple[Trouble, ...]
    overdue: float
    unready: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """The node is the Master that it knows."""
        return self.state in HOLDING

    @property
    def live(self) -> bool:
        """The engine turns its loop."""
        return self.overdue <= STUCK

    @property
    def ready(self) -> bool:
        """The node has taken part in an election, and knows a Master."""
        return not self.unready

    @property
    def good(self) -> bool:
        """Nothing is wrong with this node."""
        return not self.problems

    def to_json(self) -> dict[str, Any]:
        """Plain values, with `good` among them."""
        return {**to_builtins(self), "good": self.good}

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Snapshot:
        """What `to_json` has made plain."""
        return convert(plain, cls)
