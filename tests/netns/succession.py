"""Stories of two agents on one node, told by `test_succession.py`: run as the first process of namespaces.

The lab's world: on node-1 an agent acts and another one waits, on node-2 a Backup stands ready to take over, and the
client asks for the VIP every millisecond. At an interval of 0.1 s and priority 100, Master_Down_Interval is 0.36 s.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

from vipalived.lab import plan
from vipalived.lab.measure import Stretch, holder_times
from vipalived.lab.probe import Record
from vipalived.lab.sandbox import python
from vipalived.lab.watch import HolderWatch
from vipalived.lab.world import World
from vipalived.settings import load

VIP, VIP6 = "198.18.0.100/24", "2001:db8::100/64"
NODES = ("node-1", "node-2")
PORT = "6443"
INTERVAL, MASTER_DOWN = 0.1, 0.361
START, SLACK = 8.0, 2.0
_MAIN = "from vipalived.cli.main import main; main()"
_VALUES: dict[str, Any] = {
    "engine": "native",
    "keepalived": {
        "vrrpInstance": {"virtualIpAddress": VIP, "virtualIpAddresses": [VIP6], "advertInt": INTERVAL}
    },
    "healthCheck": {"enabled": False},
}


def wait(condition: Callable[[], object], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"waited {seconds} s in vain for {what}\n{Agent.stories()}")
        time.sleep(0.005)


class Agent:
    """`vipalived agent` on a node."""

    everyone: ClassVar[list[Agent]] = []

    def __init__(self, segment: Segment, node: str, name: str, **more: Any) -> None:
        self.place = segment.place / name
        self.place.mkdir()
        self.values, self.log = self.place / "values.yaml", self.place / "log"
        self.use(**more)
        command = [*segment.world.enter(node), *python("-c", _MAIN), "agent", "-f", str(self.values)]
        with self.log.open("ab") as file:
            self.process = subprocess.Popen(
                [*command, "--run-dir", str(self.place / "run")],
                stdout=file,
                stderr=file,
                env=os.environ | {"NODE_NAME": node},
            )
        Agent.everyone.append(self)

    @classmethod
    def stories(cls) -> str:
        return "\n".join(f"--- {agent.place.name}\n{agent.log.read_text()}" for agent in cls.everyone)

    def use(self, **more: Any) -> None:
        """Other values; JSON is YAML, too."""
        self.values.write_text(json.dumps(_VALUES | more))

    def until(self, text: str, seconds: float = START + MASTER_DOWN) -> None:
        wait(lambda: text in self.log.read_text(), seconds, f"`{text}` from {self.place.name}")

    def said(self, text: str) -> bool:
        return text in self.log.read_text()

    def ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`vipalived status` and its like."""
        command = python("-c", _MAIN, *words, "--run-dir", str(self.place / "run"))
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.ask("status", "-o", "json").stdout)
        return found

    def end(self, seconds: float = 0.4 + SLACK) -> None:
        """SIGTERM; with nobody to take over it waits for its Backups."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(seconds) == 0, self.log.read_text()


class Segment:
    """The world with its client, and everybody who watches."""

    def __init__(self, place: Path) -> None:
        self.place, self._adverts = place, place / "adverts.pcap"
        self.world = World(plan.plan(load([_VALUES]).settings, len(NODES)))
        self.watch = HolderWatch(ip_address(VIP.partition("/")[0]), self.world.namespaces())
        self.record = Record(place / "datagrams", NODES, create=True)
        for node in NODES:
            responder = python("-m", "vipalived.lab.responder", "4", PORT, node)
            started = subprocess.Popen([*self.world.enter(node), *responder], stdout=subprocess.PIPE)
            started.stdout.readline()  # type: ignore[union-attr]  # it is a pipe
        probe = python("-m", "vipalived.lab.probe", VIP[:-3], PORT, str(place / "datagrams"), *NODES)
        subprocess.Popen([*self.world.enter("client"), *probe])

    def holders(self) -> list[str]:
        return sorted(self.watch.holders())

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """Nothing that the client sends meanwhile is lost, and the VIP is on one node all the time."""
        began, holders = time.monotonic_ns(), self.watch.holders()
        yield
        time.sleep(0.1)  # for the last answers
        end = time.monotonic_ns() - 50_000_000
        sent = self.record.between(began, end)
        assert len(sent) > 100
        assert not [datagram for datagram in sent if datagram.node is None], Agent.stories()
        sightings = [one for one in self.watch.sightings() if one.at >= began]
        nobody, _ = holder_times(holders, sightings, Stretch(began, end - began))
        assert nobody == 0, sightings

    def listen(self) -> None:
        """Lets tshark record every advertisement on the segment, where there is a Master."""
        words = [
            "tshark",
            "-q",
            "-i",
            "lab0.0",
            "-f",
            "ip proto 112 or ip6 proto 112",
            "-w",
            str(self._adverts),
        ]
        subprocess.Popen(words, stderr=subprocess.DEVNULL)
        wait(self._read, 20, "tshark to record")

    def heard(self, node: str) -> list[tuple[float, int]]:
        """The time and the priority of each of the node's, all until now: there is a Master all the time."""
        now, source = time.time(), f"02:00:00:00:00:{NODES.index(node) + 1:02}"
        wait(lambda: any(at > now for at, _, _ in self._read()), 20, "tshark to have recorded what came")
        return [(at, priority) for at, sender, priority in self._read() if sender == source and at < now]

    def _read(self) -> list[tuple[float, str, int]]:
        fields = [word for name in ("frame.time_epoch", "eth.src", "vrrp.prio") for word in ("-e", name)]
        words = ["tshark", "-r", str(self._adverts), "-T", "fields", *fields]
        # It complains of a file that ends within a packet, as one does that is being written.
        read = subprocess.run(words, capture_output=True, text=True, check=False).stdout
        lines = (line.split("\t") for line in read.splitlines())
        return [(float(at), sender, int(priority)) for at, sender, priority in lines]


