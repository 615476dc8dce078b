"""Stories of an engine under a hostile host and segment, told by `test_hostile.py`: run inside namespaces of its own.

The agent is on v0; v1 is the other end of the link. At an interval of 0.1 s and priority 100 Master_Down_Interval is
0.36 s, and a lease 2 s.
"""

from __future__ import annotations

import fcntl
import math
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import alone  # the script beside this one
from alone import MASTER_DOWN, SLACK, START, Agent, held, shell, wait

from vipalived.vrrp import packet
from vipalived.vrrp.frames import gratuitous_arp
from vipalived.vrrp.packet import Advertisement

VIP, OTHER = IPv4Address("198.18.0.100"), bytes.fromhex("0200000000ff")
LEASE = 2.0
STORM = 4.0
"""Seconds that a storm lasts: two leases."""
RATE = 36_000
"""Packets a second of a loop that somebody had."""


def advert(priority: int, source: str = "198.18.0.2") -> bytes:
    made = Advertisement(version=3, vrid=51, priority=priority, interval=0.1, addresses=(VIP,))
    datagram = packet.encode_ipv4(made, IPv4Address(source), packet.GROUP_V4, identification=1)
    return bytes.fromhex("01005e000012") + OTHER + b"\x08\x00" + datagram


def broken(frame: bytes) -> bytes:
    """With a checksum that is wrong."""
    return frame[:40] + bytes([frame[40] ^ 0xFF]) + frame[41:]


def far_end() -> socket.socket:
    end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    end.bind(("v1", 0x0003))
    return end


@contextmanager
def paused(one: Agent, settled: float = 0.1) -> Iterator[None]:
    """What happens within is news that come all at once."""
    one.process.send_signal(signal.SIGSTOP)
    wait(lambda: _state(one.process.pid) == "T", SLACK, "the agent to stand still")
    yield
    time.sleep(settled)
    one.process.send_signal(signal.SIGCONT)


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def announced(end: socket.socket, mac: str, seconds: float) -> None:
    """Waits for a gratuitous ARP for the VIP from this MAC address."""
    deadline = time.monotonic() + seconds
    wanted = gratuitous_arp(VIP, bytes.fromhex(mac.replace(":", "")))
    while True:
        end.settimeout(max(0.001, deadline - time.monotonic()))
        if end.recv(2048) == wanted:
            return


def mac(name: str) -> str:
    return shell(f"ip -oneline link show {name}").partition("link/ether ")[2].split()[0]


def new_mac(place: Path) -> None:
    """A bond fails over: the clients are told at once, and not the old address again."""
    agent = Agent(place).master()
    with far_end() as end:
        shell("ip link set v0 address 02:00:00:00:00:07")
        announced(end, "02:00:00:00:00:07", SLACK)
    assert held()
    assert not agent.said("MASTER ->")
    agent.end()


def replaced(place: Path) -> None:
    """Within one batch of news the interface is another one: the VIP is on that, announced, and not on the old one."""
    agent = Agent(place).master()
    with paused(agent):
        for words in (
            "link set v0 name z0",
            "link add v0 type veth peer name y1",
            "link set y1 up",
            "link set v0 up",
            "address add 198.18.0.1/24 dev v0",
        ):
            shell(f"ip {words}")
        end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        end.bind(("y1", 0x0003))
    announced(end, mac("v0"), SLACK)
    wait(held, SLACK, "the VIP on the new interface")
    wait(lambda: str(VIP) not in shell("ip address show z0"), SLACK, "the VIP to be off the old one")
    agent.end()
    end.close()


