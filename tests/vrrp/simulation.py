"""A segment in virtual time: routers, a wire that misbehaves, faults, one client's ARP cache, and the laws.

A `World` runs one history from a seed. It raises `Broken` the moment a law is broken:

- two hosts have the address for longer than the bound although messages flow;
- nobody has it for longer than the bound although somebody could;
- the client's cache points elsewhere for longer than the bound;
- a healthy holder is unseated although everybody is told not to preempt;
- after the faults end, the segment does not come to rest.

What the laws judge is the kernel's view, which has the address or has not, and not what a router believes.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from random import Random

from msgspec.structs import replace

from vipalived.vrrp import model as m
from vipalived.vrrp.router import deadline, effective_priority, step, takes_part

VIP = IPv4Address("198.18.0.100")
KERNEL_SLACK = 1.0
"""The kernel expires an address at most so long after its lifetime."""
LATE = 0.003
"""A timer of a healthy engine fires at most so late."""
DELAY = 0.002
"""The wire's longest delay while it behaves."""


REFRESHED = 11.0
"""When the refresh of gratuitous ARP, every 10 s, has told everybody."""
TAIL = 6.0
"""keepalived's own tail of stale ARP: its second batch comes after 5 s."""


class Broken(AssertionError):
    """A law does not hold; the text has the time, the law and the last events."""


@dataclass
class Node:
    """One host: the engine's process, and the kernel under it, which outlives the process."""

    config: m.Config
    state: m.State = field(default_factory=m.State)
    powered: bool = True
    running: bool = True
    frozen: bool = False
    island: int = 0
    expires: float = -math.inf
    armed: int = 0
    able_since: float = math.inf
    inbox: list[m.Event] = field(default_factory=list)

    def engine_works(self) -> bool:
        return self.powered and self.running and not self.frozen

    def eligible(self) -> bool:
        return self.engine_works() and takes_part(self.config, self.state)


@dataclass
class Law:
    """How long something may last; `since` is when it began."""

    name: str
    since: float | None = None
    longest: float = 0.0

    def observe(self, holds: bool, now: float, bound: float, clean_since: float) -> str | None:
        """Follow the condition; the excuse of an unclean network ends `clean_since`."""
        if self.since is not None:
            lasted = now - max(self.since, clean_since)
            self.longest = max(self.longest, lasted)
            if lasted > bound:
                return f"{self.name} for {lasted:.3f} s, bound {bound:.3f} s"
        self.since = (self.since if self.since is not None else now) if holds else None
        return None


