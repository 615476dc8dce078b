"""How long the agent needs until it takes part, with and without the CPU limit that the contract gives its container.

usage: tools/startup.py [TRIALS]     as root; writes out/bench/startup.json and prints a table

From exec to the first state, once in a new directory and once where a killed agent has left one. The API server is
asked over TLS, and the metrics are served.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from vipalived.lab import sandbox
from vipalived.lab.daemon import Command, Daemon
from vipalived.lab.engines import API_SERVER, agent
from vipalived.lab.plan import BASE_LAYER, plan
from vipalived.lab.pressure import offer, within
from vipalived.lab.servers import api_servers
from vipalived.lab.stage import PORT
from vipalived.lab.world import World
from vipalived.settings import Settings, load

OUT = Path(__file__).parent.parent / "out" / "bench" / "startup.json"
LIMITS = ("none", "100m")
STARTS = ("first", "again")
DEADLINE = 60.0


def settings() -> Settings:
    """With everything on that a pod has."""
    check = {"enabled": True, "url": API_SERVER}
    values = {"engine": "native", "healthCheck": check, "agent": {"endpoint": {"port": 9951}}}
    return load([BASE_LAYER, values]).settings


def cpu(daemon: Daemon) -> float:
    """Seconds of CPU that it and its children that ended have used."""
    words = Path(f"/proc/{next(iter(daemon.pids()))}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, words[11:15])) / os.sysconf("SC_CLK_TCK")


def start(world: World, place: Path, group: Path | None) -> tuple[float, float]:
    """One start: seconds until it takes part, and of CPU."""
    node = world.plan.nodes[0].name
    command = agent(node, settings(), place)
    argv = command.argv if group is None else within(group, command.argv)
    begin = time.monotonic()
    daemon = Daemon(node, world.enter(node), Command(argv, command.env), place / "log")
    while "INITIALIZE -> " not in daemon.said():
        if time.monotonic() > begin + DEADLINE or not daemon.running:
            sys.exit(f"it does not take part:\n{daemon.said()}")
        time.sleep(0.002)
    took = time.monotonic() - begin
    used = cpu(daemon)
    daemon.kill()
    return took, used


def measure(world: World, trials: int, limit: str, group: Path | None) -> list[dict[str, Any]]:
    """A row for each kind of start: median and maximum of the seconds, and the median of those of CPU."""
    found: dict[str, list[tuple[float, float]]] = {begun: [] for begun in STARTS}
    for trial in range(trials):
        place = world.place / f"{limit}-{trial}"
        place.mkdir()
        for begun in STARTS:
            found[begun].append(start(world, place, group))
    rows = []
    for begun, of in found.items():
        took, used = zip(*of, strict=True)
        row = {"median": statistics.median(took), "max": max(took), "cpu": statistics.median(used)}
        rows.append({"limit": limit, "start": begun, **row})
    return rows


def inside(trials: int, groups: str | None, refused: str) -> None:
    """In the sandbox: measure, write and show."""
    world = World(plan(settings(), 1))
    servers, _ = api_servers(world, PORT)
    rows = []
    for limit in LIMITS:
        if limit != "none" and groups is None:
            print(f"no CPU limit: {refused}", file=sys.stderr)
            continue
        group = None if limit == "none" else Path(f"{groups}-0")
        rows += measure(world, trials, limit, group)
    for server in servers.values():
        server.kill()
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps({"trials": trials, "rows": rows}, indent=1) + "\n", encoding="utf-8")
    for row in rows:
        print(
            f"limit {row['limit']}, {row['start']}: {row['median']:.2f} s, {row['max']:.2f} s at the most, "
            f"{row['cpu']:.2f} s of CPU"
        )


def main() -> None:
    """Outside: make the control group, enter the sandbox, remove it again."""
    if sys.argv[1:2] == ["inside"]:
        inside(int(sys.argv[2]), sys.argv[3] or None, sys.argv[4])
        return
    sandbox.check()
    trials = sys.argv[1] if sys.argv[1:] else "10"
    with offer() as quota:
        words = ("inside", trials, quota.groups or "", quota.refused)
        sys.exit(sandbox.run(sandbox.python(__file__, *words)))


if __name__ == "__main__":
    main()
