"""What the agent costs a node that is at rest: memory and CPU of its processes, as Master and as Backup.

usage: tools/footprint.py [SECONDS]     writes out/bench/footprint.json and prints a table
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vipalived.lab import sandbox
from vipalived.lab.daemon import Daemon
from vipalived.lab.engines import API_SERVER, agent
from vipalived.lab.plan import plan
from vipalived.lab.servers import api_servers
from vipalived.lab.stage import PORT
from vipalived.lab.world import World
from vipalived.settings import Settings, load

OUT = Path(__file__).parent.parent / "out" / "bench" / "footprint.json"
SETTLED = 60.0


@dataclass(frozen=True)
class Case:
    """So many virtual routers on each node, an agent each; with one, the agent has all of its work."""

    routers: int = 1
    vips: int = 1
    interval: float = 1.0
    asked: float | None = 0.5
    """Seconds between two questions to the API server, if any."""


CASES = {
    "native: 1 VIP, advert 1 s, the API server asked": Case(),
    "native: the same, the API server asked once a second": Case(asked=1.0),
    "native: the same, no API server asked": Case(asked=None),
    "native: 64 VIPs on 8 virtual routers, advert 0.1 s": Case(8, 8, 0.1),
}


def values(case: Case, router: int) -> Settings:
    """The settings of one virtual router; the first node is the Master."""
    further = [f"198.18.0.{100 + 10 * router + index}/24" for index in range(case.vips)]
    instance: dict[str, Any] = {
        "virtualRouterId": 51 + router,
        "virtualIpAddress": further[0],
        "virtualIpAddresses": further[1:],
        "advertInt": case.interval,
        "nopreempt": False,
    }
    alone = case.routers == 1
    return load(
        [
            {"keepalived": {"vrrpInstance": instance}, "nodes": {"node-1": {"priority": 200}}},
            {"agent": {"endpoint": {"port": 9951 if alone else 0}}},
            {"engine": "native", "healthCheck": {"enabled": case.asked is not None, "url": API_SERVER}},
            {"healthCheck": {"interval": case.asked or 0.5}},
        ]
    ).settings


def start(world: World, node: str, routers: list[Settings]) -> list[Daemon]:
    """An agent on the node for each virtual router; `Native.prepare` would have it ask the API server in any case."""
    daemons = []
    for index, settings in enumerate(routers):
        place = world.place / f"{node}-{index}"
        place.mkdir()
        daemons.append(Daemon(node, world.enter(node), agent(node, settings, place), place / "log"))
    return daemons


def until(said: str, daemons: list[Daemon]) -> None:
    """Waits until every daemon has said this."""
    deadline = time.monotonic() + SETTLED
    while not all(said in daemon.said() for daemon in daemons):
        if time.monotonic() > deadline:
            sys.exit(f"waited in vain for `{said}`:\n" + "\n".join(daemon.said() for daemon in daemons))
        time.sleep(0.05)


def facts(daemon: Daemon, name: str) -> list[str]:
    """What proc(5) has of each of its processes; the child that has read the settings is gone by now."""
    found = []
    for pid in daemon.pids():
        with suppress(ProcessLookupError, FileNotFoundError):
            found.append(Path(f"/proc/{pid}/{name}").read_text())
    return found


def cpu(daemons: list[Daemon]) -> float:
    """Seconds of CPU that they have used, to the nanosecond."""
    stats = (stat for daemon in daemons for stat in facts(daemon, "schedstat"))
    return sum(int(stat.split()[0]) for stat in stats) / 1e9


def proportional(daemon: Daemon) -> float:
    """MiB of an agent's processes, each page counted once (PSS)."""
    rollups = [rollup for rollup in facts(daemon, "smaps_rollup") if "Pss:" in rollup]
    return sum(int(rollup.partition("Pss:")[2].split()[0]) for rollup in rollups) / 1024


def measure(number: int, name: str, seconds: float) -> list[dict[str, Any]]:
    """The rows of one case."""
    case = CASES[name]
    routers = [values(case, router) for router in range(case.routers)]
    world = World(plan(routers[0], 2), number)
    nodes = [host.name for host in world.plan.nodes]
    servers, _ = api_servers(world, PORT)
    daemons = {node: start(world, node, routers) for node in nodes}
    until("-> MASTER", daemons[nodes[0]])
    until("-> BACKUP", daemons[nodes[1]])
    if case.asked is not None:
        until("-> healthy", [daemon for node in nodes for daemon in daemons[node]])
    time.sleep(max(10.0, 3 * case.interval))  # the second batch of gratuitous ARP belongs to the takeover
    before = {node: cpu(daemons[node]) for node in nodes}
    time.sleep(seconds)
    rows = [
        {
            "case": name,
            "role": role,
            "agents": case.routers,
            "cpu_percent": round(100 * (cpu(daemons[node]) - before[node]) / seconds, 3),
            "memory_mib": round(max(proportional(daemon) for daemon in daemons[node]), 1),
        }
        for node, role in zip(nodes, ("Master", "Backup"), strict=True)
    ]
    for daemon in (one for group in daemons.values() for one in group):
        daemon.kill()
    for server in servers.values():
        server.kill()
    return rows


def inside(seconds: float) -> None:
    """In the sandbox: measure, write and show."""
    rows = [row for number, case in enumerate(CASES) for row in measure(number, case, seconds)]
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps({"seconds": seconds, "rows": rows}, indent=1) + "\n", encoding="utf-8")
    for row in rows:
        print(
            f"{row['case']}, {row['role']}: {row['cpu_percent']} % of a core for {row['agents']} agent(s), "
            f"{row['memory_mib']} MiB each"
        )


def main() -> None:
    """Outside: enter the sandbox."""
    if sys.argv[1:2] == ["inside"]:
        inside(float(sys.argv[2]))
        return
    sandbox.check()
    seconds = float(sys.argv[1]) if sys.argv[1:] else 60.0
    sys.exit(sandbox.run(sandbox.python(__file__, "inside", str(seconds))))


if __name__ == "__main__":
    main()
