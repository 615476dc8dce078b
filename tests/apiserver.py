"""A stand-in for an API server, as far as Helm asks one: objects in memory, and nodes as a test wants them.

It has no controllers: what is created stays as it is, but that a pod has succeeded at once.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

Object = dict[str, Any]
_STATUS = {
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
}
KINDS = {
    "v1": {"nodes": "Node", "pods": "Pod", "configmaps": "ConfigMap", "secrets": "Secret"},
    "apps/v1": {"daemonsets": "DaemonSet"},
    "monitoring.coreos.com/v1": {"podmonitors": "PodMonitor", "prometheusrules": "PrometheusRule"},
}


class Cluster(ThreadingHTTPServer):
    """`objects` by their paths, such as `/api/v1/nodes/cp-1`; what is in `forbidden` is answered with 403.

    `asked` are the paths that somebody wanted to read, as they came.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.objects: dict[str, Object] = {}
        self.asked: list[str] = []
        self.forbidden: set[str] = set()
        self.ending = threading.Event()

    def node(self, name: str, labels: dict[str, str], *taints: str) -> None:
        """Adds a node; a taint is written as kubectl has it, KEY=VALUE:EFFECT or KEY:EFFECT."""
        spec = {"taints": [_taint(text) for text in taints]} if taints else {}
        self.objects[f"/api/v1/nodes/{name}"] = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": labels, "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": spec,
            "status": _STATUS,
        }

    def add(self, *objects: Object) -> None:
        """Puts ConfigMaps into their namespaces."""
        for one in objects:
            metadata = one["metadata"]
            path = f"/api/v1/namespaces/{metadata['namespace']}/configmaps/{metadata['name']}"
            self.objects[path] = one

    def kubeconfig(self, path: Path) -> Path:
        """Writes how to reach it."""
        return kubeconfig(path, self.server_port)

    def kinds(self) -> list[str]:
        """The kinds of all objects but nodes and Helm's own records, in alphabetical order."""
        return sorted(o["kind"] for o in self.objects.values() if o["kind"] not in ("Node", "Secret"))


def kubeconfig(path: Path, port: int) -> Path:
    """Writes how to reach a cluster at a port of the loopback."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path.write_text(json.dumps(config))
    return path


def _taint(text: str) -> Object:
    written, _, effect = text.rpartition(":")
    key, _, value = written.partition("=")
    return {"key": key, "effect": effect} | ({"value": value} if value else {})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Cluster

    def log_message(self, *_: Any) -> None:
        """Nothing: the tests say what they miss."""

    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        self.server.asked.append(path)
        if path in self.server.forbidden:
            return self._status(403, "Forbidden", f"{path.rpartition('/')[2]} is forbidden")
        if (found := _discovery(path)) is not None or (found := self.server.objects.get(path)) is not None:
            return self._answer(200, found)
        kind = _kind(path)
        if kind is None:
            return self._status(404, "NotFound", f"{path} not found")
        if "watch" in query:
            return self._watch(path, query, kind)
        items = list(self._items(path, query))
        version, kind_ = kind
        return self._answer(
            200, {"apiVersion": version, "kind": f"{kind_}List", "metadata": {}, "items": items}
        )

    def _items(self, path: str, query: dict[str, list[str]]) -> Iterator[Object]:
        """What the collection holds, as far as it is asked for."""
        for key, one in list(self.server.objects.items()):
            names = [selector.partition("=")[2] for selector in query.get("fieldSelector", [])]
            labels = one["metadata"].get("labels", {})
            if (
                path in {collection := key.rpartition("/")[0], _NAMESPACE.sub("/", collection)}
                and all(one["metadata"]["name"] == name for name in names)
                and all(_selected(labels, selector) for selector in query.get("labelSelector", []))
            ):
                yield one

    def do_POST(self) -> None:
        body = self._body()
        path = f"{urlsplit(self.path).path}/{body['metadata']['name']}"
        self._keep(path, body, 201)

    def do_PUT(self) -> None:
        self._keep(urlsplit(self.path).path, self._body(), 200)

    def do_PATCH(self) -> None:
        path = urlsplit(self.path).path
        self._keep(path, _merged(self.server.objects.get(path, {}), self._body()), 200)

    def do_DELETE(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.server.objects.pop(urlsplit(self.path).path, None) is None:
            return self._status(404, "NotFound", "not found")
        return self._answer(200, {"apiVersion": "v1", "kind": "Status", "status": "Success"})

    def _keep(self, path: str, body: Object, code: int) -> None:
        if body["kind"] == "Pod":
            body["status"] = {"phase": "Succeeded"}
        body["metadata"] |= {"uid": path, "resourceVersion": "1", "generation": 1}
        if "dryRun" not in self.path:
            self.server.objects[path] = body
        self._answer(code, body)

    def _body(self) -> Object:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if body.startswith(_PROTOBUF):
            return _secret(body.removeprefix(_PROTOBUF))
        read: Object = yaml.safe_load(body or b"{}")
        return read

    def _status(self, code: int, reason: str, message: str) -> None:
        status = {"apiVersion": "v1", "kind": "Status", "status": "Failure"}
        self._answer(code, status | {"reason": reason, "code": code, "message": message})

    def _watch(self, path: str, query: dict[str, list[str]], kind: tuple[str, str]) -> None:
        """Tells of each object once, until who asks has heard enough, or the server ends."""
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        told: set[str] = set()
        with suppress(OSError):
            while not self.server.ending.wait(0.02):
                for one in self._items(path, query):
                    if one["metadata"]["uid"] not in told:
                        told.add(one["metadata"]["uid"])
                        self._chunk({"type": "ADDED", "object": one})
                if query.pop("sendInitialEvents", None):
                    ends = {"annotations": {"k8s.io/initial-events-end": "true"}, "resourceVersion": "1"}
                    mark = {"apiVersion": kind[0], "kind": kind[1], "metadata": ends}
                    self._chunk({"type": "BOOKMARK", "object": mark})
        self.close_connection = True

    def _chunk(self, event: Object) -> None:
        text = json.dumps(event).encode() + b"\n"
        self.wfile.write(b"%x\r\n%s\r\n" % (len(text), text))

    def _answer(self, code: int, content: Object) -> None:
        self._send(code, json.dumps(content).encode())

    def _send(self, code: int, body: bytes) -> None:
        self.send_response(code)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


_NAMESPACE = re.compile("/namespaces/[^/]+/")
_PROTOBUF = b"k8s\0"
_Fields = dict[int, list[bytes]]


def _secret(message: bytes) -> Object:
    """Helm's record of a release, which it sends in Protocol Buffers: runtime.Unknown around a core/v1 Secret."""
    secret = _fields(_fields(message)[2][0])
    metadata = _fields(secret[1][0])
    data = {key: base64.b64encode(value).decode() for key, value in _map(secret[2]).items()}
    labels = {key: value.decode() for key, value in _map(metadata[11]).items()}
    named = {"name": metadata[1][0].decode(), "labels": labels}
    kind = {"apiVersion": "v1", "kind": "Secret", "type": secret[3][0].decode()}
    return kind | {"metadata": named, "data": data}


