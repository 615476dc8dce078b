"""The pod of the agent: what runs in it, what it reads, and how kubelet asks after it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings

from tests.helm import unescaped
from tests.strategies import Layer, valid_layers
from vipalived.render.manifests import manifests
from vipalived.settings import Settings, load
from vipalived.settings.values import parse_yaml
from vipalived.vrrp.timers import PARTING, master_down_interval

quick = settings(deadline=None, suppress_health_check=list(HealthCheck))
Object = dict[str, Any]


def spec(text: str) -> Object:
    """The pod's specification for a values file in short form."""
    found = manifests(load([yaml.safe_load(text)]).settings, "vipalived")[-1]
    pod: Object = found["spec"] if found["kind"] == "Pod" else found["spec"]["template"]["spec"]
    return pod


def container(text: str) -> Object:
    [found] = spec(text)["containers"]
    assert isinstance(found, dict)
    return found


LIVENESS = {
    "httpGet": {"host": "127.0.0.1", "path": "/livez", "port": 9951},
    "periodSeconds": 10,
    "timeoutSeconds": 5,
    "failureThreshold": 3,
}
READINESS = {
    "httpGet": {"host": "127.0.0.1", "path": "/readyz", "port": 9951},
    "periodSeconds": 5,
    "timeoutSeconds": 5,
    "failureThreshold": 3,
}
NODE_NAME = {"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}
RUN = {"name": "run", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}}


def test_the_agent_reads_its_values_from_the_mounted_directory() -> None:
    config_map, daemon_set = manifests(load([{"engine": "native"}]).settings, "ha")
    assert list(config_map["data"]) == ["values.yaml"]
    template = daemon_set["spec"]["template"]
    # It reads them again by itself: a change must not roll the pods.
    assert "annotations" not in template["metadata"]
    [found] = template["spec"]["containers"]
    assert found == {
        "name": "vipalived",
        "image": "ghcr.io/lexfrei/vipalived:0.3.0",
        "imagePullPolicy": "IfNotPresent",
        "command": ["vipalived", "agent", "--values", "/etc/vipalived/values.yaml"],
        "env": [NODE_NAME],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"add": ["NET_ADMIN", "NET_RAW"], "drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "livenessProbe": LIVENESS,
        "readinessProbe": READINESS,
        "resources": {
            "limits": {"cpu": "100m", "memory": "64Mi"},
            "requests": {"cpu": "50m", "memory": "32Mi"},
        },
        "volumeMounts": [
            # Without a subPath, or kubelet's exchange of the files would not be seen.
            {"name": "config", "mountPath": "/etc/vipalived", "readOnly": True},
            {"name": "run", "mountPath": "/run/vipalived"},
        ],
    }
    assert template["spec"]["volumes"] == [
        {"name": "config", "configMap": {"name": "ha-vipalived-config"}},
        RUN,
    ]


def test_a_static_pod_brings_its_values_along() -> None:
    found = spec("{static: true, engine: native}")
    assert found["volumes"] == [RUN]
    [only] = found["containers"]
    assert only["command"] == ["vipalived", "agent"]
    assert only["volumeMounts"] == [{"name": "run", "mountPath": "/run/vipalived"}]
    assert only["env"][0] == NODE_NAME
    assert only["env"][1]["name"] == "VIPALIVED_VALUES"
    assert only["env"][1]["value"].startswith("agent:\n  askFirst: true\n  endpoint:")
    assert only["securityContext"]["readOnlyRootFilesystem"] is True


def test_annotations_of_the_values_stay() -> None:
    layer = {"engine": "native", "podAnnotations": {"a": "b"}}
    daemon_set = manifests(load([layer]).settings, "vipalived")[1]
    assert daemon_set["spec"]["template"]["metadata"]["annotations"] == {"a": "b"}


GROUPS = ("engine", "keepalived", "native", "nodes", "static", "health_check")


