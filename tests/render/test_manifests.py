"""What Kubernetes gets: valid by its schemas, as 0.2.3 had it where that is immutable, and nothing slipped in."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.strategies import Layer, valid_layers
from vipalived.errors import InvalidSettings
from vipalived.render import keepalived
from vipalived.render.keepalived_container import STARTED, script
from vipalived.render.manifests import manifests
from vipalived.render.text import to_yaml
from vipalived.settings import load
from vipalived.settings.values import Loader

quick = settings(
    deadline=None, derandomize=bool(os.environ.get("CI")), suppress_health_check=list(HealthCheck)
)
Object = dict[str, Any]


def render(text: str = "{}", release: str = "vipalived") -> list[Object]:
    return manifests(load([yaml.safe_load(text)]).settings, release)


def versions() -> list[str]:
    """Every version of Kubernetes whose schemas the validator ships, from 1.19 on."""
    shipped = (Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema").iterdir()
    found = {
        tuple(map(int, path.name.removeprefix("v").split(".")[:2]))
        for path in shipped
        if path.name[:2] == "v1"
    }
    return [f"1.{minor}" for major, minor in sorted(found) if minor >= 19]


def test_the_schemas_reach_from_the_oldest_shipped_to_the_newest() -> None:
    assert len(versions()) >= 10


EVERYTHING = """\
keepalived: {vrrpInstance: {virtualIpAddresses: ['2001:db8::9/64'], trackInterface: [eth1]}}
nodes: {cp-1: {priority: 200}}
imagePullSecrets: [{name: registry}]
affinity: &affinity
  podAntiAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      - {labelSelector: {matchLabels: {a: b}}, topologyKey: kubernetes.io/hostname}
staticAffinity: *affinity
staticNodeSelector: {kubernetes.io/os: linux}
staticTolerations: [{operator: Exists}]
podSecurityContext: {runAsUser: 0}
startupProbe: {enabled: true}
livenessProbe: {enabled: true}
readinessProbe: {enabled: true}
podLabels: {tier: vip}
podAnnotations: {example.org/note: 'yes'}
commonLabels: {team: net}
commonAnnotations: {example.org/owner: "1"}
serviceAccount: {name: vip}
terminationGracePeriodSeconds: 45
"""


AGENT = """\
engine: native
healthCheck: {caFile: /etc/kubernetes/pki/ca.crt, clientCertFile: /a.pem, clientKeyFile: /a.pem, tokenFile: /token}
"""


MONITORED = """\
engine: native
agent: {endpoint: {address: '::'}}
distribution: kubeadm
podMonitor: {enabled: true}
prometheusRule: {enabled: true}
grafanaDashboard: {enabled: true}
"""


@pytest.mark.parametrize("version", versions())
@pytest.mark.parametrize("static", [False, True])
@pytest.mark.parametrize(
    "values",
    ["{}", EVERYTHING, "updateStrategy: {type: OnDelete}", AGENT, f"{EVERYTHING}{AGENT}", MONITORED],
)
def test_kubernetes_accepts_the_objects(version: str, static: bool, values: str) -> None:
    layer = {**yaml.safe_load(values), "static": static}
    for document in manifests(load([layer]).settings, "vipalived"):
        if document["kind"] not in {"PodMonitor", "PrometheusRule"}:
            kubernetes_validate.validate(document, version, strict=True)


WATCHED = """\
{engine: native, agent: {endpoint: {address: '::', port: 9000}}, podMonitor: {enabled: true, interval: 1m,
  labels: {release: prometheus, app.kubernetes.io/component: vip}}}
