"""Stories of an agent whose host and values change, told by `test_changes.py`: run inside namespaces of its own.

The agent is on v0; v1 is the other end of the link, or another host's. At an interval of 0.1 s and priority 100,
Master_Down_Interval is 0.36 s; `SLACK` is for a busy machine.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import alone  # the script beside this one
from alone import MASTER_DOWN, SLACK, START, Agent, held, shell, wait
from newcomer import Host  # and this one

from vipalived.agent.process import Crowded, Place

SIX = "2001:db8::100"
MANY = 1000


def once_more(agent: Agent, text: str, do: Callable[[], object]) -> None:
    """Does something, and waits until the log says this one time more."""
    told = agent.log.read_text().count(text)
    do()
    wait(lambda: agent.log.read_text().count(text) > told, START + SLACK, f"another `{text}`")


def flap(agent: Agent, away: str, back: str) -> None:
    """What an agent needs goes and comes back, and it notices both."""
    once_more(agent, "(link-down)", lambda: shell(f"ip {away}"))
    once_more(agent, "(link-up)", lambda: shell(f"ip {back}"))


def mtu(place: Path) -> None:
    """An MTU below IPv6's least takes the interface out of its multicast groups: it hears its Master again after."""
    host = Host(place)
    shell("ip -6 address add 2001:db8::1/64 dev v0 nodad")
    host.run("ip -6 address add 2001:db8::2/64 dev v1 nodad")
    host.keepalived(vip=f"{SIX}/64")
    instance = "keepalived.vrrpInstance"
    six = ("--set", f"{instance}.virtualIpAddress={SIX}/64,{instance}.priority=90")
    agent = Agent(place, engine=("--set", "engine=native", *six))
    agent.until("INITIALIZE -> BACKUP")
    wait(lambda: agent.status()["master"] is not None, START, "the Master to be known")
    for away, back in (
        ("link set v0 mtu 1200", "link set v0 mtu 1500"),
        ("link set v0 down", "link set v0 up"),
    ):
        flap(agent, away, back)
        time.sleep(3 * MASTER_DOWN)
        assert not agent.said("-> MASTER"), agent.log.read_text()
        assert agent.status()["master"] is not None
    agent.process.kill()
    agent.process.wait()


def taken_back(place: Path) -> None:
    """While an engine resigns for other values they are taken back: it is the newest ones that are followed."""
    other, first = "keepalived: {vrrpInstance: {virtualRouterId: 52}}\n", "{}\n"
    agent = Agent(place).master()
    agent.values.write_text(other)
    agent.until("needs a new start", START)
    agent.values.write_text(first)
    agent.process.send_signal(signal.SIGHUP)
    wait(lambda: agent.log.read_text().count("-> MASTER") > 1, START + SLACK, "the next Master")
    wait(lambda: agent.status()["vrid"] == 51, START + SLACK, "the values that were put back")
    wait(held, SLACK + MASTER_DOWN, "the VIP")
    agent.end()


def promoted(place: Path) -> None:
    """The kernel drops a subnet's other addresses with its first one: that is nobody's deed, and put right."""
    shell("sysctl -qw net.ipv4.conf.all.promote_secondaries=0 net.ipv4.conf.v0.promote_secondaries=0")
    three = [f"198.18.5.{last}" for last in (1, 2, 3)]
    agent = Agent(place)

    def use(vips: list[str]) -> None:
        listed = ", ".join(f"{vip}/24" for vip in vips)
        agent.values.write_text(f"keepalived: {{vrrpInstance: {{virtualIpAddresses: [{listed}]}}}}\n")

    use(three)
    agent.until("-> MASTER")

    def on(vip: str) -> bool:
        return f" {vip}/32 " in shell("ip -4 address show v0")

    wait(lambda: all(map(on, three)), START, "three VIPs")
    use(three[1:])
    wait(lambda: not on(three[0]), START, "the first VIP to go")
    wait(lambda: all(map(on, three[1:])), SLACK, "the others")
    assert not agent.said("removed by"), agent.log.read_text()
    agent.end()


def no_ethernet(place: Path) -> None:
    """An interface that has no neighbours is told of, and left alone; another one of its name is taken."""
    shell("ip link property add dev lo altname enp7s0")
    agent = Agent(place, engine=("--set", "engine=native,keepalived.vrrpInstance.interface=enp7s0"))
    agent.until("enp7s0 is no Ethernet interface: there is nobody to ask by ARP or NDP")
    assert not agent.said("INITIALIZE ->"), agent.log.read_text()
    shell("ip link property del dev lo altname enp7s0")
    shell("ip link property add dev v0 altname enp7s0")
    agent.master()
    agent.end()


def crowd(place: Path) -> None:
    """However many wait, and in whatever order they name the families, each can be ended, and one succeeds."""
    agent = Agent(place).master()
    waiting = []
    for number in range(12):
        (place / str(number)).mkdir()
        first, second = sorted([alone.VIP, f"{SIX}/64"], reverse=number % 2 == 1)
        instance = "keepalived.vrrpInstance"
        both = f"{instance}.virtualIpAddress={first},{instance}.virtualIpAddresses={{{second}}}"
        waiting.append(Agent(place / str(number), engine=("--set", "engine=native", "--set", both)))
    for one in waiting:
        one.until("waiting: another instance", START + 2 * len(waiting))
    for one in waiting[:-2]:
        one.process.send_signal(signal.SIGTERM)
        assert one.process.wait(START) == 0, one.log.read_text()  # eleven others end, too
    agent.process.kill()
    agent.process.wait()
    wait(lambda: any(one.said("-> MASTER") for one in waiting[-2:]), START + 2 * SLACK, "a successor")
    for one in waiting[-2:]:
        one.process.kill()
        one.process.wait()


def many(place: Path) -> None:
    """A thousand flaps, reloads and waiting instances leave descriptors and memory as they were."""
    agent = Agent(place).master()
    before = None
    for count in range(MANY):
        _change(agent, count)
        if count == MANY // 10:
            before = _usage(agent)
    after = _usage(agent)
    assert before is not None
    assert after[0] == before[0], (before, after)
    assert after[1] <= before[1] + 1024, (before, after)
    wait(lambda: agent.status()["state"] == "MASTER", START, "a Master")
    agent.end()


def _usage(agent: Agent) -> tuple[int, int]:
    """At rest: those who waited and have gone are let go when the next one comes."""
    agent.status()  # all who came have been let in
    _wait_in_vain()
    return agent.usage()


def _wait_in_vain() -> None:
    """An instance that begins to wait, and goes."""
    with suppress(Crowded):
        connection = Place("v0", 51, 4).take()
        assert connection is not None
        connection.close()


def _change(agent: Agent, count: int) -> None:
    kind = count % 20
    if kind == 0:
        vips = "[198.18.0.101/24]" if count % 40 else "[]"
        text = f"keepalived: {{vrrpInstance: {{virtualIpAddresses: {vips}}}}}\n"
        once_more(agent, "agent reloaded", lambda: agent.values.write_text(text))
    elif kind < 10:
        _wait_in_vain()
    else:
        flap(agent, "address del 198.18.0.1/24 dev v0", "address add 198.18.0.1/24 dev v0")


if __name__ == "__main__":
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
    alone.link()
    with tempfile.TemporaryDirectory() as directory:
        {story.__name__: story for story in (mtu, taken_back, promoted, no_ethernet, crowd, many)}[
            sys.argv[1]
        ](Path(directory))
