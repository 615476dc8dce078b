"""The order of the checks, which is that of what needs what: the first error is mostly the cause of the others."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from vipalived.doctor import apiserver, filters, host, kubelet, link, scene, segment, sysctl
from vipalived.doctor.ear import Heard, listen
from vipalived.doctor.finding import Finding, error, ok, skipped, warning
from vipalived.doctor.scene import Scene
from vipalived.errors import Problem, VipalivedError
from vipalived.settings import Settings

_HEARD = ("vrid", "peers", "holder")


def examine(
    settings: Settings, warnings: Iterable[Problem], node: str, root: Path, kubeconfig: Path | None
) -> tuple[Scene, Iterator[Finding]]:
    """What is examined, and the findings as they come; `warnings` are those of the settings."""
    seen = scene.look(settings, node, root)
    return seen, _findings(seen, list(warnings), kubeconfig)


def _findings(seen: Scene, warnings: list[Problem], kubeconfig: Path | None) -> Iterator[Finding]:
    yield from _values(warnings)
    yield from link.examine(seen)
    yield host.capabilities()
    daemons, finding = host.daemons(seen)
    yield finding
    yield filters.examine(seen)
    yield from sysctl.examine(seen)
    heard = _heard(seen)
    held = any(seen.holds(vip) for vip in seen.plan.vips)
    if isinstance(heard, Heard):
        yield from segment.examine(seen, heard, runs=bool(daemons))
        held = held or any(heard.claimants(vip) for vip in seen.plan.vips)
    else:
        yield from (skipped(check, heard) for check in _HEARD)
    yield kubelet.examine(seen)
    yield from apiserver.examine(seen, held=held)
    yield from _nodes(seen, kubeconfig)


def _values(warnings: list[Problem]) -> Iterator[Finding]:
    """What `vipalived check` says, too; the CPU limit is a check of its own."""
    for check, seen in (
        ("values", "they fit each other"),
        ("cpu limit", "it does not slow the advertisements down"),
    ):
        found = [one for one in warnings if (one.path == "resources") == (check == "cpu limit")]
        yield from (warning(check, str(one), "", one.hint or "") for one in found)
        if not found:
            yield ok(check, seen)


def _nodes(seen: Scene, kubeconfig: Path | None) -> Iterator[Finding]:
    if kubeconfig is None or seen.settings.static:
        yield skipped(
            "nodes", "static pods are not scheduled" if kubeconfig else "no `--kubeconfig` was given"
        )
        return
    from vipalived.cluster import placement
    from vipalived.cluster.api import Cluster

    try:
        with Cluster(kubeconfig) as cluster:
            placed = placement.place(seen.settings, cluster.nodes())
    except VipalivedError as reason:
        yield skipped("nodes", reason.message)
        return
    for problem in placed.problems():
        make, why = (
            (warning, "fewer nodes can take the VIP over")
            if placed.placed
            else (error, "no pod runs anywhere")
        )
        yield make("nodes", str(problem), why, problem.hint or "")
    if not list(placed.problems()):
        yield ok("nodes", placed.says)


def _heard(seen: Scene) -> Heard | str:
    """What was heard, or why nothing could be."""
    if seen.device is None or not (seen.device.up and seen.device.carrier):
        return f"{seen.plan.interface} cannot be listened to"
    try:
        return listen(seen, seen.device)
    except PermissionError:
        return "listening takes NET_RAW"
    except OSError as reason:
        return f"{seen.plan.interface} cannot be listened to: {os.strerror(reason.errno or 0)}"
