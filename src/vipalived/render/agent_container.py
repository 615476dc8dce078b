"""The container of a pod that runs `vipalived agent`, and the values that it reads there."""

from __future__ import annotations

from vipalived.release import CHART_VERSION
from vipalived.render.container import RUN_VOLUME, Manifest, environment, given, image_name, probes
from vipalived.render.text import values_text
from vipalived.settings import Settings
from vipalived.settings.model import Exec

VALUES_DIRECTORY = "/etc/vipalived"
VALUES_FILE = f"{VALUES_DIRECTORY}/values.yaml"
RUN_DIRECTORY = "/run/vipalived"
METRICS_PORT = "metrics"
"""What the port of the endpoint is called where it is declared."""

_FILES = ("ca_file", "client_cert_file", "client_key_file", "token_file")


def values(settings: Settings) -> str:
    """What the agent reads of the values, as a values file."""
    groups = settings.model_dump(
        by_alias=True,
        include={
            "engine": True,
            "keepalived": True,
            "native": True,
            "agent": {"endpoint", "ask_first", "log_format", "log_level"},
            "health_check": True,
            "nodes": True,
            "static": True,
        },
        exclude_none=True,
    )
    return values_text(groups)


def files(settings: Settings) -> dict[str, str]:
    """What the ConfigMap holds."""
    return {"values.yaml": values(settings)}


def container(settings: Settings, *, inline: bool) -> Manifest:
    """The container, with the values mounted, or inline."""
    image = settings.agent.image
    mounted = [] if inline else ["--values", VALUES_FILE]
    # Kubernetes reads `$(NAME)` in the value of a variable, and `$$` as `$`.
    text = values(settings).replace("$", "$$") if inline else None
    return {
        "name": "vipalived",
        "image": image_name(image, CHART_VERSION),
        "imagePullPolicy": image.pull_policy,
        "command": ["vipalived", "agent", *mounted],
        "env": environment("VIPALIVED_VALUES", text),
        **given(
            securityContext=settings.agent.security_context,
            ports=[] if inline else _ports(settings),
            **_probes(settings),
            resources=settings.resources,
        ),
        "volumeMounts": _mounts(settings, inline),
    }


def _ports(settings: Settings) -> list[Manifest]:
    """Declared for the PodMonitor only: the scheduler gives a node's port to one pod, and moves may need two there."""
    port = {"name": METRICS_PORT, "containerPort": settings.agent.endpoint.port}
    return [port] if settings.pod_monitor.enabled else []


def _probes(settings: Settings) -> dict[str, Manifest]:
    """The agent's own, but for those whose command somebody chose: the default one asks for keepalived's name."""
    default = Exec().model_dump(by_alias=True)
    chosen = {name: probe for name, probe in probes(settings).items() if probe.get("exec") != default}
    return _own_probes(settings) | given(**chosen)


def _own_probes(settings: Settings) -> dict[str, Manifest]:
    endpoint = settings.agent.endpoint
    if not endpoint.port:
        return {}
    # The pod is in the node's network, and so is kubelet; nobody listens at the wildcard address itself.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(endpoint.address, endpoint.address)  # noqa: S104

    def get(path: str, period: int) -> Manifest:
        request = {"host": host, "path": path, "port": endpoint.port}
        return {"httpGet": request, "periodSeconds": period, "timeoutSeconds": 5, "failureThreshold": 3}

    return {"livenessProbe": get("/livez", 10), "readinessProbe": get("/readyz", 5)}


def _files(settings: Settings) -> dict[str, str]:
    """The files on the node that the health check reads: a volume's name for each path."""
    paths: dict[str, str] = {}
    for name in _FILES:
        if path := getattr(settings.health_check, name):
            paths.setdefault(path, name.replace("_", "-"))
    return paths


def _mounts(settings: Settings, inline: bool) -> list[Manifest]:
    config = [] if inline else [{"name": "config", "mountPath": VALUES_DIRECTORY, "readOnly": True}]
    files = [{"name": name, "mountPath": path, "readOnly": True} for path, name in _files(settings).items()]
    return [*config, {"name": "run", "mountPath": RUN_DIRECTORY}, *files]


def volumes(settings: Settings, config_map: str | None) -> list[Manifest]:
    """The values, room for the agent's socket, and the files of the health check."""
    config: list[Manifest] = [{"name": "config", "configMap": {"name": config_map}}] if config_map else []
    files = [
        {"name": name, "hostPath": {"path": path, "type": "File"}} for path, name in _files(settings).items()
    ]
    return [*config, RUN_VOLUME, *files]
