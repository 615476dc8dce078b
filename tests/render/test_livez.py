"""What `helm test` runs: the pod, and its scripts against servers that answer in every way."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import trustme

from tests.helm import CHART, template, values_text

pytestmark = pytest.mark.helm

Object = dict[str, Any]
ONLY = ("--show-only", "templates/tests/livez.yaml")


def pod(helm: Path, directory: Path, values: str) -> Object:
    """The pod of the test."""
    [found] = template(helm, values, directory, more=ONLY, tests=True).objects
    return found


def test_the_pod_is_a_hook_that_may_do_nothing_but_ask(helm: Path, tmp_path: Path) -> None:
    found = pod(helm, tmp_path, "{imagePullSecrets: [{name: registry}]}")
    kubernetes_validate.validate(found, "1.31", strict=True)
    assert found["metadata"] == {
        "name": "rel-vipalived-test-livez",
        "namespace": "kube-system",
        # Neither of the labels that the DaemonSet selects by: it would adopt the pod.
        "labels": {
            "helm.sh/chart": "vipalived-0.3.0",
            "app.kubernetes.io/managed-by": "Helm",
            "app.kubernetes.io/component": "test",
        },
        "annotations": {
            "helm.sh/hook": "test",
            "helm.sh/hook-delete-policy": "before-hook-creation,hook-succeeded",
        },
    }
    [container] = found["spec"].pop("containers")
    assert found["spec"] == {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "imagePullSecrets": [{"name": "registry"}],
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65534,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    assert container["image"] == "alpine:3.22"
    assert container["imagePullPolicy"] == "IfNotPresent"
    assert container["env"] == [{"name": "URL", "value": "https://172.16.101.101:6443/livez"}]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_the_agents_image_asks_where_there_is_an_agent(helm: Path, tmp_path: Path) -> None:
    values = "{engine: native, agent: {image: {repository: a, tag: '1', pullPolicy: Always}}}"
    [container] = pod(helm, tmp_path, values)["spec"]["containers"]
    assert (container["image"], container["imagePullPolicy"]) == ("a:1", "Always")
    assert container["command"][:2] == ["python3", "-c"]


@pytest.mark.parametrize("engine", ["native", "keepalived"])
def test_another_image_and_command_may_ask(helm: Path, tmp_path: Path, engine: str) -> None:
    asks = "image: 'curl:8', command: [sh, -c, 'curl -k \"$URL\"']"
    [container] = pod(helm, tmp_path, f"{{engine: {engine}, helmTest: {{{asks}}}}}")["spec"]["containers"]
    assert (container["image"], container["command"]) == ("curl:8", ["sh", "-c", 'curl -k "$URL"'])
    assert container["env"] == [{"name": "URL", "value": "https://172.16.101.101:6443/livez"}]


def test_common_labels_and_annotations_stand_beside_its_own(helm: Path, tmp_path: Path) -> None:
    common = "commonLabels: {team: net, app.kubernetes.io/component: vip}, commonAnnotations: {a: b, helm.sh/hook: x}"
    metadata = pod(helm, tmp_path, f"{{{common}}}")["metadata"]
    assert (metadata["labels"]["team"], metadata["labels"]["app.kubernetes.io/component"]) == ("net", "vip")
    assert (metadata["annotations"]["a"], metadata["annotations"]["helm.sh/hook"]) == ("b", "test")


def test_a_static_pod_has_no_test(helm: Path, tmp_path: Path) -> None:
    rendered = template(helm, "{static: true}", tmp_path, tests=True)
    assert [found["kind"] for found in rendered.objects] == ["Pod"]
    assert "helm.sh/hook" not in rendered.objects[0]["metadata"]["annotations"]


@pytest.mark.parametrize(
    ("vip", "asked", "url"),
    [
        ("198.18.0.100/24", "https://127.0.0.1:6443/readyz", "https://198.18.0.100:6443/livez"),
        ("198.18.0.100/24", "https://[::1]:443/", "https://198.18.0.100:443/livez"),
        ("198.18.0.100/24", "https://localhost/readyz", "https://198.18.0.100:443/livez"),
        ("198.18.0.100/24", "https://[::1]/readyz", "https://198.18.0.100:443/livez"),
        ("2001:db8::100/64", "https://127.0.0.1:16443/readyz", "https://[2001:db8::100]:16443/livez"),
    ],
)
def test_the_vip_is_asked_at_the_api_servers_port(
    helm: Path, tmp_path: Path, vip: str, asked: str, url: str
) -> None:
    layer = {"keepalived": {"vrrpInstance": {"virtualIpAddress": vip}}, "healthCheck": {"url": asked}}
    [container] = pod(helm, tmp_path, values_text(layer))["spec"]["containers"]
    assert container["env"] == [{"name": "URL", "value": url}]


class _Server(ThreadingHTTPServer):
    status = 200


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self.send_response(self.server.status if self.path == "/livez" else 404)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def server() -> Iterator[_Server]:
    """An API server whose certificate nobody knows."""
    listening = _Server(("127.0.0.1", 0), _Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("elsewhere.example").configure_cert(context)
    listening.socket = context.wrap_socket(listening.socket, server_side=True)
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield listening
    listening.shutdown()
    thread.join()
    listening.server_close()


@pytest.fixture
def quick(tmp_path: Path) -> dict[str, str]:
    """An environment in which nobody sleeps."""
    (tmp_path / "sleep").write_text("#!/bin/sh\n")
    (tmp_path / "sleep").chmod(0o755)
    (tmp_path / "python3").symlink_to(sys.executable)
    (tmp_path / "sitecustomize.py").write_text("import time\ntime.sleep = lambda _: None\n")
    return {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(tmp_path)}


ASKING = ["engine: native", *(["engine: keepalived"] if shutil.which("wget") else [])]


@pytest.mark.parametrize("values", ASKING)
def test_it_says_whether_an_api_server_answers(
    helm: Path, tmp_path: Path, server: _Server, quick: dict[str, str], values: str
) -> None:
    [container] = pod(helm, tmp_path, values)["spec"]["containers"]
    url = f"https://127.0.0.1:{server.server_port}/livez"

    def asked(url: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            container["command"], env={**quick, "URL": url}, capture_output=True, text=True, check=False
        )

    for status, code in ((200, 0), (401, 0), (403, 0), (404, 1), (500, 1)):
        server.status = status
        done = asked(url)
        assert done.returncode == code, (status, done)
        said = f"{url} answers" if code == 0 else f"{url} does not answer as an API server does: "
        assert said in (done.stderr if code else done.stdout)
    assert asked("https://127.0.0.1:1/livez").returncode == 1


def test_the_chart_has_one_test() -> None:
    assert [path.name for path in (CHART / "templates" / "tests").iterdir()] == ["livez.yaml"]
