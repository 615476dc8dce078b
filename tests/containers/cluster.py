"""One engine's pods on three nodes, beside stand-ins for their API servers, and what a client sees of them."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from difflib import unified_diff
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import trustme
import yaml

from tests.containers.hosts import SLACK, Segment, until
from tests.containers.runtime import Kubelet
from vipalived.lab.measure import Stretch, gaps, holder_times, longest, runs
from vipalived.lab.probe import Record
from vipalived.lab.sandbox import python
from vipalived.lab.watch import HolderWatch
from vipalived.release import CHART_VERSION

NODES, CLIENT = ("cp-1", "cp-2", "cp-3"), "client"
VIP = "198.18.0.100"
MASTER_DOWN = 3.61
"""Master_Down_Interval in seconds, of the default priority and interval."""
UNPROVEN_DOWN = 3.99
"""The same of a node whose API server has never answered: 3 s, and 253/256 of one."""
START = 15.0
"""Seconds that a container may take until its engine takes part: Python starts slowly within 100m of a CPU."""
AGENT_IMAGE = f"ghcr.io/lexfrei/vipalived:{CHART_VERSION}"
PLAIN_IMAGE = "localhost/keepalived:test"
ENGINES = {
    "native": ("engine=native",),
    "plain": (
        "image.repository=localhost/keepalived",
        "image.tag=test",
        "healthCheck.enabled=true",
        "securityContext.readOnlyRootFilesystem=true",
    ),
}
"""The values of each, beside the VIP."""
WAITS = {"native": "waiting: another", "plain": "waiting for the other pod"}
"""What a pod says that waits for another one on its node."""
PORT = "6443"
_MAIN = "from vipalived.cli.main import main; main()"
_STEADY = 500_000_000
_IN_FLIGHT = 50_000_000


@dataclass
class Felt:
    """What the client and the nodes went through, in seconds; filled in at the end."""

    began: int
    blackout: float = 0.0
    lost: int = 0
    """Datagrams that were not answered."""
    moved: float = 0.0
    """From the beginning to the first time that another node had the VIP."""
    nobody: float = 0.0
    several: float = 0.0
    """How long nobody had the VIP, and how long more than one node."""
    moves: int = 0
    """How often a node got it."""


class Cluster:
    """The nodes and their pods; `place` is for what the programs outside the containers write."""

    def __init__(self, segment: Segment, engine: str, place: Path) -> None:
        self.engine, self._segment = engine, segment
        self.hosts = {name: segment.hosts[name] for name in NODES}
        self._place = place
        self.kubelets = {name: self.kubelet(name) for name in self.hosts}
        """What acts on each node, or should."""
        self.waiting: dict[str, Kubelet] = {}
        """The DaemonSet's pods where they run beside the static ones."""
        self._network_before = self._network()
        self._certificate = certificate(place)
        self._api_servers: dict[str, subprocess.Popen[str]] = {}
        self.watch = HolderWatch(ip_address(VIP), {name: host.network for name, host in self.hosts.items()})
        self.record = Record(place / "datagrams", NODES, create=True)
        self._programs = [
            host.start(python("-m", "vipalived.lab.responder", "4", PORT, name), says="listening")
            for name, host in self.hosts.items()
        ]
        probe = python("-m", "vipalived.lab.probe", VIP, PORT, str(place / "datagrams"), *NODES)
        self._programs.append(segment.hosts[CLIENT].start(probe))

    def start(self) -> None:
        """Static pods and API servers, in the order of `kubeadm init` and `join`; waits until all take part."""
        first, *others = NODES
        if self.engine == "plain":
            # keepalived's script lets a node take part only where an API server answers.
            for name, kubelet in self.kubelets.items():
                self.start_api_server(name)
                kubelet.start()
            self.settle()
            return
        self.kubelets[first].start()
        until(lambda: self.holders() == [first], START + UNPROVEN_DOWN, "a VIP before any API server")
        self.start_api_server(first)
        for name in others:
            self.kubelets[name].start()
        self.settle()
        for name in others:
            self.start_api_server(name)
        self.settle()

    def kubelet(self, node: str, *assignments: str) -> Kubelet:
        """For a static pod on a node with further values."""
        pod = static_pod(*ENGINES[self.engine], *assignments)
        return Kubelet(self.hosts[node], pod, self._place / f"{node}.static.log")

    def install(self) -> None:
        """`helm install` while the static pods run: the DaemonSet's pods come up beside them, and wait."""
        config_map, pod = daemon_set(*ENGINES[self.engine])
        for name, host in self.hosts.items():
            self.waiting[name] = Kubelet(host, pod, self._place / f"{name}.log", config_map)
            self.waiting[name].start()
        for name, kubelet in self.waiting.items():
            until(lambda kubelet=kubelet: WAITS[self.engine] in kubelet.logs(), START, f"{name} to wait")

    def replace(self, node: str) -> None:
        """The static pod ends, and the DaemonSet's, which waits beside it, takes its place."""
        self.kubelets[node].remove()
        self.kubelets[node] = self.waiting.pop(node)

    def close(self) -> None:
        """Ends all of it."""
        for kubelet in (*self.kubelets.values(), *self.waiting.values()):
            kubelet.remove()
        for program in (*self._programs, *self._api_servers.values()):
            program.kill()
            program.communicate()
        self.watch.end()
        self.record.close()

    def start_api_server(self, node: str) -> None:
        """A stand-in for the node's API server, on a node that has none."""
        words = python("-m", "vipalived.lab.apiserver", "4", PORT, str(self._certificate))
        self._api_servers[node] = self.hosts[node].start(words, says="listening")

    def kill_api_server(self, node: str) -> None:
        """SIGKILL."""
        server = self._api_servers.pop(node)
        server.kill()
        server.communicate()

    @contextmanager
    def hung_api_server(self, node: str) -> Iterator[None]:
        """It is stopped: its port is open, and nobody answers."""
        self._api_servers[node].send_signal(signal.SIGSTOP)
        yield
        self._api_servers[node].send_signal(signal.SIGCONT)

    def holders(self) -> list[str]:
        """The nodes that have the VIP."""
        return sorted(self.watch.holders())

    def holder(self) -> str:
        """The one node that has it."""
        (holder,) = self.holders()
        return holder

    def _takes_part(self, node: str) -> bool:
        kubelet = self.kubelets[node]
        if self.engine != "plain":
            return kubelet.probe("readinessProbe")
        return "Entering BACKUP STATE" in kubelet.logs()

    def settle(self, seconds: float = MASTER_DOWN + SLACK, *, without: str | None = None) -> None:
        """Waits until one node, and not this one, has had the VIP and answered the client for half a second."""
        for node, kubelet in self.kubelets.items():
            if kubelet.wanted:
                until(lambda node=node: self._takes_part(node), START, f"{node} to take part")
        until(
            lambda: self._steady(without), seconds, "one node to hold the VIP and the client to be answered"
        )

    def _steady(self, without: str | None) -> bool:
        since = time.monotonic_ns() - _STEADY
        latest = max((sighting.at for sighting in self.watch.sightings()), default=0)
        holders = self.holders()
        return (
            latest < since
            and len(holders) == 1
            and holders != [without]
            and self.record.answered_since(since, since + _STEADY - _IN_FLIGHT)
        )

    @contextmanager
    def felt(self) -> Iterator[Felt]:
        """Measures what happens within."""
        felt = Felt(time.monotonic_ns())
        yield felt
        end = time.monotonic_ns() - _IN_FLIGHT
        until(lambda: self.record.answered_since(end - _IN_FLIGHT, end), 1.0, "the last answers")
        self.measure(felt, end)

    def felt_since(self, moment: int) -> Felt:
        """From the first answer on that the client got after a moment."""
        end = time.monotonic_ns() - _IN_FLIGHT
        answered = (one.sent for one in self.record.between(moment, end) if one.node is not None)
        felt = Felt(next(answered))
        self.measure(felt, end)
        return felt

    def began(self, node: str) -> int:
        """When the agent on the node first took part, by its own log; nanoseconds of the lab's clock."""
        line = next(line for line in self.kubelets[node].logs().splitlines() if "-> BACKUP" in line)
        moment = datetime.fromisoformat(line.partition(" ")[0]).timestamp()
        return int(moment * 1e9) - time.time_ns() + time.monotonic_ns()

    def measure(self, felt: Felt, end: int) -> None:
        """What happened until then."""
        datagrams = self.record.between(felt.began, end)
        felt.lost = sum(datagram.node is None for datagram in datagrams)
        felt.blackout = longest(gaps(runs(datagrams, end))) / 1e9
        holders = self.watch.holders(felt.began)
        later = [one for one in self.watch.sightings() if felt.began <= one.at < end]
        gained = [one.at - felt.began for one in later if one.present and one.node not in holders]
        felt.moved = min(gained, default=0) / 1e9
        felt.moves = sum(one.present for one in later)
        nobody, several = holder_times(holders, later, Stretch(felt.began, end - felt.began))
        felt.nobody, felt.several = nobody / 1e9, several / 1e9

    def leftovers(self) -> list[str]:
        """What pods that are gone have left behind: in the nodes' network, in podman's storage, in memory."""
        found = self._segment.programs()
        for name, kubelet in self.kubelets.items():
            found += kubelet.podman("ps --all --quiet").split()
            found += kubelet.podman("volume ls --quiet").split()
            if self._network_before[name] != (now := self.hosts[name].network_state()):
                found += unified_diff(self._network_before[name].splitlines(), now.splitlines(), lineterm="")
        return found

    def _network(self) -> dict[str, str]:
        return {name: host.network_state() for name, host in self.hosts.items()}

    def story(self) -> str:
        """What every pod said, and podman of it."""
        sightings = "\n".join(map(str, self.watch.sightings()))
        kubelets = (*self.kubelets.values(), *self.waiting.values())
        return "\n".join([*(kubelet.story() for kubelet in kubelets), sightings])


