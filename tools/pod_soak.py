"""An hour in the life of two pods, each with the memory limit of the contract: does it ever reach it, does it grow?

usage: tools/pod_soak.py [SECONDS]     as root; writes out/bench/pod-soak.json and prints a table

Meanwhile the metrics are scraped, the status is asked for, changed values are taken over, and the API server dies
and comes back. A minute's figure is what is in use at its end.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from vipalived.lab import sandbox
from vipalived.lab.daemon import Command, Daemon
from vipalived.lab.engines import engine
from vipalived.lab.plan import BASE_LAYER, plan
from vipalived.lab.pressure import within
from vipalived.lab.servers import api_servers
from vipalived.lab.stage import PORT
from vipalived.lab.world import World
from vipalived.settings import Settings, load

OUT = Path(__file__).parent.parent / "out" / "bench" / "pod-soak.json"
LIMIT = 64 << 20
PODS = 2
"""A Master and a Backup."""
_ROOT = Path("/sys/fs/cgroup")


class Group:
    """A memory control group; either version of the kernel's interface."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._second = (path / "memory.max").exists()

    def limit(self) -> None:
        """Sets the limit."""
        (self.path / ("memory.max" if self._second else "memory.limit_in_bytes")).write_text(str(LIMIT))

    def anonymous(self) -> float:
        """MiB that cannot be given back: neither files' pages nor what the kernel can drop."""
        words = (self.path / "memory.stat").read_text().split()
        facts = dict(zip(words[::2], map(int, words[1::2]), strict=True))
        return (facts["anon"] if self._second else facts["rss"]) / 2**20

    def peak(self) -> float:
        """The most that was ever in use, files' pages included; MiB."""
        name = "memory.peak" if self._second else "memory.max_usage_in_bytes"
        return int((self.path / name).read_text()) / 2**20

    def refusals(self) -> int:
        """How often the limit was reached."""
        if not self._second:
            return int((self.path / "memory.failcnt").read_text())
        return self._event("memory.events", "max")

    def kills(self) -> int:
        """How often the kernel has ended a process for that."""
        return self._event("memory.events" if self._second else "memory.oom_control", "oom_kill")

    def _event(self, name: str, event: str) -> int:
        words = (self.path / name).read_text().split()
        return int(words[words.index(event) + 1])


class Pod:
    """An agent on a node, in its control group from its first moment."""

    def __init__(self, world: World, node: str, group: Group, settings: Settings) -> None:
        self.world, self.node, self.group, self.settings = world, node, group, settings
        self.place = world.place / node
        self.place.mkdir()
        command = engine("native").prepare(node, settings, self.place)
        words = within(group.path, command.argv)
        self.daemon = Daemon(node, world.enter(node), Command(words, command.env), self.place / "log")

    def scrape(self) -> None:
        """As Prometheus and an operator do it."""
        script = "import urllib.request as u; u.urlopen('http://127.0.0.1:9951/metrics', timeout=5).read()"
        for words in (["-c", script], ["-m", "vipalived", "status", "--run-dir", str(self.place / "run")]):
            subprocess.run(
                [*self.world.enter(self.node), *sandbox.python(*words)],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
            )

    def reload(self, refresh: int) -> None:
        """Values with another `masterRefresh`."""
        garp = self.settings.keepalived.garp.model_copy(update={"master_refresh": refresh})
        changed = self.settings.keepalived.model_copy(update={"garp": garp})
        engine("native").prepare(
            self.node, self.settings.model_copy(update={"keepalived": changed}), self.place
        )


def minute(pods: list[Pod], number: int) -> list[dict[str, Any]]:
    """What happens in a minute, and what is in use at its end."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        for pod in pods:
            pod.scrape()
        time.sleep(max(0.0, min(10.0, end - time.monotonic())))
    for pod in pods:
        pod.reload(10 + number % 2)
    return [
        {
            "minute": number,
            "node": pod.node,
            "anonymous_mib": round(pod.group.anonymous(), 2),
            "peak_mib": round(pod.group.peak(), 2),
            "refusals": pod.group.refusals(),
            "kills": pod.group.kills(),
        }
        for pod in pods
    ]


def inside(seconds: float, groups: list[Path]) -> None:
    """In the sandbox: run, write and show."""
    settings = load([BASE_LAYER]).settings
    world = World(plan(settings, PODS))
    servers, _ = api_servers(world, PORT)
    pods = [
        Pod(world, host.name, Group(path), settings)
        for host, path in zip(world.plan.nodes, groups, strict=True)
    ]
    rows: list[dict[str, Any]] = []
    for number in range(1, max(1, round(seconds / 60)) + 1):
        rows += minute(pods, number)
        for server in servers.values():
            server.kill() if number % 7 == 0 else server.heal()
        for row in rows[-len(pods) :]:
            print(
                f"minute {row['minute']}, {row['node']}: {row['anonymous_mib']} MiB anonymous, "
                f"{row['peak_mib']} MiB at the most, the limit reached {row['refusals']} times, "
                f"{row['kills']} processes ended for it",
                flush=True,
            )
        OUT.parent.mkdir(parents=True, exist_ok=True)
        OUT.write_text(
            json.dumps({"limit_mib": LIMIT >> 20, "rows": rows}, indent=1) + "\n", encoding="utf-8"
        )
    for pod in pods:
        if not pod.daemon.running:
            sys.exit(f"the agent of {pod.node} has ended:\n{pod.daemon.said()}")
        pod.daemon.kill()
    if any(row["refusals"] for row in rows):
        sys.exit("the limit was reached")


def main() -> None:
    """Outside: make the control groups, enter the sandbox, remove them again."""
    if sys.argv[1:2] == ["inside"]:
        inside(float(sys.argv[2]), [Path(word) for word in sys.argv[3:]])
        return
    sandbox.check()
    seconds = float(sys.argv[1]) if sys.argv[1:] else 3600.0
    root = _ROOT / "memory" if (_ROOT / "memory").is_dir() else _ROOT
    groups = [root / f"vipalived-soak-{os.getpid()}-{number}" for number in range(PODS)]
    try:
        for path in groups:
            path.mkdir()
            Group(path).limit()
        words = [__file__, "inside", str(seconds), *map(str, groups)]
        code = sandbox.run(sandbox.python(*words))
    except OSError as error:
        sys.exit(f"control groups are out of reach ({error.strerror}): run it as root")
    finally:
        for path in groups:
            with suppress(OSError):
                path.rmdir()
    sys.exit(code)


if __name__ == "__main__":
    main()