class World:
    """A segment with `nodes`, driven by `run_until`; faults are methods."""

    def __init__(self, configs: list[m.Config], seed: int) -> None:
        self.random = Random(seed)
        self.now = 0.0
        self.nodes = [Node(config) for config in configs]
        self.queue: list[tuple[float, int, Callable[[], None]]] = []
        self.order = itertools.count()
        self.loss = self.duplication = 0.0
        self.delay, self.late = DELAY, LATE
        self.disturbed_at = 0.0
        self.recovered_at = -math.inf
        self.repaired = self.slept = False
        self.client: int | None = None
        self.misled = False
        self.client_island = 0
        self.changes: list[tuple[float, int, m.Changed]] = []
        self.packets = 0
        self.trace: list[str] = []
        self.two, self.none, self.stale = Law("two holders"), Law("no holder"), Law("stale client")
        self.blackout = 0.0
        self.slowest = max(c.interval for c in configs)
        # A newcomer that waits less than the Master's interval cannot know of it, whatever the RFC says.
        audible = self.slowest < 3 * min(c.interval for c in configs)
        self.nopreempt = audible and not any(c.preempt for c in configs)
        self.lease = max(c.lease for c in configs)
        self.native = all(c.hitless and c.claim_window and c.kernel_lease for c in configs)

    # The clock.

    def at(self, when: float, action: Callable[[], None]) -> None:
        heapq.heappush(self.queue, (max(when, self.now), next(self.order), action))

    def undo(self, when: float, action: Callable[[], None]) -> None:
        """The end of a fault, unless `repair` has come first."""
        self.at(when, lambda: None if self.repaired else action())

    def run_until(self, end: float) -> None:
        while self.queue and self.queue[0][0] <= end:
            when, _, action = heapq.heappop(self.queue)
            self.pass_time(when)
            action()
            self.check()
        self.pass_time(end)
        self.check()

    def pass_time(self, until: float) -> None:
        self.blackout += (until - self.now) * self.client_is_dark()
        self.now = until

    # What the nodes do.

    def feed(self, index: int, event: m.Event) -> None:
        node = self.nodes[index]
        if not (node.powered and node.running):
            return
        if node.frozen:
            node.inbox.append(event)
            return
        node.state, actions = step(node.config, node.state, event, self.now)
        for action in actions:
            self.perform(index, action)
        self.arm(index)

    def arm(self, index: int) -> None:
        node = self.nodes[index]
        node.armed += 1
        token, due = node.armed, deadline(node.state)

        def fire() -> None:
            if token == node.armed and not node.frozen:
                self.feed(index, m.Timer())

        if due is not None:
            self.at(due + self.random.uniform(0, self.late), fire)

    def perform(self, index: int, action: m.Action) -> None:
        node = self.nodes[index]
        self.trace.append(f"{self.now:9.4f} {index} {action}")
        match action:
            case m.SendAdvert(priority):
                advert = m.Advert(priority, node.config.interval, node.config.source)
                self.broadcast(index, lambda to: self.feed(to, advert))
            case m.Announce(rounds=rounds):
                for _ in range(rounds):
                    self.broadcast(index, lambda to: self.feed(to, m.ForeignClaim(VIP)))
                    self.to_client(index)
            case m.AddAddresses(lease=lease):
                node.expires = self.now + lease + self.random.uniform(-0.25, KERNEL_SLACK)
                self.at(node.expires, lambda: self.expire(index))
            case m.RemoveAddresses():
                node.expires = -math.inf
            case m.Changed():
                self.changed(index, action)

    def expire(self, index: int) -> None:
        node = self.nodes[index]
        if node.expires == self.now:
            self.trace.append(f"{self.now:9.4f} {index} kernel: lease ran out")
            node.expires = -math.inf
            self.feed(index, m.AddressLost(VIP))

    def broadcast(self, sender: int, deliver: Callable[[int], None]) -> None:
        self.packets += 1
        for index, node in enumerate(self.nodes):
            if index != sender and node.island == self.nodes[sender].island:
                self.transmit(sender, lambda index=index: deliver(index))

    def to_client(self, sender: int) -> None:
        def learn() -> None:
            self.client = sender

        if self.nodes[sender].island == self.client_island:
            self.transmit(sender, learn)

    def transmit(self, sender: int, deliver: Callable[[], None]) -> None:
        if not self.nodes[sender].state.link:
            return
        for _ in range(1 + (self.random.random() < self.duplication)):
            if self.random.random() >= self.loss:
                self.at(self.now + self.random.uniform(0.00005, self.delay), deliver)

    # Faults. Each that breaks the flow of messages or kills without a word is a disturbance.

    def disturb(self, text: str) -> None:
        self.trace.append(f"{self.now:9.4f} FAULT {text}")
        self.disturbed_at = self.now

    def crash(self, index: int) -> None:
        self.disturb(f"crash {index}")
        node = self.nodes[index]
        node.powered, node.running, node.frozen, node.expires = False, False, False, -math.inf

    def kill(self, index: int) -> None:
        self.disturb(f"kill {index}")
        self.nodes[index].running = self.nodes[index].frozen = False

    def boot(self, index: int) -> None:
        node = self.nodes[index]
        if not node.running:
            self.disturb(f"boot {index}")
            self.misled |= self.client == index
            node.powered = node.running = True
            node.state, node.inbox = m.State(), []
            node.armed += 1
        leftover = node.expires > self.now
        self.feed(index, m.Startup(leftover=leftover and isinstance(node.state.role, m.Initialize)))

    def freeze(self, index: int) -> None:
        self.disturb(f"freeze {index}")
        self.nodes[index].frozen = self.nodes[index].running

    def thaw(self, index: int) -> None:
        """The engine reads every queued packet before it looks at its timer."""
        node = self.nodes[index]
        if node.frozen:
            self.disturb(f"thaw {index}")
            node.frozen, inbox, node.inbox = False, node.inbox, []
            # Its lease ran out behind a partition: it has nothing to part with when it hears the holder.
            self.misled |= self.client == index and index not in self.holders()
            # Its link went down while it stood still: when it lets go, nobody hears of it.
            self.misled |= self.client == index and m.Link(False) in inbox
            for event in inbox:
                self.feed(index, event)
            self.arm(index)

    def partition(self, islands: list[int]) -> None:
        self.disturb(f"islands {islands}")
        for node, island in zip(self.nodes, islands, strict=True):
            node.island = island

    def weather(self, loss: float, duplication: float, delay: float) -> None:
        self.disturb(f"loss {loss} duplication {duplication} delay {delay}")
        self.loss, self.duplication, self.delay = loss, duplication, delay

    def link(self, index: int, up: bool) -> None:
        if self.nodes[index].state.link != up:
            self.disturb(f"link {index} {up}")
            self.feed(index, m.Link(up))

    def tell(self, index: int, event: m.Event) -> None:
        """Something planned: no excuse for anybody."""
        self.trace.append(f"{self.now:9.4f} {index} told {event}")
        if event == m.Health(m.Standing.HEALTHY):
            self.recovered_at = self.now
        if isinstance(event, m.Shutdown) and isinstance(self.nodes[index].state.role, m.Claiming):
            self.disturb(f"{index} takes back a claim, which may overtake it")
        self.feed(index, event)

    def reload(self, index: int, config: m.Config) -> None:
        node = self.nodes[index]
        if node.engine_works():
            previous, node.config = node.config, config
            self.lease = max(self.lease, config.lease)
            self.tell(index, m.Reconfigured(previous))

    def babble(self, priority: int, skew: float) -> None:
        """A router of no consequence advertises, and is heard here sooner and there later."""
        advert = m.Advert(priority, 1.0, IPv4Address("198.18.0.0") - 9)
        for index in range(len(self.nodes)):
            self.at(self.now + self.random.uniform(0, skew), lambda index=index: self.feed(index, advert))

    # The laws.

    def flows(self) -> bool:
        return self.loss == 0 and {node.island for node in self.nodes} == {self.client_island}

    def holders(self) -> list[int]:
        return [i for i, n in enumerate(self.nodes) if n.expires > self.now and n.powered and n.state.link]

    def may_speak(self, index: int) -> bool:
        """A frozen holder cannot send ARP, and a resigning one must not."""
        node = self.nodes[index]
        return node.engine_works() and isinstance(node.state.role, m.Master)

    def client_is_dark(self) -> bool:
        return self.client is not None and self.client not in self.holders()

    def longest_down(self) -> float:
        """The longest that any Backup waits: priority 1, the slowest interval, both versions."""
        return max(c.config.down(0, self.slowest) for c in self.nodes) + 0.1

    def changed(self, index: int, action: m.Changed) -> None:
        self.changes.append((self.now, index, action))
        node = self.nodes[index]
        calm = self.flows() and self.now - self.disturbed_at > self.longest_down() + KERNEL_SLACK
        # A claim against the last resort may cross its recovery on the wire.
        crossed = self.now - self.recovered_at < 2 * DELAY
        unseated = action.old is m.Master and action.reason is m.Reason.BETTER_CLAIM and not crossed
        # A configured priority as low as those is taken for one of them.
        good = effective_priority(node.config, node.state) > max(m.RANKS.values())
        if calm and unseated and self.nopreempt and self.native and good:
            self.fail(f"node {index} was unseated although nobody preempts")

    def check(self) -> None:
        holders = self.holders()
        # A holder that lets go while the segment is parted, or dies, was never heard of on the other side:
        # only the refresh tells its clients.
        if self.client is not None and (not self.nodes[self.client].eligible() or not self.flows()):
            self.misled |= self.client not in holders
        for node in self.nodes:
            node.able_since = min(node.able_since, self.now) if node.eligible() else math.inf
        able = min(node.able_since for node in self.nodes)
        stale = REFRESHED if self.misled else 1.2 if self.native else TAIL
        clean = self.disturbed_at if self.flows() else self.now
        slept = any(not self.nodes[i].engine_works() for i in holders)
        two, slept_before = self.slowest + 0.25, self.slept
        self.slept = slept or (self.slept and len(holders) > 1)
        if self.slept or (slept_before and len(holders) < 2):
            two = max(two, self.lease + KERNEL_SLACK)
        astray = len(holders) == 1 and self.client not in (None, holders[0]) and self.may_speak(holders[0])
        for law, holds, bound, since in (
            (self.two, len(holders) > 1, two, clean),
            (self.none, not holders and able <= self.now, self.longest_down(), max(clean, able)),
            (self.stale, astray, stale, clean),
        ):
            if problem := law.observe(holds, self.now, bound, since):
                self.fail(problem)
        self.misled &= self.client not in holders

    def fail(self, problem: str) -> None:
        raise Broken(
            "\n".join(
                (
                    f"{self.now:.4f}: {problem} (client {self.client}, holders {self.holders()}, misled {self.misled})",
                    *self.trace[-60:],
                )
            )
        )