def away_and_back(place: Path) -> None:
    """The interface is in another namespace for a moment, and has its index again: the sockets are new."""
    agent = Agent(place).master()
    other = subprocess.Popen(["unshare", "--net", "sleep", "1000"])
    theirs, ours = Path(f"/proc/{other.pid}/ns/net"), Path("/proc/self/ns/net")
    wait(lambda: theirs.readlink() != ours.readlink(), START, "a namespace")
    with paused(agent):
        shell(f"ip link set v0 netns {other.pid}")
        shell(f"nsenter --net={theirs} ip link set v0 netns {os.getpid()}")
        shell("ip link set v0 up")
        shell("ip address add 198.18.0.1/24 dev v0")
    other.kill()
    other.wait()
    with far_end() as end:
        announced(end, mac("v0"), MASTER_DOWN + SLACK)
        wait(held, SLACK, "the VIP")
        # It hears, too: a better router that goes on advertising ends its mastership.
        for _ in range(3):
            end.send(advert(200))
            time.sleep(0.1)
        agent.until("-> RESIGNING (better-claim-heard)", SLACK)
    agent.process.kill()
    agent.process.wait()


def overrun(place: Path) -> None:
    """So much changes that the kernel cannot tell it all, the VIP among it: it is put back at once."""
    slow = ("--set", "keepalived.vrrpInstance.advertInt=5", "--set", "native.kernelLease=false")
    agent = Agent(place, engine=("--set", "engine=native", *slow))
    agent.until("-> MASTER", START + 20)
    wait(held, SLACK, "the VIP")
    batch = "".join(f"address add 10.{n // 250}.{n % 250}.1/32 dev v1\n" for n in range(5000))
    with paused(agent):
        subprocess.run(["ip", "-batch", "-"], input=batch, text=True, check=True)
        shell(f"ip address del {alone.HELD.strip()} dev v0")
    wait(held, 2 * SLACK, "the VIP to be put back")
    agent.until(
        "too much has changed on this host to be told one by one: 198.18.0.100 had been removed", SLACK
    )
    agent.process.kill()
    agent.process.wait()


