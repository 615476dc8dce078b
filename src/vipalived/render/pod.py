"""The specification of the pod, of the DaemonSet and static alike, around one of the two containers."""

from __future__ import annotations

from typing import Any

from vipalived.render import agent_container, keepalived_container
from vipalived.render.container import Manifest, given
from vipalived.settings import Settings


def pod_spec(settings: Settings, config_map: str | None, scheduling: dict[str, Any]) -> Manifest:
    """A pod with the configuration from the ConfigMap of that name, or inline where there is none."""
    contents = agent_container if settings.runs_agent else keepalived_container
    return {
        "hostNetwork": settings.host_network,
        "automountServiceAccountToken": settings.automount_service_account_token,
        **given(
            # A static pod may refer to no secret: kubelet refuses it.
            imagePullSecrets=[] if settings.static else settings.image_pull_secrets,
            serviceAccountName="" if settings.static else settings.service_account.name,
            priorityClassName=settings.priority_class_name,
            securityContext=settings.pod_security_context,
            **scheduling,
        ),
        "terminationGracePeriodSeconds": settings.termination_grace_period_seconds,
        "containers": [contents.container(settings, inline=config_map is None)],
        "volumes": contents.volumes(settings, config_map),
    }
