"""Whether this node's kubelet needs the VIP in order to start the pod that brings the VIP up."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import yaml

from vipalived.doctor.finding import Finding, error, ok, skipped
from vipalived.doctor.scene import Scene
from vipalived.vrrp.packet import IPAddress

_FILES: Final = (
    "etc/kubernetes/kubelet.conf",
    "var/lib/rancher/k3s/agent/kubelet.kubeconfig",
    "var/lib/rancher/rke2/agent/kubelet.kubeconfig",
)


def examine(scene: Scene) -> Finding:
    """The first kubeconfig of a kubelet that is there decides."""
    if scene.settings.static:
        return ok("kubelet", "a static pod needs no API server")
    for name in _FILES:
        path = scene.root / name
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as reason:
            return skipped(
                "kubelet", f"{path} cannot be read: {getattr(reason, 'strerror', None) or 'not UTF-8 text'}"
            )
        return _judge(scene, path, list(_servers(text)))
    return skipped(
        "kubelet", f"no kubeconfig of a kubelet is below {scene.root}: run it on the node, or name its root"
    )


def _judge(scene: Scene, path: Path, servers: list[str]) -> Finding:
    if not servers:
        return skipped("kubelet", f"{path} names no server")
    for server in servers:
        if addresses_of(urlsplit(server).hostname or "") & scene.plan.vips:
            return error(
                "kubelet",
                f"the kubelet here asks {server}, which is the VIP ({path})",
                "after a power cut of all nodes no kubelet can fetch the DaemonSet's pod that brings the VIP up",
                "let it ask its own API server (`server:` in that file, by this node's address), or run the static "
                "pod of `vipalived static-pod` in place of the DaemonSet",
            )
    return ok("kubelet", f"the kubelet here asks {', '.join(servers)}, which is not the VIP")


def _servers(text: str) -> Iterator[str]:
    """Of all clusters in a kubeconfig; raises nothing, as kubelet has read the file before."""
    with suppress(yaml.YAMLError):
        content: Any = yaml.safe_load(text)
        for entry in content.get("clusters", []) if isinstance(content, dict) else []:
            cluster = entry.get("cluster") if isinstance(entry, dict) else None
            if isinstance(cluster, dict) and isinstance(cluster.get("server"), str):
                yield cluster["server"]


def addresses_of(host: str) -> set[IPAddress]:
    """An address as it is, a name as this host resolves it."""
    with suppress(ValueError):
        return {ip_address(host)}
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return set()
    return {ip_address(str(address[0]).partition("%")[0]) for *_, address in found}
