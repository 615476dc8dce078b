"""Stories of one engine on one link, told by `test_native.py`: run inside namespaces of its own.

Each waits for what must happen, with a deadline from the formulas: at an interval of 0.1 s and priority
100, Master_Down_Interval is 0.36 s. `SLACK` is for a busy machine.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from vipalived.agent.client import ask

VIP = "198.18.0.100/24"
HELD = " 198.18.0.100/32 "
"""Whatever prefix it is written with, it stands alone."""
MASTER_DOWN = 0.361
START = 5.0
SLACK = 2.0
_MAIN = "from vipalived.cli.main import main; main()"
_BUGGY = f"""
import signal
from vipalived.agent.native import Engine
start = Engine.start
def start_with_a_bug(self, **words):
    self._loop.add_signal_handler(signal.SIGUSR1, lambda: 1 / 0)
    start(self, **words)
Engine.start = start_with_a_bug
{_MAIN}
"""
"""What `Agent.fail` wants to be there."""


def shell(words: str) -> str:
    return subprocess.run(words.split(), capture_output=True, text=True, check=True).stdout


def held() -> bool:
    words = ["ip", "-4", "address", "show", "v0"]
    return HELD in subprocess.run(words, capture_output=True, text=True, check=False).stdout


def wait(condition: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"waited {seconds} s in vain for {what}")
        time.sleep(0.005)


def link() -> None:
    shell("ip link add v0 type veth peer name v1")
    shell("ip link set lo up")
    shell("ip link set v0 up")
    shell("ip link set v1 up")
    shell("ip address add 198.18.0.1/24 dev v0")


class Agent:
    """`vipalived agent` on v0."""

    def __init__(
        self,
        place: Path,
        *before: str,
        engine: tuple[str, ...] = ("--set", "engine=native"),
        health: tuple[str, ...] = ("--set", "healthCheck.enabled=false"),
        main: str = _MAIN,
        stderr: int | None = None,
    ) -> None:
        self.place, self.values, self.log = place, place / "values.yaml", place / "log"
        self.values.touch()
        settings = ("virtualIpAddress=" + VIP, "interface=v0", "advertInt=0.1")
        words = [word for text in settings for word in ("--set", f"keepalived.vrrpInstance.{text}")]
        command = [
            *before,
            sys.executable,
            "-P",
            "-c",
            main,
            "agent",
            "-f",
            str(self.values),
            "--run-dir",
            str(place / "run"),
            *words,
            *engine,
            *health,
        ]
        with self.log.open("ab") as file:
            self.process = subprocess.Popen(command, stderr=file if stderr is None else stderr, stdout=file)

    def said(self, text: str) -> bool:
        return text in self.log.read_text()

    def until(self, text: str, seconds: float = START + MASTER_DOWN + SLACK) -> None:
        wait(lambda: self.said(text), seconds, f"`{text}` in\n{self.log.read_text()}")

    def master(self, seconds: float = START + MASTER_DOWN + SLACK) -> Agent:
        self.until("-> MASTER", seconds)
        wait(held, SLACK, "the VIP")
        return self

    def ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`vipalived status`, `release` or `rejoin`."""
        asking = self.start(*words)
        said, complained = asking.communicate(timeout=60)
        return subprocess.CompletedProcess(asking.args, asking.returncode, said, complained)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """The same, without waiting for its end."""
        command = [sys.executable, "-P", "-c", _MAIN, *words, "--run-dir", str(self.place / "run")]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.ask("status", "-o", "json").stdout)
        return found

    def usage(self) -> tuple[int, int]:
        """Descriptors, and KiB of memory, at rest: what may be in use for a moment is not in all of the looks."""
        here, looks = Path(f"/proc/{self.process.pid}"), []
        self.ask("status")
        children = here / "task" / here.name / "children"
        wait(lambda: not children.read_text(), 4 * START, "an end of reading settings")
        for _ in range(5):
            time.sleep(MASTER_DOWN)
            looks.append(len(list((here / "fd").iterdir())))
        resident = (here / "status").read_text().partition("VmRSS:")[2].split()[0]
        return min(looks), int(resident)

    def fail(self) -> None:
        """A bug in an event handler, where `_BUGGY` has put one."""
        self.process.send_signal(signal.SIGUSR1)

    def end(self) -> None:
        """SIGTERM: with nobody to take over it waits for its Backups, 3 intervals and one more, and goes."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(0.4 + SLACK) == 0, self.log.read_text()
        assert not held()


def leftover(place: Path) -> None:
    """A dead predecessor's address is kept: it is there all the time, and no lease of an older one ends it."""
    (place / "first").mkdir()
    # A lease of 5 s, which a busy machine has started the next process in.
    long = ("--set", "engine=native,keepalived.vrrpInstance.advertInt=1.5")
    first = Agent(place / "first", engine=long).master()
    first.process.kill()
    first.process.wait()
    agent = Agent(place, engine=long)
    while not agent.said("-> MASTER"):
        assert held(), agent.log.read_text()
        time.sleep(0.005)
    assert agent.said("INITIALIZE -> ADOPTING (leftover-address-adopted)")
    agent.process.kill()
    agent.process.wait()


