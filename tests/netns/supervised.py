"""Stories of the supervised engine with a real keepalived, told by `test_supervised.py`: run inside namespaces.

The engine is on v0. v1 is the rest of the segment, where the stories hear every packet and speak as another router.
At an interval of 0.1 s and priority 100, Skew_Time is 61 ms and Master_Down_Interval 0.36 s; `SLACK` is for a busy
machine.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import redirect_stderr, suppress
from dataclasses import replace
from ipaddress import IPv4Address, ip_address, ip_interface
from pathlib import Path
from typing import Any

from vipalived.agent import log
from vipalived.agent.ledger import Ledger
from vipalived.agent.plan import Plan, plan
from vipalived.agent.supervised import Engine
from vipalived.settings import load
from vipalived.vrrp import packet
from vipalived.vrrp.model import Standing
from vipalived.vrrp.packet import Advertisement

INTERVAL, MASTER_DOWN = 0.1, 0.361
LAST_RESORT = INTERVAL + 1.0
"""Seconds that a dead node which hears nobody stays out."""
SLACK, START = 1.0, 3.0
VIP, PEER = "198.18.0.100", IPv4Address("198.18.0.2")


def shell(words: str) -> str:
    return subprocess.run(words.split(), capture_output=True, text=True, check=True).stdout


async def until(condition: Callable[[], object], seconds: float, what: str) -> None:
    end = asyncio.get_running_loop().time() + seconds
    while not condition():
        if asyncio.get_running_loop().time() > end:
            raise SystemExit(f"waited {seconds} s in vain for {what}\n{Node.log.read_text()}")
        await asyncio.sleep(0.005)


def listens(pid: int) -> bool:
    """Whether a process has asked the kernel for news; netlink(7)'s ports are processes, as far as that is free."""
    rows = [line.split() for line in Path("/proc/net/netlink").read_text().splitlines()[1:]]
    return any((int(port), int(groups, 16) > 0) == (pid, True) for _, _, port, groups, *_ in rows)


