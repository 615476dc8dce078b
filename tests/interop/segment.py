"""A segment with two hosts and a client, each in a network namespace, and a record of every advertisement on it.

To be built inside namespaces of its own only. The hosts are `native` and `frr`, with an interface `eth0` each; the
client is the bridge between them, which asks for the VIP once and from then on believes what it is told by
gratuitous ARP or unsolicited neighbour advertisements.
"""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOSTS = {"native": 1, "frr": 2}
SLACK = 1.5
"""Seconds that a busy machine may take longer than a formula says."""


def sh(words: str, *more: str) -> str:
    """What a program says; it must succeed."""
    done = subprocess.run([*words.split(), *more], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{words}: {done.stderr}"
    return done.stdout


def until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Waits for a state; not having come in time, it is a failure."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:.1f} s in vain for {what}"
        time.sleep(0.01)


def build() -> None:
    """The bridge and its hosts."""
    for place in ("/run", "/var/tmp"):  # FRR leaves files in either
        sh(f"mount -t tmpfs tmpfs {place}")
    sh("ip link set lo up")
    # Without snooping the bridge floods IPv6 multicast, too.
    sh("ip link add lab0 type bridge mcast_snooping 0")
    sh("ip address add 198.18.0.9/24 dev lab0")
    sh("ip address add 2001:db8::9/64 dev lab0 nodad")
    # A host that has just learned a neighbour's MAC is deaf to others for a second, and FRR says it only once.
    Path("/proc/sys/net/ipv4/neigh/lab0/locktime").write_text("0")
    sh("ip link set lab0 up")
    Path("/run/netns").mkdir()
    for host, number in HOSTS.items():
        sh(f"ip netns add {host}")
        sh(f"ip link add {host} type veth peer name eth0 netns {host}")
        sh(f"ip link set {host} master lab0 up")
        sh(f"ip -n {host} link set lo up")
        sh(f"ip -n {host} link set eth0 up")
        sh(f"ip -n {host} address add 198.18.0.{number}/24 dev eth0")
        sh(f"ip -n {host} address add 2001:db8::{number}/64 dev eth0 nodad")


def has(host: str, link: str, address: str) -> bool:
    """Whether the host's kernel answers for the address on this link."""
    [found] = json.loads(sh(f"ip -n {host} -j address show dev {link}"))
    addresses = {entry.get("local") for entry in found["addr_info"]}
    return "LOWER_UP" in found["flags"] and address in addresses


def mac(host: str, link: str) -> str:
    """The link's MAC address."""
    [found] = json.loads(sh(f"ip -n {host} -j link show dev {link}"))
    return str(found["address"])


def client_knows(address: str) -> str | None:
    """The MAC address to which the client sends what is for `address`; it asks only when it knows none."""
    for entry in json.loads(sh(f"ip -j neighbour show {address} dev lab0")):
        if "lladdr" in entry:
            return str(entry["lladdr"])
    family = "AF_INET6" if ":" in address else "AF_INET"
    ask = f"import socket as s; s.socket(s.{family}, s.SOCK_DGRAM).sendto(b'', ({address!r}, 9))"
    subprocess.run(["python3", "-c", ask], capture_output=True, check=False)
    return None


@dataclass(frozen=True)
class Advert:
    """One advertisement as tshark reads it; `at` is the wall clock's time, `good` says of all its checksums."""

    at: float
    sender: str
    priority: int
    version: int
    hops: int
    good: bool


class Capture:
    """All advertisements on the segment, until `adverts` is asked for."""

    def __init__(self, file: Path) -> None:
        self._file = file
        protocol = "ip proto 112 or ip6 proto 112"
        command = ["tshark", "-q", "-i", "lab0", "-f", protocol, "-w", str(file)]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        until(lambda: file.exists() and file.stat().st_size > 0, 20, "tshark to record")

    def adverts(self) -> list[Advert]:
        """Everything up to now, in the order of time: the kernel hands packets over with a delay."""
        now = time.time()
        until(
            lambda: any(advert.at > now for advert in self._read()), 20, "tshark to have recorded what came"
        )
        self._process.send_signal(signal.SIGINT)
        self._process.wait(20)
        return self._read()

    def _read(self) -> list[Advert]:
        """What is in the file; while it is being written, its last packet may be half a one."""
        names = "frame.time_epoch eth.src vrrp.prio vrrp.version ip.ttl ipv6.hlim ip.checksum.status"
        fields = [word for name in [*names.split(), "vrrp.checksum.status"] for word in ("-e", name)]
        read = f"tshark -r {self._file} -o ip.check_checksum:TRUE -T json -J vrrp".split()
        done = subprocess.run([*read, *fields], capture_output=True, text=True, check=False)
        return [_advert(packet["_source"]["layers"]) for packet in json.loads(done.stdout or "[]")]


def _advert(fields: dict[str, Any]) -> Advert:
    def first(name: str, default: str = "") -> str:
        return str(fields.get(name, [default])[0])

    # FRR sends from the virtual router's MAC address, the native engine from the interface's.
    return Advert(
        at=float(first("frame.time_epoch")),
        sender="frr" if first("eth.src").startswith("00:00:5e:00:") else "native",
        priority=int(first("vrrp.prio")),
        version=int(first("vrrp.version")),
        hops=int(first("ip.ttl") or first("ipv6.hlim")),
        good=first("vrrp.checksum.status") == "1" and first("ip.checksum.status", "1") == "1",
    )
