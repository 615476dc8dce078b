"""The two routers that share the segment: the native engine and FRR's vrrpd, started, ended, and asked."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tests.interop.segment import SLACK, has, mac, sh, until

DAEMONS = Path("/usr/lib/frr")
START = 5.0
"""Seconds within which a daemon has started."""
PLACE = Path("/run/interop")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One virtual router as both have it, but for their Advertisement_Intervals, in seconds."""

    version: Literal[2, 3]
    vips: tuple[str, ...]
    native_interval: float
    frr_interval: float

    @property
    def family(self) -> int:
        """4 or 6."""
        return 6 if ":" in self.vips[0] else 4

    @property
    def vip(self) -> str:
        """The last of its addresses, which is the client's."""
        return self.vips[-1]

    @property
    def prefixed(self) -> list[str]:
        """The addresses as they are put on an interface."""
        return [f"{vip}/{64 if self.family == 6 else 24}" for vip in self.vips]


class _Process:
    """A program in a host's namespace; `log` gets what it says."""

    def __init__(self, host: str, command: Sequence[str], log: Path) -> None:
        self.log = log
        self._from = log.stat().st_size if log.exists() else 0
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                ["ip", "netns", "exec", host, *command], stdin=subprocess.DEVNULL, stdout=file, stderr=file
            )

    def said(self, text: str) -> bool:
        return text in self.log.read_text()[self._from :]

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def end(self, seconds: float = SLACK) -> int:
        return self._process.wait(seconds)


class Native:
    """`vipalived agent`, priority 100."""

    name = "native"

    def __init__(self, case: Case) -> None:
        self._case = case
        self.mac = mac("native", "eth0")
        values = {
            "interface": "eth0",
            "advertInt": f"{case.native_interval:g}",
            "nopreempt": "false",
            "virtualIpAddress": case.prefixed[0],
            **{f"virtualIpAddresses[{index}]": vip for index, vip in enumerate(case.prefixed[1:])},
        }
        assignments = [f"keepalived.vrrpInstance.{key}={value}" for key, value in values.items()]
        assignments += [f"keepalived.vrrpVersion={case.version}", "engine=native"]
        if case.version == 2:  # RFC 3768 has authentication type 0 only, and so has FRR
            assignments.append("keepalived.vrrpInstance.authentication.authPass=")
        self._command = [sys.executable, "-c", "from vipalived.cli.main import main; main()", "agent"]
        self._command += [word for text in assignments for word in ("--set", text)]

    def start(self) -> None:
        """Returns when it takes part."""
        self._process = _Process("native", self._command, PLACE / "native.log")
        until(lambda: self._process.said("INITIALIZE -> BACKUP"), START, "the native engine to take part")

    def stop(self) -> None:
        """SIGTERM: it hands over and ends with 0."""
        self._process.signal(signal.SIGTERM)

    def ended(self, seconds: float) -> None:
        """It has ended as it should."""
        assert self._process.end(seconds) == 0

    def kill(self) -> None:
        """SIGKILL: from now on only the kernel acts for it."""
        self._process.signal(signal.SIGKILL)
        self._process.end()

    def holds(self) -> bool:
        """Whether the kernel has every address."""
        return all(has("native", "eth0", vip) for vip in self._case.vips)

    def claims(self) -> bool | None:
        """It has nothing to say beyond the kernel's word."""
        return None


