"""What the containers of all pods have in common."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from vipalived.settings import Settings
from vipalived.settings.model import AgentImage, Image

Manifest = dict[str, Any]

RUN_VOLUME: Manifest = {"name": "run", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}}
"""Room for sockets and pid files, on a root that may be read-only."""


def image_name(image: Image | AgentImage, version: str) -> str:
    """An image by what is known of it; `version` is its tag where nothing else is said."""
    tag = f":{image.tag or version}" if image.tag or not image.digest else ""
    return f"{image.repository}{tag}" + (f"@{image.digest}" if image.digest else "")


def given(**fields: Any) -> Manifest:
    """The fields that say something: an empty one is left out, as the chart does."""
    return {key: value for key, value in fields.items() if value}


def environment(name: str, inline: str | None) -> list[Manifest]:
    """The node's name, and the configuration where it is inline."""
    node_name = {"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}
    return [node_name] if inline is None else [node_name, {"name": name, "value": inline}]


def probes(settings: Settings) -> dict[str, Manifest]:
    """The probes that the values ask for, by the names of their fields; the others are empty."""
    return {
        "startupProbe": _probe(settings.startup_probe),
        "livenessProbe": _probe(settings.liveness_probe),
        "readinessProbe": _probe(settings.readiness_probe),
    }


def _probe(probe: BaseModel) -> Manifest:
    values = probe.model_dump(by_alias=True)
    return values if values.pop("enabled") else {}
