"""Kubernetes objects: the DaemonSet with its ConfigMap (Day 2), or the static Pod (Day 1).

Equal to what the chart installs with the same values and release name; a property test with a real Helm
says so. Helm's test is not installed, so it is the chart's alone. What Kubernetes holds immutable and operators
select on is as the 0.2.3 chart has it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from vipalived.errors import InvalidSettings, Problem
from vipalived.release import APP_VERSION, CHART_NAME, CHART_VERSION
from vipalived.render import agent_container, alerts, dashboard, keepalived, keepalived_container
from vipalived.render.container import Manifest, given
from vipalived.render.pod import pod_spec
from vipalived.settings import Settings
from vipalived.settings.distributions import node_selector, tolerations
from vipalived.settings.loading import broken_warnings
from vipalived.settings.model import DNS_SUBDOMAIN
from vipalived.settings.pod_rules import CHECKSUM_ANNOTATION, WARNINGS_ANNOTATION


def manifests(settings: Settings, release_name: str) -> list[Manifest]:
    """The objects for `settings`: [Pod] when `static`, else [ConfigMap, DaemonSet] and what watches them."""
    _check_release_name(release_name)
    settings = settings.of_release(release_name)
    if settings.static:
        return [_static_pod(settings, release_name)]
    found = [_config_map(settings, release_name), _daemon_set(settings, release_name)]
    if settings.pod_monitor.enabled:
        found.append(_pod_monitor(settings, release_name))
    if settings.prometheus_rule.enabled:
        found.append(_prometheus_rule(settings, release_name))
    if settings.grafana_dashboard.enabled:
        found.append(_dashboard(settings, release_name))
    return found


def _check_release_name(name: str) -> None:
    if len(name) > 53 or not re.fullmatch(DNS_SUBDOMAIN, name):
        raise InvalidSettings(
            (
                Problem(
                    "",
                    f"release name: expected up to 53 lower-case letters, digits, `-` and `.`, found `{name}`",
                    "`vipalived` is the default",
                ),
            )
        )


def fullname(settings: Settings, release_name: str) -> str:
    """Helm's convention: the release name, with the chart's name appended unless contained in it."""
    if settings.fullname_override:
        return settings.fullname_override
    name = _name(settings)
    full = release_name if name in release_name else f"{release_name}-{name}"
    return full[:63].removesuffix("-")


def _name(settings: Settings) -> str:
    return settings.name_override or CHART_NAME


def _selector_labels(settings: Settings, release_name: str) -> dict[str, str]:
    return {"app.kubernetes.io/name": _name(settings), "app.kubernetes.io/instance": release_name}


def _metadata(
    settings: Settings,
    release_name: str,
    *,
    suffix: str = "",
    labels: Mapping[str, str] = {},
    annotations: Mapping[str, str] = {},
) -> Manifest:
    return {
        "name": fullname(settings, release_name) + suffix,
        "namespace": settings.namespace,
        **given(annotations={**settings.common_annotations, **annotations}),
        "labels": {
            "helm.sh/chart": f"{CHART_NAME}-{CHART_VERSION}",
            **_selector_labels(settings, release_name),
            "app.kubernetes.io/version": APP_VERSION,
            "app.kubernetes.io/managed-by": "Helm",
            "app.kubernetes.io/component": "control-plane",
            **settings.common_labels,
            **labels,
        },
    }


def _warned(settings: Settings) -> dict[str, str]:
    """The warnings beside what they are of: nobody reads NOTES where Argo CD, Flux or a pipeline installs."""
    text = "".join(rule.text() for rule in broken_warnings(settings)).strip()
    return given(**{WARNINGS_ANNOTATION: text})


def _config_map(settings: Settings, release_name: str) -> Manifest:
    contents = agent_container if settings.runs_agent else keepalived_container
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _metadata(settings, release_name, suffix="-config"),
        "data": contents.files(settings),
    }


def _daemon_set(settings: Settings, release_name: str) -> Manifest:
    selector = _selector_labels(settings, release_name)
    strategy: Manifest = {"type": settings.update_strategy.type}
    if strategy["type"] == "RollingUpdate":
        strategy["rollingUpdate"] = {"maxUnavailable": settings.update_strategy.max_unavailable}
    scheduling = {
        "nodeSelector": node_selector(settings.distribution, settings.node_selector),
        "affinity": settings.affinity,
        "tolerations": tolerations(settings.distribution, settings.tolerations),
    }
    config_map = fullname(settings, release_name) + "-config"
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": _metadata(settings, release_name, annotations=_warned(settings)),
        "spec": {
            "selector": {"matchLabels": selector},
            "updateStrategy": strategy,
            "minReadySeconds": settings.min_ready,
            "template": {
                "metadata": {
                    **given(
                        annotations=_checksum(settings)
                        | settings.common_annotations
                        | settings.pod_annotations
                    ),
                    "labels": {**selector, **settings.common_labels, **settings.pod_labels},
                },
                "spec": pod_spec(settings, config_map, scheduling),
            },
        },
    }


def _checksum(settings: Settings) -> dict[str, str]:
    """Rolls the pods when keepalived.conf changes; the agent reads its values again by itself."""
    if settings.runs_agent:
        return {}
    return {CHECKSUM_ANNOTATION: hashlib.sha256(keepalived.render(settings).encode()).hexdigest()}


def _pod_monitor(settings: Settings, release_name: str) -> Manifest:
    # Pods come and go; the node is what operators know.
    node = {"sourceLabels": ["__meta_kubernetes_pod_node_name"], "targetLabel": "node"}
    endpoint = {
        "port": agent_container.METRICS_PORT,
        "path": "/metrics",
        "interval": settings.pod_monitor.interval,
        "relabelings": [node],
    }
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": _metadata(settings, release_name, labels=settings.pod_monitor.labels),
        "spec": {
            "selector": {"matchLabels": _selector_labels(settings, release_name)},
            "podMetricsEndpoints": [endpoint],
        },
    }


def _prometheus_rule(settings: Settings, release_name: str) -> Manifest:
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": _metadata(settings, release_name, labels=settings.prometheus_rule.labels),
        "spec": alerts.spec(),
    }


def _dashboard(settings: Settings, release_name: str) -> Manifest:
    labels = {"grafana_dashboard": "1"}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _metadata(settings, release_name, suffix="-dashboard", labels=labels),
        "data": {dashboard.FILE_NAME: dashboard.text()},
    }


def _static_pod(settings: Settings, release_name: str) -> Manifest:
    annotations = settings.pod_annotations | _warned(settings)
    scheduling = {
        "nodeSelector": settings.static_node_selector,
        "affinity": settings.static_affinity,
        "tolerations": settings.static_tolerations,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": _metadata(settings, release_name, labels=settings.pod_labels, annotations=annotations),
        "spec": pod_spec(settings, None, scheduling),
    }