"""


def test_prometheus_finds_the_agents_at_the_port_that_the_pods_declare() -> None:
    _, daemon_set, monitor = render(WATCHED, "ha")
    # Kept against monitoring.coreos.com_podmonitors of the Prometheus Operator 0.80 by hand.
    assert monitor == {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": {
            "name": "ha-vipalived",
            "namespace": "kube-system",
            "labels": {
                **daemon_set["metadata"]["labels"],
                "app.kubernetes.io/component": "vip",
                "release": "prometheus",
            },
        },
        "spec": {
            "selector": {
                "matchLabels": {"app.kubernetes.io/name": "vipalived", "app.kubernetes.io/instance": "ha"}
            },
            "podMetricsEndpoints": [
                {
                    "port": "metrics",
                    "path": "/metrics",
                    "interval": "1m",
                    "relabelings": [
                        {"sourceLabels": ["__meta_kubernetes_pod_node_name"], "targetLabel": "node"}
                    ],
                }
            ],
        },
    }
    [container] = daemon_set["spec"]["template"]["spec"]["containers"]
    assert container["ports"] == [{"name": "metrics", "containerPort": 9000}]


def test_a_port_is_declared_for_prometheus_only() -> None:
    # The scheduler gives a node's port to one pod: the DaemonSet's would wait for a static pod to go.
    for values in ("engine: native", "{engine: native, static: true}", f"{WATCHED[:-2]}, static: true}}"):
        found = render(values)[-1]["spec"]
        [container] = found.get("template", {}).get("spec", found)["containers"]
        assert "ports" not in container


def test_the_prometheus_operator_finds_the_alerts() -> None:
    found = render("{engine: native, prometheusRule: {enabled: true, labels: {release: prometheus}}}", "ha")
    assert [document["kind"] for document in found] == ["ConfigMap", "DaemonSet", "PrometheusRule"]
    assert found[2]["apiVersion"] == "monitoring.coreos.com/v1"
    assert found[2]["metadata"]["labels"] == {**found[1]["metadata"]["labels"], "release": "prometheus"}
    [group] = found[2]["spec"]["groups"]
    assert group["rules"][0]["alert"] == "VipalivedNoMaster"


def test_grafanas_sidecar_finds_the_dashboard() -> None:
    found = render("{engine: native, grafanaDashboard: {enabled: true}}", "ha")
    assert [document["kind"] for document in found] == ["ConfigMap", "DaemonSet", "ConfigMap"]
    assert found[2]["metadata"]["name"] == "ha-vipalived-dashboard"
    assert found[2]["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert "grafana_dashboard" not in found[0]["metadata"]["labels"]
    [(name, text)] = found[2]["data"].items()
    assert name == "vipalived.json"
    assert json.loads(text)["title"] == "vipalived"


def test_the_validator_refuses_what_is_wrong() -> None:
    daemon_set = render()[1]
    daemon_set["spec"]["template"]["spec"]["hostNetwrok"] = True
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(daemon_set, versions()[-1], strict=True)


def test_what_an_upgrade_from_0_2_3_needs_is_as_it_was() -> None:
    valid = "{keepalived: {vrrpInstance: {virtualIpAddress: 198.18.0.9/24}}}"
    config_map, daemon_set = render(valid, "ha")
    labels = {
        "helm.sh/chart": "vipalived-0.3.0",
        "app.kubernetes.io/name": "vipalived",
        "app.kubernetes.io/instance": "ha",
        "app.kubernetes.io/version": "3.22",
        "app.kubernetes.io/managed-by": "Helm",
        "app.kubernetes.io/component": "control-plane",
    }
    assert config_map["metadata"] == {
        "name": "ha-vipalived-config",
        "namespace": "kube-system",
        "labels": labels,
    }
    assert daemon_set["metadata"] == {"name": "ha-vipalived", "namespace": "kube-system", "labels": labels}
    assert (config_map["apiVersion"], config_map["kind"]) == ("v1", "ConfigMap")
    assert (daemon_set["apiVersion"], daemon_set["kind"]) == ("apps/v1", "DaemonSet")
    selector = {"app.kubernetes.io/name": "vipalived", "app.kubernetes.io/instance": "ha"}
    assert daemon_set["spec"]["selector"] == {"matchLabels": selector}
    template = daemon_set["spec"]["template"]
    assert template["metadata"]["labels"] == selector
    assert list(template["metadata"]["annotations"]) == ["checksum/configmap"]
    [container] = template["spec"]["containers"]
    assert container["name"] == "keepalived"
    assert container["image"] == "alpine:3.22"
    assert container["imagePullPolicy"] == "IfNotPresent"
    assert container["command"][:2] == ["/bin/sh", "-c"]
    assert container["volumeMounts"][0] == {"name": "config", "mountPath": "/etc/vipalived"}
    assert template["spec"]["volumes"][0] == {"name": "config", "configMap": {"name": "ha-vipalived-config"}}
    assert list(config_map["data"]) == ["keepalived.conf"]
    assert template["spec"]["hostNetwork"] is True
    assert template["spec"]["priorityClassName"] == "system-node-critical"
    assert template["spec"]["nodeSelector"] == {"node-role.kubernetes.io/control-plane": "true"}
    assert daemon_set["spec"]["updateStrategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": 1},
    }


@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        ("{}", 6),
        ("{keepalived: {vrrpInstance: {advertInt: 0.03}}}", 3),
        ("{keepalived: {vrrpInstance: {advertInt: 40.95}}}", 166),
        ("{minReadySeconds: 0}", 0),
    ],
)
def test_the_next_pod_is_replaced_once_this_one_could_be_master(values: str, seconds: int) -> None:
    _, daemon_set = render(values)
    assert daemon_set["spec"]["minReadySeconds"] == seconds
    [container] = daemon_set["spec"]["template"]["spec"]["containers"]
    assert container["startupProbe"] == STARTED


@pytest.mark.parametrize("enabled", [False, True])
def test_a_startup_probe_of_ones_own_takes_the_place_of_ours(enabled: bool) -> None:
    own = {"exec": {"command": ["true"]}, "periodSeconds": 7, "timeoutSeconds": 5, "failureThreshold": 60}
    _, daemon_set = render(f"{{startupProbe: {json.dumps(own | {'enabled': enabled})}}}")
    [container] = daemon_set["spec"]["template"]["spec"]["containers"]
    assert container["startupProbe"] == (own if enabled else STARTED)


@pytest.mark.parametrize(
    ("values", "release", "name"),
    [
        ("{}", "vipalived", "vipalived"),
        ("{}", "my-vipalived", "my-vipalived"),
        ("{}", "ha", "ha-vipalived"),
        ("{nameOverride: vip}", "ha", "ha-vip"),
        ("{nameOverride: vip}", "vip-2", "vip-2"),
        ("{fullnameOverride: other}", "ha", "other"),
        ("{nameOverride: " + "n" * 9 + "-" + "m" * 40 + "}", "r" * 53, "r" * 53 + "-" + "n" * 9),
    ],
)
def test_names_follow_helms_convention(values: str, release: str, name: str) -> None:
    config_map, daemon_set = render(values, release)
    assert daemon_set["metadata"]["name"] == name
    assert config_map["metadata"]["name"] == f"{name}-config"


@pytest.mark.parametrize("release", ["", "A", "a_b", "-a", "a" * 54, "a\n", "a/b"])
def test_a_release_name_that_helm_refuses_is_refused(release: str) -> None:
    with pytest.raises(InvalidSettings, match="release name"):
        render(release=release)


def checksum(values: str) -> str:
    return str(render(values)[1]["spec"]["template"]["metadata"]["annotations"]["checksum/configmap"])


def test_pods_roll_when_the_configuration_changes_and_only_then() -> None:
    config_map, _ = render()
    assert checksum("{}") == hashlib.sha256(config_map["data"]["keepalived.conf"].encode()).hexdigest()
    assert checksum("{keepalived: {vrrpInstance: {priority: 101}}}") != checksum("{}")
    assert checksum("{nodes: {a: {priority: 101}}}") != checksum("{}")
    for values in (
        "{podLabels: {a: b}}",
        "{podAnnotations: {a: b}}",
        "{image: {tag: '9'}}",
        "{nodes: {a: {}}}",
    ):
        assert checksum(values) == checksum("{}")


def test_a_static_pod_needs_no_api_object() -> None:
    [pod] = render("{static: true}", "ha")
    assert (pod["apiVersion"], pod["kind"]) == ("v1", "Pod")
    assert pod["metadata"]["name"] == "ha-vipalived"
    assert pod["spec"]["volumes"] == [
        {"name": "config", "emptyDir": {}},
        {"name": "run", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}},
        {"name": "locks", "hostPath": {"path": "/run/vipalived", "type": "DirectoryOrCreate"}},
    ]
    assert pod["spec"]["automountServiceAccountToken"] is False
    # Without the number kubelet takes it for 0, and stops it before the API server.
    assert pod["spec"]["priorityClassName"] == "system-node-critical"
    assert "priority" not in pod["spec"]
    assert not {"serviceAccountName", "nodeSelector", "tolerations", "affinity"} & set(pod["spec"])
    [container] = pod["spec"]["containers"]
    assert container["env"][1] == {"name": "KEEPALIVED_CONF", "value": keepalived.render(load().settings)}
    assert "valueFrom" not in container["env"][1]
    assert "configMap" not in str(pod)
    assert "secret" not in str(pod).lower()


def test_a_static_pod_has_the_scheduling_of_its_own_values() -> None:
    [pod] = render(
        "{static: true, staticNodeSelector: {a: b}, staticTolerations: [{operator: Exists}],"
        " staticAffinity: {podAffinity: {}}, podLabels: {d: e}, podAnnotations: {f: g}}"
    )
    assert pod["spec"]["nodeSelector"] == {"a": "b"}
    assert pod["spec"]["tolerations"] == [{"operator": "Exists"}]
    assert pod["spec"]["affinity"] == {"podAffinity": {}}
    assert pod["metadata"]["labels"]["d"] == "e"
    assert pod["metadata"]["annotations"]["f"] == "g"


@pytest.mark.parametrize("static", [False, True])
def test_every_object_and_pod_has_the_common_labels_and_annotations(static: bool) -> None:
    common = "commonLabels: {team: net, app.kubernetes.io/component: x}, commonAnnotations: {a: b, own: c}"
    own = "podLabels: {team: pods}, podAnnotations: {own: d}"
    found = render(f"{{{common}, {own}, static: {static}, {MONITORED.replace(chr(10), ',')}}}")
    pods = [one["spec"]["template"] for one in found if one["kind"] == "DaemonSet"]
    pods += [one for one in found if one["kind"] == "Pod"]
    assert len(found) == (1 if static else 5)
    assert len(pods) == 1
    for one in [*found, *pods]:
        labels, annotations = one["metadata"]["labels"], one["metadata"]["annotations"]
        assert labels["app.kubernetes.io/component"] == "x"
        assert labels["app.kubernetes.io/instance"] == "vipalived"
        assert labels["team"] == ("pods" if one in pods else "net")
        assert (annotations["a"], annotations["own"]) == ("b", "d" if one in pods else "c")
    assert [
        one["spec"]["selector"]["matchLabels"].get("team") for one in found if one["kind"] == "DaemonSet"
    ] == ([] if static else [None])


@pytest.mark.parametrize("static", [False, True])
def test_warnings_stand_beside_what_they_are_of(static: bool) -> None:
    valid = f"static: {static}, keepalived: {{vrrpInstance: {{virtualIpAddress: 198.18.0.9/24}}}}"
    assert "vipalived/warnings" not in str(render(f"{{{valid}}}"))
    warned = render(
        f"{{{valid}, minReadySeconds: 4, image: {{repository: a}}, terminationGracePeriodSeconds: 1}}"
    )[-1]
    assert warned["metadata"]["annotations"]["vipalived/warnings"] == (
        "- image.repository: an image of your own gets Alpine's version as its tag\n"
        "  hint: set `image.tag` or `image.digest`\n"
        "- terminationGracePeriodSeconds: a pod that needs longer than this is killed before another node has taken"
        " the VIP over\n"
        "  hint: set what four advertisement intervals take and 2 s more; 22 is enough for all, and the default is 30"
    )
    assert "vipalived/warnings" not in str(warned["spec"].get("template"))


def test_the_service_account_is_the_daemon_sets() -> None:
    values = "serviceAccount: {name: vip}"
    assert render(f"{{{values}}}")[1]["spec"]["template"]["spec"]["serviceAccountName"] == "vip"
    assert "serviceAccountName" not in render("{}")[1]["spec"]["template"]["spec"]
    [pod] = render(f"{{{values}, static: true}}")
    assert "serviceAccountName" not in pod["spec"]


def references(pod: Object) -> list[str]:
    """What kubelet's HasAPIObjectReference finds in a pod of ours, and for which it refuses a static one."""
    spec, found = pod["spec"], []
    found += [name for name in ("serviceAccountName", "imagePullSecrets", "resourceClaims") if spec.get(name)]
    for container in [
        *spec["containers"],
        *spec.get("initContainers", []),
        *spec.get("ephemeralContainers", []),
    ]:
        found += [f"envFrom of {container['name']}"] if container.get("envFrom") else []
        sources = [variable.get("valueFrom", {}) for variable in container.get("env", [])]
        found += [key for source in sources for key in source if key != "fieldRef"]
    # Of the kinds of volumes, these two refer to nothing that is not on the node.
    found += [
        key for volume in spec["volumes"] for key in volume if key not in ("name", "emptyDir", "hostPath")
    ]
    return found


