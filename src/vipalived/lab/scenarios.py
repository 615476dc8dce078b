"""What can happen to the holder of the VIP, one function each.

A scenario is handed a settled stage and returns when the client is served again. `stage.mark` names
the fault at the moment it happens; the bounds are in `vipalived.lab.bounds` under the same names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from vipalived.lab.apiserver import STOPPING
from vipalived.lab.bounds import DEAF, PAUSE
from vipalived.lab.stage import Stage

FROZEN = 6.0
LOADED = 60.0
FLAPS = 10
_FLAP = 0.2
_CONTROL = 5.0
_FORERUN = 500_000_000
_LONGER = 0.5
SLOW = 30.0
_ALL_DOWN = 10.0
_APART = 1.0
_SILENT = 5
_GONE = 10.0
_SOON = 1.0
"""Beyond Master_Down_Interval, until a VIP is up that no API server has to do with."""
_STARTING = 2.0
"""Seconds until the daemons of all nodes take part."""
_SETTLED = 5.0
"""Whoever would give way to a node that is well has done so by then."""


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


def api_crash(stage: Stage) -> None:
    """The API server of the holder gets SIGKILL; the node and its daemon live on."""
    stage.mark(f"kill the API server of {stage.holder}")
    stage.servers[stage.holder].kill()
    stage.served()
    stage.recover(stage.holder)


def services_stop(stage: Stage) -> None:
    """The API server of the holder is gone for good; the node and its daemon live on, and are left alone."""
    api_crash(stage)
    stage.pause(_GONE)


def api_stop(stage: Stage) -> None:
    """The API server of the holder stops as planned: it is unready at once, and its port closes two seconds later."""
    stage.mark(f"stop the API server of {stage.holder}")
    stage.servers[stage.holder].order("stop")
    stage.pause(STOPPING)
    stage.served()
    stage.recover(stage.holder)


def api_hang(stage: Stage) -> None:
    """The API server of the holder stands still: the kernel accepts connections, and nobody answers."""
    stage.mark(f"freeze the API server of {stage.holder}")
    stage.servers[stage.holder].freeze()
    stage.served()
    stage.recover(stage.holder)


def _all_down(stage: Stage) -> None:
    stage.mark("kill every API server")
    for server in stage.servers.values():
        server.kill()
    stage.pause(_ALL_DOWN)


def _first_up(stage: Stage, node: str) -> None:
    stage.servers[node].start()
    stage.mark(f"the API server of {node} answers")
    stage.served()
    stage.recover()


def api_all_down(stage: Stage) -> None:
    """Every API server dies; then the one of the node that holds the VIP comes back."""
    _all_down(stage)
    _first_up(stage, next(iter(stage.watch.holders()), stage.holder))


def api_elsewhere(stage: Stage) -> None:
    """Every API server dies; then one comes back on a node that does not hold the VIP."""
    _all_down(stage)
    holders = stage.watch.holders() or {stage.holder}
    _first_up(stage, next(node for node in stage.nodes if node not in holders))


def api_all_slow(stage: Stage) -> None:
    """etcd stalls: within two seconds every API server is unready, by an error or by silence, for thirty."""
    orders = ("unready", f"slow {_SILENT}")
    for index, node in enumerate(stage.nodes):
        stage.mark(f"{node}: {orders[index % 2]}")
        stage.servers[node].order(orders[index % 2])
        stage.pause(_APART if index + 1 < len(stage.nodes) else SLOW)
    for node in stage.nodes:
        stage.mark(f"{node}: ok")
        stage.servers[node].order("ok")
        stage.pause(_APART)
    stage.pause(_SETTLED)
    stage.recover()


def api_slow(stage: Stage) -> None:
    """As `load`, and every API server answers after 0.9 s."""
    for server in stage.servers.values():
        server.order("slow 0.9")
    load(stage)


def day_1(stage: Stage) -> None:
    """No node has ever had an API server; now the first one answers, where the VIP is not."""
    holders = stage.watch.holders() or {stage.holder}
    _first_up(stage, next(node for node in stage.nodes if node not in holders))


def release(stage: Stage) -> None:
    """The operator takes the holder out."""
    stage.mark(f"release {stage.holder}")
    stage.release(stage.holder)
    stage.recover(stage.holder)


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


def without_api_servers(stage: Stage) -> None:
    """Nodes start together where there is no API server yet, and one of them soon has the VIP all the same."""
    for server in stage.servers.values():
        server.kill()
    for node in stage.nodes:
        stage.start(node)
    # Agents count as ready once they know of an API server, so their own start is a part of this.
    soon = stage.timing.master_down(1) + _SOON + _STARTING
    stage.wait(lambda: bool(stage.watch.holders()), soon, "a holder before there is an API server")
    stage.wait(stage.calm, soon, "one node to hold the VIP and the client to be answered")


def one_away(stage: Stage) -> None:
    """Before `come_back`: the holder's daemon is stopped, and another node has the VIP."""
    _away(stage, next(iter(stage.watch.holders())))