def config(index: int, priority: int = 100, **others: object) -> m.Config:
    source = IPv4Address("198.18.0.1") + index
    return m.Config(vrid=51, priority=priority, source=source, addresses=(VIP,), **others)  # type: ignore[arg-type]


PLAIN: dict[str, object] = {
    "hitless": False,
    "claim_window": 0.0,
    "prompt_succession": False,
    "last_resort": False,
    "kernel_lease": False,
    "ask_first": False,
    "incumbent_stays": False,
    "garp": m.Garp(spread=0.0),
}
"""A router by the letter of the RFC, which is how keepalived behaves."""


def random_configs(random: Random, *, plain: float = 0.0) -> list[m.Config]:
    scale = random.choice((0.05, 0.1, 0.5, 1.0, 2.0))
    preempt = random.random() < 0.5
    delay = scale * random.choice((0.0, 0.0, 1.0, 3.0))
    equal = random.random() < 0.4
    same = random.random() < 0.7
    configs = []
    for index in range(random.randint(2, 7)):
        priority = 100 if equal else random.choice((1, 2, 90, 100, 100, 150, 254, 255))
        interval = scale if same else scale * random.choice((0.5, 1.0, 2.0))
        mixed = random.random() < 0.1
        others = PLAIN if random.random() < plain else {}
        configs.append(
            config(
                index, priority, interval=interval, preempt=preempt != mixed, preempt_delay=delay, **others
            )
        )
    if random.random() < 0.3 and scale >= 1.0:
        configs = [replace(c, version=2, interval=scale) for c in configs]
    random.shuffle(configs)
    return configs