def static_pod(*assignments: str) -> dict[str, Any]:
    """What `vipalived static-pod` prints."""
    (pod,) = _printed("static-pod", *assignments)
    return pod


def daemon_set(*assignments: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The ConfigMap that `vipalived template` prints, and a pod as its DaemonSet's controller would make it."""
    config_map, found = _printed("template", *assignments)
    template = found["spec"]["template"]
    metadata = template["metadata"] | {"name": f"{found['metadata']['name']}-x7k2p"}
    return config_map, {"apiVersion": "v1", "kind": "Pod"} | template | {"metadata": metadata}


def _printed(command: str, *assignments: str) -> list[dict[str, Any]]:
    vip = f"keepalived.vrrpInstance.virtualIpAddress={VIP}/24"
    sets = [word for assignment in (vip, *assignments) for word in ("--set", assignment)]
    words = [sys.executable, "-c", _MAIN, command, *sets]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return list(yaml.safe_load_all(done.stdout))


def certificate(place: Path) -> Path:
    path = place / "apiserver.pem"
    issued = trustme.CA().issue_cert(VIP, "127.0.0.1")
    chain = [issued.private_key_pem.bytes(), *(one.bytes() for one in issued.cert_chain_pems)]
    path.write_bytes(b"".join(chain))
    return path