def full_log(place: Path) -> None:
    """Nobody reads the log: the engine goes on, and hands over when it is told to."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, 1031, 4096)  # F_SETPIPE_SZ
    agent = Agent(place, stderr=writing)
    os.close(writing)
    wait(held, START + MASTER_DOWN + SLACK, "the VIP")
    for _ in range(100):
        agent.process.send_signal(signal.SIGHUP)
        time.sleep(0.005)
    end = time.monotonic() + 2 * LEASE
    while time.monotonic() < end:
        assert held()
        for _ in range(3):
            agent.process.send_signal(signal.SIGHUP)
        time.sleep(0.05)
    agent.process.send_signal(signal.SIGTERM)
    assert agent.process.wait(0.4 + 2 * SLACK) == 0
    assert not held()
    assert len(os.read(reading, 1 << 16)) <= 4096
    os.close(reading)


def early_signals(place: Path) -> None:
    """As process 1, from its first moments on: SIGTERM ends it, SIGHUP does not, and no VIP is left."""
    values = place / "values.yaml"
    values.write_text(
        "engine: native\nhealthCheck: {enabled: false}\nkeepalived: {vrrpInstance: {interface: v0, "
        "advertInt: 0.1, virtualIpAddress: 198.18.0.100/24}}\n"
    )
    words = [
        sys.executable,
        "-P",
        "-m",
        "vipalived",
        "agent",
        "-f",
        str(values),
        "--run-dir",
        str(place / "run"),
    ]
    for step in range(1, 12):
        with (place / f"log{step}").open("wb") as log:
            outer = subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", *words], stderr=log)
        inner = Path(f"/proc/{outer.pid}/task/{outer.pid}/children")
        wait(lambda inner=inner: bool(inner.read_text().split()), START, "process 1")
        pid = int(inner.read_text().split()[0])
        wait(lambda pid=pid: b"vipalived" in Path(f"/proc/{pid}/cmdline").read_bytes(), START, "the program")
        # Python itself needs a moment before there is a first instruction of ours.
        time.sleep(0.04 + step * 0.05)
        os.kill(pid, signal.SIGHUP)
        os.kill(pid, signal.SIGTERM)
        code = outer.wait(START + MASTER_DOWN + SLACK)
        assert code == 0, f"after {0.04 + step * 0.05:.2f} s: {code}, {(place / f'log{step}').read_text()}"
        assert not held()


def mute(place: Path) -> None:
    """Whom nobody can hear does not claim, and says so; once it can be heard it takes part."""
    shell("nft add table ip t")
    shell("nft add chain ip t o { type filter hook output priority 0 ; }")
    shell("nft add rule ip t o ip protocol 112 drop")
    agent = Agent(place)
    agent.until("it cannot send advertisements, and takes no part until it can")
    end = time.monotonic() + 4 * MASTER_DOWN
    while time.monotonic() < end:
        assert not held(), agent.log.read_text()
        time.sleep(0.01)
    assert not agent.said("-> MASTER")
    shell("nft delete table ip t")
    agent.until("-> MASTER", 8.0)
    wait(held, SLACK, "the VIP")
    agent.end()


def storm(frame: bytes, rate: float = math.inf) -> int:
    """Sends copies, so many a second or as fast as this process can; how many."""
    sent, began = 0, time.monotonic()
    with far_end() as out:
        while (now := time.monotonic()) < began + STORM:
            if sent > rate * (now - began):
                time.sleep(0.001)
                continue
            for _ in range(50):
                out.send(frame)
            sent += 50
    return sent


def beats(end: socket.socket, seconds: float) -> list[float]:
    """When its own advertisements came, at the other end; priority 100 only."""
    found, deadline = [], time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        end.settimeout(left)
        try:
            frame = end.recv(2048)
        except TimeoutError:
            break
        if frame[23:24] == b"\x70" and frame[26:30] == bytes([198, 18, 0, 1]) and frame[36] == 100:
            found.append(time.monotonic())
    return found


def _storm_of(frame: Callable[[], bytes], lines: int) -> Callable[[Path], None]:
    def as_master(place: Path) -> None:
        agent = Agent(place).master()
        before = len(agent.log.read_text().splitlines())
        memory = _resident(agent.process.pid)
        ears = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        ears.bind(("v1", 0x0800))
        child = os.fork()
        if child == 0:
            sent = storm(frame())
            os._exit(0 if sent > STORM * 20_000 else 3)
        heard = beats(ears, STORM - 0.2)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0, "the storm was a breeze"
        gaps = [later - earlier for earlier, later in pairwise(heard)]
        assert held(), agent.log.read_text()
        assert max(gaps) < 3 * 0.1, f"a beat was {max(gaps):.3f} s late"
        told = agent.log.read_text().splitlines()[before:]
        assert len(told) <= lines, "\n".join(told)
        assert not any("MASTER ->" in line for line in told), told
        assert _resident(agent.process.pid) - memory < 4 << 10
        ears.close()
        agent.end()

    return as_master


def _resident(pid: int) -> int:
    """KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


storm_of_losers = _storm_of(lambda: advert(50), 3)
storm_of_bad_checksums = _storm_of(lambda: broken(advert(50)), 3)
storm_of_its_own = _storm_of(lambda: advert(100, "198.18.0.1"), 3)
storm_of_claims = _storm_of(lambda: gratuitous_arp(VIP, OTHER), 4)


def storm_at_a_backup(place: Path) -> None:
    """Junk in between does not make it deaf to its Master, who is here the story itself."""
    agent = Agent(place)
    child = 0
    with far_end() as end:
        try:
            agent.until("INITIALIZE -> BACKUP")
            end.send(advert(200))
            child = os.fork()
            if child == 0:
                sent = storm(broken(advert(50)), RATE)
                os._exit(0 if sent > STORM * RATE / 2 else 3)
            deadline = time.monotonic() + STORM
            while time.monotonic() < deadline:
                end.send(advert(200))
                time.sleep(0.1)
                assert not held(), agent.log.read_text()
            assert not agent.said("-> CLAIMING"), agent.log.read_text()
        finally:
            if child:
                _, status = os.waitpid(child, 0)
                assert os.waitstatus_to_exitcode(status) == 0, "the storm was a breeze"
    agent.master().end()


if __name__ == "__main__":
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
    alone.link()
    with tempfile.TemporaryDirectory() as directory:
        globals()[sys.argv[1]](Path(directory))
