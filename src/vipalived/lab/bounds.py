"""What each scenario may cost a client, derived from the values by the RFC's two formulas.

Seconds. The successor in the worst case is the node with the second highest priority: the best one
was the holder. `ALLOWANCE` is what the formulas leave out: keepalived puts the address on up to 7 ms
after its first advertisement, gratuitous ARP follows, and a busy two-core machine is late by some 10 ms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from vipalived.vrrp.timers import Version, master_down_interval, skew_time

ALLOWANCE = 0.1


@dataclass(frozen=True, slots=True)
class Timing:
    """What the bounds depend on: one priority per node, intervals in seconds."""

    version: Version
    advertisement_interval: float
    priorities: tuple[int, ...]
    nopreempt: bool
    garp_delay: float = 5.0

    @property
    def successor(self) -> int:
        """The priority of the node that takes over from the best one."""
        return sorted(self.priorities)[-2]

    def master_down(self, priority: int) -> float:
        """Master_Down_Interval of a node of that priority."""
        return master_down_interval(priority, self.advertisement_interval, self.version)


def nothing(_: Timing) -> float:
    """No fault and no reason to move: not one datagram may be lost."""
    return 0.0


def resignation(timing: Timing) -> float:
    """Skew_Time after the priority 0 advertisement (RFC 9568 section 6.4.2), plus the allowance."""
    return skew_time(timing.successor, timing.advertisement_interval, timing.version) + ALLOWANCE


def silence(timing: Timing) -> float:
    """Master_Down_Interval after the last advertisement (RFC 9568 section 6.4.2), plus the allowance."""
    return timing.master_down(timing.successor) + ALLOWANCE


def homecoming(timing: Timing) -> float:
    """Nothing under nopreempt; where preemption is on, one hand-over between two live nodes."""
    return 0.0 if timing.nopreempt else ALLOWANCE


BOUNDS: Mapping[str, Callable[[Timing], float]] = {
    "control": nothing,
    "stop": resignation,
    "crash": silence,
    "kill": silence,  # the node's kernel may answer until the takeover, but nothing obliges it to
    "freeze": silence,  # as for `kill`; two Masters after the thaw settle in one Advertisement_Interval
    "partition": silence,  # the same holds for the two Masters that meet when it heals
    "rolling": resignation,  # each restart of the holder is a `stop`; a gap never spans two of them
    "return": homecoming,
}


def bound(scenario: str, timing: Timing) -> float:
    """The longest blackout in seconds that the scenario may cause."""
    return BOUNDS[scenario](timing)


def settling_deadline(timing: Timing) -> float:
    """Seconds by which nodes that start together have one holder that is answered for.

    Twice the slowest Master_Down_Interval, the second batch of gratuitous ARP (it ends a stale entry),
    and five seconds for the processes themselves.
    """
    return 2 * timing.master_down(min(timing.priorities)) + timing.garp_delay + 5.0


def recovery_deadline(timing: Timing) -> float:
    """Seconds after which a blackout counts as never ending: three times what settling may take."""
    return 3 * settling_deadline(timing)