def history(seed: int, *, plain: float = 0.0) -> World:
    """Start some nodes, do two to eight things to them, put everything right, and wait for rest."""
    random = Random(seed)
    world = World(random_configs(random, plain=plain), seed)
    count, down = len(world.nodes), world.longest_down()
    for index in range(count):
        world.at(random.uniform(0, 2 * down) * random.choice((0, 1)), lambda i=index: world.boot(i))
    end = 2 * down
    for _ in range(random.randint(2, 8)):
        end += random.uniform(0, down) * random.choice((0.1, 1, 2))
        world.at(end, lambda: mishap(world, random))
    world.run_until(end)
    repair(world)
    down = world.longest_down()  # intervals may have grown
    rest = (
        world.now
        + 3 * down
        + (3 if world.native else TAIL)
        + max(c.config.preempt_delay for c in world.nodes)
    )
    world.run_until(rest)
    settled, packets = len(world.changes), world.packets
    world.run_until(rest + down)
    judge(world, settled, world.packets - packets, down)
    return world


def mishap(world: World, random: Random) -> None:
    index = random.randrange(len(world.nodes))
    if random.random() < 0.6 and world.holders():
        index = random.choice(world.holders())
    later = world.now + random.uniform(0, 2) * world.longest_down()
    fault, cure = random.choice(MISHAPS)
    fault(world, random, index)
    world.undo(later, lambda: cure(world, random, index))