def restarted(place: Path) -> None:
    """The next process of the same values reads them no more, and says what is to be said of them all the same."""
    words = ("--set", "engine=native,keepalived.vrrpInstance.advertInt=0.09")
    file, warning = (
        place / "run" / "plan",
        "warning: agent resources: a CPU limit and `advertInt` below 0.1 s",
    )
    inodes = []
    for count in (1, 2):
        agent = Agent(place, engine=words)
        wait(lambda: agent.log.read_text().count("-> MASTER") == count, START, "a Master")  # noqa: B023 - now
        assert agent.log.read_text().count(warning) == count, agent.log.read_text()
        inodes.append(file.stat().st_ino)
        agent.process.kill()
        agent.process.wait()
    assert inodes[0] == inodes[1]
    agent.values.write_text("keepalived: {vrrpInstance: {virtualIpAddresses: [198.18.0.101/24]}}\n")
    agent = Agent(place, engine=words)
    wait(lambda: "198.18.0.101" in shell("ip address show v0"), START, "the second VIP")
    assert file.stat().st_ino != inodes[0]
    agent.end()


def deleted(place: Path) -> None:
    """Somebody removes the VIP: it is put back at once."""
    agent = Agent(place).master()
    shell(f"ip address del {HELD.strip()} dev v0")
    wait(held, 0.1 + SLACK, "the VIP to be put back")
    agent.until("198.18.0.100 was removed by somebody")
    agent.end()


def listens(pid: int) -> bool:
    """Whether a process has asked the kernel for news; netlink(7)'s ports are processes, as far as that is free."""
    rows = [line.split() for line in Path("/proc/net/netlink").read_text().splitlines()[1:]]
    return any((int(port), int(groups, 16) > 0) == (pid, True) for _, _, port, groups, *_ in rows)


def reload(place: Path) -> None:
    """Bad settings are refused, good ones do not touch the VIP."""
    agent = Agent(place).master()
    agent.values.write_text("keepalived: {vrrpVersion: 4}\n")
    agent.until("refused to reload: keepalived.vrrpVersion: expected 2 or 3", START)
    heard = place / "heard"
    with heard.open("w") as out, subprocess.Popen(["ip", "monitor", "address"], stdout=out) as monitor:
        wait(lambda: listens(monitor.pid), SLACK, "`ip monitor` to listen")
        further = "keepalived: {vrrpInstance: {virtualIpAddresses: [198.18.0.101/24]}}\n"
        agent.values.write_text(further)
        agent.until("agent reloaded", START)
        wait(lambda: "198.18.0.101" in shell("ip address show v0"), SLACK, "the second VIP")
        agent.values.write_text("{}\n")
        wait(lambda: "198.18.0.101" not in shell("ip address show v0"), START, "the second VIP to go")
        wait(lambda: "Deleted" in heard.read_text(), SLACK, "`ip monitor` to tell of it")
        monitor.terminate()
    deletions = [line for line in heard.read_text().splitlines() if "Deleted" in line]
    agent.process.send_signal(signal.SIGHUP)
    agent.until("agent reloaded: nothing has changed", START)
    assert agent.status()["configuration_generation"] == 3
    assert len(deletions) == 1, deletions
    assert "198.18.0.101" in deletions[0]
    assert held()
    agent.end()


def second(place: Path) -> None:
    """Two instances on one host: the second one waits, and takes its place when the first has ended."""
    (place / "second").mkdir()
    first = Agent(place).master()
    other = Agent(place / "second")
    other.until("waiting: another instance runs virtual router 51 on v0 of this host")
    assert not other.said("INITIALIZE")
    first.process.kill()
    first.process.wait()
    other.until("-> MASTER")
    other.end()