def acting(segment: Segment, **more: Any) -> tuple[Agent, Agent]:
    """An agent that holds the VIP on node-1, and one on node-2 that would take it."""
    first = Agent(segment, "node-1", "first", **more)
    first.until("-> MASTER")
    other = Agent(segment, "node-2", "other", **more)
    other.until("-> BACKUP")
    return first, other


def waiting(segment: Segment, **more: Any) -> Agent:
    """Another agent on node-1."""
    second = Agent(segment, "node-1", "second", **more)
    second.until("waiting: another instance runs virtual router 51 on eth0 of this host")
    return second


def handed_over(segment: Segment) -> None:
    """The second takes the first one's place: no datagram is lost, no other node hears of it. And back again."""
    first, other = acting(segment)
    second = waiting(segment)
    status = second.status()
    assert (status["state"], status["reason"]) == ("WAITING", "another-instance-on-this-node")
    assert (status["good"], status["unready"]) == (True, [])
    assert second.ask("status").returncode == 0
    segment.listen()
    stopped = time.time()
    with segment.undisturbed():
        first.end(SLACK)
        second.until("-> MASTER", SLACK)
        third = Agent(segment, "node-1", "third")
        third.until("waiting: ")
        second.end(SLACK)
        third.until("-> MASTER", SLACK)
        adverts = segment.heard("node-1")
    assert segment.holders() == ["node-1"]
    assert first.said("MASTER -> INITIALIZE (succession-on-this-node)")
    assert second.said("INITIALIZE -> CLAIMING (succession-on-this-node)")
    assert not other.said("BACKUP ->")
    assert {priority for _, priority in adverts} == {100}
    assert adverts[0][0] < stopped  # it was recorded from the beginning
    assert max(b - a for (a, _), (b, _) in pairwise(adverts)) < MASTER_DOWN
    with segment.undisturbed():
        third.end()
        other.until("-> MASTER", SLACK)
    assert 0 in {priority for _, priority in segment.heard("node-1")}  # else the above would prove nothing


def others_values(segment: Segment) -> None:
    """To one whose addresses are others the VIP is not left: it goes to the other node."""
    router = _VALUES["keepalived"]["vrrpInstance"]
    first, other = acting(segment)
    second = waiting(segment, keepalived={"vrrpInstance": router | {"virtualIpAddresses": []}})
    with segment.undisturbed():
        first.end()
        other.until("-> MASTER", SLACK)
        second.until("INITIALIZE -> BACKUP (startup)", SLACK)
    assert first.said("not left to the other instance on this host: its engine or its addresses are others")
    assert segment.holders() == ["node-2"]


def standing_still(segment: Segment) -> None:
    """Nor to one that does not move; once it does it takes its place."""
    first, other = acting(segment)
    second = waiting(segment)
    os.kill(second.process.pid, signal.SIGSTOP)
    with segment.undisturbed():
        first.end()
        other.until("-> MASTER", SLACK)
    assert first.said("not left to the other instance on this host: it does not answer")
    assert segment.holders() == ["node-2"]
    os.kill(second.process.pid, signal.SIGCONT)
    second.until("INITIALIZE -> BACKUP (startup)", SLACK)


def changed_meanwhile(segment: Segment) -> None:
    """Values that change while it waits are those that it takes the place with."""
    first, _ = acting(segment)
    second = waiting(segment)
    router = _VALUES["keepalived"]["vrrpInstance"] | {"priority": 150}
    second.use(keepalived={"vrrpInstance": router})
    wait(lambda: second.status()["priority"] == 150, START, "the values to be read")
    with segment.undisturbed():
        first.end()
        second.until("-> MASTER", SLACK)
    assert segment.holders() == ["node-1"]
    assert second.status()["effective_priority"] == 150


def by_another_name(segment: Segment) -> None:
    """The same interface by an alternative name is the same place."""
    add = [
        *segment.world.enter("node-1"),
        *["ip", "link", "property", "add", "dev", "eth0", "altname", "enp1s0"],
    ]
    subprocess.run(add, check=True)
    acting(segment)
    router = _VALUES["keepalived"]["vrrpInstance"] | {"interface": "enp1s0"}
    second = Agent(segment, "node-1", "second", keepalived={"vrrpInstance": router})
    second.until("waiting: another instance runs virtual router 51 on enp1s0 of this host")
    assert segment.holders() == ["node-1"]


if __name__ == "__main__":
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
    stories = (handed_over, others_values, standing_still, changed_meanwhile, by_another_name)
    with tempfile.TemporaryDirectory() as directory:
        {story.__name__: story for story in stories}[sys.argv[1]](Segment(Path(directory)))
