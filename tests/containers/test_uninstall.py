"""`helm uninstall` of plain keepalived: what the published 0.2.3 leaves on its holder, and what is here.

Neither has an API server to ask, as on the first day. They are two virtual routers, each alone on its node.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.containers.cluster import MASTER_DOWN, START, daemon_set
from tests.containers.hosts import SLACK, Host, Segment, until
from tests.containers.runtime import Kubelet
from vipalived.lab.engines import Keepalived023
from vipalived.settings import load

pytestmark = pytest.mark.containers

OLD, OURS = "198.18.0.100/24", "198.18.0.101/24"
GRACE = 2
"""Seconds until SIGKILL; Kubernetes' own 30 would be waited for in vain."""
# As published, but for `apk add --no-cache keepalived` in front: whatever is there, the shell stays.
SCRIPT = "command -v keepalived && keepalived --dont-fork --log-console --log-detail"
IMAGE = ("image.repository=localhost/keepalived", "image.tag=test")
VRID = "keepalived.vrrpInstance.virtualRouterId=52"


def published(config_map: dict[str, Any], pod: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The same objects with the command and the configuration of 0.2.3."""
    settings = load([{"keepalived": {"vrrpInstance": {"virtualIpAddress": OLD}}}]).settings
    config_map["data"]["keepalived.conf"] = Keepalived023().configuration(settings, "cp-1")
    pod["spec"]["containers"][0]["command"] = ["/bin/sh", "-c", SCRIPT]
    pod["spec"]["terminationGracePeriodSeconds"] = GRACE
    return config_map, pod


def has(host: Host, vip: str) -> bool:
    """Whether it is there, and for ever: no lease ends it."""
    lines = host.sh("ip -oneline address show dev eth0").splitlines()
    return any(f" {vip} " in line and "valid_lft forever" in line for line in lines)


def test_the_published_chart_leaves_the_vip_for_good_and_ours_takes_it_along(
    segment: Segment, tmp_path: Path
) -> None:
    ours = daemon_set(*IMAGE, f"keepalived.vrrpInstance.virtualIpAddress={OURS}", VRID)
    runs = {
        OLD: (segment.hosts["cp-1"], published(*daemon_set(*IMAGE))),
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