def vanishing(place: Path) -> None:
    """The interface goes away and comes back."""
    agent = Agent(place).master()
    shell("ip link del v0")
    agent.until("MASTER -> INITIALIZE (link-down)")
    agent.until("waiting for the interface v0; this node has none that could have a VIP", SLACK)
    link()
    agent.until("INITIALIZE -> BACKUP (link-up)", SLACK)
    wait(held, MASTER_DOWN + SLACK, "the VIP on the new interface")
    agent.end()


def carrier(place: Path) -> None:
    """The cable is pulled and put back: nothing is held in between, for others hold it by now."""
    agent = Agent(place).master()
    shell("ip link set v1 down")
    agent.until("MASTER -> INITIALIZE (link-down)", SLACK)
    wait(lambda: not held(), SLACK, "the VIP to go")
    shell("ip link set v1 up")
    agent.until("INITIALIZE -> BACKUP (link-up)", SLACK)
    wait(held, MASTER_DOWN + SLACK, "the VIP to be back")
    agent.end()


def readdressed(place: Path) -> None:
    """The interface gets another primary address: advertisements come from it, and the VIP is held on."""
    import socket

    agent = Agent(place).master()
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0) as peer:
        peer.bind(("v1", 0x0800))
        peer.settimeout(SLACK)
        shell("ip address add 198.18.1.1/24 dev v0")
        shell("ip address del 198.18.0.1/24 dev v0")
        deadline = time.monotonic() + MASTER_DOWN + SLACK
        while socket.inet_ntoa(peer.recv(2048)[12:16]) != "198.18.1.1":
            assert time.monotonic() < deadline, "no advertisement comes from the new address"
    wait(held, SLACK, "the VIP, behind the new address")
    assert not agent.said("link-down")
    assert not agent.said("was removed by somebody")
    agent.end()


def late_source(place: Path) -> None:
    """A source that the values name and the host has not is waited for, and named; spoken from is that one alone."""
    peers = ("--set", "keepalived.vrrpInstance.unicastPeers={198.18.0.1,198.18.0.2,198.18.0.7}")
    source = ("--set", "keepalived.vrrpInstance.unicastSourceAddress=198.18.0.7", "--set", "static=true")
    agent = Agent(place, engine=("--set", "engine=native", *peers, *source))
    agent.until("waiting for 198.18.0.7 (`unicastSourceAddress`) on v0")
    assert not agent.said("-> BACKUP")
    shell("ip address add 198.18.0.7/24 dev v0")
    agent.master()
    assert agent.said("speaks from 198.18.0.7, as the values say")
    agent.end()


def known_source(place: Path) -> None:
    """Of two addresses the one that the peers know; and a VIP's other prefix leaves no second one of it behind."""
    shell("ip address add 198.18.0.7/24 dev v0")
    peers = ("--set", "keepalived.vrrpInstance.unicastPeers={198.18.0.2,198.18.0.7}")
    agent = Agent(place, engine=("--set", "engine=native", *peers)).master()
    assert agent.said("speaks from 198.18.0.7, which is among `unicastPeers`")
    for times, prefix in enumerate((16, 32), start=1):
        agent.values.write_text(
            f"keepalived: {{vrrpInstance: {{virtualIpAddresses: [198.18.0.101/{prefix}]}}}}\n"
        )
        agent.process.send_signal(signal.SIGHUP)
        wait(lambda times=times: agent.log.read_text().count("agent reloaded") >= times, START, "the reload")
        wait(lambda: shell("ip address show v0").count("198.18.0.101/") == 1, SLACK, "one address of it")
    assert shell("ip address show v0").count("198.18.0.101/32") == 1
    agent.end()


def elsewhere(place: Path) -> None:
    """Somebody puts the VIP on another interface of this host: that is told, and left alone."""
    agent = Agent(place).master()
    shell(f"ip address add {VIP} dev v1")
    agent.until("198.18.0.100 is on v1 of this host, too", SLACK)
    assert VIP in shell("ip address show v1")
    agent.end()


def permission(place: Path) -> None:
    """Each missing capability is named, and the exit code says what it was."""
    for given, missing in (("net_raw", "(NET_ADMIN)"), ("net_admin", "(NET_RAW)")):
        agent = Agent(place, "setpriv", f"--bounding-set=-all,+{given}", "--")
        assert agent.process.wait(START) == 4
        assert agent.said(missing)


def other_engine(place: Path) -> None:
    """Values without an agent are refused at the start, and by an engine that runs, which goes on."""
    for before in (
        (),
        ("setpriv", "--bounding-set=-all", "--"),
    ):  # the values first, whatever else is missing
        agent = Agent(place, *before, engine=())
        assert agent.process.wait(START) == 2
        assert agent.said("error: engine: expected `native`, found `keepalived`, which runs without an agent")
        agent.log.unlink()
    agent.values.write_text("engine: native\n")
    agent = Agent(place, engine=()).master()
    agent.values.write_text("{}\n")
    agent.until("refused to reload: engine: expected `native`", START)
    assert held()
    agent.end()


