"""Stories of an agent's first moments, told by `test_newcomer.py`: run inside namespaces of its own.

The agent is on v0. v1 is another host, in a network namespace of its own: its kernel answers for
the addresses that it has, and a real keepalived speaks there. At an interval of 0.1 s and priority 100,
Master_Down_Interval is 0.36 s; `SLACK` is for a busy machine.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import alone  # the script beside this one
from alone import MASTER_DOWN, SLACK, START, VIP, Agent, held, shell, wait

NATIVE = ("--set", "engine=native")
HOLD = 3.0
"""Seconds that a story waits for a claim that must not come: many times Master_Down_Interval."""
GONE = 0.3 + 1.0 + MASTER_DOWN + SLACK
SLOWLY_GONE = 10 * (0.3 + MASTER_DOWN) + 1.0 + SLACK
"""After the last sign of a stranger: what it counts for."""


class Host:
    """Another one on the segment: the end of the link that is called v1."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.shell = subprocess.Popen(["unshare", "--net", "sleep", "1000"])
        wait(self._is_apart, START, "a namespace")
        shell(f"ip link set v1 netns {self.shell.pid}")
        for words in ("link set lo up", "link set v1 up", "address add 198.18.0.2/24 dev v1"):
            self.run(f"ip {words}")

    def _is_apart(self) -> bool:
        theirs = Path(f"/proc/{self.shell.pid}/ns/net").readlink()
        return theirs != Path("/proc/self/ns/net").readlink()

    @property
    def enter(self) -> tuple[str, str]:
        """The words before a command that runs in its network."""
        return "nsenter", f"--net=/proc/{self.shell.pid}/ns/net"

    def run(self, words: str) -> str:
        return shell(" ".join((*self.enter, words)))

    def has_vip(self) -> bool:
        return VIP in self.run("ip address show v1")

    def keepalived(self, *, version: int = 3, vip: str = VIP) -> subprocess.Popen[bytes]:
        """A keepalived with virtual router 51."""
        interval = 1 if version == 2 else alone_interval
        file = self.place / "keepalived.conf"
        file.write_text(
            f"global_defs {{\n vrrp_version {version}\n}}\n"
            f"vrrp_instance A {{\n interface v1\n virtual_router_id 51\n priority 100\n advert_int {interval}\n"
            f" virtual_ipaddress {{\n  {vip}\n }}\n}}\n"
        )
        pids = [word for name in "prc" for word in (f"-{name}", str(self.place / f"{name}.pid"))]
        words = [
            *self.enter,
            "keepalived",
            "-n",
            "-l",
            "-f",
            str(file),
            *pids,
        ]
        with (self.place / "peer.log").open("wb") as log:
            process = subprocess.Popen(words, stdout=log, stderr=log)
        address = vip.partition("/")[0]
        wait(lambda: address in self.run("ip address show v1"), START + 4 * interval, "the other host's VIP")
        return process


alone_interval = 0.1


def agent(place: Path, *more: str, main: str = alone._MAIN) -> Agent:
    (place / "agent").mkdir()
    return Agent(place / "agent", engine=(*NATIVE, *more), main=main)


def started(one: Agent) -> None:
    one.until("INITIALIZE -> BACKUP")


def kept_from_claiming(one: Agent, told: str) -> None:
    """It says why, and holds nothing, for much longer than it would otherwise wait."""
    one.until(f"the first claim is held back: {told}")
    end = time.monotonic() + HOLD
    while time.monotonic() < end:
        assert not held(), one.log.read_text()
        assert not one.said("-> MASTER"), one.log.read_text()
        time.sleep(0.02)
    status = one.status()
    assert told in status["held_back"], status
    assert not status["good"]
    assert not status["unready"]  # a rollout goes on


def takes_over(one: Agent, seconds: float = GONE) -> None:
    one.until("-> MASTER", seconds)
    wait(held, SLACK, "the VIP")
    one.until("the first claim is no longer held back", SLACK)
    assert one.status()["held_back"] is None