class Frr:
    """zebra, which stays, and vrrpd."""

    name = "frr"

    def __init__(self, case: Case, priority: int) -> None:
        self._case, self._priority = case, priority
        self.running = False
        virtual = "01" if case.family == 4 else "02"
        self.mac = f"00:00:5e:00:{virtual}:33"
        _prepare_host()
        self._add_macvlan()
        self._configuration = PLACE / "frr.conf"
        self._configuration.write_text(self._configure())
        _Process("frr", self._daemon("zebra"), PLACE / "zebra.log")
        until((PLACE / "zserv.api").exists, START, "zebra")

    def _add_macvlan(self) -> None:
        sh("ip -n frr link add vrrp link eth0 type macvlan mode bridge")
        sh(f"ip -n frr link set vrrp address {self.mac} addrgenmode random")
        for address in self._case.prefixed:
            sh(f"ip -n frr address add {address} dev vrrp" + (" nodad" if self._case.family == 6 else ""))
        self.clear()
        sh("ip -n frr link set vrrp up")

    def _configure(self) -> str:
        kind = "ip" if self._case.family == 4 else "ipv6"
        lines = [
            f"version {self._case.version}",
            f"priority {self._priority}",
            f"advertisement-interval {self._case.frr_interval * 1000:.0f}",
            *(f"{kind} {vip}" for vip in self._case.vips),
        ]
        return "interface eth0\n" + "".join(f" vrrp 51 {line}\n" for line in lines)

    @staticmethod
    def _daemon(name: str) -> list[str]:
        options = (
            f"-u root -g root -z {PLACE}/zserv.api --vty_socket {PLACE} -i {PLACE}/{name}.pid --log stdout"
        )
        return [str(DAEMONS / name), *options.split()]

    def start(self) -> None:
        """Returns when it takes part."""
        command = [*self._daemon("vrrpd"), "-f", str(self._configuration)]
        self._process = _Process("frr", command, PLACE / "vrrpd.log")
        self.running = True
        until(lambda: self.state.get("status") == "Backup", START, "vrrpd to take part")

    def stop(self) -> None:
        """SIGTERM."""
        self._process.signal(signal.SIGTERM)
        self._process.end()
        self.running = False

    def kill(self) -> None:
        """SIGKILL; nobody takes the addresses away."""
        self._process.signal(signal.SIGKILL)
        self._process.end()
        self.running = False

    def clear(self) -> None:
        """Takes away what a dead daemon has left behind: protodown is how FRR itself lets go."""
        sh("ip -n frr link set vrrp protodown on")

    @property
    def state(self) -> dict[str, Any]:
        """`show vrrp json` of the one address family; empty while vrrpd does not answer."""
        command = ["vtysh", "--vty_socket", str(PLACE), "-d", "vrrpd", "-c", "show vrrp json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        routers = json.loads(done.stdout) if done.stdout.startswith("[") else []
        return dict(routers[0][f"v{self._case.family}"]) if routers else {}

    def holds(self) -> bool:
        """Whether the kernel has every address: they stay on the macvlan, which is up while it is Master."""
        return all(has("frr", "vrrp", vip) for vip in self._case.vips)

    def claims(self) -> bool | None:
        """What FRR says itself; None while it does not run."""
        return self.state.get("status") == "Master" if self.running else None


def _prepare_host() -> None:
    """FRR wants to be a user of its own and a group for vtysh; in here there is nobody but root."""
    groups = PLACE / "group"
    groups.write_text("root:x:0:\nfrrvty:x:0:\n")
    sh(f"mount --bind {groups} /etc/group")
    # Linux answers on every interface for the addresses of all: here only the macvlan may speak of the VIP.
    for name, value in (("arp_ignore", 1), ("arp_announce", 2)):
        sh("ip netns exec frr sh -c", f"echo {value} > /proc/sys/net/ipv4/conf/eth0/{name}")
    # The macvlan comes up with mastership; while its link-local address is tentative, the first advertisement fails,
    # and the native engine, which then hears only FRR's neighbour advertisement, rightly defends its addresses.
    sh("ip netns exec frr sh -c", "echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad")


def missing() -> str | None:
    """Why FRR cannot be had here."""
    absent = [name for name in ("zebra", "vrrpd") if not os.access(DAEMONS / name, os.X_OK)]
    return f"{DAEMONS / absent[0]} is not installed (Debian's package `frr`)" if absent else None