@pytest.mark.parametrize("values", ["{}", EVERYTHING, AGENT, f"{EVERYTHING}{AGENT}"])
def test_the_daemon_set_refers_to_objects_and_the_static_pod_does_not(values: str) -> None:
    [_, daemon_set], [pod] = (
        render(values),
        render(f"{values}\nstatic: true" if values != "{}" else "{static: true}"),
    )
    more = [] if "imagePullSecrets" not in values else ["serviceAccountName", "imagePullSecrets"]
    assert references(daemon_set["spec"]["template"]) == [*more, "configMap"]
    assert references(pod) == []


@pytest.mark.no_cover
@quick
@given(layer=valid_layers(), release=st.sampled_from(["a", "vipalived", "r" * 53]))
def test_kubelet_finds_nothing_to_refuse_in_any_static_pod(layer: Layer, release: str) -> None:
    [pod] = manifests(load([layer | {"static": True}]).settings, release)
    assert references(pod) == []
    # The mirror pod is called NAME-NODE, which may have 253 characters, and a node is named after its host.
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?", pod["metadata"]["name"])
    assert len(pod["metadata"]["name"]) + 1 + 63 <= 253
    # kubelet's own bookkeeping, and what ties a pod to an object of the API.
    assert not {"uid", "ownerReferences", "finalizers"} & pod["metadata"].keys()
    assert not {"nodeName", "schedulerName"} & pod["spec"].keys()
    assert "kubernetes.io/config.mirror" not in pod["metadata"].get("annotations", {})