def end(one: Agent) -> None:
    one.process.send_signal(signal.SIGTERM)
    assert one.process.wait(2.0 + SLACK) == 0, one.log.read_text()
    assert not held()


def answering(place: Path) -> None:
    """Another host has the VIP: nobody else takes it, until that host lets go."""
    host = Host(place)
    host.run(f"ip address add {VIP} dev v1")
    mac = host.run("ip -o link show v1").partition("link/ether ")[2].split()[0]
    one = agent(place)
    kept_from_claiming(one, f"{mac} answers for 198.18.0.100")
    host.run(f"ip address del {VIP} dev v1")
    takes_over(one)
    end(one)


def from_another_daemon(place: Path, interval: str = "0.1") -> None:
    """Agents wait beside a daemon that is no VRRP, on its holder as elsewhere, and one has the VIP when it lets go."""
    host = Host(place)
    host.run("ip address add 198.18.0.100/32 dev v1")  # as kube-vip has it
    advert = ("--set", f"keepalived.vrrpInstance.advertInt={interval}")
    one = agent(place, *advert)
    (place / "there").mkdir()
    on_v1 = ("--set", "keepalived.vrrpInstance.interface=v1")
    other = Agent(place / "there", *host.enter, engine=(*NATIVE, *advert, *on_v1))
    other.until("198.18.0.100 on v1 is this node's own address: taking no part")
    kept_from_claiming(one, "")
    assert not other.said("-> MASTER")

    def theirs() -> bool:
        return "198.18.0.100" in host.run("ip -4 address show v1")

    began = time.monotonic()
    host.run("ip address del 198.18.0.100/32 dev v1")
    waiting = 3 * float(interval) + 1.0 + 3.61 * float(interval) + SLACK
    wait(lambda: held() or theirs(), waiting, "one of them to have the VIP")
    sys.stdout.write(f"{time.monotonic() - began:.2f} s\n")
    master, backup = (one, other) if held() else (other, one)
    master.until("-> MASTER")
    wait(lambda: backup.status()["master"] is not None, START, "the other one to know it")
    assert held() != theirs()
    for each in (one, other):
        each.process.kill()
        each.process.wait()


def other_vips(place: Path) -> None:
    """Another installation has our virtual router ID: it speaks our version, or another one."""
    host = Host(place)
    for version, interval, gone in ((3, "0.1", GONE), (2, "1", SLOWLY_GONE)):
        (place / str(version)).mkdir()
        peer = host.keepalived(version=version, vip="198.18.0.77/24")
        slow = ("--set", f"keepalived.vrrpInstance.advertInt={interval}")
        one = agent(place / str(version), *slow)
        kept_from_claiming(one, "198.18.0.2 advertises virtual router 51 for other purposes")
        peer.terminate()
        peer.wait()
        takes_over(one, gone)
        one.process.send_signal(signal.SIGTERM)
        assert one.process.wait(START + SLACK) == 0, one.log.read_text()


def stranger(place: Path) -> None:
    """A Master, and later another installation with its virtual router ID and other addresses: told once, counted."""
    host = Host(place)
    one = agent(place)
    one.until("-> MASTER", START + MASTER_DOWN + SLACK)
    peer = host.keepalived(vip="198.18.0.77/24")
    sentence = "198.18.0.2 advertises virtual router 51 with other addresses: 198.18.0.77"
    one.until(sentence, START + SLACK)
    wait(lambda: one.status()["adverts_strange"], START + SLACK, "the count of them")
    assert one.log.read_text().count(sentence) == 1
    peer.terminate()
    peer.wait()
    end(one)


def known_master(place: Path) -> None:
    """A peer is no stranger; and when its daemons are killed, the VIP is claimed though that host still answers."""
    host = Host(place)
    peer = host.keepalived()
    one = agent(place)
    started(one)
    wait(lambda: one.status()["master"] is not None, START, "the Master to be known")
    time.sleep(2 * MASTER_DOWN)
    assert not held()
    for pid in (peer.pid, int((place / "r.pid").read_text())):
        os.kill(pid, signal.SIGKILL)
    peer.wait()
    one.until("-> MASTER", MASTER_DOWN + SLACK)
    wait(held, SLACK, "the VIP")
    assert host.has_vip()
    assert not one.said("held back"), one.log.read_text()
    end(one)


