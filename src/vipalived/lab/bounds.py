"""What each scenario may cost, derived from the values by the RFC's two formulas.

Seconds. The successor in the worst case is the node with the second highest priority: the best one
was the holder. `ALLOWANCE` is what the formulas leave out: keepalived puts the address on up to 7 ms
after its first advertisement, gratuitous ARP follows, and a busy two-core machine is late by some 10 ms.
The native engine is held to less.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Address

from vipalived.vrrp.model import Config
from vipalived.vrrp.timers import Version, master_down_interval, skew_time

ALLOWANCE = 0.1
NATIVE_ALLOWANCE = 0.05
HITLESS = 0.02
"""What a client may notice of a hand-over by the native engine."""
SERVED = 0.15
"""From the hand-over to the first answer over HTTPS: 43 ms of succession and claim, a connection, a request."""
FIRST_UP = 1.0
"""From the first API server's answer to the VIP on its node: it must answer `rise` times."""
INSTANT = 0.001
ONE_MOVE = 2
DEAF = 5.0
"""How long the port of a starting node passes nothing in `deaf-start`."""
PAUSE = 0.1
"""How long `pause-all` freezes every daemon."""
KERNEL_SLACK = 0.4
"""The kernel looks for addresses whose lifetime is over no more often than this."""


@dataclass(frozen=True, slots=True)
class Timing:
    """What the bounds depend on: one priority per node, intervals in seconds."""

    version: Version
    advertisement_interval: float
    priorities: tuple[int, ...]
    nopreempt: bool
    garp_delay: float = 5.0
    check_interval: float = 0.5
    check_timeout: float = 1.0
    check_fall: int = 3
    start_delay: float = 0.0

    @property
    def successor(self) -> int:
        """The priority of the node that takes over from the best one."""
        return sorted(self.priorities)[-2]

    @property
    def shares_a_priority(self) -> bool:
        """Whether two nodes may claim together, as their Skew_Time is the same."""
        return len(set(self.priorities)) < len(self.priorities)

    def master_down(self, priority: int) -> float:
        """Master_Down_Interval of a node of that priority."""
        return master_down_interval(priority, self.advertisement_interval, self.version)

    @property
    def skew(self) -> float:
        """Skew_Time of the successor."""
        return skew_time(self.successor, self.advertisement_interval, self.version)

    @property
    def hang(self) -> float:
        """How soon the health check knows of a hanging API server.

        The first question comes up to an interval after the fault, and is on the kept connection, where a hang
        cannot be told from slowness; `fall` more tell.
        """
        return (self.check_fall + 1) * self.check_interval + self.check_timeout


@dataclass(frozen=True, slots=True)
class Limits:
    """What a trial may cost; None where the engine promises nothing.

    `blackout`: the longest stretch without an answer to datagrams. `two_holders`: the longest time with more than
    one holder, `no_holder` without one. `one_holder`: how soon after the last thing that the lab did one node holds
    the VIP for good. `http`: how soon after that clients are served over HTTPS again. `http_failed`: how many HTTPS
    requests may fail. `moves`: how often the VIP may come to a node or leave one. `stays`: in the end the VIP is where
    it was.
    """

    blackout: float | None = None
    two_holders: float | None = None
    one_holder: float | None = None
    no_holder: float | None = None
    http: float | None = None
    http_failed: int | None = None
    moves: int | None = None
    stays: bool = False


Rule = Callable[[Timing], Limits]


def nothing(_: Timing) -> Limits:
    """No fault and no reason to move: not one datagram may be lost."""
    return Limits(0.0, two_holders=INSTANT, no_holder=INSTANT, moves=0)


def settled(timing: Timing) -> float:
    """Of several Masters the better one advertises within an interval, and the others let go (section 6.4.3)."""
    return timing.advertisement_interval + ALLOWANCE


def resignation(timing: Timing) -> Limits:
    """Skew_Time after the priority 0 advertisement (RFC 9568 section 6.4.2), plus the allowance."""
    wait = timing.skew + ALLOWANCE
    return Limits(wait, two_holders=settled(timing), no_holder=wait)


