"""API servers in virtual time beside the routers of the simulation, each asked as the agent asks it.

The verdict is `health.judge`'s and the move the router's; this module has servers that crash, hang, restart, stall
and flap, and what must then be true of the address on top of the simulation's own laws:

- it does not stay on a node whose API server is dead, or not ready, while a better one takes part;
- a stall of all of them, up to 2 s apart, moves it once at the most, where all routers are native ones (keepalived
  with a check leaves when its own server stalls, whatever becomes of the others);
- one that flaps moves it once at the most, where nobody preempts.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from random import Random

from tests.vrrp.simulation import MISHAPS, PLAIN, TAIL, Law, World, config, judge, repair
from vipalived.health.judge import HealthCheck, Outcome, State, pause
from vipalived.health.judge import judge as verdict
from vipalived.vrrp import model as m

APART = 2.0
"""When etcd stalls, every API server does within so many seconds."""
SETTLED = 0.3
"""What a hand-over, a claim and late timers take together."""
CHECKS = (
    HealthCheck(url="https://127.0.0.1:6443/readyz"),
    HealthCheck(url="https://127.0.0.1:6443/readyz", interval=0.2, timeout=0.2, fall=2),
)


class Mode(Enum):
    """What a server does with a question."""

    OK = auto()
    STARTING = auto()
    SLOW = auto()
    UNREADY = auto()
    STOPPING = auto()
    HANGING = auto()
    GONE = auto()


WORSE = (Mode.SLOW, Mode.UNREADY)
LOST = (Mode.STOPPING, Mode.HANGING, Mode.GONE)


@dataclass
class Server:
    """One API server, and what its node thinks of it. A plain router may not ask (`asked`)."""

    asked: bool = True
    mode: Mode = Mode.OK
    since: float = -math.inf
    state: State = field(default_factory=State)
    due: int = 0
    questions: int = 0
    sick: Law = field(default_factory=lambda: Law("the address is on a node that is not healthy"))

    def answer(self, now: float) -> Outcome:
        """What a question gets that is put now."""
        match self.mode:
            case Mode.STARTING if now - self.since < 1.4:
                return Outcome.FORBIDDEN
            case Mode.STARTING if now - self.since < 2.5:
                return Outcome.UNREADY
            case Mode.HANGING if self.questions == 0:
                return Outcome.SLOW  # on the kept connection, where one cannot be told from the other
        return _ANSWERS[self.mode]


_ANSWERS = {
    Mode.OK: Outcome.OK,
    Mode.STARTING: Outcome.OK,
    Mode.SLOW: Outcome.SLOW,
    Mode.UNREADY: Outcome.UNREADY,
    Mode.STOPPING: Outcome.STOPPING,
    Mode.HANGING: Outcome.HANGING,
    Mode.GONE: Outcome.REFUSED,
}


class Cluster(World):
    """Routers whose standing is that of their API servers."""

    def __init__(self, configs: list[m.Config], seed: int, check: HealthCheck, *, plain_asks: bool) -> None:
        super().__init__(configs, seed)
        self.health_check = check
        self.servers = [Server(asked=plain_asks or one.last_resort) for one in configs]
        self.arrivals = 0
        self.before: list[int] = []

    # the servers

    def becomes(self, index: int, mode: Mode) -> None:
        server = self.servers[index]
        self.trace.append(f"{self.now:9.4f} {index} API server {mode.name}")
        server.mode, server.since, server.questions = mode, self.now, 0
        if mode is Mode.GONE:
            self.at(self.now + self.random.uniform(0.001, 0.005), lambda: self.hear(index, Outcome.REFUSED))

    def boot(self, index: int) -> None:
        node, server = self.nodes[index], self.servers[index]
        fresh = not node.running or not server.due
        if not node.powered:
            self.becomes(index, Mode.STARTING)
        super().boot(index)
        if fresh and server.asked:
            server.state = State()
            self.feed(index, m.Health(server.state.standing, steady=False))
            self.ask_at(index, self.now)

    def crash(self, index: int) -> None:
        super().crash(index)
        self.becomes(index, Mode.GONE)

    def tell(self, index: int, event: m.Event) -> None:
        """The standing is the servers' business here."""
        if not isinstance(event, m.Health):
            super().tell(index, event)

    # the questions

    def ask_at(self, index: int, when: float) -> None:
        server = self.servers[index]
        server.due += 1
        token = server.due
        self.at(when, lambda: self.ask(index) if token == server.due else None)

    def ask(self, index: int) -> None:
        node, server, check = self.nodes[index], self.servers[index], self.health_check
        if not node.powered or not node.running:
            return
        self.ask_at(index, self.now + pause(check, server.state))
        if node.frozen:
            return
        outcome, asked_of = server.answer(self.now), server.since
        server.questions += 1
        late = outcome in {Outcome.SLOW, Outcome.HANGING}
        after = check.timeout if late else self.random.uniform(0.0005, 0.02)
        self.at(self.now + after, lambda: self.hear(index, outcome) if server.since == asked_of else None)

    def hear(self, index: int, outcome: Outcome) -> None:
        node, server, check = self.nodes[index], self.servers[index], self.health_check
        if not (server.asked and node.engine_works()):
            return
        before = server.state
        server.state = verdict(check, before, outcome, self.now)
        health = m.Health(server.state.standing, server.state.steady(check))
        if health != m.Health(before.standing, before.steady(check)):
            self.trace.append(f"{self.now:9.4f} {index} told {health}")
            if health.standing is m.Standing.HEALTHY:
                self.recovered_at = self.now
            self.feed(index, health)
        if pause(check, server.state) < check.interval:
            self.ask_at(index, self.now + pause(check, server.state))

    # the laws

    def better(self, holder: int) -> bool:
        """Whether a healthy node takes part that would take the address from an unhealthy Master."""
        lost = self.servers[holder].state.standing is m.Standing.DEAD
        return any(
            node.eligible()
            and isinstance(node.state.role, m.Backup)
            and node.state.standing is m.Standing.HEALTHY
            and server.mode is Mode.OK
            # One by the letter displaces nobody that it need not, and succeeds who resigns.
            and (node.config.last_resort or (lost and node.able_since < self.servers[holder].since))
            for index, (node, server) in enumerate(zip(self.nodes, self.servers, strict=True))
            if index != holder
        )

    def check(self) -> None:
        super().check()
        holders = self.holders()
        if holders and holders != self.before:
            self.arrivals += len(set(holders) - set(self.before))
            self.before = holders
        check = self.health_check
        noticed = (check.fall + 1) * check.interval + check.timeout
        clean = self.disturbed_at if self.flows() else self.now
        for index, (node, server) in enumerate(zip(self.nodes, self.servers, strict=True)):
            alone = holders == [index] and node.engine_works() and node.config.last_resort
            sick = alone and server.asked and server.mode in (*WORSE, *LOST) and self.better(index)
            patience = m.PATIENCE if server.mode in WORSE else 0.0
            bound = noticed + patience + self.longest_down() + SETTLED
            if problem := server.sick.observe(sick, self.now, bound, max(clean, server.since)):
                self.fail(problem)


