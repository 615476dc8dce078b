"""What a pod's agent costs: until it takes part, with and without the CPU limit of the contract, and at rest.

usage: python -m tests.containers.cost [TRIALS [SECONDS]]     as root; writes out/bench/pod-cost.json, prints its rows

The pod is what `vipalived static-pod` prints, in the image of the Containerfile, and podman runs it on a host as the
tests beside this file have them. From exec to the first state, once in a new pod and once where a killed container has
left its run directory; and as Master, with nothing to do but advertise and ask. The API server is asked over TLS, and
the metrics are served.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from tests.containers import hosts, image, runtime, stage
from tests.containers.cluster import AGENT_IMAGE, PORT, certificate, static_pod
from vipalived.lab.sandbox import python

OUT = image.REPOSITORY / "out" / "bench" / "pod-cost.json"
CONTRACT = 100
LIMITS = {"2 cores": 2000, "100m": CONTRACT}
"""Thousandths of a core, by what the table calls them; two cores are more than the agent can use."""
STARTS = ("first", "again")
RESTS = {
    "0.5 s, the default": "healthCheck.interval=0.5",
    "1 s": "healthCheck.interval=1",
    "not at all": "healthCheck.enabled=false",
}
"""How often the API server is asked."""
MASTER = "-> MASTER"
SETTLED = 10.0
NODE = "cp-1"
PATIENCE = 60.0
STEP = 0.005
"""Seconds between two looks; the agent's log has milliseconds."""
_GROUPS = Path("/sys/fs/cgroup")
_TICKS = os.sysconf("SC_CLK_TCK")


def agents() -> dict[int, Path]:
    """The processes in podman's containers that have become the agent, each with its control group."""
    top = next(path for path in (_GROUPS / "cpu", _GROUPS) if path.is_dir())
    found = {}
    for place, _, _ in os.walk(top / "libpod_parent"):
        with suppress(OSError):  # it may end meanwhile
            group = Path(place)
            for pid in map(int, (group / "cgroup.procs").read_text().split()):
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                if b"python" in words[0] and words[1].endswith(b"/vipalived"):
                    found[pid] = group
    return found


def quota(group: Path) -> float:
    """Thousandths of a core that the group may use."""
    if (group / "cpu.max").exists():
        most, period = (group / "cpu.max").read_text().split()
    else:
        most, period = ((group / f"cpu.cfs_{word}_us").read_text() for word in ("quota", "period"))
    return 1000 * float(most) / float(period)


