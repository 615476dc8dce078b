"""Random lives of an engine beside random addresses of the node's own, which nothing may touch: run in namespaces.

usage: addresses.py SEED...

A real engine acts on v0, in this process: to close it without a word is what SIGKILL leaves behind. At an interval of
0.02 s Master_Down_Interval is 0.073 s. `ip` is the witness.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import time
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface
from pathlib import Path
from typing import Any

from msgspec.structs import replace

sys.path.insert(0, str(Path(__file__).parent))

import alone  # the script beside this one

from vipalived.agent.ledger import Ledger
from vipalived.agent.native import Engine
from vipalived.agent.plan import MemberPlan, Plan
from vipalived.net import clock
from vipalived.vrrp.model import Garp

INTERVAL = 0.02
PATIENCE = 5.0
TARGETS = ("198.18.0.77", "198.18.77.77", "198.19.0.77", "2001:db8::77", "2001:db8:0:1::77")
V4 = ("198.18.0.10", "198.18.0.100", "198.18.1.100", "198.19.0.100")
V6 = ("2001:db8::10", "2001:db8::100", "2001:db8:0:1::100")
OWN4, OWN6 = ("198.18.0.1", "198.18.0.2", "198.18.1.1", "198.19.0.1"), ("2001:db8::1", "2001:db8:0:1::1")
"""Among these there is no VIP."""
Interface = IPv4Interface | IPv6Interface


def ip(words: str) -> Any:
    done = subprocess.run(["ip", "-j", *words.split()], capture_output=True, text=True, check=False)
    return json.loads(done.stdout or "null")


def sh(words: str) -> bool:
    """Whether it could be done."""
    return subprocess.run(words.split(), capture_output=True, check=False).returncode == 0


def addresses() -> list[dict[str, Any]]:
    """Every address of the host with its flags and lifetimes."""
    return [{"dev": link["ifname"], **one} for link in ip("address show") for one in link["addr_info"]]


def routes() -> list[str]:
    found = [*ip("route show table all"), *ip("-6 route show table all")]
    return sorted(json.dumps(route, sort_keys=True) for route in found)


class History:
    """One node, and what becomes of its engine."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.engine: Engine | None = None
        self.told: list[str] = []
        self.own: set[tuple[str, Interface]] = set()

    def some(self, among: tuple[str, ...], least: int, prefixes: tuple[int, ...]) -> list[Interface]:
        chosen = self.random.sample(among, self.random.randint(least, len(among)))
        return [ip_interface(f"{text}/{self.random.choice(prefixes)}") for text in chosen]

    def plan(self) -> Plan:
        """Of one or two families; what it has of the node's own addresses is up to chance."""
        members = []
        for family, among, prefixes in ((4, V4, (16, 24, 32)), (6, V6, (48, 64, 128))):
            vips = self.some(among, family == 4, prefixes)
            if family == 6 and vips:
                vips.insert(0, ip_interface("fe80::200:5eff:fe00:233/64"))
            if vips:
                members.append(
                    MemberPlan(
                        family=family,
                        vrid=51,
                        version=3,
                        priority=100,
                        interval=INTERVAL,
                        preempt=False,
                        addresses=tuple(vips),
                        garp=Garp(),
                        ask_first=False,
                    )
                )
        lease = self.random.random() < 0.5
        kept = [replace(one, departures=replace(one.departures, kernel_lease=lease)) for one in members]
        return Plan("v0", (), tuple(kept))

    async def begin(self) -> None:
        if self.engine is None:
            plan = self.plan()
            self.told.append(f"start {[str(vip) for vip in plan.vips]}")
            self.engine = Engine(plan, Ledger(plan))
            self.engine.start()

    async def kill(self) -> None:
        if self.engine is not None:
            self.told.append("SIGKILL")
            self.engine.close()
            self.engine = None

    async def stop(self) -> None:
        if self.engine is not None:
            self.told.append("SIGTERM")
            self.engine.shut_down()
            async with asyncio.timeout(PATIENCE):
                await self.engine.ended.wait()
            self.engine.close()
            self.engine = None

    async def reload(self) -> None:
        if self.engine is not None and (plan := self.plan()).succeeds(self.engine.plan):
            self.told.append(f"reload {[str(vip) for vip in plan.vips]}")
            self.engine.reconfigure(plan)

    async def become(self) -> None:
        """Time for an election, or to notice that there can be none."""
        end = clock.now() + 0.3
        while clock.now() < end and self.engine is not None and not self.engine.state.barred:
            await asyncio.sleep(0.005)
            if type(self.engine.state.role).__name__ == "Master":
                self.told.append("Master")
                return

    async def change_own(self) -> None:
        """An address of the node's own comes, or goes."""
        if self.own and self.random.random() < 0.5:
            device, address = self.random.choice(sorted(self.own, key=str))
            self.own.discard((device, address))
            self.told.append(f"own - {address}")
            # With it the kernel takes those that are secondary to it: not ours, which are none, but its own.
            sh(f"ip address del {address} dev {device}")
            there = {(one["dev"], ip_interface(f"{one['local']}/{one['prefixlen']}")) for one in addresses()}
            self.own &= there
            return
        device = self.random.choice(("v0", "v0", "v0", "w0"))
        four, six = (V4, V6) if self.random.random() < 0.15 else (OWN4, OWN6)
        address = self.random.choice([*self.some(four, 1, (16, 24, 32)), *self.some(six, 1, (64, 128))])
        more = " nodad" if address.version == 6 else ""
        held = {
            ip_address(one["local"]) for one in addresses() if one["dev"] == "v0" and one.get("deprecated")
        }
        # One that is held as a VIP could not be told from it by `ip`.
        if (device, address.ip) not in {("v0", vip) for vip in held} and sh(
            f"ip address add {address} dev {device}{more}"
        ):
            self.own.add((device, address))
            self.told.append(f"own + {address} on {device}")

    def check(self) -> None:
        """What is the node's own is there and not deprecated; and no VIP is a source, while there are others."""
        found = addresses()
        marks = {
            (one["dev"], ip_interface(f"{one['local']}/{one['prefixlen']}")): one
            for one in found
            if "deprecated" not in one
        }
        missing = self.own - set(marks)
        assert not missing, f"gone: {missing}"
        held = {one["local"] for one in found if one.get("deprecated")} - {str(a.ip) for _, a in self.own}
        families = {
            address.version for device, address in self.own if device == "v0" and not address.ip.is_link_local
        }
        # What a dead engine has left stays first until its lease ends, or the next engine starts.
        for target in TARGETS if self.engine is not None else ():
            if ip_address(target).version in families:
                for route in ip(f"route get {target} oif v0") or ():
                    assert route.get("prefsrc") not in held, f"{route} takes a VIP for its source"

    async def run(self) -> None:
        for _ in range(self.random.randint(1, 3)):
            await self.change_own()
        steps = (self.begin, self.become, self.kill, self.stop, self.reload, self.change_own)
        weights = (4, 6, 2, 2, 3, 4)
        for _ in range(20):
            await self.random.choices(steps, weights)[0]()
            await asyncio.sleep(0.01)
            self.check()
        # Whatever was left behind is taken off by the next one that ends as it should.
        if self.engine is not None:
            await self.stop()
        expected = sorted(map(str, self.own))
        for vip_plan in (self.everything(),):
            self.engine = Engine(vip_plan, Ledger(vip_plan))
            self.engine.start()
            await self.stop()
        left = [(one["dev"], ip_interface(f"{one['local']}/{one['prefixlen']}")) for one in addresses()]
        now = sorted(str(one) for one in left if one[0] != "lo" and not _automatic(one[1]))
        assert now == expected, f"{now} instead of {expected}"
        before = routes()
        self.rebuild()
        # The kernel adds some of an address's IPv6 routes a moment after the address.
        deadline = time.monotonic() + 2.0
        while (after := routes()) != before:
            assert time.monotonic() < deadline, f"{set(before) ^ set(after)}"
            await asyncio.sleep(0.02)

    def everything(self) -> Plan:
        """A plan with every VIP that there ever was."""
        plan = self.plan()
        while len(plan.members) < 2:
            plan = self.plan()
        vips = (V4, ("fe80::200:5eff:fe00:233", *V6))
        members = [
            replace(member, addresses=tuple(map(ip_interface, among)))
            for member, among in zip(plan.members, vips, strict=True)
        ]
        return replace(plan, members=tuple(members))

    def rebuild(self) -> None:
        """The same addresses of the node's own on interfaces that no engine has ever seen."""
        kept = [
            (one["dev"], f"{one['local']}/{one['prefixlen']}")
            for one in addresses()
            if one["dev"] != "lo" and not _automatic(ip_interface(one["local"]))
        ]
        for device in ("v0", "w0"):
            subprocess.run(f"ip -4 address flush dev {device}".split(), check=True)
            subprocess.run(f"ip -6 address flush dev {device} scope global".split(), check=True)
        for device, text in kept:
            more = " nodad" if ":" in text else ""
            subprocess.run(f"ip address add {text} dev {device}{more}".split(), check=True)


def _automatic(address: Interface) -> bool:
    """The kernel's own link-local ones."""
    return address.ip.is_link_local


def clean() -> None:
    for device in ("v0", "w0"):
        subprocess.run(f"ip -4 address flush dev {device}".split(), check=True)
        subprocess.run(f"ip -6 address flush dev {device} scope global".split(), check=True)


async def histories(seeds: list[int]) -> None:
    masters = 0
    for seed in seeds:
        clean()
        history = History(seed)
        try:
            await history.run()
            masters += "Master" in history.told
        except BaseException:
            sys.stderr.write(f"seed {seed}: {'; '.join(history.told)}\n")
            raise
    sys.stdout.write(f"{len(seeds)} histories, Master in {masters}\n")


if __name__ == "__main__":
    for pair in "vw":
        alone.shell(f"ip link add {pair}0 type veth peer name {pair}1")
        for name in (f"{pair}0", f"{pair}1"):
            # The kernel's own link-local addresses would come when it finds the time.
            alone.shell(f"ip link set {name} addrgenmode none up")
        alone.shell(f"ip address add fe80::1/64 dev {pair}0 nodad")
    asyncio.run(histories([int(word) for word in sys.argv[1:]]))
