"""A real Helm and a stand-in for a cluster: what is installed, what is warned of, and what is left."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.apiserver import Cluster, cluster
from tests.examples import VIP
from tests.helm import CHART

pytestmark = [pytest.mark.helm, pytest.mark.no_cover]

CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
ESCAPED = CONTROL_PLANE.replace(".", "\\.")
NO_NODE = "- nodeSelector: no node of this cluster has these labels, so no pod will run"
TAINTED = "- tolerations: taints keep the pods off nodes that `nodeSelector` chooses, found "
HERE = f"\n  hint: here the value of `{CONTROL_PLANE}`"
ADD = "\n  hint: set `distribution`, or add them to `tolerations`"
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def api() -> Iterator[Cluster]:
    with cluster() as server:
        yield server


@pytest.fixture
def run(helm: Path, api: Cluster, tmp_path: Path) -> Run:
    """`helm ARGUMENTS`, at home in a directory of its own."""
    homes = {f"HELM_{kind}_HOME": str(tmp_path) for kind in ("CACHE", "CONFIG", "DATA")}
    environment = {**os.environ, **homes, "KUBECONFIG": str(api.kubeconfig(tmp_path / "config"))}

    def helm_(*arguments: str) -> subprocess.CompletedProcess[str]:
        own = {str(CHART): [str(CHART), "--set", VIP]}
        words = [word for argument in arguments for word in own.get(argument, [argument])]
        command = [str(helm), *words, "--namespace", "kube-system"]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    return helm_


def notes(run: Run, *arguments: str) -> str:
    """What `helm install` would show."""
    done = run("install", "rel", str(CHART), "--dry-run=server", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout[done.stdout.index("NOTES:") :]


MARKED, EMPTY = {CONTROL_PLANE: "true", "zone": "a"}, {CONTROL_PLANE: ""}
FITTING = [
    (MARKED, [], ""),
    (
        EMPTY,
        [f"{CONTROL_PLANE}:NoSchedule", "node-role.kubernetes.io/master:NoSchedule"],
        "distribution=kubeadm",
    ),
    (MARKED, ["CriticalAddonsOnly=true:NoExecute"], ""),
    (MARKED, ["CriticalAddonsOnly=true:NoExecute"], "distribution=k3s,tolerations=null"),
    (
        MARKED,
        [f"{CONTROL_PLANE}=true:NoSchedule", "node-role.kubernetes.io/etcd=true:NoExecute"],
        "distribution=k3s",
    ),
    (
        MARKED,
        [f"{CONTROL_PLANE}=true:NoExecute", "node-role.kubernetes.io/etcd=true:NoExecute"],
        "distribution=rke2",
    ),
    (MARKED, ["disk=slow:PreferNoSchedule"], ""),
    (MARKED, ["disk=slow:NoSchedule"], "tolerations[0].operator=Exists"),
    (MARKED, ["disk=slow:NoSchedule"], "tolerations[0].key=disk,tolerations[0].value=slow"),
    # What the DaemonSet's controller tolerates by itself.
    (
        MARKED,
        [
            *("node.kubernetes.io/unschedulable:NoSchedule", "node.kubernetes.io/not-ready:NoExecute"),
            "node.kubernetes.io/network-unavailable:NoSchedule",
        ],
        "tolerations=null",
    ),
    ({"a": "b"}, [], "nodeSelector=null"),
]


@pytest.mark.parametrize(("labels", "taints", "values"), FITTING)
def test_nodes_that_fit_are_not_warned_of(
    run: Run, api: Cluster, labels: dict[str, str], taints: list[str], values: str
) -> None:
    api.node("worker-1", {"kubernetes.io/os": "linux"})
    api.node("cp-1", labels, *taints)
    said = notes(run, "--set", values)
    assert "WARNING" not in said
    assert "The VIP 192.168.1.100/24 is kept by virtual router 51." in said


UNFITTING = [
    (
        EMPTY,
        [],
        "",
        f"{NO_NODE}{HERE} is empty, as kubeadm has it: use `distribution: kubeadm`",
    ),
    (
        MARKED,
        [],
        "distribution=kubeadm",
        f"{NO_NODE}{HERE} is `true`, as k3s and RKE2 have it: use `distribution: k3s` or `rke2`",
    ),
    (
        MARKED,
        [],
        f"nodeSelector.zone=b,nodeSelector.{ESCAPED}=null",
        f"{NO_NODE}\n  hint: compare them with `kubectl get nodes --show-labels`",
    ),
    (
        MARKED,
        [f"{CONTROL_PLANE}=true:NoSchedule", "disk=slow:NoExecute"],
        "",
        f"{TAINTED}cp-1 ({CONTROL_PLANE}:NoSchedule), cp-1 (disk:NoExecute){ADD}",
    ),
    (
        EMPTY,
        [f"{CONTROL_PLANE}:NoExecute"],
        "distribution=kubeadm",
        f"{TAINTED}cp-1 ({CONTROL_PLANE}:NoExecute)",
    ),
    (MARKED, ["disk=slow:NoSchedule"], "tolerations[0].key=disk", f"{TAINTED}cp-1 (disk:NoSchedule)"),
    (
        MARKED,
        ["disk=slow:NoSchedule"],
        "tolerations[0].key=disk,tolerations[0].operator=Exists,tolerations[0].effect=NoExecute",
        f"{TAINTED}cp-1 (disk:NoSchedule)",
    ),
    (
        MARKED,
        ["node.kubernetes.io/custom:NoSchedule"],
        "",
        f"{TAINTED}cp-1 (node.kubernetes.io/custom:NoSchedule)",
    ),
]


@pytest.mark.parametrize(("labels", "taints", "values", "warned"), UNFITTING)
def test_nodes_that_do_not_fit_are_warned_of(
    run: Run, api: Cluster, labels: dict[str, str], taints: list[str], values: str, warned: str
) -> None:
    api.node("worker-1", {"kubernetes.io/os": "linux"}, "worker:NoSchedule")
    api.node("cp-1", labels, *taints)
    said = notes(run, "--set", values)
    assert f"WARNING: this cluster does not fit these values:\n{warned}" in said
    assert said.count("- nodeSelector:") + said.count("- tolerations:") == 1


OTHER = "keepalived.vrrpInstance.virtualIpAddress=198.18.0.100/24"
FOUND = "to one release, found also one\n  hint: remove one of the two, or give it a VIP"


@pytest.mark.parametrize(
    ("values", "warned"),
    [
        ("engine=keepalived", "the VIP 192.168.1.100 and virtual router 51 belong"),
        ("engine=native", "the VIP 192.168.1.100 and virtual router 51 belong"),
        (OTHER, "virtual router 51 belongs"),
        ("keepalived.vrrpInstance.virtualRouterId=52", "the VIP 192.168.1.100 belongs"),
    ],
)
def test_a_second_release_of_the_same_virtual_router_is_warned_of(
    run: Run, api: Cluster, values: str, warned: str
) -> None:
    api.node("cp-1", MARKED)
    assert "WARNING" not in notes(run)
    done = run("install", "one", str(CHART), "--set", values)
    assert done.returncode == 0, done.stderr
    assert f"- keepalived.vrrpInstance: {warned} {FOUND}" in notes(run)
    # Itself it does not count, and one that has nothing in common is no rival.
    assert "WARNING" not in run("upgrade", "one", str(CHART), "--set", values).stdout
    apart = (
        "keepalived.vrrpInstance.virtualIpAddress=198.18.0.99/24,keepalived.vrrpInstance.virtualRouterId=53"
    )
    assert "WARNING" not in notes(run, "--set", apart)


def test_the_notes_ask_for_the_holder_as_the_readme_does(run: Run) -> None:
    """What the README has is run in the pods by a test."""
    script = re.search(r"-- sh -c '(ip .*)'\n", (CHART / "README.md").read_text(encoding="utf-8"))
    assert script is not None
    assert script[0] in notes(run)


def test_names_that_no_node_has_are_warned_of(run: Run, api: Cluster) -> None:
    api.node("cp-1", MARKED)
    assert "WARNING" not in notes(run, "--set", "nodes.cp-1.priority=90")
    said = notes(run, "--set", "nodes.cp-1.priority=90,nodes.cp-9.priority=80,nodes.cp-7.priority=70")
    assert "- nodes: expected names of this cluster's nodes, found cp-7, cp-9\n  hint: " in said
    api.node("cp-2.example.com", MARKED)
    by_label = notes(run, "--set", "nodes.cp-2.priority=90")
    assert "- nodes: expected names of this cluster's nodes, found cp-2\n" in by_label
    assert "- nodes:" not in notes(run, "--set", "nodes.cp-2.priority=90,engine=native")


def test_nobody_is_asked_where_there_is_no_cluster(run: Run, api: Cluster) -> None:
    api.node("cp-1", EMPTY)
    done = run("install", "rel", str(CHART), "--dry-run=client")
    assert done.returncode == 0, done.stderr
    assert "NOTES:" in done.stdout
    assert "WARNING" not in done.stdout


def test_who_may_not_list_nodes_installs_without_asking(run: Run, api: Cluster) -> None:
    api.node("cp-1", EMPTY)
    api.forbidden.add("/api/v1/nodes")
    refused = run("install", "rel", str(CHART))
    assert refused.returncode == 1
    assert "nodes is forbidden" in refused.stderr
    assert api.kinds() == []
    done = run("install", "rel", str(CHART), "--set", "lookupNodes=false")
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stdout
    assert api.kinds() == ["ConfigMap", "DaemonSet"]


def done(process: subprocess.CompletedProcess[str]) -> str:
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


PODS = "/apis/apps/v1/namespaces/kube-system/daemonsets/rel-vipalived"
CONFIGURATION = "/api/v1/namespaces/kube-system/configmaps/rel-vipalived-config"
NEW_VIP = "keepalived.vrrpInstance.virtualIpAddress=198.18.0.100/24"


@pytest.mark.parametrize(
    ("values", "kinds", "rolls"),
    [
        # The configuration of plain keepalived is read at the start only.
        ([], ["ConfigMap", "DaemonSet"], True),
        (
            [
                *("engine=native", "agent.endpoint.address=0.0.0.0"),
                *("podMonitor.enabled=true", "prometheusRule.enabled=true", "grafanaDashboard.enabled=true"),
            ],
            ["ConfigMap", "ConfigMap", "DaemonSet", "PodMonitor", "PrometheusRule"],
            False,
        ),
    ],
)
def test_a_release_lives_and_leaves_nothing(
    run: Run, api: Cluster, values: list[str], kinds: list[str], rolls: bool
) -> None:
    api.node("cp-1", MARKED)
    chosen = [argument for value in values for argument in ("--set", value)]
    done(run("install", "rel", str(CHART), *chosen))
    assert api.kinds() == kinds
    pods, configuration = (api.objects[path] for path in (PODS, CONFIGURATION))
    # The test is a hook: it is there while it runs, and only then.
    assert "Phase:          Succeeded" in done(run("test", "rel"))
    assert api.kinds() == kinds
    done(run("upgrade", "rel", str(CHART), *chosen, "--set", NEW_VIP))
    assert (api.objects[PODS]["spec"]["template"] != pods["spec"]["template"]) is rolls
    assert api.objects[CONFIGURATION]["data"] != configuration["data"]
    done(run("rollback", "rel", "1"))
    assert api.objects[PODS]["spec"] == pods["spec"]
    assert api.objects[CONFIGURATION]["data"] == configuration["data"]
    done(run("uninstall", "rel"))
    assert api.kinds() == []