def _demote(world: World, random: Random, index: int) -> None:
    world.tell(index, m.Release(forced=random.random() < 0.5))
    node = world.nodes[index]
    world.reload(index, replace(node.config, priority=random.choice((50, 100, 200))))


UNHEALTHY = (m.Standing.UNPROVEN, m.Standing.UNREADY, m.Standing.DEAD)


def _outage(world: World, random: Random, _: int) -> None:
    for index in range(len(world.nodes)):
        standing = m.Standing.HEALTHY if random.random() < 0.3 else random.choice(UNHEALTHY)
        world.tell(index, m.Health(standing))


def _storm(world: World, random: Random, _: int) -> None:
    world.weather(*random.choice(((0.3, 0.0, 0.004), (0.05, 0.3, 0.05), (0.0, 0.5, 0.02))))


def _retime(world: World, random: Random, _: int) -> None:
    """Everybody gets another interval, one after the other; VRRPv2 would refuse the others' meanwhile."""
    if all(node.config.version == 3 for node in world.nodes):
        interval = world.slowest * random.choice((0.5, 0.8, 1.25, 2.0))
        world.disturb(f"interval {interval}")
        world.slowest = max(world.slowest, interval)
        for index, node in enumerate(world.nodes):
            world.reload(index, replace(node.config, interval=interval))


def _part(world: World, random: Random, _: int) -> None:
    world.partition([random.randint(0, 1) for _ in world.nodes])


Change = Callable[[World, Random, int], None]
_STOP: tuple[Change, Change] = (lambda w, _, i: w.tell(i, m.Shutdown()), lambda w, _, i: w.boot(i))
_FREEZE: tuple[Change, Change] = (lambda w, _, i: w.freeze(i), lambda w, _, i: w.thaw(i))
MISHAPS: tuple[tuple[Change, Change], ...] = (
    _STOP,
    _STOP,
    _FREEZE,
    _FREEZE,
    (lambda w, _, i: w.crash(i), lambda w, _, i: w.boot(i)),
    (lambda w, _, i: w.kill(i), lambda w, _, i: w.boot(i)),
    (
        lambda w, r, i: w.tell(i, m.Health(r.choice(UNHEALTHY))),
        lambda w, _, i: w.tell(i, m.Health(m.Standing.HEALTHY)),
    ),
    (_outage, lambda w, _, i: w.tell(i, m.Health(m.Standing.HEALTHY))),
    (_part, lambda w, _, __: w.partition([0] * len(w.nodes))),
    (_storm, lambda w, _, __: w.weather(0.0, 0.0, DELAY)),
    (lambda w, _, i: w.link(i, False), lambda w, _, i: w.link(i, True)),
    (_demote, lambda w, _, i: w.tell(i, m.Rejoin())),
    (_retime, lambda *_: None),
)


def repair(world: World) -> None:
    world.partition([0] * len(world.nodes))
    world.weather(0.0, 0.0, DELAY)
    world.repaired = True
    for index in range(len(world.nodes)):
        world.thaw(index)
        world.boot(index)
        world.link(index, True)
        world.tell(index, m.Health(m.Standing.HEALTHY))
        world.tell(index, m.Rejoin())


def judge(world: World, settled: int, packets: int, span: float) -> None:
    """The segment is at rest: one holder, known to the client, the right one, and few packets."""
    holders = world.holders()
    if len(holders) != 1 or world.client not in (None, *holders):
        world.fail(f"at rest with holders {holders} and client {world.client}")
    if len(world.changes) != settled:
        world.fail("still changing")
    mine = world.nodes[holders[0]].config
    better = [n for n in world.nodes if n.config.preempt and n.config.priority > mine.priority]
    if better:
        world.fail("a better router that preempts has been left out")
    fastest = min(n.config.interval for n in world.nodes)
    if packets > 2 * span / fastest + 20:
        world.fail(f"{packets} packets at rest")
