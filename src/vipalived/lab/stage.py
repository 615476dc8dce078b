"""One trial under way: fresh daemons on every node, the client asking, and the waits that scenarios use."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from vipalived.errors import VipalivedError
from vipalived.lab.bounds import Limits, Timing, recovery_deadline, settling_deadline
from vipalived.lab.daemon import Command, Daemon
from vipalived.lab.engines import Engine
from vipalived.lab.kubectl import read
from vipalived.lab.pressure import Quota, busy
from vipalived.lab.probe import Record
from vipalived.lab.sandbox import python
from vipalived.lab.servers import ApiServer
from vipalived.lab.watch import HolderWatch
from vipalived.lab.world import World
from vipalived.settings import Settings

SECOND = 1_000_000_000
STEADY = SECOND // 2
"""How long one holder must have been answered for before a trial begins."""
UNPROMISED = 15.0
"""Seconds without an answer after which an engine that promises nothing is not waited for any longer."""
AFTERWARDS = SECOND
"""How long it must be so after the fault before a trial ends."""
_IN_FLIGHT = SECOND // 20
_LAST_WORDS = 10.0
"""Seconds that a client has for what is on its way when a trial ends."""
PORT = 6443
SETTLING, RECOVERING = "settling", "recovering"
_GOLDEN_RATIO = 0.6180339887
"""Its multiples, modulo 1, spread evenly however many there are."""


Waits = Callable[[str, float], None]
"""Hears what a trial waits for, and for how many seconds at the most."""


class TrialFailed(VipalivedError):
    """A trial could not be carried out; the message says what the lab was waiting for."""


class Stage:
    """The means of one trial. Moments are nanoseconds of the monotonic clock."""

    def __init__(
        self,
        world: World,
        watch: HolderWatch,
        servers: Mapping[str, ApiServer],
        engine: Engine,
        settings: Settings,
        timing: Timing,
        limits: Limits,
        directory: Path,
        quota: Quota,
        interrupted: Callable[[], bool],
        waits: Waits,
    ) -> None:
        self.world, self.watch, self.servers, self.engine = world, watch, servers, engine
        self.settings, self.timing, self.limits, self.directory = settings, timing, limits, directory
        self.quota, self.interrupted, self._waits = quota, interrupted, waits
        self.nodes = tuple(host.name for host in world.plan.nodes)
        self.daemons: dict[str, Daemon] = {}
        self.marks: list[tuple[int, str]] = []
        self.began = self.fault = self.ended = 0
        self.holder = ""
        self.recovered = True
        self._stopping: set[str] = set()
        self._helpers: list[subprocess.Popen[bytes]] = []
        self._clients: list[subprocess.Popen[bytes]] = []
        self.record = Record(directory / "datagrams", self.nodes, create=True)
        self.requests = directory / "requests"

    # what scenarios do

    def start(self, node: str) -> None:
        """A fresh daemon on the node."""
        place = self._place(node)
        place.mkdir(exist_ok=True)
        command = self._prepared(node, self.settings)
        self.daemons[node] = Daemon(node, self.world.enter(node), command, place / "daemon.log")

    def _prepared(self, node: str, settings: Settings) -> Command:
        """How to start the node's daemon, once all is done that comes before."""
        command = self.engine.prepare(node, settings, self._place(node))
        if command.before:
            words, environment = [*self.world.enter(node), *command.before], os.environ | dict(command.env)
            try:
                done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=10)  # noqa: PLW1510
            except subprocess.TimeoutExpired as error:
                said = (error.stderr or b"").decode(errors="replace")
                raise TrialFailed(f"keepalived has nothing to run on: {said}") from error
            if done.returncode:
                raise TrialFailed(f"keepalived cannot be started: {done.stderr}")
        return command

    def stop(self, node: str) -> None:
        """SIGTERM to the node's daemon, which stops in its own time."""
        self._stopping.add(node)
        self.daemons[node].terminate()

    def gone(self, node: str) -> None:
        """Waits for a stopped daemon's end."""
        daemon = self.daemons[node]
        self.wait(lambda: not daemon.running, 10.0, f"the daemon of {node} to stop")
        self._stopping.remove(node)
        self.daemons.pop(node).reap()

    def kill(self, node: str) -> None:
        """SIGKILL to all that the node's daemon consists of."""
        self.daemons.pop(node).kill()

    def release(self, node: str) -> None:
        """The operator gives the node's VIP away, and does not wait for it."""
        words = self.engine.release(self._place(node))
        if words is None:
            raise TrialFailed(f"the engine {self.engine.name} has no command to release a node")
        self._helpers.append(subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def reload(self, node: str) -> None:
        """The node's daemon reads values that differ a little from those before; waits until it runs with them."""
        self._prepared(node, changed(self.settings))
        daemon = self.daemons[node]
        before = len(daemon.said())
        daemon.hang_up()
        self.wait(
            lambda: self.engine.reloaded(daemon.said()[before:]), 10.0, f"the daemon of {node} to reload"
        )

    @contextmanager
    def pressure(self) -> Iterator[str]:
        """A busy machine, and a CPU quota on every daemon; gives the words for it."""
        for index, node in enumerate(self.nodes):
            self.quota.limit(index, self.daemons[node].pids())
        with busy():
            yield f"load, {self.quota.says}"

    def mark(self, text: str) -> None:
        """Says what is about to be done, now; the first mark is the fault."""
        now = time.monotonic_ns()
        self.fault = self.fault or now
        self.marks.append((now, text))

    def pause(self, seconds: float) -> None:
        """Lets time pass where the scenario itself is made of it."""
        end = time.monotonic() + seconds
        self.wait(lambda: time.monotonic() >= end, seconds + 1.0, "time to pass")

    def ready(self, node: str) -> None:
        """Waits until the node's daemon takes part in the election."""
        self.wait(
            lambda: self.engine.ready(self.daemons[node].said()), 10.0, f"the daemon of {node} to be ready"
        )

    def recover(self, victim: str | None = None, *, alone: bool = True, steady: int = AFTERWARDS) -> None:
        """Waits until the client is answered again and one node, not the victim, holds the VIP.

        Both for `steady` nanoseconds since the last mark. Unless it must be `alone`, the victim may hold
        the VIP as well. A blackout that never ends is a result, not a failure.
        """
        if self.recovered:
            deadline = recovery_deadline(self.timing)
            if self.limits.blackout is None:
                deadline = min(UNPROMISED, deadline)
            self.recovered = self._until(
                lambda: self._steady(steady, victim, alone=alone), deadline, RECOVERING
            )

    def served(self) -> None:
        """Waits until every HTTPS request has been answered for AFTERWARDS since the last mark."""
        if self.recovered:
            self.recovered = self._until(self._serves, self._patience(), RECOVERING)

    def _patience(self) -> float:
        """Seconds after which an engine that promises nothing is believed to do nothing."""
        return recovery_deadline(self.timing) if self.limits.http else UNPROMISED

    def _serves(self) -> bool:
        now = time.monotonic_ns()
        if now - self.marks[-1][0] < AFTERWARDS + _IN_FLIGHT:
            return False
        new, kept = read(self.requests, now - AFTERWARDS, now)
        return bool(new and kept) and all(request.succeeded for request in (*new, *kept))

    # what the lab does around them

    def unhindered(self, node: str) -> None:
        """Waits until the node may use all its addresses: duplicate address detection takes a second or two."""
        self.wait(lambda: not self.world.tentative(node), 10.0, f"the addresses of {node} to be usable")

    def settle(self) -> None:
        """Waits until one node holds the VIP and the client has been answered for half a second."""
        for node in self.daemons:
            self.ready(node)
        self.wait(
            self.calm,
            settling_deadline(self.timing),
            "one node to hold the VIP and the client to be answered",
        )

    def calm(self) -> bool:
        """Whether one node has held the VIP and the client has been answered for half a second."""
        return self._steady(STEADY)

    def wait(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        """Waits for a condition; raises TrialFailed when the deadline passes first, or a daemon dies."""
        if not self._until(condition, seconds):
            raise TrialFailed(f"waited {seconds:.1f} s in vain for {what}")

    def drift(self, number: int) -> None:
        """Lets a part of the Advertisement_Interval pass: each trial another, each engine the same.

        Nodes that have just settled are in step with the lab's clock; faults are not.
        """
        self.pause(number * _GOLDEN_RATIO % 1 * self.timing.advertisement_interval)

    def begin(self) -> None:
        """The figures count from here, a little before the fault."""
        holders = sorted(self.watch.holders())
        if len(holders) != 1:
            raise TrialFailed(f"one node held the VIP, now {', '.join(holders) or 'none'} does")
        (self.holder,) = holders
        self.began = time.monotonic_ns() - STEADY // 2

    def end(self) -> None:
        """The figures count until here."""
        self.ended = time.monotonic_ns()

    def close(self) -> None:
        """Gives back the memory that the figures needed."""
        self.record.close()

    def files(self) -> dict[str, str]:
        """What the daemons logged and read, by a file name for each."""
        texts = {}
        for node in self.nodes:
            for path in sorted(self._place(node).glob("*.log")) + sorted(self._place(node).glob("*.conf")):
                texts[f"{node}.{path.name}"] = path.read_text(errors="replace")
        return texts

    def _place(self, node: str) -> Path:
        """A node's own directory."""
        return self.directory / f"node-{self.nodes.index(node)}"

    @contextmanager
    def asking(self, authority: Path, period: float) -> Iterator[None]:
        """The client at work: datagrams and HTTPS requests."""
        enter = self.world.enter(self.world.plan.client.name)
        target = [str(self.world.plan.vip), str(PORT)]
        datagrams = ["vipalived.lab.probe", *target, str(self.directory / "datagrams"), *self.nodes]
        requests = ["vipalived.lab.kubectl", *target, str(authority), str(self.requests), str(period)]
        self.requests.touch()
        for words in (datagrams, requests):
            self._clients.append(subprocess.Popen([*enter, *python("-m", *words)], start_new_session=True))
        try:
            yield
        finally:
            for client in self._clients:
                client.terminate()
            for client in self._clients:
                _end(client)
            self._clients.clear()

    def clear(self) -> None:
        """Ends every daemon and cleans up after it; the next trial starts from nothing."""
        for helper in self._helpers:
            _end(helper)
        for daemon in self.daemons.values():
            daemon.kill()
        self.daemons.clear()
        for server in self.servers.values():
            server.heal()
        self.world.clean()

    def _until(self, condition: Callable[[], bool], seconds: float, phase: str | None = None) -> bool:
        self._waits(phase or (self.marks[-1][1] if self.marks else SETTLING), seconds)
        deadline = time.monotonic() + seconds
        while not condition():
            if self.interrupted():
                raise KeyboardInterrupt
            self._check()
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def _check(self) -> None:
        for node, daemon in self.daemons.items():
            if not daemon.running and node not in self._stopping:
                raise TrialFailed(f"the daemon of {node} ended by itself with exit code {daemon.exit_code}")
        if not self.watch.alive or any(client.poll() is not None for client in self._clients):
            raise TrialFailed("the lab's own client or watcher ended")

    def _steady(self, length: int, victim: str | None = None, *, alone: bool = True) -> bool:
        """Whether for so long, and since the last mark, one node held the VIP and the client was answered."""
        since = time.monotonic_ns() - length
        sightings = [one for one in self.watch.sightings() if alone or one.node != victim]
        latest = max((sighting.at for sighting in sightings), default=0)
        if max([latest, *(moment for moment, _ in self.marks)]) > since:
            return False
        holders = self.watch.holders()
        if len(holders - {victim}) != 1 or (alone and len(holders) != 1):
            return False
        return self.record.answered_since(since, since + length - _IN_FLIGHT)


def changed(settings: Settings) -> Settings:
    """The settings with one value different that no other value depends on."""
    garp = settings.keepalived.garp
    refresh = garp.model_copy(update={"master_refresh": garp.master_refresh + 1})
    return settings.model_copy(
        update={"keepalived": settings.keepalived.model_copy(update={"garp": refresh})}
    )


def _end(client: subprocess.Popen[bytes]) -> None:
    """Waits for a client that was told to stop; one that does not must not hold up the lab."""
    try:
        client.wait(timeout=_LAST_WORDS)
    except subprocess.TimeoutExpired:
        client.kill()
        client.wait()
