"""How each distribution marks and taints its control plane nodes, what that makes of the values, and its folder.

A distribution changes two things only. The value of the control plane label in `nodeSelector` becomes its own as long
as that is the default, which is all that either renderer can see of whether somebody chose it; other labels stay, and
one that was taken away stays away. Its tolerations come behind those of the values, whoever wrote them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Toleration = dict[str, Any]

CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
MARKED = "true"
"""The label's value on k3s and RKE2, and the default since the 0.2.3 chart."""
_MASTER = "node-role.kubernetes.io/master"
_ETCD = "node-role.kubernetes.io/etcd"


def exists(key: str, effect: str | None = None) -> Toleration:
    """Tolerates the taint of that key; without an effect, each."""
    toleration = {"key": key, "operator": "Exists"}
    return toleration if effect is None else {"effect": effect, **toleration}


@dataclass(frozen=True, slots=True)
class Distribution:
    """As its makers call it, where its kubelet looks for static pods; its control plane's label value and taints."""

    name: str
    static_pods: str
    label_value: str
    tolerations: tuple[Toleration, ...]


# A node without a CNI plugin is not ready, and the DaemonSet's controller tolerates that for running pods only: on the
# host's network nothing waits for a plugin.
_FRESH = exists("node.kubernetes.io/not-ready", "NoSchedule")
# k3s and RKE2 put no taint by themselves. Their documentation has `CriticalAddonsOnly=true:NoExecute` for servers
# that run nothing else, which the defaults tolerate; Rancher puts control-plane:NoSchedule and etcd:NoExecute.
_RANCHER = (exists("CriticalAddonsOnly"), exists(CONTROL_PLANE), exists(_ETCD), _FRESH)
# The taint `master` was put up to 1.24, and taken off by the upgrade to 1.25.
_KUBEADM = (exists(CONTROL_PLANE, "NoSchedule"), exists(_MASTER, "NoSchedule"), _FRESH)

DISTRIBUTIONS = {
    "kubeadm": Distribution("kubeadm", "/etc/kubernetes/manifests", "", _KUBEADM),
    "k3s": Distribution("k3s", "/var/lib/rancher/k3s/agent/pod-manifests", MARKED, _RANCHER),
    "rke2": Distribution("RKE2", "/var/lib/rancher/rke2/agent/pod-manifests", MARKED, _RANCHER),
}


def node_selector(distribution: str, given: Mapping[str, str]) -> dict[str, str]:
    """The selector that `nodeSelector: given` makes with the distribution; empty for none."""
    if distribution and given.get(CONTROL_PLANE) == MARKED:
        return {**given, CONTROL_PLANE: DISTRIBUTIONS[distribution].label_value}
    return dict(given)


def tolerations(distribution: str, given: Sequence[Toleration]) -> list[Toleration]:
    """The tolerations that `tolerations: given` makes with the distribution; empty for none."""
    added = DISTRIBUTIONS[distribution].tolerations if distribution else ()
    return [*given, *(toleration for toleration in added if toleration not in given)]
