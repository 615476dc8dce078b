"""The container of a pod that runs keepalived itself: a shell gives way to it, and nothing of ours runs beside it."""

from __future__ import annotations

from vipalived.release import APP_VERSION
from vipalived.render import keepalived
from vipalived.render.container import RUN_VOLUME, Manifest, environment, given, image_name, probes
from vipalived.render.network import CONFIG_FILE, LOCK_DIRECTORY, READY_FILE, preparing_script
from vipalived.settings import Settings

CONFIG_DIRECTORY = CONFIG_FILE.rpartition("/")[0]
RUN_DIRECTORY = READY_FILE.rpartition("/")[0]

_INSTALL = """\
command -v keepalived >/dev/null || apk add --no-cache keepalived || {
  echo 'vipalived: keepalived is not in the image, and apk cannot install it' >&2
  exit 1
}
"""
_WRITE = f"""printf '%s' "$KEEPALIVED_CONF" >{CONFIG_FILE}\n"""
# exec, so that keepalived is PID 1 and gets SIGTERM: it resigns and takes the VIP away in a second.
# Without --log-detail, which adds a line for every gratuitous ARP: some 17,000 a day.
_EXEC = f"""\
exec keepalived --dont-fork --log-console --vrrp --use-file={READY_FILE} --config-id="$NODE_NAME"
"""


STARTED = {
    "exec": {"command": ["/bin/sh", "-c", 'read -r name </proc/1/comm && [ "$name" = keepalived ]']},
    "periodSeconds": 1,
    "timeoutSeconds": 5,
    "failureThreshold": 600,
}
"""A pod is not ready while its script waits: so a bad value ends a rolling update at the first node."""


def script(*, inline: bool) -> str:
    """What the shell does before keepalived takes its place."""
    return _INSTALL + (_WRITE if inline else "") + preparing_script() + _EXEC


def files(settings: Settings) -> dict[str, str]:
    """What the ConfigMap holds."""
    return {"keepalived.conf": keepalived.render(settings)}


def container(settings: Settings, *, inline: bool) -> Manifest:
    """The container, with the configuration mounted, or inline."""
    configuration = keepalived.render(settings) if inline else None
    return {
        "name": "keepalived",
        "image": image_name(settings.image, APP_VERSION),
        "imagePullPolicy": settings.image.pull_policy,
        "command": ["/bin/sh", "-c", script(inline=inline)],
        "env": environment("KEEPALIVED_CONF", configuration),
        **given(
            securityContext=settings.security_context,
            **{"startupProbe": STARTED} | given(**probes(settings)),
            resources=settings.resources,
        ),
        "volumeMounts": [
            {"name": "config", "mountPath": CONFIG_DIRECTORY},
            {"name": "run", "mountPath": RUN_DIRECTORY},
            {"name": "locks", "mountPath": LOCK_DIRECTORY},
        ],
    }


def volumes(settings: Settings, config_map: str | None) -> list[Manifest]:  # noqa: ARG001 - as the agent's
    """The ConfigMap, or room for the configuration that the script writes; room for what keepalived writes; locks."""
    source = {"configMap": {"name": config_map}} if config_map else {"emptyDir": {}}
    locks = {"hostPath": {"path": LOCK_DIRECTORY, "type": "DirectoryOrCreate"}}
    return [{"name": "config", **source}, RUN_VOLUME, {"name": "locks", **locks}]
