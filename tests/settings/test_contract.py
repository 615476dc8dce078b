"""What the 0.2.3 chart documents: every row of its values table, and its configuration examples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.examples import EXAMPLES, OURS
from vipalived.render import keepalived
from vipalived.render.chart import values_table
from vipalived.render.manifests import manifests
from vipalived.render.text import to_yaml
from vipalived.settings import effective_values, load
from vipalived.settings.model import EXAMPLE_VIP
from vipalived.settings.values import parse_yaml

INSTANCE = "keepalived.vrrpInstance"
CHART = Path(__file__).resolve().parents[2] / "charts" / "vipalived"
TOLERATIONS = (
    '[{"key":"CriticalAddonsOnly","operator":"Exists"},'
    '{"effect":"NoExecute","key":"node.kubernetes.io/not-ready","operator":"Exists"},'
    '{"effect":"NoExecute","key":"node.kubernetes.io/unreachable","operator":"Exists"},'
    '{"effect":"NoSchedule","key":"node.kubernetes.io/disk-pressure","operator":"Exists"},'
    '{"effect":"NoSchedule","key":"node.kubernetes.io/memory-pressure","operator":"Exists"},'
    '{"effect":"NoSchedule","key":"node.kubernetes.io/pid-pressure","operator":"Exists"},'
    '{"effect":"NoSchedule","key":"node.kubernetes.io/unschedulable","operator":"Exists"},'
    '{"effect":"NoSchedule","key":"node.kubernetes.io/network-unavailable","operator":"Exists"}]'
)
ROWS = [
    ("affinity", "object", "{}"),
    ("fullnameOverride", "string", '""'),
    ("hostNetwork", "bool", "true"),
    ("image.pullPolicy", "string", '"IfNotPresent"'),
    ("image.repository", "string", '"alpine"'),
    ("image.tag", "string", '""'),
    ("imagePullSecrets", "list", "[]"),
    ("keepalived.garp.masterDelay", "int", "5"),
    ("keepalived.garp.masterRefresh", "int", "10"),
    ("keepalived.garp.masterRefreshRepeat", "int", "1"),
    ("keepalived.garp.masterRepeat", "int", "5"),
    ("keepalived.routerId", "string", '"vipalived"'),
    ("keepalived.vrrpInstance.advertInt", "int", "1"),
    ("keepalived.vrrpInstance.authentication.authPass", "string", '"k8s_vip"'),
    ("keepalived.vrrpInstance.authentication.authType", "string", '"PASS"'),
    ("keepalived.vrrpInstance.interface", "string", '"eth0"'),
    ("keepalived.vrrpInstance.name", "string", '"VI_CONTROL_PLANE"'),
    ("keepalived.vrrpInstance.nopreempt", "bool", "true"),
    ("keepalived.vrrpInstance.priority", "int", "100"),
    ("keepalived.vrrpInstance.state", "string", '"BACKUP"'),
    ("keepalived.vrrpInstance.virtualIpAddress", "string", '"172.16.101.101/32"'),
    ("keepalived.vrrpInstance.virtualRouterId", "int", "51"),
    ("keepalived.vrrpVersion", "int", "3"),
    ("nameOverride", "string", '""'),
    ("namespace", "string", '"kube-system"'),
    ("nodeSelector", "object", '{"node-role.kubernetes.io/control-plane":"true"}'),
    ("podAnnotations", "object", "{}"),
    ("podLabels", "object", "{}"),
    ("podSecurityContext", "object", "{}"),
    ("priorityClassName", "string", '"system-node-critical"'),
    (
        "resources",
        "object",
        '{"limits":{"cpu":"100m","memory":"64Mi"},"requests":{"cpu":"50m","memory":"32Mi"}}',
    ),
    ("securityContext", "object", '{"capabilities":{"add":["NET_ADMIN","NET_RAW","NET_BROADCAST"]}}'),
    ("tolerations", "list", TOLERATIONS),
    ("updateStrategy.maxUnavailable", "int", "1"),
    ("updateStrategy.type", "string", '"RollingUpdate"'),
]
JSON_TYPES: dict[str, type[Any] | tuple[type[Any], ...]] = {
    "bool": bool,
    "int": int,
    "list": list,
    "object": dict,
    "string": str,
}


def at(values: Any, key: str) -> Any:
    for step in key.split("."):
        values = values[step]
    return values


def nested(key: str, value: Any) -> dict[str, Any]:
    for step in reversed(key.split(".")):
        value = {step: value}
    return value


@pytest.mark.parametrize(("key", "kind", "default"), ROWS)
def test_each_documented_value_has_its_key_type_and_default(key: str, kind: str, default: str) -> None:
    expected = json.loads(default)
    assert type(expected) is JSON_TYPES[kind]
    for values in (effective_values(), yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))):
        # As text, where 1 is neither 1.0 nor true.
        assert json.dumps(at(values, key), sort_keys=True) == json.dumps(expected, sort_keys=True)


@pytest.mark.parametrize(("key", "kind", "default"), ROWS)
def test_each_documented_value_is_in_the_generated_table(key: str, kind: str, default: str) -> None:
    rows = [row.split(" | ") for row in values_table().splitlines()]
    row = next(row for row in rows if row[0] == f"| {key}")
    assert row[1] == kind
    assert json.loads(row[2].strip("`")) == json.loads(default)


@pytest.mark.parametrize(("key", "kind", "default"), ROWS)
def test_a_default_that_is_written_down_changes_nothing(key: str, kind: str, default: str) -> None:
    assert load([nested(key, json.loads(default))]) == load()


EFFECTS = {
    "affinity": ("{podAffinity: {}}", "podAffinity: {}"),
    "fullnameOverride": ("other", "name: other"),
    "image.pullPolicy": ("Always", "imagePullPolicy: Always"),
    "image.repository": ("registry.example/k", "image: registry.example/k:3.22"),
    "image.tag": ("'3.23'", "image: alpine:3.23"),
    "imagePullSecrets": ("[{name: s}]", "imagePullSecrets:"),
    "keepalived.garp.masterDelay": ("2", "vrrp_garp_master_delay 2"),
    "keepalived.garp.masterRefresh": ("7", "vrrp_garp_master_refresh 7"),
    "keepalived.garp.masterRefreshRepeat": ("3", "vrrp_garp_master_refresh_repeat 3"),
    "keepalived.garp.masterRepeat": ("9", "vrrp_garp_master_repeat 9"),
    "keepalived.routerId": ("r1", "router_id r1"),
    "keepalived.vrrpInstance.advertInt": ("2", "advert_int 2"),
    "keepalived.vrrpInstance.authentication.authPass": ("s3cret", "auth_pass s3cret"),
    "keepalived.vrrpInstance.authentication.authType": ("AH", "auth_type AH"),
    "keepalived.vrrpInstance.interface": ("ens3", "interface ens3"),
    "keepalived.vrrpInstance.name": ("VI_2", "vrrp_instance VI_2 {"),
    "keepalived.vrrpInstance.priority": ("7", "priority 7"),
    "keepalived.vrrpInstance.state": ("MASTER", "state MASTER"),
    "keepalived.vrrpInstance.virtualIpAddress": ("198.18.0.9/24", "198.18.0.9/24 noprefixroute"),
    "keepalived.vrrpInstance.virtualRouterId": ("7", "virtual_router_id 7"),
    "keepalived.vrrpVersion": ("2", "vrrp_version 2"),
    "nameOverride": ("x", "name: vipalived-x"),
    "namespace": ("vip", "namespace: vip"),
    "nodeSelector": ("{a: b}", "a: b"),
    "podAnnotations": ("{a: b}", "a: b"),
    "podLabels": ("{a: b}", "a: b"),
    "podSecurityContext": ("{fsGroup: 7}", "fsGroup: 7"),
    "priorityClassName": ("other", "priorityClassName: other"),
    "resources": ("{limits: {cpu: 90m}}", "cpu: 90m"),
    "securityContext": ("{privileged: true}", "privileged: true"),
    "tolerations": ("[{key: z, operator: Exists}]", "key: z"),
    "updateStrategy.maxUnavailable": ("2", "maxUnavailable: 2"),
    "updateStrategy.type": ("OnDelete", "type: OnDelete"),
}
"""Another value, and what it makes of the objects; under VRRPv2 where it is about authentication."""


@pytest.mark.parametrize(
    "key", [key for key, _, _ in ROWS if key not in {"hostNetwork", f"{INSTANCE}.nopreempt"}]
)
def test_each_documented_value_reaches_what_it_is_for(key: str) -> None:
    other, text = EFFECTS[key]
    below = {"keepalived": {"vrrpVersion": 2}} if ".authentication." in key else {}
    layer = nested(key, yaml.safe_load(other))
    without, objects = (
        to_yaml(manifests(load(layers).settings, "vipalived")) for layers in ([below], [below, layer])
    )
    assert f"{text}\n" in objects
    assert f"{text}\n" not in without


def test_nopreempt_is_a_line_that_can_be_taken_away() -> None:
    assert "  nopreempt\n" in keepalived.render(load().settings)
    assert "nopreempt" not in keepalived.render(load([nested(f"{INSTANCE}.nopreempt", False)]).settings)


EXAMPLE = f"{INSTANCE}.virtualIpAddress"


def test_of_the_defaults_only_the_vip_is_warned_of() -> None:
    assert [warning.path for warning in load().warnings] == [EXAMPLE]


WARNED = {
    "0.2.3: basic": [f"{INSTANCE}.authentication"],
    "0.2.3: high priority": [f"{INSTANCE}.priority"],
}
"""What a value of an example does not do; the others need no warning."""


def test_the_examples_of_the_readme_are_found() -> None:
    assert len(OURS) == (CHART / "README.md").read_text(encoding="utf-8").count("```yaml") == 7


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_documented_example_loads_with_the_warnings_it_deserves(name: str) -> None:
    layer = parse_yaml(EXAMPLES[name], "values.yaml")
    loaded = load([layer])
    kept = loaded.settings.keepalived.vrrp_instance.virtual_ip_address == EXAMPLE_VIP
    assert [warning.path for warning in loaded.warnings] == WARNED.get(name, [EXAMPLE] if kept else [])
    effective = effective_values([layer])
    for key, value in leaves(layer):
        assert at(effective, key) == value


def leaves(layer: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found = []
    for key, value in layer.items():
        inner = isinstance(value, dict)
        found += leaves(value, f"{prefix}{key}.") if inner else [(f"{prefix}{key}", value)]
    return found


def published(**more: Any) -> dict[str, Any]:
    """The values of the 0.2.3 chart as `helm show values` prints them, with what a later one has besides."""
    values: dict[str, Any] = {}
    for key, _, default in ROWS:
        *groups, last = key.split(".")
        place = values
        for group in groups:
            place = place.setdefault(group, {})
        place[last] = json.loads(default)
    return values | more


PROBES = {
    name: {"enabled": False, "exec": {"command": []}}
    for name in ("startupProbe", "livenessProbe", "readinessProbe")
}


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(published(), id="0.2.3"),
        pytest.param(published(enabled=True), id="with Helm's condition"),
        pytest.param(published(**PROBES), id="0.6.0 to 0.9.0"),
        pytest.param(
            published(**PROBES, static=False, staticTolerations=[], automountServiceAccountToken=False),
            id="0.9.0",
        ),
    ],
)
def test_whole_values_files_of_the_published_chart_are_valid(
    values: dict[str, Any],
) -> None:
    assert [warning.path for warning in load([values]).warnings] == [EXAMPLE]


def test_the_shapes_of_later_releases_are_accepted() -> None:
    layer = parse_yaml(
        """\
static: true
staticNodeSelector: {kubernetes.io/os: linux}
staticAffinity: {nodeAffinity: {}}
staticTolerations: [{operator: Exists}]
automountServiceAccountToken: true
keepalived: {vrrpInstance: {trackInterface: [eth1, eth2]}}
startupProbe: {enabled: true, exec: {command: [a]}, periodSeconds: 1, timeoutSeconds: 2, failureThreshold: 3}
livenessProbe:
  {enabled: true, exec: {command: [a]}, initialDelaySeconds: 0, periodSeconds: 1, timeoutSeconds: 2,
    failureThreshold: 3}
readinessProbe:
  {enabled: true, exec: {command: [a]}, periodSeconds: 1, timeoutSeconds: 2, failureThreshold: 3, successThreshold: 4}
""",
        "values.yaml",
    )
    effective = effective_values([layer])
    assert {key: effective[key] for key in layer if key != "keepalived"} == {
        key: value for key, value in layer.items() if key != "keepalived"
    }
    assert effective["automountServiceAccountToken"] is True
    assert effective_values()["automountServiceAccountToken"] is False
