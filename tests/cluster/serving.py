"""Stands in for an API server: serves a list of nodes in Kubernetes' own shape, and what kubectl asks before."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

NODES = "/api/v1/nodes"
CONFIG_MAPS = "/api/v1/configmaps"
_RESOURCE = {
    "name": "nodes",
    "singularName": "node",
    "namespaced": False,
    "kind": "Node",
    "verbs": ["get", "list"],
}


def node(
    name: str, labels: dict[str, str] | None = None, taints: Sequence[dict[str, str]] = ()
) -> dict[str, Any]:
    """A node as `kubectl get nodes -o json` has it, less what nobody here reads."""
    return {
        "metadata": {"name": name, "labels": labels or {}, "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"taints": list(taints)} if taints else {},
        "status": {
            "conditions": [{"type": "Ready", "status": "True"}],
            "nodeInfo": {
                "architecture": "amd64",
                "bootID": "5ae1f1b0-3a0f-4c0e-8d59-0d6f7a6f7c11",
                "containerRuntimeVersion": "containerd://2.1.4",
                "kernelVersion": "6.12.48+deb13-amd64",
                "kubeProxyVersion": "",
                "kubeletVersion": "v1.36.2",
                "machineID": "b1e7c9a4b7a94c0f8f0a2a3f5d2a7c55",
                "operatingSystem": "linux",
                "osImage": "Debian GNU/Linux 13 (trixie)",
                "systemUUID": "b1e7c9a4-b7a9-4c0f-8f0a-2a3f5d2a7c55",
            },
        },
    }


def _list(kind: str, items: Sequence[dict[str, Any]]) -> dict[str, Any]:
    version = {"resourceVersion": "1"}
    return {"kind": f"{kind}List", "apiVersion": "v1", "metadata": version, "items": list(items)}


@contextmanager
def serving(
    nodes: Sequence[dict[str, Any]], place: Path, config_maps: Sequence[dict[str, Any]] = ()
) -> Iterator[tuple[Path, list[str]]]:
    """The path of a kubeconfig for it, and the paths that are asked for, as they come."""
    asked: list[str] = []
    answers = {
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
        "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": [_RESOURCE]},
        NODES: _list("Node", nodes),
        CONFIG_MAPS: _list("ConfigMap", config_maps),
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            asked.append(path)
            body = json.dumps(
                answers.get(path, {"kind": "Status", "status": "Failure", "code": 404})
            ).encode()
            self.send_response(200 if path in answers else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the inherited signature
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield kubeconfig(place, server.server_address[1]), asked
        finally:
            server.shutdown()
            thread.join()


def kubeconfig(place: Path, port: int) -> Path:
    """One with a cluster, a user and a context."""
    path = place / "kubeconfig"
    path.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
                "users": [{"name": "u", "user": {}}],
                "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                "current-context": "x",
            }
        )
    )
    return path
