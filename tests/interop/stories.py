"""Both stories of the native engine and FRR, told by `test_frr.py`: run inside namespaces of its own.

    python -m tests.interop.stories CASE STORY

Who is Master is asked of three that do not know of each other: the kernels, FRR, and the client's neighbour cache.
How long a takeover took is read off the wire afterwards: from the loser's last advertisement to the winner's first.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.interop.routers import PLACE, START, Case, Frr, Native
from tests.interop.segment import HOSTS, SLACK, Advert, Capture, build, client_knows, sh, until

CASES = {
    "v2": Case(version=2, vips=("198.18.0.100",), native_interval=1, frr_interval=1),
    "v3": Case(version=3, vips=("198.18.0.100",), native_interval=0.5, frr_interval=1),
    "v3-ipv6": Case(version=3, vips=("fe80::100", "2001:db8::100"), native_interval=1, frr_interval=0.5),
}
"""Under VRRPv3 the intervals differ, so that a takeover in time proves that each has learned the other's."""


@dataclass(frozen=True)
class Times:
    """Seconds by the formulas, with native at priority 100 and FRR at 150 or 50."""

    native_down: float
    """Master_Down_Interval of native, 3 * FRR's interval + Skew_Time of 156/256 of it (VRRPv2: of a second)."""
    frr_down: float
    """Master_Down_Interval of FRR at priority 50, 3 * native's interval + 206/256 of it; FRR cuts to 10 ms."""
    frr_skew: float
    """Skew_Time of FRR at priority 50: 206/256 of native's interval, cut to 10 ms."""
    first: float
    """The longest Master_Down_Interval with which anybody starts."""


TIMES = {
    "v2": Times(native_down=3.609, frr_down=3.80, frr_skew=0.80, first=3.81),
    "v3": Times(native_down=3.609, frr_down=1.90, frr_skew=0.40, first=3.81),
    "v3-ipv6": Times(native_down=1.805, frr_down=3.80, frr_skew=0.80, first=3.81),
}
PROMPT = 0.030
"""Skew_Time of native after a resignation, over 50 ms: 156/256 of them."""
LEASE = 4.0
"""The kernel has taken the address off a killed engine's node: 3 s at the most, and the kernel's delay."""
EARLY = 0.01
ROUNDS = 5


@dataclass(frozen=True)
class Takeover:
    """One that was caused on purpose: when, how, from whom to whom, and how long it may take at least."""

    at: float
    how: str
    loser: str
    winner: str
    expected: float


class World:
    """Both routers, and what was done to them."""

    def __init__(self, case: str, frr_priority: int) -> None:
        build()
        PLACE.mkdir()
        self.times = TIMES[case]
        self.case = CASES[case]
        self.capture = Capture(PLACE / "vrrp.pcapng")
        self.native = Native(self.case)
        self.frr = Frr(self.case, frr_priority)
        self.takeovers: list[Takeover] = []

    def at_rest(self, name: str) -> bool:
        """Everybody agrees that this one is the Master."""
        routers = (self.native, self.frr)
        [master] = [router for router in routers if router.name == name]
        return (
            all(router.holds() == (router is master) for router in routers)
            and all(router.claims() in (None, router is master) for router in routers)
            and client_knows(self.case.vip) == master.mac
        )

    def settle(self, name: str, seconds: float) -> None:
        """Waits until everybody agrees."""
        until(lambda: self.at_rest(name), seconds + SLACK, f"{name} to be the only Master")

    def stays(self, name: str, counter: str) -> None:
        """So many advertisements later, which is longer than any Master_Down_Interval, nothing has moved."""
        goal = self.frr.state["stats"][counter] + ROUNDS
        deadline = ROUNDS * max(self.case.native_interval, self.case.frr_interval) + SLACK

        def heard() -> bool:
            assert self.at_rest(name), f"{name} is no longer the only Master"
            return bool(self.frr.state["stats"][counter] >= goal)

        until(heard, deadline, f"{ROUNDS} advertisements")

    def cause(self, how: str, loser: Native | Frr, winner: Native | Frr, expected: float) -> None:
        """End the Master in one way or the other."""
        self.takeovers.append(Takeover(time.time(), how, loser.name, winner.name, expected))
        getattr(loser, how)()