def _map(entries: list[bytes]) -> dict[str, bytes]:
    return {_fields(entry)[1][0].decode(): _fields(entry)[2][0] for entry in entries}


def _fields(message: bytes) -> _Fields:
    """The fields of a message that have a length, by their numbers."""
    found: _Fields = {}
    position = 0

    def number() -> int:
        nonlocal position
        value = shift = 0
        while True:
            byte = message[position]
            position += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while position < len(message):
        key = number()
        length = number()
        if key & 7 == 2:
            found.setdefault(key >> 3, []).append(message[position : position + length])
            position += length
    return found


def _merged(below: Object, above: Object) -> Object:
    merged = dict(below)
    for key, value in above.items():
        inner = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merged(merged[key], value) if inner else value
    return merged


def _selected(labels: dict[str, str], selector: str) -> bool:
    """Whether all of `KEY=VALUE` and of `KEY` fit."""
    asked = (one.partition("=") for one in selector.split(","))
    return all(labels.get(key) == value if equals else key in labels for key, equals, value in asked)


def _kind(path: str) -> tuple[str, str] | None:
    """The version and kind of what a collection's path holds."""
    steps = path.strip("/").split("/")
    version = steps[1] if steps[0] == "api" else "/".join(steps[1:3])
    kind = KINDS.get(version, {}).get(steps[-1])
    return None if kind is None else (version, kind)


def _discovery(path: str) -> Object | None:
    if path == "/version":
        return {"major": "1", "minor": "36", "gitVersion": "v1.36.2"}
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        groups = [_group(version) for version in KINDS if "/" in version]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
    if path == "/openapi/v3":
        return {
            "paths": {_base(version): {"serverRelativeURL": f"/openapi/v3/{version}"} for version in KINDS}
        }
    version = path.removeprefix("/openapi/v3/")
    if version != path:
        return {"openapi": "3.0.0", "info": {"title": "", "version": ""}, "paths": _operations(version)}
    version = path.removeprefix("/apis/").removeprefix("/api/")
    if version not in KINDS:
        return None
    resources = [
        {
            "name": name,
            "singularName": kind.lower(),
            "namespaced": kind != "Node",
            "kind": kind,
            "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"],
        }
        for name, kind in KINDS[version].items()
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources}


def _base(version: str) -> str:
    return f"apis/{version}" if "/" in version else f"api/{version}"


def _operations(version: str) -> Object:
    """As much as tells Helm that the server itself validates the fields."""
    group, _, short = version.rpartition("/")
    return {
        f"/{_base(version)}/namespaces/{{namespace}}/{name}/{{name}}": {
            "patch": {
                "parameters": [{"name": "fieldValidation", "in": "query"}],
                "x-kubernetes-group-version-kind": {"group": group, "version": short, "kind": kind},
            }
        }
        for name, kind in KINDS[version].items()
    }


def _group(version: str) -> Object:
    one = {"groupVersion": version, "version": version.partition("/")[2]}
    return {"name": version.partition("/")[0], "versions": [one], "preferredVersion": one}


@contextmanager
def cluster() -> Iterator[Cluster]:
    """One that answers on a port of the loopback."""
    server = Cluster()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.ending.set()
        server.shutdown()
        thread.join()
        server.server_close()