def cpu(pid: int) -> float:
    """Seconds of CPU that it and its children that ended have used."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, words[11:15])) / _TICKS


def start(kubelet: runtime.Kubelet, limit: int, begin: Callable[[], object]) -> tuple[float, float]:
    """What one start took: seconds until the agent takes part, and of CPU."""
    before = agents()
    begin()
    deadline = time.monotonic() + PATIENCE
    while not (fresh := agents().items() - before.items()):
        if time.monotonic() > deadline:
            sys.exit(f"no agent has started:\n{kubelet.story()}")
        time.sleep(STEP)
    (pid, group), began = min(fresh), time.time()
    if quota(group) != limit:
        sys.exit(f"the limit is {quota(group):g}m of CPU, and {limit}m were asked for")
    return look(kubelet, pid, began, deadline)


def look(kubelet: runtime.Kubelet, pid: int, began: float, deadline: float) -> tuple[float, float]:
    """Watches the agent until its log says that it takes part."""
    # Before that it was the container runtime's.
    used = [(began, spent := cpu(pid))]
    log = Path(f"/proc/{kubelet.host.pid}/root{kubelet.inspect()['HostConfig']['LogConfig']['Path']}")
    while "INITIALIZE -> " not in (said := log.read_text()):
        if time.monotonic() > deadline:
            sys.exit(f"it does not take part:\n{said}")
        used.append((time.time(), cpu(pid)))
        time.sleep(STEP)
    line = next(line for line in said.splitlines() if "INITIALIZE -> " in line)
    # Each line has the runtime's moment, its stream and a tag before what the agent said.
    ended = datetime.fromisoformat(line.split()[3]).timestamp()
    return ended - began, max(seconds for moment, seconds in used if moment <= ended) - spent


def starts(host: hosts.Host, trials: int, called: str, place: Path) -> list[dict[str, Any]]:
    """A row for each kind of start: median and maximum of the seconds, and the median of those of CPU."""
    limit = LIMITS[called]
    pod = static_pod("engine=native", f"resources.limits.cpu={limit}m")
    found: dict[str, list[tuple[float, float]]] = {begun: [] for begun in STARTS}
    for trial in range(trials):
        kubelet = runtime.Kubelet(host, pod, place / f"{called}-{trial}.log")
        found["first"].append(start(kubelet, limit, kubelet.start))
        found["again"].append(start(kubelet, limit, partial(kubelet.podman, f"kill -s KILL {kubelet.name}")))
        kubelet.remove()
    rows = []
    for begun, of in found.items():
        took, used = zip(*of, strict=True)
        row = {"median": statistics.median(took), "max": max(took), "cpu": statistics.median(used)}
        rows.append({"limit": called, "start": begun, **row})
    return rows


def rest(host: hosts.Host, seconds: float, asked: str, place: Path) -> dict[str, Any]:
    """A Master's CPU in per cent of a core over so long, and its memory in MiB, under the contract's limits."""
    pod = static_pod("engine=native", RESTS[asked])
    kubelet = runtime.Kubelet(host, pod, place / "rest.log")
    start(kubelet, CONTRACT, kubelet.start)
    hosts.until(lambda: MASTER in kubelet.logs(), PATIENCE, "a Master")
    time.sleep(SETTLED)
    (pid,) = agents()
    schedule = Path(f"/proc/{pid}/schedstat")
    before = int(schedule.read_text().split()[0])
    time.sleep(seconds)
    used = (int(schedule.read_text().split()[0]) - before) / 1e9
    memory = int(kubelet.status()["VmRSS"].removesuffix(" kB")) / 1024
    kubelet.remove()
    return {"asked": asked, "cpu_percent": round(100 * used / seconds, 3), "memory_mib": round(memory, 1)}


@contextmanager
def ready_host(place: Path) -> Iterator[hosts.Host]:
    """A host with podman, the image, and an API server."""
    print("building the image, which takes about two minutes", file=sys.stderr)
    with stage.ready(place, (AGENT_IMAGE,), [NODE]) as segment:
        host = segment.hosts[NODE]
        words = python("-m", "vipalived.lab.apiserver", "4", PORT, str(certificate(place)))
        server = host.start(words, says="listening")
        yield host
        server.kill()
        server.communicate()


def main() -> None:
    """Measure, write and show."""
    trials = int(sys.argv[1]) if sys.argv[1:] else 10
    seconds = float(sys.argv[2]) if sys.argv[2:] else 60.0
    if os.geteuid() != 0:
        sys.exit("only root may run a container runtime on hosts made of namespaces")
    if reason := stage.refusal():
        sys.exit(reason)
    with tempfile.TemporaryDirectory() as directory, ready_host(Path(directory)) as host:
        found: dict[str, Any] = {"trials": trials, "starts": [], "seconds": seconds, "rests": []}
        for limit in LIMITS:
            for row in starts(host, trials, limit, Path(directory)):
                found["starts"].append(row)
                print(
                    f"limit {row['limit']}, {row['start']}: {row['median']:.2f} s, "
                    f"{row['max']:.2f} s at the most, {row['cpu']:.2f} s of CPU",
                    flush=True,
                )
        for asked in RESTS:
            found["rests"].append(row := rest(host, seconds, asked, Path(directory)))
            print(
                f"at rest, the API server asked {asked}: {row['cpu_percent']} % of a core, "
                f"{row['memory_mib']} MiB",
                flush=True,
            )
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