def frr_preferred(world: World) -> None:
    """FRR at 150: preempts, keeps, and is succeeded when it stops and when it is killed."""
    native, frr, times = world.native, world.frr, world.times
    native.start()
    world.settle("native", times.first)
    frr.start()
    world.settle("frr", times.first)
    native.stop()
    native.ended(START)
    native.start()
    world.stays("frr", "adverTx")
    world.cause("stop", frr, native, PROMPT)
    world.settle("native", PROMPT)
    frr.start()
    world.settle("frr", times.first)
    world.cause("kill", frr, native, times.native_down)
    until(native.holds, times.native_down + SLACK, "the native engine to take over")
    # A dead vrrpd leaves the addresses where they are; the client follows the living one nevertheless.
    until(lambda: client_knows(world.case.vip) == native.mac, SLACK, "the client to be told")
    frr.clear()
    world.settle("native", 0)


def native_preferred(world: World) -> None:
    """FRR at 50: is preempted, and succeeds when the native engine stops and when it is killed."""
    native, frr, times = world.native, world.frr, world.times
    frr.start()
    world.settle("frr", times.first)
    native.start()
    world.settle("native", times.first)
    world.stays("native", "adverRx")
    world.cause("stop", native, frr, times.frr_skew)
    native.ended(START)
    world.settle("frr", times.frr_skew)
    native.start()
    world.settle("native", times.first)
    world.cause("kill", native, frr, times.frr_down)
    world.settle("frr", max(times.frr_down, LEASE))


STORIES: dict[str, tuple[int, Callable[[World], None]]] = {
    "frr-preferred": (150, frr_preferred),
    "native-preferred": (50, native_preferred),
}


def judge(adverts: list[Advert], world: World) -> dict[str, object]:
    """Every packet is right, and every takeover came neither before its time nor long after it."""
    assert all(advert.good for advert in adverts), [advert for advert in adverts if not advert.good]
    assert {advert.version for advert in adverts} == {world.case.version}
    assert {advert.hops for advert in adverts} == {255}
    counts = {name: sum(advert.sender == name for advert in adverts) for name in ("native", "frr")}
    gaps = {}
    for takeover in world.takeovers:
        gap = gaps[takeover.how] = round(_gap(adverts, takeover), 4)
        early, late = takeover.expected - EARLY, takeover.expected + SLACK
        assert early <= gap <= late, f"{takeover}: {gap:.3f} s"
    return {"adverts": counts, "takeovers": gaps}


def _gap(adverts: list[Advert], takeover: Takeover) -> float:
    """From the loser's last word before the winner's first claim to that claim."""
    claims = [a.at for a in adverts if a.sender == takeover.winner and a.at > takeover.at and a.priority]
    words = [a for a in adverts if a.sender == takeover.loser and a.at < claims[0]]
    resigns = takeover.how == "stop"
    assert (words[-1].priority == 0) == resigns, f"{takeover}: {words[-1]}"
    return claims[0] - words[-1].at


def main(case: str, story: str) -> None:
    """Tells one story, and prints what was measured as JSON."""
    priority, tell = STORIES[story]
    world = World(case, priority)
    try:
        tell(world)
        found = judge(world.capture.adverts(), world)
    except BaseException:
        for log in sorted(PLACE.glob("*.log")):
            sys.stderr.write(f"--- {log.name}\n{log.read_text()}")
        sys.stderr.write("\n".join([str(world.frr.state), *(sh(f"ip -n {host} address") for host in HOSTS)]))
        raise
    sys.stdout.write(json.dumps({"case": case, "story": story, **found}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