class Segment:
    """v1: `heard` has the priority of each advertisement and its family; `speak` makes another router."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, int]] = []
        self.sequence = 0
        self._socket = socket.socket(
            socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.htons(3)
        )
        self._socket.bind(("v1", 3))
        asyncio.get_running_loop().add_reader(self._socket, self._hear)
        self._speaking: asyncio.Task[None] | None = None

    def _hear(self) -> None:
        frame, address = self._socket.recvfrom(2048)
        if address[2] == socket.PACKET_OUTGOING:
            return
        if frame[12:14] == b"\x08\x00" and frame[23] == packet.PROTOCOL:
            self.heard.append((4, frame[36]))
        elif frame[12:14] == b"\x08\x00" and frame[23] == packet.PROTOCOL_AH:
            self.sequence = int.from_bytes(frame[42:46])
            self.heard.append((4, frame[60]))
        elif frame[12:14] == b"\x86\xdd" and frame[20] == packet.PROTOCOL:
            self.heard.append((6, frame[56]))

    def speak(self, priority: int) -> None:
        """Be a router of this priority from now on; 0 says so once."""
        self.silent()
        self._speaking = asyncio.ensure_future(self._speak(priority))

    def silent(self) -> None:
        if self._speaking is not None:
            self._speaking.cancel()

    async def _speak(self, priority: int) -> None:
        advert = Advertisement(
            version=3, vrid=51, priority=priority, interval=INTERVAL, addresses=(ip_address(VIP),)
        )
        body = packet.encode_ipv4(advert, PEER, packet.GROUP_V4, identification=1)
        while True:
            self._socket.send(bytes.fromhex("01005e0000120200000000020800") + body)
            if priority == 0:
                return
            await asyncio.sleep(INTERVAL)


class Node:
    """The engine on v0, and what there is to see of it."""

    log = Path()

    def __init__(self, place: Path, **changes: Any) -> None:
        Node.log = place / "log"
        self.place, self.files = place, place / "keepalived"
        self.plan = self.planned(**changes)
        self.ledger = Ledger(self.plan)
        self.segment = Segment()
        self.engine = Engine(self.plan, self.ledger, place)

    def planned(self, *, version: int = 3, **changes: Any) -> Plan:
        instance = {"virtualIpAddress": f"{VIP}/24", "interface": "v0", "advertInt": INTERVAL} | changes
        values = {
            "agent": {"enabled": True},
            "keepalived": {"vrrpVersion": version, "vrrpInstance": instance},
        }
        return plan(load([values]).settings, "cp-1", self.place)

    def held(self, address: str = VIP) -> bool:
        found = subprocess.run(["ip", "address", "show", "v0"], capture_output=True, text=True, check=False)
        return f" {address}/" in found.stdout

    @property
    def state(self) -> str:
        return self.ledger.current

    def said(self, text: str) -> bool:
        return text in Node.log.read_text()

    def pids(self) -> list[int]:
        return [int((self.files / name).read_text()) for name in ("keepalived.pid", "vrrp.pid")]

    async def backup(self) -> Node:
        self.engine.stand(Standing.HEALTHY)
        self.engine.start()
        await until(lambda: self.state == "BACKUP", START, "BACKUP")
        return self

    async def master(self, down: float = MASTER_DOWN) -> Node:
        await self.backup()
        await until(lambda: self.state == "MASTER" and self.held(), down + SLACK, "the VIP")
        return self

    async def resigned(self, family: int = 4) -> None:
        await until(lambda: (family, 0) in self.segment.heard, SLACK, "priority 0")

    async def end(self) -> None:
        """keepalived takes a second, says priority 0 if it is Master, and leaves nothing."""
        self.engine.shut_down()
        await asyncio.wait_for(self.engine.ended.wait(), 1.01 + SLACK)
        self.engine.close()
        assert not self.held(), Node.log.read_text()
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
        assert not children, children


async def stop(place: Path) -> None:
    """From the start to the end; the files are for nobody else, and no process is left."""
    node = await Node(place).master()
    assert (node.files.stat().st_mode & 0o777, node.ledger.reason) == (0o700, "master-down-expired")
    assert {path.stat().st_mode & 0o077 for path in node.files.glob("keepalived.conf*")} == {0}
    await node.end()
    assert (4, 0) in node.segment.heard
    assert (node.state, node.ledger.reason) == ("INITIALIZE", "shutdown")


async def dead_alone(place: Path) -> None:
    """A dead node gives the addresses away; nobody wants them, and it holds them at priority 1."""
    node = await Node(place).master()
    node.engine.stand(Standing.DEAD)
    await node.resigned()
    await until(lambda: node.state == "FAULT" and not node.held(), SLACK, "FAULT")
    assert node.ledger.reason == "unhealthy"
    # Master_Down_Interval of priority 1 is 0.4 s.
    await until(lambda: node.state == "MASTER" and node.held(), LAST_RESORT + 0.4 + SLACK, "the last resort")
    await until(lambda: node.segment.heard[-1] == (4, 1), SLACK, "priority 1")
    node.engine.stand(Standing.UNPROVEN)
    await until(lambda: node.segment.heard[-1] == (4, 3), SLACK, "priority 3")
    await node.end()


async def dead_succeeded(place: Path) -> None:
    """A dead node takes part again, behind everybody, as soon as another one is Master."""
    node = await Node(place).master()
    node.engine.stand(Standing.DEAD)
    await node.resigned()
    await until(lambda: node.state == "FAULT", SLACK, "FAULT")
    node.segment.speak(50)
    await until(lambda: node.state == "BACKUP", SLACK, "BACKUP")
    assert not node.held()
    node.segment.silent()
    await until(lambda: node.state == "MASTER", 0.4 + SLACK, "the last resort")
    await node.end()


async def displacing(place: Path) -> None:
    """A last resort makes way for a healthy node under nopreempt; the VIP stays when keepalived is put right again."""
    node = Node(place)
    node.segment.speak(1)
    await node.backup()
    await until(lambda: node.state == "MASTER" and node.held(), 2 * INTERVAL + SLACK, "the VIP")
    assert node.ledger.reason == "master-is-unhealthy"
    node.segment.silent()
    heard = place / "heard"
    with heard.open("w") as out, subprocess.Popen(["ip", "monitor", "address"], stdout=out) as monitor:
        await until(lambda: listens(monitor.pid), SLACK, "`ip monitor` to listen")
        said = "keepalived reads its changed configuration"
        await until(lambda: Node.log.read_text().count(said) == 2, SLACK, "the usual configuration")
        assert "down_timer_adverts" not in (node.files / "keepalived.conf").read_text()
        await asyncio.sleep(3 * MASTER_DOWN)
        monitor.terminate()
    assert "Deleted" not in heard.read_text()
    assert node.state == "MASTER"
    await node.end()


async def patience(place: Path) -> None:
    """An unready Master is borne with for 3 s, and a healthy one altogether."""
    node = Node(place)
    node.segment.speak(90)
    await node.backup()
    began = asyncio.get_running_loop().time()
    node.segment.speak(2)
    await until(lambda: node.state == "MASTER", 3.0 + 2 * INTERVAL + SLACK, "the VIP")
    assert asyncio.get_running_loop().time() - began >= 3.0
    await node.end()


async def killed(place: Path) -> None:
    """keepalived is killed as Master: what it left is removed, the others are told, and it runs again."""
    node = await Node(place).master()
    for pid in node.pids():
        os.kill(pid, signal.SIGKILL)
    await node.resigned()
    assert not node.held()
    await until(lambda: node.said("keepalived was ended by SIGKILL"), SLACK, "the log")
    await until(lambda: node.state == "MASTER" and node.held(), START + MASTER_DOWN, "the VIP")
    await node.end()


async def orphaned(place: Path) -> None:
    """Only the parent is killed: its child is ended with it. Then only the child, and the others are told, too."""
    node = await Node(place).master()
    parent, child = node.pids()
    os.kill(parent, signal.SIGKILL)
    await node.resigned()
    await until(lambda: not Path(f"/proc/{child}").exists(), SLACK, "the child to be gone")
    await until(lambda: node.state == "MASTER", START + MASTER_DOWN, "the VIP")
    node.segment.heard.clear()
    os.kill(node.pids()[1], signal.SIGKILL)
    await node.resigned()
    await until(lambda: node.ledger.reason == "address-lost", SLACK, "BACKUP")
    await until(lambda: node.state == "MASTER", START + MASTER_DOWN, "the VIP")
    await node.end()


async def leftovers(place: Path) -> None:
    """A predecessor's keepalived, its files and its addresses, of a list that is no more, too, are out of the way."""
    first = await Node(place, virtualIpAddresses=["198.18.0.101/24"]).master()
    left = first.pids()
    first.engine._supervisor.destroy = lambda: None  # type: ignore[method-assign]
    first.engine.close()
    shell("ip address add 198.18.0.101/32 dev v0")
    node = await Node(place).master()
    assert not set(left) & set(node.pids())
    assert not node.held("198.18.0.101")
    with suppress(ChildProcessError):
        while os.waitpid(-left[0], 0):
            pass
    await node.end()


