"""What Kubernetes lets a container do and have, by its security context and its resources."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Final

from vipalived.settings.model import KubernetesObject, Settings

_DECIMAL: Final = Context(prec=40, traps=[])
"""Where what is too large is infinite, and no error."""
CAPABILITIES: Final = ("NET_ADMIN", "NET_RAW", "SETGID")
"""Those that something here depends on: addresses, raw sockets, the groups of a script's process."""
_FACTORS: Final = {
    "n": "0.000000001",
    "u": "0.000001",
    "m": "0.001",
    **{prefix: "1" + "000" * power for power, prefix in enumerate("kMGTPE", 1)},
    **{f"{prefix}i": str(1024**power) for power, prefix in enumerate("KMGTPE", 1)},
}
"""What the suffix of a quantity stands for."""


@dataclass(frozen=True, slots=True)
class Rights:
    """Of the container that the engine runs in."""

    dropped: tuple[str, ...]
    """Which of `CAPABILITIES` it is denied."""
    missing: tuple[str, ...]
    """Which of them it is not given by name: it has what the container runtime gives to everybody."""
    stranger: str
    """What keeps it from being root, as `key: value`; empty when nothing does."""


def rights(settings: Settings) -> Rights:
    """What the container may do; a key of its own comes before the pod's."""
    own = settings.agent.security_context if settings.runs_agent else settings.security_context
    added, dropped = (_names(own, key) for key in ("add", "drop"))
    missing = [] if own.get("privileged") else [name for name in CAPABILITIES if not added & {name, "ALL"}]
    of_user = settings.pod_security_context | {key: value for key, value in own.items() if value is not None}
    return Rights(
        dropped=tuple(name for name in missing if dropped & {name, "ALL"}),
        missing=tuple(missing),
        stranger=_stranger(of_user),
    )


def _names(context: KubernetesObject, key: str) -> set[str]:
    names = (context.get("capabilities") or {}).get(key) or []
    return {name.upper().removeprefix("CAP_") for name in names}


def _stranger(context: KubernetesObject) -> str:
    if context.get("runAsNonRoot"):
        return "runAsNonRoot: true"
    user = context.get("runAsUser")
    return f"runAsUser: {user}" if user else ""


def excesses(resources: KubernetesObject) -> Iterator[str]:
    """The requests that are more than their limit."""
    requests, limits = (resources.get(key) or {} for key in ("requests", "limits"))
    for name, request in requests.items():
        limit = limits.get(name)
        if request is not None and limit is not None and quantity(request) > quantity(limit):
            yield f"requests.{name} {request} and limits.{name} {limit}"


def quantity(text: str | float) -> float:
    """The number that a Kubernetes quantity stands for."""
    text = str(text)
    number = text.rstrip("inumkKMGTPE")
    factor = Decimal(_FACTORS.get(text[len(number) :], "1"))
    return float(_DECIMAL.multiply(_DECIMAL.create_decimal(number), factor))
