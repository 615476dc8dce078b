"""Which nodes get a pod: each case by Kubernetes' own rules for selectors, affinities, taints and tolerations."""

from __future__ import annotations

import pytest
import yaml

from vipalived.cluster.placement import ClusterNode, place
from vipalived.settings import load

ROLE = "node-role.kubernetes.io/control-plane"
DEFAULT = {ROLE: "true"}


def node(name: str = "n", taint: str = "", **labels: str) -> ClusterNode:
    key, _, effect = taint.partition(":")
    name_, _, value = key.partition("=")
    taints = ({"key": name_, "effect": effect} | ({"value": value} if value else {}),) if taint else ()
    return ClusterNode(name, DEFAULT | labels, taints)


def placed(values: str, *nodes: ClusterNode) -> tuple[str, ...]:
    return place(load([yaml.safe_load(values)]).settings, nodes).placed


@pytest.mark.parametrize(
    ("taint", "tolerations", "gets_in"),
    [
        ("", "[]", True),
        ("k:NoSchedule", "[]", False),
        ("k:NoExecute", "[]", False),
        ("k:PreferNoSchedule", "[]", True),
        ("k:NoSchedule", "[{operator: Exists}]", True),
        ("k:NoSchedule", "[{key: k, operator: Exists}]", True),
        ("k:NoSchedule", "[{key: k, operator: Exists, effect: NoExecute}]", False),
        ("k:NoSchedule", "[{key: other, operator: Exists}]", False),
        ("k=v:NoSchedule", "[{key: k, value: v}]", True),
        ("k=v:NoSchedule", "[{key: k, operator: Equal, value: w}]", False),
        ("k:NoSchedule", "[{key: k}]", True),
        ("k:NoSchedule", "[{}]", False),
        # Kubernetes tolerates these for every DaemonSet.
        ("node.kubernetes.io/unschedulable:NoSchedule", "[]", True),
        ("node.kubernetes.io/not-ready:NoExecute", "[]", True),
        ("node.kubernetes.io/not-ready:NoSchedule", "[]", False),
    ],
)
def test_taints(taint: str, tolerations: str, gets_in: bool) -> None:
    assert placed(f"tolerations: {tolerations}", node(taint=taint)) == (("n",) if gets_in else ())


AFFINITY = """
affinity: {{nodeAffinity: {{requiredDuringSchedulingIgnoredDuringExecution: {{nodeSelectorTerms: {}}}}}}}
"""


@pytest.mark.parametrize(
    ("terms", "names"),
    [
        ("[{matchExpressions: [{key: a, operator: In, values: [x, y]}]}]", "one two"),
        ("[{matchExpressions: [{key: a, operator: NotIn, values: [x]}]}]", "two three"),
        ("[{matchExpressions: [{key: a, operator: Exists}]}]", "one two"),
        ("[{matchExpressions: [{key: a, operator: DoesNotExist}]}]", "three"),
        ("[{matchExpressions: [{key: size, operator: Gt, values: ['5']}]}]", "two"),
        ("[{matchExpressions: [{key: size, operator: Lt, values: ['5']}]}]", "one"),
        ("[{matchExpressions: [{key: a, operator: Gt, values: ['5']}]}]", ""),
        ("[{matchFields: [{key: metadata.name, operator: In, values: [three]}]}]", "three"),
        (
            """[{matchFields: [{key: metadata.name, operator: In, values: [one]}]},
                {matchExpressions: [{key: a, operator: In, values: ['y']}]}]""",
            "one two",
        ),
        (
            "[{matchExpressions: [{key: a, operator: Exists}, {key: size, operator: Gt, values: ['5']}]}]",
            "two",
        ),
        ("[{}]", ""),
    ],
)
def test_affinity(terms: str, names: str) -> None:
    nodes = [node("one", a="x", size="3"), node("two", a="y", size="7"), node("three")]
    assert placed(AFFINITY.format(terms), *nodes) == tuple(names.split())


def test_an_affinity_that_requires_nothing() -> None:
    assert placed("affinity: {podAffinity: {}}", node()) == ("n",)


def test_all_labels_of_the_selector_must_be_there() -> None:
    nodes = [ClusterNode("k3s", {ROLE: "true", "zone": "a"}), ClusterNode("kubeadm", {ROLE: "", "zone": "a"})]
    assert placed("{}", *nodes) == ("k3s",)
    assert placed("nodeSelector: {zone: a}", *nodes) == ("k3s",)  # the default's label stays
    assert placed(f"nodeSelector: {{zone: a, {ROLE}: null}}", *nodes) == ("k3s", "kubeadm")
    assert placed("nodeSelector: null", *nodes) == ("k3s", "kubeadm")


def test_a_static_pods_values_are_asked_as_if_they_were_a_daemonsets() -> None:
    assert placed("static: true", node()) == ("n",)


def problems(values: str, *nodes: ClusterNode) -> list[tuple[str, str | None]]:
    found = place(load([yaml.safe_load(values)]).settings, nodes)
    return [(str(problem), problem.hint) for problem in found.problems()]


def test_nothing_to_say() -> None:
    assert not problems("{}", node("a"), ClusterNode("worker"))
    assert place(load([{}]).settings, [node("a"), ClusterNode("w")]).says == "pods run on 1 of 2 nodes: a"


def test_a_cluster_without_the_label() -> None:
    many = [ClusterNode(f"w-{number}") for number in range(7)]
    assert problems("{}", *many) == [
        (
            f"nodeSelector: expected a node with {ROLE}=true, found none among w-0, w-1, w-2, w-3, w-4 and 2 more",
            "set `nodeSelector` to labels that the nodes have: `kubectl get nodes --show-labels`",
        )
    ]
    assert problems("{}")[0][0].endswith("found no node at all")


def test_an_affinity_that_no_node_fits() -> None:
    values = AFFINITY.format("[{}]") + "nodeSelector: null"
    assert problems(values, node())[0][0] == (
        "nodeSelector: expected a node with what `affinity` asks for, found none among n"
    )


def test_names_that_no_node_has() -> None:
    nodes = [node("cp-1"), node("cp-2.example.com"), ClusterNode("worker")]
    values = "{nodes: {cp-1: {priority: 90}, cp-2: {priority: 80}, cp-3: {priority: 70}}}"
    this = "this cluster has cp-1, cp-2.example.com, worker"
    expected = "nodes: expected names of this cluster's nodes, found"
    assert problems(values, *nodes) == [(f"{expected} cp-2, cp-3", this)]
    assert problems(values[:-1] + ", engine: native}", *nodes) == [(f"{expected} cp-3", this)]


def test_each_taint_is_told_once() -> None:
    nodes = [node("a", "k=v:NoExecute"), node("b", "k=v:NoExecute"), node("c", "m:NoSchedule"), node("d")]
    assert problems("{}", *nodes) == [
        (
            "tolerations: the taint k=v:NoExecute keeps the pods off a, b",
            "add to `tolerations`: {key: k, operator: Exists, effect: NoExecute}",
        ),
        (
            "tolerations: the taint m:NoSchedule keeps the pods off c",
            "add to `tolerations`: {key: m, operator: Exists, effect: NoSchedule}",
        ),
    ]
