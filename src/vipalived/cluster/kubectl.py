"""Asks the cluster for its nodes, by the operator's own kubectl.

Whoever has a kubeconfig has a kubectl that reads it, with whatever proxies, plug-ins and contexts it names. The
question is one request, as `--raw`: no discovery goes before it.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Final

from vipalived.cluster.placement import ClusterNode
from vipalived.errors import CheckFailed, MissingRequirement

_PATIENCE: Final = 15


def nodes(kubeconfig: Path) -> list[ClusterNode]:
    """The nodes of the cluster that the kubeconfig's current context names; raises VipalivedError."""
    command = ["kubectl", "--kubeconfig", str(kubeconfig), f"--request-timeout={_PATIENCE}s"]
    try:
        done = subprocess.run(
            [*command, "get", "--raw", "/api/v1/nodes"],
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
        raise CheckFailed(f"kubectl gave no list of nodes within {2 * _PATIENCE} s") from error
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["it gives no reason"])[-1]
        raise CheckFailed(
            f"kubectl could not list the nodes: {reason}", hint=f"`{' '.join(command)} get nodes`"
        )
    return _nodes(done.stdout)


def _nodes(text: str) -> list[ClusterNode]:
    try:
        items: list[dict[str, Any]] = json.loads(text)["items"]
        return [
            ClusterNode(
                item["metadata"]["name"],
                item["metadata"].get("labels") or {},
                tuple((item.get("spec") or {}).get("taints") or ()),
            )
            for item in items
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckFailed("expected a list of nodes of kubectl, found something else") from error
