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

import trustme

from vipalived.lab import sandbox
from vipalived.lab.daemon import Command, Daemon
from vipalived.lab.engines import API_SERVER, agent
from vipalived.lab.plan import plan
from vipalived.lab.pressure import offer
from vipalived.lab.servers import api_servers
from vipalived.lab.stage import PORT
from vipalived.lab.world import World
from vipalived.settings import Settings, load

OUT = Path(__file__).parent.parent / "out" / "bench" / "startup.json"
LIMITS = ("none", "100m")
STARTS = ("first", "again")
DEADLINE = 60.0
_JOIN = 'echo $$ > "$0/cgroup.procs"; exec "$@"'


def settings() -> Settings:
    """With everything on that a pod has."""
    check = {"enabled": True, "url": API_SERVER}
    values = {"engine": "native", "healthCheck": check, "agent": {"endpoint": {"port": 9951}}}
    return load([{"keepalived": {"vrrpInstance": {"virtualIpAddress": "198.18.0.100/24"}}}, values]).settings


def cpu(daemon: Daemon) -> float:
    """Seconds of CPU that it and its children that ended have used, and what of it is the children's."""
    words = Path(f"/proc/{next(iter(daemon.pids()))}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, words[11:15])) / os.sysconf("SC_CLK_TCK")


def start(world: World, place: Path, group: Path | None) -> dict[str, float]:
    """One start; seconds until it takes part, and of CPU."""
    node = world.plan.nodes[0].name
    command = agent(node, settings(), place)
    argv = command.argv if group is None else ["sh", "-c", _JOIN, str(group), *command.argv]
    begin = time.monotonic()
    daemon = Daemon(node, world.enter(node), Command(argv, command.env), place / "log")
    while "INITIALIZE -> " not in daemon.said():
        if time.monotonic() > begin + DEADLINE or not daemon.running:
            sys.exit(f"it does not take part:\n{daemon.said()}")
        time.sleep(0.002)
    took = time.monotonic() - begin
    used = cpu(daemon)
    daemon.kill()
    return {"seconds": round(took, 3), "cpu": round(used, 2)}


def inside(trials: int, groups: str | None, refused: str) -> None:
    """In the sandbox: measure, write and show."""
    world = World(plan(settings(), 1))
    certificate = world.place / "server.pem"
    issued = trustme.CA().issue_cert(str(world.plan.vip))
    issued.private_key_and_cert_chain_pem.write_to_path(str(certificate))
    servers = api_servers(world, PORT, certificate)
    rows: list[dict[str, Any]] = []
    for limit in LIMITS:
        if limit != "none" and groups is None:
            print(f"no CPU limit: {refused}", file=sys.stderr)
            continue
        group = None if limit == "none" else Path(f"{groups}-0")
        for trial in range(trials):
            place = world.place / f"{limit}-{trial}"
            place.mkdir()
            rows += [{"limit": limit, "start": begun, **start(world, place, group)} for begun in STARTS]
    for server in servers.values():
        server.kill()
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps({"rows": rows}, indent=1) + "\n", encoding="utf-8")
    for limit, begun in dict.fromkeys((row["limit"], row["start"]) for row in rows):
        mine = [row for row in rows if (row["limit"], row["start"]) == (limit, begun)]
        took, used = ([row[key] for row in mine] for key in ("seconds", "cpu"))
        print(
            f"limit {limit}, {begun}: {statistics.median(took):.2f} s, {max(took):.2f} s at the most, "
            f"{statistics.median(used):.2f} s of CPU"
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
