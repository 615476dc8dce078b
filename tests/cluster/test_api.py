"""What is asked of a stand-in for an API server, in the shapes that a real one gives; kubectl knows it for one."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.apiserver import Cluster as Server
from tests.apiserver import cluster, kubeconfig
from tests.examples import VIP
from vipalived.cli.main import run
from vipalived.cluster import api
from vipalived.cluster.api import Cluster
from vipalived.cluster.placement import ClusterNode
from vipalived.errors import CheckFailed, MissingRequirement
from vipalived.render.manifests import manifests
from vipalived.render.text import to_yaml
from vipalived.settings import load

pytestmark = pytest.mark.helm

ROLE = "node-role.kubernetes.io/control-plane"
TAINT = {"key": ROLE, "effect": "NoSchedule"}
NODES, CONFIG_MAPS = "/api/v1/nodes", "/api/v1/configmaps"


@pytest.fixture
def server() -> Iterator[Server]:
    with cluster() as started:
        yield started


@pytest.fixture
def file(server: Server, tmp_path: Path) -> Path:
    """The kubeconfig of the server, which has the nodes that kubeadm makes."""
    for number in (1, 2):
        server.node(f"cp-{number}", {ROLE: ""}, f"{ROLE}:NoSchedule")
    server.node("worker-1", {})
    return server.kubeconfig(tmp_path / "config")


def nodes(file: Path) -> list[ClusterNode]:
    with Cluster(file) as asked:
        return asked.nodes()


def test_the_stand_in_is_what_kubectl_takes_for_a_cluster(kubectl: Path, file: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [kubectl, "--kubeconfig", file, "get", "nodes", "-o", "json"],
        env=os.environ | {"HOME": str(tmp_path)},  # it keeps a cache there
        capture_output=True,
        text=True,
        check=True,
    )
    listed = json.loads(done.stdout)["items"]
    assert [(one["metadata"]["name"], one["metadata"]["labels"]) for one in listed] == [
        ("cp-1", {ROLE: ""}),
        ("cp-2", {ROLE: ""}),
        ("worker-1", {}),
    ]


def test_nodes_come_by_one_request(server: Server, file: Path) -> None:
    found = nodes(file)
    assert server.asked == [NODES]
    assert found == [
        ClusterNode("cp-1", {ROLE: ""}, (TAINT,)),
        ClusterNode("cp-2", {ROLE: ""}, (TAINT,)),
        ClusterNode("worker-1", {}, ()),
    ]


def test_a_cluster_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CheckFailed, match=r"cannot list the nodes: \[Errno 111\] Connection refused"):
        nodes(kubeconfig(tmp_path / "config", 1))
    monkeypatch.setattr(api, "_PATIENCE", 0.3)
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(CheckFailed, match=r"cannot list the nodes: no answer within 0\.3 s"),
    ):
        nodes(kubeconfig(tmp_path / "config", silent.getsockname()[1]))


def test_who_may_not_list_nodes(server: Server, file: Path) -> None:
    server.forbidden.add(NODES)
    with pytest.raises(CheckFailed, match="cannot list the nodes: nodes is forbidden"):
        nodes(file)


def test_an_answer_that_is_no_list_of_nodes(server: Server, file: Path) -> None:
    server.objects[NODES] = {"kind": "NodeList", "apiVersion": "v1", "metadata": {}, "items": [5]}
    with pytest.raises(CheckFailed, match="Expected `object`, got `int`"):
        nodes(file)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("clusters: [", "line 1: "),
        ("clusters: []", "it has another shape than expected"),
        ("", "it has another shape than expected"),
    ],
)
def test_what_is_no_kubeconfig(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "config").write_text(text)
    with pytest.raises(CheckFailed) as caught:
        Cluster(tmp_path / "config")
    assert caught.value.message.startswith(f"cannot read the kubeconfig: {said}")


def test_a_kubeconfig_that_leads_to_nothing(tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match=r"absent not found"):
        Cluster(tmp_path / "absent")
    config = json.loads(kubeconfig(tmp_path / "config", 1).read_text())
    plugin = {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "no-such-plugin"}
    config["users"][0]["user"] = {"exec": plugin}
    (tmp_path / "config").write_text(json.dumps(config))
    with pytest.raises(CheckFailed, match="cannot list the nodes: no-such-plugin: No such file or directory"):
        nodes(tmp_path / "config")


def test_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightkube", None)
    with pytest.raises(MissingRequirement, match="takes lightkube, which is not installed") as caught:
        Cluster(kubeconfig(tmp_path / "config", 1))
    assert caught.value.hint == "run `pip install '.[cluster]'` in a clone of vipalived"


def test_check_warns_when_no_node_is_selected(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "--set", VIP, "--kubeconfig", str(file)]) == 0
    out, err = capsys.readouterr()
    assert out == "pods run on 0 of 3 nodes: none\nvalues are valid: 192.168.1.100/24 on virtual router 51\n"
    assert err == (
        f"warning: nodeSelector: expected a node with {ROLE}=true, found none among cp-1, cp-2, worker-1\n"
        f'  hint: set `nodeSelector: {{{ROLE}: ""}}`, which is what the nodes here have\n'
    )


def test_check_warns_of_a_taint(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = tmp_path / "values.yaml"
    values.write_text(f'nodeSelector: {{{ROLE}: ""}}')
    assert run(["check", "--set", VIP, "-f", str(values), "--kubeconfig", str(file)]) == 0
    assert capsys.readouterr().err == (
        f"warning: tolerations: the taint {ROLE}:NoSchedule keeps the pods off cp-1, cp-2\n"
        f"  hint: add to `tolerations`: {{key: {ROLE}, operator: Exists, effect: NoSchedule}}\n"
    )
    tolerating = f"{{tolerations: [{{key: {ROLE}, operator: Exists}}], nodeSelector: {{{ROLE}: ''}}}}"
    values.write_text(tolerating)
    assert run(["check", "--set", VIP, "-f", str(values), "--kubeconfig", str(file)]) == 0
    out, err = capsys.readouterr()
    assert (out.splitlines()[0], err) == ("pods run on 2 of 3 nodes: cp-1, cp-2", "")


def test_check_warns_of_another_release(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    vip = {"virtualIpAddress": "192.168.1.100/24"}
    settings = load([{"keepalived": {"vrrpInstance": vip}}]).settings
    objects = [yaml.safe_load(to_yaml([one])) for one in manifests(settings, "other")]
    config_map = next(one for one in objects if one["kind"] == "ConfigMap")
    foreign = {"metadata": {"name": "x", "namespace": "y", "labels": {"helm.sh/chart": "x-1"}}}
    server.node("cp-1", {ROLE: "true"})
    server.add(config_map, foreign)
    file = server.kubeconfig(tmp_path / "config")
    assert run(["check", "--set", VIP, "--kubeconfig", str(file)]) == 0
    assert capsys.readouterr().err == (
        "warning: keepalived.vrrpInstance: the VIP 192.168.1.100 and virtual router 51 belong to one release,"
        " found also other in kube-system\n"
        "  hint: remove one of the two, or give it a VIP and a `virtualRouterId` of its own\n"
    )
    assert server.asked == [NODES, CONFIG_MAPS]
    assert run(["check", "--set", VIP, "--kubeconfig", str(file), "--release-name", "other"]) == 0
    assert run(["check", "--set", VIP, "--kubeconfig", str(file), "--set", "static=true"]) == 0
    assert capsys.readouterr().err == ""


def test_doctor_has_it_among_its_findings(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--set", "keepalived.vrrpInstance.interface=absent0", "--set", "healthCheck.enabled=false"]
    assert run(["doctor", *arguments, "-o", "json", "--kubeconfig", str(file)]) == 1
    findings = json.loads(capsys.readouterr().out)["findings"]
    [told] = [finding for finding in findings if finding["check"] == "nodes"]
    assert told["severity"] == "error"
    assert told["seen"].startswith(f"nodeSelector: expected a node with {ROLE}=true, found none among cp-1")
