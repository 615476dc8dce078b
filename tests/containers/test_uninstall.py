"""Pods of the published 0.2.3, and of plain keepalived with nothing that it does not need: how either goes.

None has an API server to ask, as on the first day.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.containers.cluster import MASTER_DOWN, START, daemon_set
from tests.containers.hosts import SLACK, Host, Segment, until
from tests.containers.runtime import Kubelet
from vipalived.lab.engines import Keepalived023
from vipalived.render.network import CONFIG_FILE
from vipalived.settings import load
from vipalived.settings.values import parse_yaml

pytestmark = pytest.mark.containers

OLD, OURS = "198.18.0.100/24", "198.18.0.101/24"
GRACE = 2
"""Seconds until SIGKILL; Kubernetes' own 30 would be waited for in vain."""
HARDENED = Path(__file__).parents[2] / "charts" / "vipalived" / "examples" / "hardened.yaml"
# As published, but for `apk add --no-cache keepalived` in front, and for the place of the file, which Debian's
# keepalived has something else in: whatever is there, the shell stays.
SCRIPT = (
    f"command -v keepalived && keepalived --dont-fork --log-console --log-detail --use-file={CONFIG_FILE}"
)
IMAGE = ("image.repository=localhost/keepalived", "image.tag=test")
VRID = "keepalived.vrrpInstance.virtualRouterId=52"
SKEW = 0.61
README = HARDENED.parents[1] / "README.md"
ENDS = re.findall(r"-- sh -c '(kill .*)'\n", README.read_text(encoding="utf-8"))[0]
Objects = tuple[dict[str, Any], dict[str, Any]]


def published(grace: int = GRACE) -> Objects:
    """The objects with the command and the configuration of 0.2.3."""
    config_map, pod = daemon_set(*IMAGE)
    settings = load([{"keepalived": {"vrrpInstance": {"virtualIpAddress": OLD}}}]).settings
    config_map["data"]["keepalived.conf"] = Keepalived023().configuration(settings, "cp-1")
    pod["spec"]["containers"][0]["command"] = ["/bin/sh", "-c", SCRIPT]
    pod["spec"]["terminationGracePeriodSeconds"] = grace
    return config_map, pod


def hardened(*assignments: str) -> Objects:
    """The objects of plain keepalived, with what the example allows it."""
    config_map, pod = daemon_set(*IMAGE, *assignments)
    pod["spec"]["containers"][0]["securityContext"] = parse_yaml(
        HARDENED.read_text(encoding="utf-8"), HARDENED.name
    )["securityContext"]
    return config_map, pod


def has(host: Host, vip: str) -> bool:
    """Whether it is there, and for ever: no lease ends it."""
    lines = host.sh("ip -oneline address show dev eth0").splitlines()
    return any(f" {vip} " in line and "valid_lft forever" in line for line in lines)


def test_the_published_chart_leaves_the_vip_for_good_and_ours_takes_it_along(
    segment: Segment, tmp_path: Path
) -> None:
    ours = hardened(f"keepalived.vrrpInstance.virtualIpAddress={OURS}", VRID)
    runs = {
        OLD: (segment.hosts["cp-1"], published()),
        OURS: (segment.hosts["cp-2"], ours),
    }
    kubelets = {
        vip: Kubelet(host, pod, tmp_path / host.name, config_map)
        for vip, (host, (config_map, pod)) in runs.items()
    }
    try:
        for kubelet in kubelets.values():
            kubelet.start()
        for vip, (host, _) in runs.items():
            until(lambda host=host, vip=vip: has(host, vip), START + MASTER_DOWN + SLACK, f"{vip}")
        for kubelet in kubelets.values():
            kubelet.remove()
        assert not has(runs[OURS][0], OURS)
        assert has(runs[OLD][0], OLD)
    finally:
        for kubelet in kubelets.values():
            print(kubelet.story())  # noqa: T201 - pytest shows it where the test fails
            kubelet.remove()
    segment.hosts["cp-1"].sh(f"ip address del {OLD} dev eth0")


def test_leaving_the_published_chart_costs_what_a_stop_costs(segment: Segment, tmp_path: Path) -> None:
    """The steps of the chart's README: the old keepalived is told to end before its pod's grace is over."""
    hosts = [segment.hosts[name] for name in ("cp-1", "cp-2")]
    config_map, pod = published(grace=30)
    old = [Kubelet(host, pod, tmp_path / host.name, config_map) for host in hosts]
    config_map, pod = hardened(f"keepalived.vrrpInstance.virtualIpAddress={OLD}")
    new = [Kubelet(host, pod, tmp_path / f"{host.name}.new", config_map) for host in hosts]
    pods = dict(zip(hosts, zip(old, new, strict=True), strict=True))

    def holders() -> list[Host]:
        return [host for host in hosts if has(host, OLD)]

    try:
        for kubelet in old:
            kubelet.start()
            until(lambda kubelet=kubelet: "Entering BACKUP STATE" in kubelet.logs(), START, "keepalived")
        until(lambda: len(holders()) == 1, MASTER_DOWN + SLACK, "a holder")
        (holder,) = holders()
        (other,) = (host for host in hosts if host is not holder)
        for host in (other, holder):
            before, after = pods[host]
            # Unlike Kubernetes, podman runs nothing in a container that is ending.
            inside = f"nsenter --target={before.inspect()['State']['Pid']} --mount --pid -- sh -c"
            with ThreadPoolExecutor() as pool:
                deleted = pool.submit(before.stop)
                until(
                    lambda before=before: "Stopping" in before.podman("ps --all"), START, "its end to begin"
                )
                host.sh(inside, ENDS)
                deleted.result(timeout=10.0)
            assert not has(host, OLD)
            if host is holder:
                until(lambda: holders() == [other], SKEW + SLACK, "the other node to hold the VIP")
            before.remove()
            after.start()
            until(lambda after=after: "Entering BACKUP STATE" in after.logs(), START, "the new keepalived")
        assert holders() == [other]
    finally:
        for kubelet in (*old, *new):
            print(kubelet.story())  # noqa: T201 - pytest shows it where the test fails
            kubelet.remove()
