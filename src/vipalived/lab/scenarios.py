"""What can happen to the holder of the VIP, one function each.

A scenario is handed a settled stage and returns when the client is served again. `stage.mark` names
the fault at the moment it happens; the bounds are in `vipalived.lab.bounds` under the same names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from vipalived.lab.bounds import PAUSE
from vipalived.lab.stage import Stage

FROZEN = 6.0
LOADED = 60.0
FLAPS = 10
_FLAP = 0.2
_CONTROL = 5.0
_FORERUN = 500_000_000
_LONGER = 0.5


def control(stage: Stage) -> None:
    """Nothing happens; long enough for the second batch of gratuitous ARP."""
    stage.mark("nothing happens")
    stage.pause(_CONTROL)


def stop(stage: Stage) -> None:
    """The holder's daemon gets SIGTERM, as in every planned restart."""
    stage.mark(f"stop {stage.holder}")
    stage.stop(stage.holder)
    stage.recover(stage.holder)


def crash(stage: Stage) -> None:
    """The holder's cable breaks: to the others it is gone."""
    stage.mark(f"cut {stage.holder}")
    stage.world.cut(stage.holder)
    stage.recover(stage.holder, alone=False)


def kill(stage: Stage) -> None:
    """The holder's daemon gets SIGKILL, all of it; the node lives on, and so does the VIP on it."""
    stage.mark(f"kill {stage.holder}")
    stage.kill(stage.holder)
    stage.recover(stage.holder, alone=False)


def freeze(stage: Stage) -> None:
    """The holder's daemon stands still for six seconds, as one starved of CPU does."""
    daemon = stage.daemons[stage.holder]
    stage.mark(f"freeze {stage.holder}")
    daemon.freeze()
    stage.pause(FROZEN)
    stage.mark(f"thaw {stage.holder}")
    daemon.thaw()
    stage.recover()


def partition(stage: Stage) -> None:
    """The network between the holder and all others fails until another took over, then heals."""
    stage.mark(f"isolate {stage.holder}")
    stage.world.isolate(stage.holder)
    stage.recover(stage.holder, alone=False, steady=_FORERUN)
    stage.mark(f"heal {stage.holder}")
    stage.world.heal(stage.holder)
    stage.recover()


def rolling(stage: Stage) -> None:
    """Every node's daemon is restarted, one after the other, as a DaemonSet's update does it."""
    for node in stage.nodes:
        stage.mark(f"stop {node}")
        stage.stop(node)
        stage.gone(node)
        stage.mark(f"start {node}")
        stage.start(node)
        stage.ready(node)
        stage.recover(steady=_FORERUN)
    stage.recover()


def reload(stage: Stage) -> None:
    """Every node's daemon reads changed values, the holder's first: what stays must not be touched."""
    for node in sorted(stage.nodes, key=lambda node: node != stage.holder):
        stage.mark(f"reload {node}")
        stage.reload(node)
    stage.pause(stage.timing.advertisement_interval)
    stage.recover()


def flap(stage: Stage) -> None:
    """The holder's cable has a loose contact: ten times down and up, then it is well."""
    stage.mark(f"flap {stage.holder}")
    for _ in range(FLAPS):
        stage.world.cut(stage.holder)
        stage.pause(_FLAP)
        stage.world.heal(stage.holder)
        stage.pause(_FLAP)
    stage.mark(f"{stage.holder} is well")
    stage.recover()


def pause_all(stage: Stage) -> None:
    """Every daemon stands still at once for a moment, as on a host that snapshots its machines."""
    stage.mark("freeze all")
    for daemon in stage.daemons.values():
        daemon.freeze()
    stage.pause(PAUSE)
    for daemon in stage.daemons.values():
        daemon.thaw()
    stage.mark("thaw all")
    stage.pause(2 * stage.timing.advertisement_interval)
    stage.recover()


def load(stage: Stage) -> None:
    """Every core is busy, and each daemon has the CPU of the pod's default limit, for a minute."""
    with stage.pressure() as what:
        stage.mark(what)
        stage.pause(LOADED)
    stage.recover()


def together(stage: Stage) -> None:
    """Most scenarios begin with nodes that start at the same time."""
    for node in stage.nodes:
        stage.start(node)
    stage.settle()


def first_alone(stage: Stage) -> None:
    """The first node becomes the holder before the others start, whatever its priority."""
    first, *others = stage.nodes
    stage.start(first)
    stage.settle()
    for node in others:
        stage.start(node)
    stage.settle()


def one_away(stage: Stage) -> None:
    """Before `come_back`: the holder's daemon is stopped, and another node has the VIP."""
    stopped = next(iter(stage.watch.holders()))
    stage.stop(stopped)
    stage.gone(stopped)
    stage.settle()


def come_back(stage: Stage) -> None:
    """A stopped node's daemon starts again; watched until its own Master_Down_Interval has passed."""
    (away,) = set(stage.nodes) - set(stage.daemons)
    stage.mark(f"start {away}")
    stage.start(away)
    stage.ready(away)
    stage.pause(stage.timing.master_down(stage.settings.node(away).priority) + _LONGER)
    stage.recover()


def as_settled(_: Stage) -> None:
    """Most scenarios begin when the nodes have settled."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What happens, how the nodes start, what else comes before the figures count, what the reader is told."""

    run: Callable[[Stage], None]
    says: str
    start: Callable[[Stage], None] = together
    before: Callable[[Stage], None] = as_settled
    mixed: bool = False
    """Two engines in one cluster, in every form of VRRP."""


SCENARIOS: Mapping[str, Scenario] = {
    "control": Scenario(control, "nothing happens"),
    "stop": Scenario(stop, "SIGTERM to the holder's daemon"),
    "crash": Scenario(crash, "the holder's link is cut"),
    "kill": Scenario(kill, "SIGKILL to all of the holder's daemon"),
    "freeze": Scenario(freeze, "the holder's daemon stands still for 6 s"),
    "partition": Scenario(partition, "the holder is cut off from all others, then back"),
    "rolling": Scenario(rolling, "every node's daemon is restarted in turn"),
    "return": Scenario(come_back, "a stopped node's daemon comes back", before=one_away),
    "reload": Scenario(reload, "every node's daemon reads changed values (SIGHUP)"),
    "flap": Scenario(flap, "the holder's link goes down and up ten times"),
    "pause-all": Scenario(pause_all, "every daemon stands still for 0.1 s"),
    "load": Scenario(load, "every core is busy for a minute, and the daemons have 0.1 of one"),
    "mixed-stop": Scenario(
        stop, "SIGTERM to the holder, whose engine is not the others'", start=first_alone, mixed=True
    ),
    "mixed-crash": Scenario(
        crash, "the link of the holder is cut, whose engine is not the others'", start=first_alone, mixed=True
    ),
}