def restarted(place: Path) -> None:
    """What an engine knew that had a bug its successor knows: it takes up the VIP whoever else has it by now."""
    host = Host(place)
    one = agent(place, main=alone._BUGGY).master()
    host.run(f"ip address add {VIP} dev v1")
    one.fail()
    one.until("it starts afresh at once", START)
    wait(
        lambda: one.log.read_text().count("-> MASTER") > 1,
        START + GONE,
        f"the next Master in\n{one.log.read_text()}",
    )
    assert not one.said("held back"), one.log.read_text()
    end(one)


def switched_off(place: Path) -> None:
    """`agent.askFirst: false` claims as VRRP says."""
    host = Host(place)
    host.run(f"ip address add {VIP} dev v1")
    one = agent(place, "--set", "agent.askFirst=false").master()
    assert not one.said("held back")
    end(one)


def automatic(place: Path) -> None:
    """What `auto` means is waited for and told; a better one later on is told, and left for the next start."""
    main = f"from vipalived.agent import interface; interface.LOOKING = 0.2\n{alone._BUGGY}"
    shell("ip address flush dev v0")
    shell("ip link add w0 type veth peer name w1")
    chosen = ("--set", "keepalived.vrrpInstance.interface=v9", "--set", "nodes.cp-1.interface=auto")
    os.environ["NODE_NAME"] = "cp-1"
    one = agent(place, *chosen, main=main)
    waiting = "waiting for an interface: no subnet here has 198.18.0.100, and there is no IPv4 default route to go by"
    one.until(waiting)
    shell("ip address add 198.18.0.1/16 dev v0")
    one.until("interface auto: v0 has 198.18.0.1/16, the subnet of 198.18.0.100")
    one.master()
    assert one.status()["interface_chosen"] == "has 198.18.0.1/16, the subnet of 198.18.0.100"
    assert one.status()["interface_elsewhere"] is None
    for words in ("link set w0 up", "link set w1 up", "address add 198.18.0.9/24 dev w0"):
        shell(f"ip {words}")
    elsewhere = "w0 has 198.18.0.9/24, the subnet of 198.18.0.100; v0 has such a subnet, too"
    one.until(f"interface auto would be another one at the next start: {elsewhere}", START)
    assert held()
    assert one.status()["interface_elsewhere"] == elsewhere
    with urllib.request.urlopen("http://127.0.0.1:9951/metrics") as answer:
        metrics = answer.read().decode()
    assert 'vipalived_trouble{kind="interface-elsewhere"} 1.0' in metrics
    one.values.write_text("keepalived: {vrrpInstance: {priority: 90}}\n")
    one.until("agent reloaded", START)
    one.fail()
    one.until("it starts afresh at once", START)
    wait(lambda: one.log.read_text().count("-> MASTER") > 1, START + GONE, "the next Master")
    assert held()
    end(one)
    # The container is started again, and has kept its directory.
    one = Agent(place / "agent", engine=(*NATIVE, *chosen))
    one.until(f"interface auto: {elsewhere}")
    one.until("interface auto: w0, and no longer v0")
    wait(lambda: alone.HELD in shell("ip address show w0"), START + MASTER_DOWN + SLACK, "the VIP on w0")
    one.process.send_signal(signal.SIGTERM)
    assert one.process.wait(2.0 + SLACK) == 0


if __name__ == "__main__":
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
    alone.link()
    with tempfile.TemporaryDirectory() as directory:
        {
            story.__name__: story
            for story in (
                answering,
                from_another_daemon,
                other_vips,
                stranger,
                known_master,
                restarted,
                switched_off,
                automatic,
            )
        }[sys.argv[1]](Path(directory), *sys.argv[2:])