def own(place: Path) -> None:
    """An address of the node's own is none of the agent's, before it starts, while it runs, and when it ends."""

    def there() -> str:
        return shell("ip -4 -oneline address show dev v0")

    own = "198.18.0.100 on v0 is this node's own address: taking no part"
    for written in (VIP, "198.18.0.100/32"):
        shell(f"ip address add {written} dev v0")
        before = there()
        agent = Agent(place)
        agent.until(own)
        time.sleep(2 * MASTER_DOWN)
        assert (there(), agent.said("-> MASTER")) == (before, False)
        shell(f"ip address del {written} dev v0")
        agent.until("INITIALIZE -> BACKUP (own-address-gone)", SLACK)
        agent.master()
        # It comes while the agent is Master. One of the same prefix cannot, unless the agent's is taken off first.
        shell("ip address add 198.18.0.100/24 dev v0")
        agent.until("MASTER -> RESIGNING (own-address)", SLACK)
        wait(lambda: not held(), 0.4 + SLACK, "the VIP to be let go")
        before = there()
        assert "198.18.0.100/24" in before
        agent.process.kill()
        agent.process.wait()
        (place / "log").unlink()
        agent = Agent(place)
        agent.until(own)
        agent.process.send_signal(signal.SIGTERM)
        assert agent.process.wait(START) == 0
        assert there() == before
        shell("ip address del 198.18.0.100/24 dev v0")
        (place / "log").unlink()


def foreign(place: Path) -> None:
    """Another host that answers for the VIP is told of, and answered."""
    import socket

    from vipalived.vrrp.frames import gratuitous_arp, parse

    agent = Agent(place).master()
    mac = bytes.fromhex("0200000000ff")
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as peer:
        peer.bind(("v1", 0x0806))
        time.sleep(1.0)  # the first batch of gratuitous ARP takes so long; the second comes after 5 s
        peer.setblocking(False)
        _drain(peer)
        peer.settimeout(SLACK)
        peer.send(gratuitous_arp(IPv4Address("198.18.0.100"), mac))
        answer = parse(peer.recv(2048))
        assert answer is not None
        assert str(answer.address) == "198.18.0.100"
        # Who claims it again half a second later holds it.
        time.sleep(0.6)
        peer.send(gratuitous_arp(IPv4Address("198.18.0.100"), mac))
        agent.until("second holder: 02:00:00:00:00:ff claims 198.18.0.100, too", SLACK)
    agent.end()


def bug(place: Path) -> None:
    """What escapes an event handler is told with its traceback, and a fresh engine takes up where the old one was."""
    agent = Agent(place, main=_BUGGY).master()
    agent.fail()
    while agent.log.read_text().count("-> MASTER") < 2:
        assert held(), agent.log.read_text()
        time.sleep(0.005)
    assert agent.said("error: agent a bug in the engine; it starts afresh at once: ZeroDivisionError(")
    assert agent.said("Traceback (most recent call last)")
    status = agent.status()
    assert (status["state"], status["restarts"]) == ("MASTER", 1)
    agent.fail()
    agent.until("it starts afresh in 0.5 s", SLACK)  # not again and again with the addresses on the interface
    wait(lambda: not held(), SLACK, "the VIP to be let go")
    wait(held, 0.5 + MASTER_DOWN + SLACK, "the VIP to be back")
    agent.fail()
    agent.until("it starts afresh in 1 s", SLACK)
    agent.end()


def json_log(place: Path) -> None:
    """One object a line, whatever the values say."""
    agent = Agent(place, engine=("--set", "engine=native,agent.logFormat=text", "--log-format", "json"))
    agent.until('"to": "MASTER"')
    agent.process.send_signal(signal.SIGTERM)
    assert agent.process.wait(0.4 + SLACK) == 0, agent.log.read_text()
    lines = [json.loads(line) for line in agent.log.read_text().splitlines()]
    assert [line["to"] for line in lines if "to" in line][-2:] == ["RESIGNING", "INITIALIZE"], lines