def texts(value: Any) -> list[str]:
    """Every text inside, keys too."""
    if isinstance(value, dict):
        return [text for key, inner in value.items() for text in (key, *texts(inner))]
    if isinstance(value, list):
        return [text for inner in value for text in texts(inner)]
    return [value] if isinstance(value, str) else []


SCRIPTS = {static: script(inline=static) for static in (False, True)}
"""Whatever the values are, the script is one of these."""


@pytest.mark.no_cover
@quick
@given(layer=valid_layers(), release=st.sampled_from(["a", "vipalived"]))
def test_nothing_in_the_values_reaches_the_script_or_another_object(layer: Layer, release: str) -> None:
    chosen = load([layer]).settings
    found = manifests(chosen, release)
    watched = ["PodMonitor"] * chosen.pod_monitor.enabled
    watched += ["PrometheusRule"] * chosen.prometheus_rule.enabled
    watched += ["ConfigMap"] * chosen.grafana_dashboard.enabled
    assert [document["kind"] for document in found] == (
        ["Pod"] if chosen.static else ["ConfigMap", "DaemonSet", *watched]
    )
    spec = found[0]["spec"] if chosen.static else found[1]["spec"]["template"]["spec"]
    [container] = spec["containers"]
    mounted = [] if chosen.static else ["--values", "/etc/vipalived/values.yaml"]
    assert container["command"] == (
        ["vipalived", "agent", *mounted] if chosen.runs_agent else ["/bin/sh", "-c", SCRIPTS[chosen.static]]
    )
    assert list(yaml.load_all(to_yaml(found), Loader)) == found


