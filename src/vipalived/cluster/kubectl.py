"""Asks the cluster for its nodes and for other releases, by the operator's own kubectl.

Whoever has a kubeconfig has a kubectl that reads it, with whatever proxies, plug-ins and contexts it names. Each
question is one request, as `--raw`: no discovery goes before it.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Final

from vipalived.cluster.placement import ClusterNode
from vipalived.cluster.rivals import Release
from vipalived.errors import CheckFailed, MissingRequirement
from vipalived.release import CHART_NAME

_PATIENCE: Final = 15


def nodes(kubeconfig: Path) -> list[ClusterNode]:
    """The nodes of the cluster that the kubeconfig's current context names; raises VipalivedError."""
    items = _listed(kubeconfig, "/api/v1/nodes", "nodes")
    return [
        ClusterNode(
            item["metadata"]["name"],
            item["metadata"].get("labels") or {},
            tuple((item.get("spec") or {}).get("taints") or ()),
        )
        for item in items
    ]


def releases(kubeconfig: Path) -> list[Release]:
    """The releases of this chart, whatever their version; raises VipalivedError."""
    found = []
    for item in _listed(kubeconfig, "/api/v1/configmaps?labelSelector=helm.sh%2Fchart", "configmaps"):
        labels = item["metadata"].get("labels") or {}
        if labels.get("helm.sh/chart", "").startswith(f"{CHART_NAME}-"):
            name = labels.get("app.kubernetes.io/instance", item["metadata"]["name"])
            found.append(Release(name, item["metadata"]["namespace"], item.get("data") or {}))
    return found


def _listed(kubeconfig: Path, path: str, what: str) -> list[dict[str, Any]]:
    command = ["kubectl", "--kubeconfig", str(kubeconfig), f"--request-timeout={_PATIENCE}s"]
    try:
        done = subprocess.run(
            [*command, "get", "--raw", path],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=2 * _PATIENCE,
        )
    except FileNotFoundError as error:
        hint = "install it, or put its directory on PATH: RKE2 has one in `/var/lib/rancher/rke2/bin`"
        raise MissingRequirement(
            "`kubectl` is not installed, which reads the kubeconfig", hint=hint
        ) from error
    except subprocess.TimeoutExpired as error:
        raise CheckFailed(f"kubectl gave no list of {what} within {2 * _PATIENCE} s") from error
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["it gives no reason"])[-1]
        raise CheckFailed(
            f"kubectl could not list the {what}: {reason}", hint=f"`{' '.join(command)} get {what}`"
        )
    return _items(done.stdout, what)


def _items(text: str, what: str) -> list[dict[str, Any]]:
    """Those of a list, as far as they look like objects."""
    try:
        items: list[dict[str, Any]] = json.loads(text)["items"]
        if all(isinstance(item["metadata"]["name"], str) for item in items):
            return items
    except (ValueError, KeyError, TypeError):
        pass
    raise CheckFailed(f"expected a list of {what} of kubectl, found something else")