def resignations(timing: Timing) -> Limits:
    """As `resignation`, on one node after the other; without a holder for all of them together."""
    one = resignation(timing)
    return replace(one, no_holder=len(timing.priorities) * (one.no_holder or 0.0))


def silence(timing: Timing) -> Limits:
    """Master_Down_Interval after the last advertisement (RFC 9568 section 6.4.2), plus the allowance.

    A daemon that is killed or frozen leaves the address on its node, and VRRP does not say for how long.
    """
    wait = timing.master_down(timing.successor) + ALLOWANCE
    return Limits(wait, no_holder=wait)


def takeover(timing: Timing) -> Limits:
    """As `silence`, and the node that has failed is off the network."""
    return replace(silence(timing), two_holders=settled(timing))


def homecoming(timing: Timing) -> Limits:
    """Nothing under nopreempt; where preemption is on, one hand-over between two live nodes."""
    one_move = Limits(ALLOWANCE, two_holders=settled(timing), no_holder=ALLOWANCE)
    return nothing(timing) if timing.nopreempt else one_move


def breather(timing: Timing) -> Limits:
    """Nothing, unless the pause alone is as long as the advertisements that may be missed."""
    spare = 2 * timing.advertisement_interval
    return nothing(timing) if spare > PAUSE else silence(timing)


def _config(timing: Timing) -> Config:
    """Any of the nodes, for what the native engine derives from its values."""
    return Config(
        vrid=1,
        priority=timing.successor,
        source=IPv4Address(0),
        addresses=(),
        version=timing.version,
        interval=timing.advertisement_interval,
    )


def _overlap(timing: Timing) -> float:
    """Who hands over lets go so long after its successor's first advertisement at the latest; the allowance."""
    return _config(timing).handover + NATIVE_ALLOWANCE


def handed_over(timing: Timing) -> Limits:
    """The holder keeps the VIP until the next one has it."""
    return Limits(HITLESS, two_holders=_overlap(timing), no_holder=INSTANT)


def handed_on(timing: Timing) -> Limits:
    """As `handed_over`, on one node after the other; with two holders for all of them together."""
    return replace(handed_over(timing), two_holders=len(timing.priorities) * _overlap(timing))


def handed_to_keepalived(timing: Timing) -> Limits:
    """As `handed_over`, to several that may claim together."""
    return replace(handed_over(timing), two_holders=settled(timing))


def undisturbed(_: Timing) -> Limits:
    """No move, and as little as a hand-over."""
    return Limits(HITLESS, two_holders=INSTANT, no_holder=INSTANT, moves=0)


def taken_over(timing: Timing) -> Limits:
    """Master_Down_Interval, the claim included."""
    wait = timing.master_down(timing.successor) + NATIVE_ALLOWANCE
    return Limits(wait, two_holders=settled(timing), no_holder=wait)


def leased(timing: Timing) -> Limits:
    """The dead engine's address outlives the takeover by what is left of its lease.

    The lease was renewed with, or after, the last advertisement but one renewal period at the latest.
    """
    soonest = timing.master_down(timing.successor) - timing.advertisement_interval
    left = max(0.0, _config(timing).lease + KERNEL_SLACK - soonest)
    return replace(taken_over(timing), two_holders=left + NATIVE_ALLOWANCE)


def prompted(timing: Timing) -> Limits:
    """A native Backup hears keepalived resign: its prompt Skew_Time, its claim, and the allowance."""
    config = _config(timing)
    wait = config.succession(timing.successor, timing.advertisement_interval)
    longest = wait + config.window + ALLOWANCE
    return Limits(longest, two_holders=settled(timing), no_holder=longest)


def healed(timing: Timing) -> Limits:
    """The two holders that meet are one within an Advertisement_Interval."""
    return replace(taken_over(timing), two_holders=None, one_holder=settled(timing))


def native_homecoming(timing: Timing) -> Limits:
    """As `homecoming`, but a preemption is a hand-over."""
    return undisturbed(timing) if timing.nopreempt else handed_over(timing)


def delayed(timing: Timing) -> Limits:
    """Who waits with its claim until it hears takes nothing; VRRP itself promises nothing else."""
    return nothing(timing) if timing.nopreempt and timing.start_delay >= DEAF else Limits()