HOSTILE = [
    *(
        "\n",
        "x\ny",
        "}",
        "{",
        '"',
        "'",
        "#x",
        "!x",
        "@x",
        "$x",
        "$(reboot)",
        "`reboot`",
        "; reboot",
        "a\\",
        "{{ .Values }}",
    ),
    *(
        "{{",
        "- x",
        "x: y",
        "&a",
        "*a",
        "|",
        ">",
        "%x",
        "\t",
        "\u00e9",
        "\u202e",
        "-_0",
        "x" * 5000,
        "\x00",
        "\x1b[0m",
    ),
    *(" x", "x ", "include /etc/passwd", ""),
]
# Every text of the model, and those that Kubernetes' own objects may hold; "*" stands for a key.
PLACES = """
namespace nameOverride fullnameOverride priorityClassName image.repository image.tag image.pullPolicy
keepalived.routerId keepalived.vrrpInstance.name keepalived.vrrpInstance.state keepalived.vrrpInstance.interface
keepalived.vrrpInstance.trackInterface.[] keepalived.vrrpInstance.authentication.authType
keepalived.vrrpInstance.authentication.authPass keepalived.vrrpInstance.virtualIpAddress
keepalived.vrrpInstance.virtualIpAddresses.[] keepalived.vrrpInstance.unicastSourceAddress
keepalived.vrrpInstance.unicastPeers.[] keepalived.vrrpInstance.advertInt
nodes.* nodes.a.state nodes.a.interface nodes.a.unicastSourceAddress updateStrategy.type nodeSelector.* nodeSelector.a
staticNodeSelector.a podLabels.* podLabels.a podAnnotations.* podAnnotations.a livenessProbe.exec.command.[]
startupProbe.exec.command.[] readinessProbe.exec.command.[] resources.limits.* resources.limits.a tolerations.[].key
affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution.[].topologyKey
securityContext.seLinuxOptions.level podSecurityContext.seLinuxOptions.level imagePullSecrets.[].name
staticAffinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution.[].topologyKey staticTolerations.[].value
agent.image.repository agent.image.tag agent.endpoint.address agent.logFormat
agent.securityContext.seLinuxOptions.level healthCheck.url
healthCheck.interval healthCheck.caFile healthCheck.tokenFile distribution podMonitor.interval podMonitor.labels.*
podMonitor.labels.a helmTest.image helmTest.command.[] commonLabels.* commonLabels.a commonAnnotations.*
commonAnnotations.a serviceAccount.name
"""


