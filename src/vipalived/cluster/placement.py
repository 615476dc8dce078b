"""Which nodes a DaemonSet puts its pods on, as Kubernetes decides it: selector, affinity, taints.

What the values say of the pod is taken from the rendered DaemonSet, so that it is what Kubernetes gets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from vipalived.errors import Problem
from vipalived.render.manifests import manifests
from vipalived.settings import Settings

CONTROL_PLANE: Final = "node-role.kubernetes.io/control-plane"
_KEEPS_OUT: Final = {"NoSchedule", "NoExecute"}
_DAEMON_TOLERATIONS: Final = tuple(
    {"key": f"node.kubernetes.io/{name}", "operator": "Exists", "effect": effect}
    for name, effect in (
        ("not-ready", "NoExecute"),
        ("unreachable", "NoExecute"),
        ("disk-pressure", "NoSchedule"),
        ("memory-pressure", "NoSchedule"),
        ("pid-pressure", "NoSchedule"),
        ("unschedulable", "NoSchedule"),
        ("network-unavailable", "NoSchedule"),
    )
)
"""What Kubernetes adds to a DaemonSet's pods by itself, the last one on the host's network."""


@dataclass(frozen=True, slots=True)
class ClusterNode:
    """A node as its object says."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Placement:
    """The nodes that get a pod, those that the selector or the affinity leaves out, and those with taints."""

    selector: Mapping[str, str]
    placed: tuple[str, ...]
    unselected: tuple[str, ...]
    tainted: Mapping[str, str]
    """Which taint keeps the pod off a node that was selected."""
    hint: str = ""
    unknown: tuple[str, ...] = ()
    """What `nodes` names and the cluster does not have."""

    def problems(self) -> Iterator[Problem]:
        """What an operator should know, as warnings about the values."""
        if not self.placed and not self.tainted:
            wanted = (
                ", ".join(f"{key}={value}" for key, value in self.selector.items())
                or "what `affinity` asks for"
            )
            yield Problem(
                "nodeSelector",
                f"expected a node with {wanted}, found {_none(self.unselected)}",
                self.hint,
            )
        for taint in dict.fromkeys(self.tainted.values()):
            nodes = [name for name, of in self.tainted.items() if of == taint]
            key, _, effect = taint.partition(":")
            yield Problem(
                "tolerations",
                f"the taint {taint} keeps the pods off {_some(nodes)}",
                f"add to `tolerations`: {{key: {key.partition('=')[0]}, operator: Exists, effect: {effect}}}",
            )

        if self.unknown:
            names = [*self.placed, *self.unselected, *self.tainted]
            yield Problem(
                "nodes",
                f"expected names of this cluster's nodes, found {_some(self.unknown)}",
                f"this cluster has {_some(names)}",
            )

    @property
    def says(self) -> str:
        """In words."""
        count = len(self.placed) + len(self.unselected) + len(self.tainted)
        return f"pods run on {len(self.placed)} of {count} nodes: {', '.join(self.placed) or 'none'}"


def place(settings: Settings, nodes: Sequence[ClusterNode]) -> Placement:
    """Where the DaemonSet's pods go."""
    objects = manifests(settings.model_copy(update={"static": False}), "vipalived")
    pod = next(item for item in objects if item["kind"] == "DaemonSet")["spec"]["template"]["spec"]
    selector = pod.get("nodeSelector") or {}
    tolerations = [*(pod.get("tolerations") or []), *_DAEMON_TOLERATIONS]
    selected = [node for node in nodes if _selected(node, selector, pod.get("affinity") or {})]
    # The agent knows a node by its first label, too; keepalived compares the whole name.
    called = {settings.node_name(node.name) if settings.runs_agent else node.name for node in nodes}
    kept_out = {node.name: taint for node in selected if (taint := _intolerable(node, tolerations))}
    return Placement(
        selector=selector,
        placed=tuple(node.name for node in selected if node.name not in kept_out),
        unselected=tuple(node.name for node in nodes if node not in selected),
        tainted=kept_out,
        hint=_hint(selector, nodes),
        unknown=tuple(name for name in settings.nodes if name not in called),
    )


def _hint(selector: Mapping[str, str], nodes: Sequence[ClusterNode]) -> str:
    """kubeadm's label is empty where that of k3s and RKE2 says true: the trap that most step into."""
    found = {node.labels[CONTROL_PLANE] for node in nodes if CONTROL_PLANE in node.labels}
    if CONTROL_PLANE in selector and found:
        return f'set `nodeSelector: {{{CONTROL_PLANE}: "{min(found)}"}}`, which is what the nodes here have'
    return "set `nodeSelector` to labels that the nodes have: `kubectl get nodes --show-labels`"


def _none(names: Sequence[str]) -> str:
    return f"none among {_some(names)}" if names else "no node at all"


def _some(names: Sequence[str]) -> str:
    listed = ", ".join(names[:5])
    return f"{listed} and {len(names) - 5} more" if len(names) > 5 else listed


def _selected(node: ClusterNode, selector: Mapping[str, str], affinity: Mapping[str, Any]) -> bool:
    if any(node.labels.get(key) != value for key, value in selector.items()):
        return False
    required = (affinity.get("nodeAffinity") or {}).get("requiredDuringSchedulingIgnoredDuringExecution")
    return required is None or any(_term(node, term) for term in required.get("nodeSelectorTerms") or [])


def _term(node: ClusterNode, term: Mapping[str, Any]) -> bool:
    """All expressions of it; an empty one selects nothing."""
    labels, fields = term.get("matchExpressions") or [], term.get("matchFields") or []
    asked = [(node.labels, one) for one in labels] + [({"metadata.name": node.name}, one) for one in fields]
    return bool(asked) and all(_expression(having, one) for having, one in asked)


def _expression(having: Mapping[str, str], expression: Mapping[str, Any]) -> bool:
    value, values = having.get(expression.get("key", "")), expression.get("values") or []
    match expression.get("operator"):
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt" | "Lt" as operator if value is not None and _whole(value) and values and _whole(values[0]):
            return int(value) > int(values[0]) if operator == "Gt" else int(value) < int(values[0])
    return False


def _whole(text: str) -> bool:
    return text.removeprefix("-").isdecimal()


def _intolerable(node: ClusterNode, tolerations: Sequence[Mapping[str, str]]) -> str | None:
    """The first taint that keeps the pod out."""
    for taint in node.taints:
        if taint.get("effect") in _KEEPS_OUT and not any(_tolerates(one, taint) for one in tolerations):
            value = f"={taint['value']}" if taint.get("value") else ""
            return f"{taint['key']}{value}:{taint['effect']}"
    return None


def _tolerates(toleration: Mapping[str, str], taint: Mapping[str, str]) -> bool:
    if toleration.get("effect") and toleration["effect"] != taint["effect"]:
        return False
    if toleration.get("key") and toleration["key"] != taint["key"]:
        return False
    if toleration.get("operator") == "Exists":
        return True
    return bool(toleration.get("key")) and toleration.get("value", "") == taint.get("value", "")