@quick
@given(layer=valid_layers())
def test_the_agent_reads_what_the_values_say(layer: Layer) -> None:
    written = load([layer | {"engine": "native"}]).settings
    found = manifests(written, "rel")
    # The agent knows neither namespace nor release: what `auto` means for a virtual router ID is said to it.
    chosen = written.of_release("rel")
    if chosen.static:
        text = unescaped(found[0]["spec"]["containers"][0]["env"][1]["value"])
    else:
        text = found[0]["data"]["values.yaml"]
    read = load([parse_yaml(text, "values.yaml")]).settings
    # What only Kubernetes reads stays out, so that changing it does not look like a change to the agent.
    image, context = Settings().agent.image, Settings().agent.security_context
    agent = chosen.agent.model_copy(update={"image": image, "security_context": context})
    groups = {name: getattr(chosen, name) for name in GROUPS}
    assert read == Settings().model_copy(update=groups | {"agent": agent})


def test_kubernetes_expands_nothing_in_the_values() -> None:
    values = (
        "{static: true, engine: native, keepalived: {vrrpInstance: {authentication: {authPass: '$(A)$$'}}}}"
    )
    text = container(values)["env"][1]["value"]
    assert "authPass: $$(A)$$$$\n" in text


@pytest.mark.parametrize(
    ("endpoint", "host"),
    [
        ("198.18.0.7", "198.18.0.7"),
        ("0.0.0.0", "127.0.0.1"),
        ("'::'", "::1"),
        ("'2001:db8::7'", "2001:db8::7"),
    ],
)
def test_kubelet_asks_where_the_agent_listens(endpoint: str, host: str) -> None:
    found = container(f"{{engine: native, agent: {{endpoint: {{address: {endpoint}, port: 80}}}}}}")
    assert found["livenessProbe"]["httpGet"] == {"host": host, "path": "/livez", "port": 80}
    assert found["readinessProbe"]["httpGet"] == {"host": host, "path": "/readyz", "port": 80}
    assert "startupProbe" not in found


def test_without_an_endpoint_kubelet_asks_nothing() -> None:
    found = container("{engine: native, agent: {endpoint: {port: 0}}, startupProbe: {enabled: true}}")
    assert not [name for name in found if name.endswith("Probe")]


def test_the_probes_for_keepalived_are_not_for_the_agent() -> None:
    found = container(
        "{engine: native, startupProbe: {enabled: true}, readinessProbe: {enabled: true, periodSeconds: 7},"
        " livenessProbe: {enabled: true, exec: {command: [vipalived, status]}, periodSeconds: 3}}"
    )
    assert "startupProbe" not in found
    assert found["readinessProbe"] == READINESS
    assert found["livenessProbe"] == {
        "exec": {"command": ["vipalived", "status"]},
        "initialDelaySeconds": 10,
        "periodSeconds": 3,
        "timeoutSeconds": 5,
        "failureThreshold": 3,
    }


def test_each_file_of_the_health_check_is_mounted_where_it_is() -> None:
    found = spec("{engine: native, healthCheck: {caFile: /pki/ca.crt, tokenFile: /token}}")
    assert found["volumes"][2:] == [
        {"name": "ca-file", "hostPath": {"path": "/pki/ca.crt", "type": "File"}},
        {"name": "token-file", "hostPath": {"path": "/token", "type": "File"}},
    ]
    assert found["containers"][0]["volumeMounts"][2:] == [
        {"name": "ca-file", "mountPath": "/pki/ca.crt", "readOnly": True},
        {"name": "token-file", "mountPath": "/token", "readOnly": True},
    ]


def test_a_file_that_is_named_twice_is_mounted_once() -> None:
    found = spec(
        "{static: true, engine: native,"
        " healthCheck: {caFile: /ca, clientCertFile: /both.pem, clientKeyFile: /both.pem}}"
    )
    assert found["volumes"] == [
        RUN,
        {"name": "ca-file", "hostPath": {"path": "/ca", "type": "File"}},
        {"name": "client-cert-file", "hostPath": {"path": "/both.pem", "type": "File"}},
    ]


@pytest.mark.parametrize(("interval", "seconds"), [(0.01, 3), (1, 6), (4.6, 21), (40.95, 22)])
def test_the_usual_grace_period_is_enough_for_a_holder_without_a_successor(
    interval: float, seconds: int
) -> None:
    values = f"{{engine: native, keepalived: {{vrrpInstance: {{advertInt: {interval}}}}}}}"
    assert spec(values)["terminationGracePeriodSeconds"] == 30
    assert load([parse_yaml(values, "values.yaml")]).settings.time_to_leave == seconds
    assert min(master_down_interval(1, interval, 3), PARTING) < seconds < 30