def put(place: str, text: str) -> Layer:
    """A values file with the text in that place."""
    value: Any = text
    for step in reversed(place.split(".")):
        inner = {} if place == "nodes.*" else "x"
        value = {text: inner} if step == "*" else [value] if step == "[]" else {step: value}
    assert isinstance(value, dict)
    return value


def configuration_of(found: list[Object]) -> str:
    """keepalived.conf, wherever the objects hold it."""
    [text] = [text for document in found for text in texts(document) if text.startswith("global_defs")]
    return text


@pytest.mark.no_cover
@pytest.mark.parametrize("place", PLACES.split())
@pytest.mark.parametrize("static", [False, True])
def test_hostile_text_is_refused_or_stays_where_it_was_put(place: str, static: bool) -> None:
    plain = manifests(load([{"static": static, "keepalived": {"vrrpVersion": 2}}]).settings, "vipalived")
    for text in [*HOSTILE, "x\n\u2028hostPID: true"]:
        layer = put(place, text) | {"static": static, "keepalived": {"vrrpVersion": 2}}
        layer["keepalived"] |= put(place, text).get("keepalived", {})
        try:
            found = manifests(load([layer]).settings, "vipalived")
        except InvalidSettings:
            continue
        written = list(yaml.load_all(to_yaml(found), Loader))
        assert written == found, (place, text)
        configuration, before = configuration_of(found), configuration_of(plain)
        if place.startswith(("keepalived", "nodes")):
            # Whatever was let through stands alone on one line, and changes no other; an empty password takes
            # the four lines of the authentication away.
            further = {"nodes.*": 1} if text else {"keepalived.vrrpInstance.authentication.authPass": -4}
            assert configuration.count("\n") - before.count("\n") in (0, further.get(place, 0))
            changed = set(configuration.splitlines()) - set(before.splitlines())
            assert {line.split()[-1] for line in changed} <= {text}, (place, text)
        else:
            assert configuration == before
        spec = found[-1]["spec"] if static else found[-1]["spec"]["template"]["spec"]
        assert spec["containers"][0]["command"][2] == SCRIPTS[static]


def test_any_text_of_an_object_comes_out_as_it_went_in() -> None:
    for text in HOSTILE:
        annotated = render(yaml.safe_dump({"podAnnotations": {"a": text}, "tolerations": [{"key": text}]}))
        template = next(iter(yaml.load_all(to_yaml(annotated[1:]), Loader)))["spec"]["template"]
        assert template["metadata"]["annotations"]["a"] == text
        assert template["spec"]["tolerations"] == [{"key": text}]