def a_backup_away(stage: Stage) -> None:
    """Before `deaf_start`: the daemon of a node that does not hold the VIP is stopped."""
    _away(stage, next(node for node in reversed(stage.nodes) if node not in stage.watch.holders()))


def _away(stage: Stage, stopped: str) -> None:
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


def deaf_start(stage: Stage) -> None:
    """A stopped node's daemon starts while its switch port passes nothing, which it then does."""
    (away,) = set(stage.nodes) - set(stage.daemons)
    stage.world.isolate(away)
    stage.mark(f"start {away} behind a closed port")
    stage.start(away)
    stage.pause(DEAF)
    stage.mark(f"open the port of {away}")
    stage.world.heal(away)
    timing = stage.timing
    stage.pause(timing.start_delay + timing.master_down(stage.settings.node(away).priority) + _LONGER)
    stage.recover()


def as_settled(_: Stage) -> None:
    """Most scenarios begin when the nodes have settled."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What happens, how the nodes start, what else comes before the figures count, what the reader is told."""

    run: Callable[[Stage], None]
    says: str
    lasts: tuple[float, float]
    """What a trial takes, about: seconds, and advertisement intervals beside them."""
    start: Callable[[Stage], None] = together
    before: Callable[[Stage], None] = as_settled
    https: bool = False
    """HTTPS is what counts: the API server, and not the VIP alone, is away."""
    agent: bool = False
    """It needs an engine that takes commands."""
    mixed: bool = False
    """Two engines in one cluster, in every form of VRRP."""


SCENARIOS: Mapping[str, Scenario] = {
    "control": Scenario(control, "nothing happens", (7, 4)),
    "stop": Scenario(stop, "SIGTERM to the holder's daemon", (3, 5)),
    "crash": Scenario(crash, "the holder's link is cut", (3, 8)),
    "kill": Scenario(kill, "SIGKILL to all of the holder's daemon", (3, 8)),
    "freeze": Scenario(freeze, "the holder's daemon stands still for 6 s", (9, 4)),
    "partition": Scenario(partition, "the holder is cut off from all others, then back", (4, 8)),
    "rolling": Scenario(rolling, "every node's daemon is restarted in turn", (5, 5)),
    "return": Scenario(come_back, "a stopped node's daemon comes back", (4, 8), before=one_away),
    "deaf-start": Scenario(
        deaf_start,
        "a node starts whose switch port passes nothing for 5 s",
        (8, 8),
        start=first_alone,
        before=a_backup_away,
    ),
    "reload": Scenario(reload, "every node's daemon reads changed values (SIGHUP)", (3, 6)),
    "flap": Scenario(flap, "the holder's link goes down and up ten times", (7, 5)),
    "pause-all": Scenario(pause_all, "every daemon stands still for 0.1 s", (3, 6)),
    "load": Scenario(load, "every core is busy for a minute, and the daemons have 0.1 of one", (62, 5)),
    "api-crash": Scenario(api_crash, "the holder's API server is killed", (3, 4), https=True),
    "api-stop": Scenario(api_stop, "the holder's API server stops as planned", (4, 4), https=True),
    "api-hang": Scenario(api_hang, "the holder's API server stands still", (5, 5), https=True),
    "api-all-down": Scenario(
        api_all_down, "every API server dies, the holder's comes back", (13, 5), https=True
    ),
    "api-elsewhere": Scenario(
        api_elsewhere, "every API server dies, another one comes back", (13, 5), https=True
    ),
    "api-all-slow": Scenario(api_all_slow, "every API server is unready for 30 s, 1 s apart", (42, 5)),
    "api-slow": Scenario(api_slow, "as `load`, with API servers that answer after 0.9 s", (62, 5)),
    "services-stop": Scenario(services_stop, "the holder's API server is gone for good", (13, 4), https=True),
    "day-1": Scenario(
        day_1, "no API server anywhere, then one on a Backup", (3, 5), start=without_api_servers, https=True
    ),
    "release": Scenario(release, "the operator takes the holder out", (3, 4), agent=True),
    "mixed-stop": Scenario(
        stop, "SIGTERM to the holder, whose engine is not the others'", (3, 5), start=first_alone, mixed=True
    ),
    "mixed-crash": Scenario(
        crash,
        "the link of the holder is cut, whose engine is not the others'",
        (3, 8),
        start=first_alone,
        mixed=True,
    ),
}