def cluster(seed: int, *, plain: float = 0.0, preempt: bool | None = None) -> tuple[Cluster, Random]:
    """Some routers that have all come up beside healthy API servers, and rest."""
    random = Random(seed)
    interval = random.choice((0.1, 0.5, 1.0, 1.0))
    preempt = random.random() < 0.5 if preempt is None else preempt
    equal = random.random() < 0.5
    configs = []
    for index in range(random.randint(2, 5)):
        others = PLAIN if random.random() < plain else {}
        priority = 100 if equal else random.choice((90, 100, 150, 254))
        delay = random.choice((0.0, 2.0))
        configs.append(
            config(index, priority, interval=interval, preempt=preempt, preempt_delay=delay, **others)
        )
    world = Cluster(configs, seed, random.choice(CHECKS), plain_asks=random.random() < 0.5)
    for index in range(len(configs)):
        world.boot(index)
    world.run_until(2 * world.longest_down() + 8.0)
    return world, random


def _restart(world: Cluster, random: Random, index: int) -> None:
    world.becomes(index, Mode.GONE)
    world.undo(world.now + random.uniform(0.1, 5.0), lambda: world.becomes(index, Mode.STARTING))


def _stop(world: Cluster, random: Random, index: int) -> None:
    world.becomes(index, Mode.STOPPING)
    world.undo(world.now + random.uniform(0.0, 5.0), lambda: world.becomes(index, Mode.GONE))