async def reload(place: Path) -> None:
    """Good settings do not touch the VIP that stays; keepalived goes on with them when it refuses others."""
    node = await Node(place).master()
    heard = place / "heard"
    with heard.open("w") as out, subprocess.Popen(["ip", "monitor", "address"], stdout=out) as monitor:
        await until(lambda: listens(monitor.pid), SLACK, "`ip monitor` to listen")
        node.engine.reconfigure(node.planned(virtualIpAddresses=["198.18.0.101/24"]))
        await until(lambda: node.held("198.18.0.101"), SLACK, "the second VIP")
        assert node.plan.supervised
        bad = replace(
            node.plan, supervised=replace(node.plan.supervised, configuration="vrrp_instance A {\n x\n}\n")
        )
        node.engine.reconfigure(bad)
        await until(
            lambda: node.said("refused to reload: keepalived refuses it with exit code "), SLACK, "a refusal"
        )
        assert node.held("198.18.0.101")
        node.engine.reconfigure(node.plan)
        await until(lambda: not node.held("198.18.0.101"), SLACK, "the second VIP to go")
        await until(lambda: "Deleted" in heard.read_text(), SLACK, "`ip monitor` to tell of it")
        monitor.terminate()
    deletions = [line for line in heard.read_text().splitlines() if "Deleted" in line]
    assert len(deletions) == 1, deletions
    assert node.held()
    await node.end()


async def released(place: Path) -> None:
    """Released, a node stays out whatever happens; then it takes part again."""
    node = await Node(place).master()
    node.engine.release()
    await node.resigned()
    await until(lambda: (node.state, node.ledger.reason) == ("FAULT", "released"), SLACK, "FAULT")
    for standing in (Standing.DEAD, Standing.HEALTHY):
        node.engine.stand(standing)
    await asyncio.sleep(LAST_RESORT + MASTER_DOWN)
    assert node.state == "FAULT"
    node.engine.rejoin()
    await until(lambda: node.state == "MASTER" and node.held(), MASTER_DOWN + SLACK, "the VIP")
    await node.end()


