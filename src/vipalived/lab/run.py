"""A whole run inside the sandbox: worlds are built once, then trial after trial, engines taking turns."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from vipalived.errors import MissingRequirement
from vipalived.lab.engines import engine
from vipalived.lab.plan import Plan, plan
from vipalived.lab.programme import Case, Order
from vipalived.lab.results import Report, Trial
from vipalived.lab.sandbox import python
from vipalived.lab.servers import api_servers
from vipalived.lab.stage import PORT, Waits
from vipalived.lab.trial import FAILURE, Theatre
from vipalived.lab.watch import HolderWatch
from vipalived.lab.world import World
from vipalived.settings.loading import SECRETS

ATTEMPTS = 3
"""A trial that the machine spoilt is done again, but not for ever; all of them are reported."""


class Audience(Protocol):
    """Whoever is told how a run goes on."""

    def begins(self, case: Case) -> None:
        """A trial is about to begin."""

    def waits(self, phase: str, seconds: float) -> None:
        """The trial waits, for so long at the most."""

    def ended(self, trial: Trial, details: str | None) -> None:
        """A trial is over; `details` has the nodes' logs and addresses where something was wrong."""


def describe(order: Order, programme: Iterable[Case]) -> dict[str, Any]:
    """The `lab` part of the report."""
    cast = plan(order.settings(), order.nodes)
    return {
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
        "version": version("vipalived"),
        "cores": os.cpu_count(),
        "nodes": [host.name for host in cast.nodes],
        "vip": str(cast.vip),
        "engines": {case.engine.name: case.engine.version() for case in programme},
        "kernel": platform.release(),
        "values": _without_secrets(order.layer),
    }


def _without_secrets(values: Any) -> Any:
    """A report is for others to see."""
    if isinstance(values, list):
        return [_without_secrets(value) for value in values]
    if isinstance(values, dict):
        return {key: "***" if key in SECRETS else _without_secrets(value) for key, value in values.items()}
    return values


def carry_out(order: Order, audience: Audience, interrupted: Callable[[], bool]) -> tuple[Report, bool]:
    """Runs the order's programme inside the sandbox; returns the report and whether it is complete.

    The run ends early once `interrupted` says so, with the trials that were finished.
    """
    programme = order.programme()
    report = Report(describe(order, programme))
    theatres: dict[Plan, Theatre] = {}
    complete = False
    with suppress(KeyboardInterrupt):
        for case in programme:
            audience.begins(case)
            if case.plan not in theatres:
                theatres[case.plan] = _build(case.plan, len(theatres), order, interrupted, audience.waits)
            for trial, files in _attempts(theatres[case.plan], case):
                report.trials.append(trial)
                audience.ended(trial, files.get(FAILURE))
                _keep(order.logs, f"{case.scenario}-{case.engine.name}-{case.number}", files)
                write(report, order)
        complete = True
    write(report, order)
    return report, complete


def _attempts(theatre: Theatre, case: Case) -> Iterator[tuple[Trial, dict[str, str]]]:
    for _ in range(ATTEMPTS):
        trial, files = theatre.play(case)
        yield trial, files
        if trial.void is None:
            return


def failures(report: Report, order: Order) -> list[Trial]:
    """The trials that make the run fail: a baseline is only there to be compared with."""
    return report.misses(besides=[name for name in order.engines if engine(name).baseline])


def write(report: Report, order: Order) -> None:
    """The report so far, into the files that were asked for."""
    from vipalived.lab.page import page

    if order.json is not None:
        _overwrite(order.json, json.dumps(report.as_json()) + "\n")
    if order.html is not None:
        _overwrite(order.html, page(report))


def _keep(logs: int | None, name: str, files: Mapping[str, str]) -> None:
    """Leaves a trial's files in a directory of its own below the one that is open as `logs`."""
    if logs is None:
        return
    place = Path(f"/proc/self/fd/{logs}", name)
    place.mkdir(exist_ok=True)
    for file, text in files.items():
        (place / file).write_text(text)


def _overwrite(descriptor: int, text: str) -> None:
    data = text.encode()
    os.lseek(descriptor, 0, os.SEEK_SET)
    while data:
        data = data[os.write(descriptor, data) :]
    os.ftruncate(descriptor, os.lseek(descriptor, 0, os.SEEK_CUR))


def _build(cast: Plan, number: int, order: Order, interrupted: Callable[[], bool], waits: Waits) -> Theatre:
    """The world of this number, with its servers and its watch."""
    from pyroute2.netlink.exceptions import NetlinkError

    try:
        world = World(cast, number)
    except NetlinkError as error:
        hint = "the kernel must have `veth` and `bridge`: `modprobe veth bridge` as root loads them"
        raise MissingRequirement(f"cannot build the lab's network: {error.args[-1]}", hint=hint) from error
    _respond(world)
    servers, authority = api_servers(world, PORT)
    watch = HolderWatch(cast.vip, world.namespaces())
    return Theatre(world, watch, authority, servers, order.quota, interrupted, waits)


def _respond(world: World) -> None:
    """Starts the responder of each node, which stands for the node itself: it lives as long as the world."""
    family = str(world.plan.vip.version)
    responders = []
    for host in world.plan.nodes:
        words = ("vipalived.lab.responder", family, str(PORT), host.name)
        command = [*world.enter(host.name), *python("-m", *words)]
        responders.append(subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True))
    for responder in responders:
        responder.stdout.readline()  # type: ignore[union-attr]  # it is a pipe; the line says that it listens