def given_back(timing: Timing) -> Limits:
    """The latecomer hears that another one has the VIP within an Advertisement_Interval, and lets go."""
    if not timing.nopreempt:
        return Limits(HITLESS)
    return Limits(HITLESS, one_holder=settled(timing), stays=True)


def unpromised(_: Timing) -> Limits:
    """VRRP knows nothing of API servers."""
    return Limits()


def served_elsewhere(timing: Timing) -> Limits:
    """A dead API server is known of within milliseconds; then a hand-over, and a client's next request."""
    return replace(handed_over(timing), http=SERVED)


def served_for_good(timing: Timing) -> Limits:
    """As `served_elsewhere`, and the VIP stays there."""
    return replace(served_elsewhere(timing), moves=ONE_MOVE)


def drained(timing: Timing) -> Limits:
    """The VIP is elsewhere before the port closes: nobody is cut off."""
    return replace(served_elsewhere(timing), http_failed=0)


def unfrozen(timing: Timing) -> Limits:
    """As soon as the health check knows."""
    return replace(handed_over(timing), http=timing.hang + SERVED)


def never_nobody(timing: Timing) -> Limits:
    """The last resort: nobody is better, and somebody must. The first API server is served where it is."""
    return replace(handed_over(timing), http=SERVED)


def first_up(timing: Timing) -> Limits:
    """The first healthy node takes the VIP, once it has been asked often enough."""
    return replace(handed_over(timing), http=FIRST_UP)


def slow_everywhere(timing: Timing) -> Limits:
    """At most one move, and never nobody."""
    return replace(handed_over(timing), moves=ONE_MOVE)


RFC: Mapping[str, Rule] = {
    "control": nothing,
    "stop": resignation,
    "crash": takeover,
    "kill": silence,  # the node's kernel may answer until the takeover, but nothing obliges it to
    "freeze": silence,  # as for `kill`; two Masters after the thaw settle in one Advertisement_Interval
    "partition": silence,  # the same holds for the two Masters that meet when it heals
    "rolling": resignations,  # each restart of the holder is a `stop`; a gap never spans two of them
    "return": homecoming,
    "deaf-start": delayed,
    "reload": nothing,
    "flap": takeover,  # the first loss of carrier ends its mastership; the others wait no longer than that
    "pause-all": breather,
    "load": nothing,
    "api-crash": unpromised,
    "services-stop": unpromised,
    "api-stop": unpromised,
    "api-hang": unpromised,
    "api-all-down": unpromised,
    "api-elsewhere": unpromised,
    "api-all-slow": unpromised,
    "api-slow": unpromised,
    "day-1": unpromised,
    "release": unpromised,
    "mixed-stop": prompted,  # keepalived is the holder here, and a native engine takes over
    "mixed-crash": takeover,
}
"""What VRRP promises, whoever speaks it."""

NATIVE: Mapping[str, Rule] = {
    **RFC,
    "stop": handed_over,
    "crash": taken_over,
    "kill": leased,
    "freeze": leased,
    "partition": healed,
    "rolling": handed_on,
    "return": native_homecoming,
    "deaf-start": given_back,
    "reload": undisturbed,
    "flap": taken_over,
    "api-crash": served_elsewhere,
    "services-stop": served_for_good,
    "api-stop": drained,
    "api-hang": unfrozen,
    "api-all-down": never_nobody,
    "api-elsewhere": first_up,
    "api-all-slow": slow_everywhere,
    "api-slow": nothing,
    "day-1": first_up,
    "release": handed_over,
    "mixed-stop": handed_to_keepalived,
    "mixed-crash": takeover,  # keepalived takes over
}
"""What the native engine promises; in the mixed scenarios, where it is the holder."""


def settling_deadline(timing: Timing) -> float:
    """Seconds by which nodes that start together have one holder that is answered for.

    Twice the slowest Master_Down_Interval, the second batch of gratuitous ARP (it ends a stale entry),
    and five seconds for the processes themselves.
    """
    return 2 * timing.master_down(min(timing.priorities)) + timing.garp_delay + 5.0


def recovery_deadline(timing: Timing) -> float:
    """Seconds after which a blackout counts as never ending: three times what settling may take."""
    return 3 * settling_deadline(timing)
