"""Kubernetes objects: the DaemonSet with its ConfigMap (Day 2), or the static Pod (Day 1).

Equal to what the chart renders with the same values and release name; a property test with a real Helm
says so. What Kubernetes holds immutable and operators select on is as the 0.2.3 chart has it.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

import yaml
from pydantic import BaseModel

from vipalived.errors import InvalidSettings, Problem
from vipalived.release import APP_VERSION, CHART_NAME, CHART_VERSION
from vipalived.render import keepalived
from vipalived.settings import Settings
from vipalived.settings.model import DNS_SUBDOMAIN
from vipalived.settings.rules import CHECKSUM_ANNOTATION
from vipalived.settings.values import Loader

Manifest = dict[str, Any]

CONFIG_DIRECTORY = "/etc/keepalived"
CONFIG_FILE = f"{CONFIG_DIRECTORY}/keepalived.conf"

_INSTALL = """\
command -v keepalived >/dev/null || apk add --no-cache keepalived || {
  echo 'vipalived: keepalived is not in the image, and apk cannot install it' >&2
  exit 1
}
"""
_WRITE = f"""printf '%s' "$KEEPALIVED_CONF" >{CONFIG_FILE}\n"""
# exec, so that keepalived is PID 1 and gets SIGTERM: it resigns and takes the VIP away in a second.
_EXEC = f"""\
exec keepalived --dont-fork --log-console --log-detail --vrrp --use-file={CONFIG_FILE} --config-id="$NODE_NAME"
"""

DAEMONSET_SCRIPT = _INSTALL + _EXEC
STATIC_SCRIPT = _INSTALL + _WRITE + _EXEC


def manifests(settings: Settings, release_name: str) -> list[Manifest]:
    """The objects for `settings`: [Pod] when `static`, else [ConfigMap, DaemonSet]."""
    _check_release_name(release_name)
    _check_engine(settings)
    if settings.static:
        return [_static_pod(settings, release_name)]
    return [_config_map(settings, release_name), _daemon_set(settings, release_name)]


def to_yaml(objects: list[Manifest]) -> str:
    """The objects as a stream of YAML documents, long texts as blocks."""
    return yaml.dump_all(objects, Dumper=_Dumper, explicit_start=True, sort_keys=False, width=110)


class _Dumper(yaml.SafeDumper):
    """Writes a text of several lines as a literal block."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent_text)
# kubectl reads `y` as true and `1e3` as 1000, which PyYAML does not know: what either takes for no text is quoted.
_Dumper.yaml_implicit_resolvers = {
    first: [*yaml.SafeDumper.yaml_implicit_resolvers.get(first, []), *resolvers]
    for first, resolvers in Loader.yaml_implicit_resolvers.items()
} | {"=": yaml.SafeDumper.yaml_implicit_resolvers["="]}
_Dumper.ignore_aliases = lambda *_: True  # type: ignore[method-assign]


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


def _check_engine(settings: Settings) -> None:
    if settings.engine == "native":
        message = "expected `keepalived`: no image has the native engine yet, found `native`"
        hint = "run `vipalived agent` on the nodes, or use `engine: keepalived`"
        raise InvalidSettings((Problem("engine", message, hint),))


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


def _metadata(settings: Settings, release_name: str, suffix: str = "") -> Manifest:
    return {
        "name": fullname(settings, release_name) + suffix,
        "namespace": settings.namespace,
        "labels": {
            "helm.sh/chart": f"{CHART_NAME}-{CHART_VERSION}",
            **_selector_labels(settings, release_name),
            "app.kubernetes.io/version": APP_VERSION,
            "app.kubernetes.io/managed-by": "Helm",
            "app.kubernetes.io/component": "control-plane",
        },
    }


def _config_map(settings: Settings, release_name: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _metadata(settings, release_name, "-config"),
        "data": {"keepalived.conf": keepalived.render(settings)},
    }


def _daemon_set(settings: Settings, release_name: str) -> Manifest:
    selector = _selector_labels(settings, release_name)
    checksum = hashlib.sha256(keepalived.render(settings).encode()).hexdigest()
    strategy: Manifest = {"type": settings.update_strategy.type}
    if strategy["type"] == "RollingUpdate":
        strategy["rollingUpdate"] = {"maxUnavailable": settings.update_strategy.max_unavailable}
    scheduling = {
        "nodeSelector": settings.node_selector,
        "affinity": settings.affinity,
        "tolerations": settings.tolerations,
    }
    volume = {"configMap": {"name": fullname(settings, release_name) + "-config"}}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": _metadata(settings, release_name),
        "spec": {
            "selector": {"matchLabels": selector},
            "updateStrategy": strategy,
            "template": {
                "metadata": {
                    "annotations": {CHECKSUM_ANNOTATION: checksum, **settings.pod_annotations},
                    "labels": {**selector, **settings.pod_labels},
                },
                "spec": _pod_spec(settings, DAEMONSET_SCRIPT, [], volume, scheduling),
            },
        },
    }


def _static_pod(settings: Settings, release_name: str) -> Manifest:
    metadata = _metadata(settings, release_name)
    metadata["labels"] |= settings.pod_labels
    if settings.pod_annotations:
        metadata["annotations"] = settings.pod_annotations
    config = {"name": "KEEPALIVED_CONF", "value": keepalived.render(settings)}
    scheduling = {
        "nodeSelector": settings.static_node_selector,
        "affinity": settings.static_affinity,
        "tolerations": settings.static_tolerations,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": _pod_spec(settings, STATIC_SCRIPT, [config], {"emptyDir": {}}, scheduling),
    }


def _pod_spec(
    settings: Settings, script: str, environment: list[Manifest], volume: Manifest, scheduling: Manifest
) -> Manifest:
    return {
        "hostNetwork": settings.host_network,
        "automountServiceAccountToken": settings.automount_service_account_token,
        **_given(
            imagePullSecrets=settings.image_pull_secrets,
            priorityClassName=settings.priority_class_name,
            securityContext=settings.pod_security_context,
            **scheduling,
        ),
        "containers": [_container(settings, script, environment)],
        "volumes": [{"name": "config", **volume}],
    }


def _container(settings: Settings, script: str, environment: list[Manifest]) -> Manifest:
    node_name = {"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}
    return {
        "name": "keepalived",
        "image": f"{settings.image.repository}:{settings.image.tag or APP_VERSION}",
        "imagePullPolicy": settings.image.pull_policy,
        "command": ["/bin/sh", "-c", script],
        "env": [node_name, *environment],
        **_given(
            securityContext=settings.security_context,
            startupProbe=_probe(settings.startup_probe),
            livenessProbe=_probe(settings.liveness_probe),
            readinessProbe=_probe(settings.readiness_probe),
            resources=settings.resources,
        ),
        "volumeMounts": [{"name": "config", "mountPath": CONFIG_DIRECTORY}],
    }


def _probe(probe: BaseModel) -> Manifest:
    values = probe.model_dump(by_alias=True)
    return values if values.pop("enabled") else {}


def _given(**fields: Any) -> Manifest:
    """The fields that say something: an empty one is left out, as the chart does."""
    return {key: value for key, value in fields.items() if value}
