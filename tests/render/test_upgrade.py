"""A running 0.2.3 release upgrades in place, with Helm's `--reuse-values` too."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.helm import in_order, opened, same
from vipalived.errors import InvalidSettings
from vipalived.render.manifests import manifests
from vipalived.settings import load
from vipalived.settings.loading import known_paths
from vipalived.settings.model import Settings

CHART = Path(__file__).parents[2] / "charts" / "vipalived"

VALUES_OF_0_2_3 = """\
nameOverride: ""
fullnameOverride: ""
namespace: kube-system
image: {repository: alpine, pullPolicy: IfNotPresent, tag: ""}
imagePullSecrets: []
keepalived:
  routerId: vipalived
  vrrpVersion: 3
  garp: {masterDelay: 5, masterRefresh: 10, masterRepeat: 5, masterRefreshRepeat: 1}
  vrrpInstance:
    name: VI_CONTROL_PLANE
    state: BACKUP
    interface: eth0
    priority: 100
    virtualRouterId: 51
    advertInt: 1
    nopreempt: true
    authentication: {authType: PASS, authPass: k8s_vip}
    virtualIpAddress: 172.16.101.101/32
updateStrategy: {type: RollingUpdate, maxUnavailable: 1}
hostNetwork: true
priorityClassName: system-node-critical
nodeSelector: {node-role.kubernetes.io/control-plane: "true"}
tolerations: [{key: CriticalAddonsOnly, operator: Exists}]
affinity: {}
podSecurityContext: {}
securityContext: {capabilities: {add: [NET_ADMIN, NET_RAW, NET_BROADCAST]}}
resources: {limits: {cpu: 100m, memory: 64Mi}, requests: {cpu: 50m, memory: 32Mi}}
podLabels: {}
podAnnotations: {}
"""
"""All that a 0.2.3 release knows: `--reuse-values` lays nothing of the new chart's defaults below it."""


def template(helm: Path, chart: Path, values: str) -> list[Any] | None:
    """The objects of a real `helm template`, or None where it refuses."""
    command = [str(helm), "template", "rel", str(chart), "--skip-tests", "-f", "-"]
    done = subprocess.run(command, input=values, capture_output=True, text=True, timeout=60, check=False)
    return (
        [document for document in yaml.safe_load_all(done.stdout) if document]
        if done.returncode == 0
        else None
    )


@pytest.mark.helm
def test_values_of_0_2_3_alone_are_enough(helm: Path, tmp_path: Path) -> None:
    chart = tmp_path / "vipalived"
    shutil.copytree(CHART, chart)
    (chart / "values.yaml").write_text(VALUES_OF_0_2_3)
    expected = manifests(load([yaml.safe_load(VALUES_OF_0_2_3)]).settings, "rel")
    rendered = template(helm, chart, "{}")
    assert rendered is not None
    assert [expected, len(expected)] == [[o for o in expected if o in rendered], len(rendered)]


# What a release of 0.2.3 is upgraded to with `--reuse-values --set ...`: nothing else of these groups is there.
@pytest.mark.helm
@pytest.mark.parametrize("static", [False, True])
@pytest.mark.parametrize(
    "more",
    [
        "engine: native",
        "{engine: native, agent: {endpoint: {port: 0}}}",
        "{engine: native, healthCheck: {enabled: false, caFile: /a}, native: {lastResort: false}}",
        "healthCheck: {enabled: true}",
        "distribution: kubeadm",
        "grafanaDashboard: {enabled: true}",
        "{engine: native, prometheusRule: {enabled: true}}",
        "{engine: native, agent: {endpoint: {address: '::'}}, podMonitor: {enabled: true, labels: {release: x}}}",
    ],
)
def test_values_of_0_2_3_take_the_agent(helm: Path, tmp_path: Path, more: str, static: bool) -> None:
    chart = tmp_path / "vipalived"
    shutil.copytree(CHART, chart)
    values = yaml.safe_load(VALUES_OF_0_2_3) | yaml.safe_load(more) | {"static": static}
    (chart / "values.yaml").write_text(yaml.safe_dump(values))
    rendered = template(helm, chart, "{}")
    assert rendered is not None
    expected = manifests(load([values]).settings, "rel")
    assert same(opened(in_order(expected)), opened(in_order(rendered)))


@pytest.mark.helm
@pytest.mark.no_cover
@pytest.mark.parametrize("engine", ["keepalived", "native"])
@pytest.mark.parametrize("path", list(known_paths(Settings)))
def test_a_null_means_the_same_to_both_renderers(helm: Path, path: str, engine: str) -> None:
    layer: dict[str, object] | None = None
    for key in reversed(path.split(".")):
        layer = {key: layer}
    assert layer is not None
    layer = {"engine": engine, **layer}
    rendered = template(helm, CHART, yaml.safe_dump(layer))
    try:
        expected = manifests(load([layer]).settings, "rel")
    except InvalidSettings:
        assert rendered is None
    else:
        assert rendered is not None
        assert same(opened(in_order(expected)), opened(in_order(rendered)))