def released(place: Path) -> None:
    """The operator takes the node out, and that outlasts a bug in the engine; then takes it back."""
    agent = Agent(place, main=_BUGGY).master()
    alone = agent.ask("release")
    assert alone.returncode == 1, alone
    assert "not released: nobody else took the VIP" in alone.stderr
    assert held()
    assert agent.ask("status").returncode == 0
    assert agent.ask("release", "--force").returncode == 0
    wait(lambda: not held(), 0.4 + SLACK, "the VIP to be given away")
    agent.fail()
    agent.until("it starts afresh at once", SLACK)
    wait(lambda: agent.ask("status").returncode == 1, START, "a status that is not good")
    assert not held()
    assert agent.ask("rejoin").returncode == 0
    wait(held, MASTER_DOWN + SLACK, "the VIP to be back")
    assert agent.ask("release", "--for", "1s", "--force").returncode == 0
    wait(lambda: not held(), 0.4 + SLACK, "the VIP to be given away")
    wait(held, 1.0 + MASTER_DOWN + SLACK, "the node to come back by itself")
    assert agent.ask("status").returncode == 0
    # A release with an end outlasts the process.
    assert agent.ask("release", "--for", "6s", "--force").returncode == 0
    agent.end()
    agent = Agent(place)
    agent.until("still released", START)
    time.sleep(MASTER_DOWN + 0.5)
    assert not held()
    wait(held, 6.0 + MASTER_DOWN + SLACK, "the node to come back in time")
    # One without does not.
    assert agent.ask("release", "--force").returncode == 0
    agent.end()
    agent = Agent(place)
    wait(held, START + MASTER_DOWN + SLACK, "a restarted node to take part")
    agent.end()


def asked_at_once(place: Path) -> None:
    """Whoever reads that it takes part may ask it: it listens before, and what it has still to import is waited for."""
    agent = Agent(place)
    agent.until("INITIALIZE -> BACKUP")
    assert ask(place / "run", "status")["state"] in {"BACKUP", "CLAIMING", "MASTER"}
    agent.master().end()


def unanswered(place: Path) -> None:
    """A release that nobody has answered yet does not outlast the process: the VIP would be nowhere."""
    slow = ("--set", "engine=native,keepalived.vrrpInstance.advertInt=1")
    agent = Agent(place, engine=slow).master()
    asking = agent.start("release", "--for", "1m")
    agent.until("-> RESIGNING (released)", START)
    agent.process.kill()
    agent.process.wait()
    assert asking.wait(START) == 1
    agent = Agent(place, engine=slow)
    wait(
        lambda: agent.log.read_text().count("-> MASTER") == 2,
        START + 4.0 + SLACK,
        "the next process to take part",
    )
    assert not agent.said("still released")
    agent.process.kill()


def health(place: Path) -> None:
    """Unproven until the API server answers, healthy then, dead within moments when it is gone."""
    api = ApiServer(place)
    agent = Agent(place, health=("--set", f"healthCheck.url=https://127.0.0.1:{PORT}/readyz")).master()
    assert agent.status()["health"]["standing"] == "unproven"
    api.start()
    agent.until("the API server: unproven -> healthy", SLACK)
    api.kill()
    agent.until("the API server: healthy -> dead", SLACK)
    agent.until("MASTER -> RESIGNING (unhealthy)", SLACK)
    agent.until("RESIGNING -> CLAIMING (no-successor)", 0.4 + SLACK)  # the last resort
    assert held()
    agent.end()


PORT = 6443


class ApiServer:
    """The lab's stand-in for an API server, on 127.0.0.1."""

    def __init__(self, place: Path) -> None:
        import trustme

        self._certificate = place / "server.pem"
        issued = trustme.CA().issue_cert("127.0.0.1")
        issued.private_key_and_cert_chain_pem.write_to_path(str(self._certificate))

    def start(self) -> None:
        words = ["-m", "vipalived.lab.apiserver", "4", str(PORT), str(self._certificate)]
        self._process = subprocess.Popen([sys.executable, "-P", *words], stdout=subprocess.PIPE)
        self._process.stdout.readline()  # type: ignore[union-attr]  # it is a pipe

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


def _drain(sock: object) -> None:
    while True:
        try:
            sock.recv(2048)  # type: ignore[attr-defined]
        except BlockingIOError:
            return


if __name__ == "__main__":
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
    link()
    with tempfile.TemporaryDirectory() as directory:
        {
            story.__name__: story
            for story in (
                leftover,
                restarted,
                deleted,
                reload,
                second,
                vanishing,
                carrier,
                readdressed,
                late_source,
                known_source,
                elsewhere,
                permission,
                own,
                foreign,
                other_engine,
                bug,
                json_log,
                released,
                asked_at_once,
                unanswered,
                health,
            )
        }[sys.argv[1]](Path(directory))
