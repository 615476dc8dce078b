"""This host as a place for the daemon: what this process may do, and who else runs VRRP here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vipalived.agent.process import place_name
from vipalived.doctor.finding import Finding, error, ok, warning
from vipalived.doctor.scene import Scene
from vipalived.net.choice import primary_name

_CAPABILITIES: Final = {"NET_ADMIN": 12, "NET_RAW": 13}
_INITIAL_PID_NAMESPACE: Final = "pid:[4026531836]"
"""The kernel's own number for it; include/linux/proc_ns.h."""
_DEFAULT_FILE: Final = "/etc/keepalived/keepalived.conf"
_FILE_OPTION: Final = re.compile(r"(?:-f|--use-file=?)$|(?:-f|--use-file=)(?P<file>.+)")


def capabilities() -> Finding:
    """What the daemon needs; in a pod, this process has what the daemon has."""
    status = Path("/proc/self/status").read_text()
    effective = int(re.search(r"CapEff:\s*([0-9a-f]+)", status)[1], 16)  # type: ignore[index]  # always there
    missing = [name for name, bit in _CAPABILITIES.items() if not effective >> bit & 1]
    if not missing:
        return ok("capabilities", "NET_ADMIN and NET_RAW are effective")
    return error(
        "capabilities",
        f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not effective",
        "without NET_ADMIN a Master advertises, but never has the VIP; without NET_RAW there is no VRRP",
        "in a pod: add both to `securityContext.capabilities` (with the agent: `agent.securityContext`); on a node: "
        "run doctor as root",
    )


@dataclass(frozen=True, slots=True)
class Daemon:
    """Who speaks for our virtual router or holds our VIP, and how we know."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Process:
    """One of /proc."""

    pid: int
    parent: int
    words: tuple[str, ...]

    @property
    def name(self) -> str:
        """Of its program."""
        return Path(self.words[0]).name if self.words else ""

    @property
    def is_agent(self) -> bool:
        """Whether it runs `vipalived agent`."""
        return "agent" in self.words and any("vipalived" in word for word in self.words)


def daemons(scene: Scene) -> tuple[list[Daemon], Finding]:
    """Who runs our virtual router on this host, and what is to be said of them."""
    agents = _agents(scene)
    found = [*agents, *_others(scene)]
    listed = " and ".join(f"{one.name} ({one.why})" for one in found)
    if len(found) > max(1, len(agents)):
        return found, error(
            "daemons",
            f"on this one host there are {listed}",
            "each one takes away the VIP that another one has put there",
            "keep one: remove the static pod, the DaemonSet, or the host's own service",
        )
    if len(agents) > 1:
        return found, warning(
            "daemons",
            f"{len(agents)} agents run virtual router {scene.plan.vrid} on this host",
            "all but one wait for its end",
            "nothing, while one replaces the other; else remove the static pod or the DaemonSet",
        )
    seen = f"{listed} runs here" if found else "no daemon of this virtual router is seen"
    if Path("/proc/self/ns/pid").readlink().name != _INITIAL_PID_NAMESPACE:
        seen += "; of processes only those of this container can be seen"
    return found, ok("daemons", seen)


def _agents(scene: Scene) -> list[Daemon]:
    """One that has the place of this virtual router, and those that wait for it, in whatever containers.

    Unix sockets are listed for the whole network namespace, a connection that waits under the listener's name.
    """
    name = place_name(
        primary_name(scene.plan.interface), scene.plan.vrid, scene.plan.members[0].family
    ).replace("\0", "@", 1)
    lines = Path("/proc/net/unix").read_text().splitlines()
    return [Daemon("the agent", f"it has {name}") for line in lines if line.endswith(f" {name}")]


def _others(scene: Scene) -> Iterator[Daemon]:
    by_pid = {process.pid: process for process in _processes()}
    for process in by_pid.values():
        above = by_pid.get(process.parent)
        if process.name == "kube-vip":
            yield from _kube_vip(scene, process)
        elif process.name == "keepalived" and not (above and above.name == "keepalived"):
            yield from _keepalived(scene, process)


def _processes() -> Iterator[Process]:
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (place / "cmdline").read_bytes().decode(errors="replace").split("\0")
            parent = (place / "stat").read_text().rpartition(")")[2].split()[1]
            yield Process(int(place.name), int(parent), tuple(filter(None, words)))


def _keepalived(scene: Scene, process: Process) -> Iterator[Daemon]:
    file = _configuration(process)
    try:
        text = (Path(f"/proc/{process.pid}/root") / file.lstrip("/")).read_text(errors="replace")
    except OSError as reason:
        yield Daemon("keepalived", f"process {process.pid}, whose {file} cannot be read: {reason.strerror}")
        return
    text = re.sub(r"[!#].*", "", text)
    for block in re.split(r"\bvrrp_instance\b", text)[1:]:
        vrid = re.search(r"\bvirtual_router_id\s+(\d+)", block)
        interface = re.search(r"\binterface\s+([^\s$]\S*)", block)
        if (
            vrid
            and int(vrid[1]) == scene.plan.vrid
            and (not interface or interface[1] == scene.plan.interface)
        ):
            yield Daemon("keepalived", f"process {process.pid}, virtual_router_id {vrid[1]} in {file}")
            return


def _configuration(process: Process) -> str:
    words = iter(process.words[1:])
    for word in words:
        if found := _FILE_OPTION.fullmatch(word):
            return found["file"] or next(words, _DEFAULT_FILE)
    return _DEFAULT_FILE


def _kube_vip(scene: Scene, process: Process) -> Iterator[Daemon]:
    """It is told its address by a variable or an option."""
    try:
        said = Path(f"/proc/{process.pid}/environ").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        said = []
    values = {word.partition("=")[2] for word in said if word.startswith(("address=", "vip_address="))}
    for text in values | set(process.words):
        if text.partition("/")[0] in {str(vip) for vip in scene.plan.vips}:
            yield Daemon("kube-vip", f"process {process.pid}, which is told {text}")
            return