async def missing(place: Path) -> None:
    """A Master without all of its addresses is none: others get them for a while, and it tries again."""
    node = Node(place)
    (member,) = node.plan.members
    member = replace(member, addresses=(*member.addresses, ip_interface("198.18.0.101/24")))
    node.engine.plan = node.engine._in_force = replace(node.plan, members=(member,))
    await node.master()
    await until(lambda: node.ledger.reason == "address-missing", 0.5 + SLACK, "FAULT")
    await node.resigned()
    assert node.said("keepalived is Master without 198.18.0.101: others may have it for 1 s")
    await until(lambda: node.state == "MASTER", 1.0 + MASTER_DOWN + SLACK, "another try")
    await node.end()


async def stray(place: Path) -> None:
    """While another router is Master, the VIP does not stay on this node, whoever put it there."""
    node = Node(place)
    node.segment.speak(200)
    await node.backup()
    shell(f"ip address add {VIP}/24 dev v0")
    await until(lambda: not node.held(), 0.5 + SLACK, "the VIP to go")
    await node.end()


async def two_families(place: Path) -> None:
    """keepalived resigns for one family of a sync group alone; the other one's peers are told, too."""
    # Duplicate address detection of the link-local address takes a second or two.
    await until(lambda: "tentative" not in shell("ip -6 address show v0"), 5.0, "a link-local address")
    node = await Node(place, virtualIpAddresses=["2001:db8::100/64"]).master()
    await until(lambda: node.held("2001:db8::100"), SLACK, "the other VIP")
    node.engine.stand(Standing.DEAD)
    for family in (4, 6):
        await node.resigned(family)
    await until(lambda: not node.held("2001:db8::100"), SLACK, "the other VIP to go")
    await node.end()


async def authenticated(place: Path) -> None:
    """With AH a resignation counts on from what keepalived has sent; the password is in no line of the log."""
    secret = {"authType": "AH", "authPass": "c4n4ry77"}
    node = await Node(place, version=2, advertInt=1, authentication=secret).master(3.61)
    await until(lambda: node.segment.sequence >= 2, 2 + SLACK, "an advertisement")
    last = node.segment.sequence
    for pid in node.pids():
        os.kill(pid, signal.SIGKILL)
    await node.resigned()
    assert node.segment.sequence > last
    assert node.plan.supervised
    bad = node.plan.supervised.configuration.replace("auth_pass", "c4n4ry77")
    node.engine.reconfigure(replace(node.plan, supervised=replace(node.plan.supervised, configuration=bad)))
    await until(lambda: node.said("***"), START, "a refusal")
    assert not node.said("c4n4ry77")
    await node.end()


async def vanishing(place: Path) -> None:
    """Without its interface keepalived is not started; it is at once when the interface comes, and comes back."""
    shell("ip link del v0")
    node = Node.__new__(Node)
    shell("ip link add v2 type veth peer name v1")
    node.__init__(place)  # type: ignore[misc]
    node.engine.start()
    await until(lambda: node.said("cannot start keepalived: "), START, "a refusal")
    shell("ip link set v2 name v0")
    for words in ("link set v0 up", "link set v1 up", "address add 198.18.0.1/24 dev v0"):
        shell(f"ip {words}")
    await until(lambda: node.state == "MASTER" and node.held(), START + MASTER_DOWN, "the VIP")
    shell("ip link set v1 down")
    await until(lambda: (node.state, node.ledger.reason) == ("FAULT", "link-down"), SLACK, "FAULT")
    shell("ip link set v1 up")
    await until(lambda: node.state == "MASTER" and node.held(), START + MASTER_DOWN, "the VIP")
    await node.end()


STORIES = (
    *(stop, dead_alone, dead_succeeded, displacing, patience, killed, orphaned, leftovers, reload, released),
    *(missing, stray, two_families, authenticated, vanishing),
)

if __name__ == "__main__":
    shell("ip link set lo up")
    for words in ("add v0 type veth peer name v1", "set v0 up", "set v1 up"):
        shell(f"ip link {words}")
    shell("ip address add 198.18.0.1/24 dev v0")
    with tempfile.TemporaryDirectory() as directory, (Path(directory) / "log").open("w") as file:
        with redirect_stderr(file):
            log.to_stderr()
        asyncio.run({story.__name__: story for story in STORIES}[sys.argv[1]](Path(directory)))