def _all(world: Cluster, random: Random, modes: tuple[Mode, ...], apart: float) -> None:
    for index in range(len(world.servers)):
        mode = random.choice(modes)
        when = world.now + random.uniform(0, apart)
        world.undo(when, lambda index=index, mode=mode: world.becomes(index, mode))


def _flap(world: Cluster, random: Random, index: int) -> None:
    when = world.now
    for number in range(random.randint(4, 20)):
        when += random.uniform(0.05, 3.0)
        mode = Mode.OK if number % 2 else random.choice((*WORSE, *LOST))
        world.undo(when, lambda mode=mode: world.becomes(index, mode))


Change = Callable[[Cluster, Random, int], None]
FAULTS: tuple[Change, ...] = (
    _restart,
    _stop,
    _flap,
    lambda w, r, i: w.becomes(i, r.choice((*WORSE, *LOST))),
    lambda w, _, i: w.becomes(i, Mode.HANGING),
    lambda w, r, _: _all(w, r, WORSE, APART),
    lambda w, r, _: _all(w, r, (*WORSE, *LOST), APART),
    lambda w, r, _: _all(w, r, (Mode.GONE,), 0.5),
)


def _mishap(world: Cluster, random: Random) -> None:
    index = random.randrange(len(world.nodes))
    if random.random() < 0.6 and world.holders():
        index = random.choice(world.holders())
    later = world.now + random.uniform(0, 3) * world.longest_down()
    if random.random() < 0.7:
        random.choice(FAULTS)(world, random, index)
        world.undo(later, lambda: world.becomes(index, Mode.OK))
    else:
        fault, cure = random.choice(MISHAPS)
        fault(world, random, index)
        world.undo(later, lambda: cure(world, random, index))


def history(seed: int, *, plain: float = 0.0) -> Cluster:
    """Do two to eight things to the servers and the routers, put everything right, and wait for rest."""
    world, random = cluster(seed, plain=plain)
    end, down = world.now, world.longest_down()
    for _ in range(random.randint(2, 8)):
        end += random.uniform(0, down) * random.choice((0.1, 1, 3))
        world.at(end, lambda: _mishap(world, random))
    world.run_until(end)
    mend(world)
    return world


def mend(world: Cluster) -> None:
    """The servers answer again, and so do the routers; then nothing happens any more."""
    repair(world)
    for index in range(len(world.servers)):
        world.becomes(index, Mode.OK)
    down, delay = world.longest_down(), max(one.config.preempt_delay for one in world.nodes)
    world.run_until(world.now + 3 * down + delay + m.PATIENCE + TAIL)
    settled, packets = len(world.changes), world.packets
    world.run_until(world.now + down)
    judge(world, settled, world.packets - packets, down)


def stall(seed: int, *, plain: float = 0.0) -> Cluster:
    """Every API server stalls for a while, up to 2 s apart, and recovers as far apart."""
    world, random = cluster(seed, plain=plain)
    world.arrivals, length = 0, random.uniform(5.0, 30.0)
    _all(world, random, WORSE, APART)
    world.run_until(world.now + APART + length)
    _moved_once(world)
    _all(world, random, (Mode.OK,), APART)
    world.run_until(world.now + APART)
    if world.nopreempt:
        # Else a better node may take back what it has lost.
        _moved_once(world)
    mend(world)
    return world


def _moved_once(world: Cluster) -> None:
    if world.native and world.arrivals > 1:
        world.fail(f"a stall moved the address {world.arrivals} times")


def flap(seed: int) -> Cluster:
    """The API server of the holder flaps, and nobody preempts."""
    world, random = cluster(seed, preempt=False)
    world.arrivals = 0
    _flap(world, random, world.holders()[0])
    world.run_until(world.now + 60.0)
    if world.arrivals > 1:
        world.fail(f"a single server that flaps moved the address {world.arrivals} times")
    mend(world)
    return world
