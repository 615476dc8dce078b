"""What `distribution` makes of `nodeSelector` and `tolerations`."""

from __future__ import annotations

from typing import Any

import pytest

from vipalived.render.manifests import manifests
from vipalived.settings import effective_values, load

CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
MASTER = "node-role.kubernetes.io/master"
ETCD = "node-role.kubernetes.io/etcd"
CRITICAL = {"key": "CriticalAddonsOnly", "operator": "Exists"}
NO_SCHEDULE = [
    {"key": CONTROL_PLANE, "operator": "Exists", "effect": "NoSchedule"},
    {"key": MASTER, "operator": "Exists", "effect": "NoSchedule"},
]
FRESH = {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoSchedule"}
EVERY_EFFECT = [{"key": CONTROL_PLANE, "operator": "Exists"}, {"key": ETCD, "operator": "Exists"}]


def scheduled(layer: dict[str, Any]) -> tuple[Any, Any]:
    """The selector and the tolerations of the DaemonSet's pods."""
    spec = manifests(load([layer]).settings, "vipalived")[1]["spec"]["template"]["spec"]
    return spec.get("nodeSelector"), spec.get("tolerations")


@pytest.mark.parametrize(
    ("distribution", "label", "added"),
    [
        ("", "true", []),
        ("kubeadm", "", [*NO_SCHEDULE, FRESH]),
        ("k3s", "true", [*EVERY_EFFECT, FRESH]),
        ("rke2", "true", [*EVERY_EFFECT, FRESH]),
    ],
)
def test_each_distribution_over_the_defaults(distribution: str, label: str, added: list[Any]) -> None:
    assert scheduled({"distribution": distribution}) == (
        {CONTROL_PLANE: label},
        [*effective_values()["tolerations"], *added],
    )


def test_tolerations_of_the_values_come_first_and_none_comes_twice() -> None:
    mine = [NO_SCHEDULE[1], {"key": "disk", "operator": "Exists", "tolerationSeconds": 1000000}]
    assert scheduled({"distribution": "kubeadm", "tolerations": mine})[1] == [*mine, NO_SCHEDULE[0], FRESH]
    assert scheduled({"distribution": "k3s", "tolerations": None})[1] == [CRITICAL, *EVERY_EFFECT, FRESH]


@pytest.mark.parametrize(
    ("given", "selector"),
    [
        ({"zone": "a"}, {CONTROL_PLANE: "", "zone": "a"}),
        # The default's value, whoever wrote it.
        ({CONTROL_PLANE: "true"}, {CONTROL_PLANE: ""}),
        ({CONTROL_PLANE: "yes"}, {CONTROL_PLANE: "yes"}),
        ({CONTROL_PLANE: None, "zone": "a"}, {"zone": "a"}),
        (None, None),
    ],
)
def test_a_selector_of_the_values_stays_but_for_the_labels_default(given: Any, selector: Any) -> None:
    assert scheduled({"distribution": "kubeadm", "nodeSelector": given})[0] == selector


def test_a_static_pod_is_on_its_node_anyway() -> None:
    [pod] = manifests(load([{"distribution": "kubeadm", "static": True}]).settings, "vipalived")
    assert not {"nodeSelector", "tolerations"} & pod["spec"].keys()


def test_the_values_themselves_stay_as_they_were_written() -> None:
    assert effective_values([{"distribution": "kubeadm"}]) == effective_values() | {"distribution": "kubeadm"}
