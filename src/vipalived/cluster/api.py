"""Asks the cluster's API server for its nodes and for other releases, with what a kubeconfig says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Final, Self, TypeVar

import yaml

from vipalived.cluster.placement import ClusterNode
from vipalived.cluster.rivals import Release
from vipalived.errors import CheckFailed, MissingRequirement
from vipalived.release import CHART_NAME

if TYPE_CHECKING:
    from lightkube import Client

_PATIENCE: Final = 15.0
"""Seconds for one question, with whatever the kubeconfig wants to be run before."""
_CHART: Final = "helm.sh/chart"
T = TypeVar("T")


class Cluster:
    """The one that the kubeconfig's current context names; raises VipalivedError, as each question does."""

    def __init__(self, kubeconfig: Path) -> None:
        try:
            import lightkube
        except ImportError as error:
            hint = "run `pip install '.[cluster]'` in a clone of vipalived"
            raise MissingRequirement(
                "asking a cluster takes lightkube, which is not installed", hint=hint
            ) from error
        self._client: Client = _within_limits(
            "read the kubeconfig", lambda: lightkube.Client(lightkube.KubeConfig.from_file(kubeconfig))
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def nodes(self) -> list[ClusterNode]:
        """Its nodes."""
        from lightkube.resources.core_v1 import Node

        found = _within_limits("list the nodes", lambda: list(self._client.list(Node)))
        return [
            ClusterNode(
                (node.metadata and node.metadata.name) or "",
                (node.metadata and node.metadata.labels) or {},
                tuple(taint.to_dict() for taint in (node.spec and node.spec.taints) or ()),
            )
            for node in found
        ]

    def releases(self) -> list[Release]:
        """The releases of this chart, whatever their version."""
        from lightkube.resources.core_v1 import ConfigMap

        found = _within_limits(
            "list the ConfigMaps",
            lambda: list(self._client.list(ConfigMap, namespace="*", labels={_CHART: None})),
        )
        return [
            Release(
                labels.get("app.kubernetes.io/instance", metadata.name or ""),
                metadata.namespace or "",
                one.data or {},
            )
            for one in found
            if (metadata := one.metadata) is not None
            and (labels := metadata.labels or {}).get(_CHART, "").startswith(f"{CHART_NAME}-")
        ]


def _within_limits(what: str, ask: Callable[[], T]) -> T:
    """What `ask` returns; whatever it raises, and a long wait, are a CheckFailed with the reason."""
    answers: list[T] = []
    reasons: list[Exception] = []

    def work() -> None:
        try:
            answers.append(ask())
        # A kubeconfig may name files, programs and servers of every kind, and a client raises as many errors.
        except Exception as error:  # noqa: BLE001
            reasons.append(error)

    thread = Thread(target=work, daemon=True)
    thread.start()
    thread.join(_PATIENCE)
    if answers:
        return answers[0]
    reason = _said(reasons[0]) if reasons else f"no answer within {_PATIENCE:g} s"
    raise CheckFailed(f"cannot {what}: {reason}", hint="`kubectl --kubeconfig FILE get nodes` must work")


def _said(error: Exception) -> str:
    match error:
        case yaml.MarkedYAMLError(problem=problem, problem_mark=yaml.Mark(line=line)):
            return f"line {line + 1}: {problem}"
        case KeyError() | AttributeError() | TypeError():
            return f"it has another shape than expected ({error})"
        case OSError(strerror=str(reason), filename=str(name)):
            return f"{name}: {reason}"
        case OSError(strerror=str(reason)):
            return reason
    return " ".join(str(error).split()) or type(error).__name__
