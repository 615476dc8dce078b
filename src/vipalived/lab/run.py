"""A whole run: the world is built once, then trial after trial, engines taking turns.

`Order` is what was asked for; it travels as JSON into the namespaces, where `carry_out` does it.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any, Protocol

from vipalived.errors import MissingRequirement
from vipalived.lab.engines import Engine, engine
from vipalived.lab.plan import BASE_LAYER, node_names, plan, timing
from vipalived.lab.results import Report, Trial
from vipalived.lab.sandbox import python
from vipalived.lab.stage import PORT
from vipalived.lab.trial import FAILURE, Theatre
from vipalived.lab.watch import HolderWatch
from vipalived.lab.world import ROOT, World
from vipalived.settings import Settings, load
from vipalived.settings.loading import SECRETS

ATTEMPTS = 3
"""A trial that the machine spoilt is done again, but not for ever; all of them are reported."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to run. The outputs are open file descriptors, a directory descriptor for the logs, or None."""

    layer: dict[str, Any]
    engines: tuple[str, ...]
    scenarios: tuple[str, ...]
    repeat: int = 1
    nodes: int | None = None
    keepalived: str = "keepalived"
    json: int | None = None
    html: int | None = None
    logs: int | None = None

    def as_json(self) -> str:
        """As text that `from_json` reads."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Order:
        """The order that `as_json` wrote."""
        data = json.loads(text)
        return cls(**data | {"engines": tuple(data["engines"]), "scenarios": tuple(data["scenarios"])})

    def settings(self) -> Settings:
        """The values with the lab's own VIP below them; raises InvalidSettings."""
        return load([BASE_LAYER, self.layer]).settings

    def programme(self) -> Iterator[tuple[int, str, str]]:
        """Number, scenario and engine of each trial: engines take turns, so that noise hits all alike."""
        for number in range(1, self.repeat + 1):
            for scenario in self.scenarios:
                for name in self.engines:
                    yield number, scenario, name


class Audience(Protocol):
    """Whoever is told how a run goes on."""

    def begins(self, number: int, scenario: str, engine: str) -> None:
        """A trial is about to begin."""

    def ended(self, trial: Trial, details: str | None) -> None:
        """A trial is over; `details` has the nodes' logs and addresses where something was wrong."""


def describe(order: Order, settings: Settings, engines: Sequence[Engine]) -> dict[str, Any]:
    """The `lab` part of the report."""
    cast = plan(settings, order.nodes)
    return {
        "nodes": [host.name for host in cast.nodes],
        "vip": str(cast.vip),
        "engines": {chosen.name: chosen.version() for chosen in engines},
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


def carry_out(order: Order, audience: Audience) -> tuple[Report, bool]:
    """Runs the order's programme inside the sandbox; returns the report and whether it is complete.

    An interrupt ends the run early, with the trials that were finished.
    """
    settings = order.settings()
    engines = {name: engine(name, order.keepalived) for name in order.engines}
    report = Report(describe(order, settings, list(engines.values())))
    complete = False
    with suppress(KeyboardInterrupt):
        theatre = _build(settings, order)
        for number, scenario, name in order.programme():
            audience.begins(number, scenario, name)
            for trial, files in _attempts(theatre, scenario, engines[name], number):
                report.trials.append(trial)
                audience.ended(trial, files.get(FAILURE))
                _keep(order.logs, f"{scenario}-{name}-{number}", files)
                write(report, order)
        complete = True
    write(report, order)
    return report, complete


def _attempts(
    theatre: Theatre, scenario: str, chosen: Engine, number: int
) -> Iterator[tuple[Trial, dict[str, str]]]:
    for _ in range(ATTEMPTS):
        trial, files = theatre.play(scenario, chosen, number)
        yield trial, files
        if trial.void is None:
            return


def failures(report: Report, order: Order) -> list[Trial]:
    """The trials that make the run fail: a baseline is only there to be compared with."""
    return report.misses(name for name in order.engines if not engine(name).baseline)


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


def _build(settings: Settings, order: Order) -> Theatre:
    """The world with its servers and its watch."""
    from pyroute2.netlink.exceptions import NetlinkError

    try:
        world = World(plan(settings, order.nodes))
    except NetlinkError as error:
        hint = "the kernel must have `veth` and `bridge`: `modprobe veth bridge` as root loads them"
        raise MissingRequirement(f"cannot build the lab's network: {error.args[-1]}", hint=hint) from error
    authority = _serve(world, ROOT)
    watch = HolderWatch(world.plan.vip, world.namespaces())
    names = node_names(settings, order.nodes)
    return Theatre(world, watch, settings, timing(settings, names), authority)


def _serve(world: World, directory: Path) -> Path:
    """Starts the responder and the HTTPS server of each node; returns the authority's certificate."""
    certificate, authority = directory / "server.pem", directory / "ca.pem"
    _certify(world.plan.vip, certificate, authority)
    family = str(world.plan.vip.version)
    servers = []
    for host in world.plan.nodes:
        for words in (
            ("vipalived.lab.responder", family, str(PORT), host.name),
            ("vipalived.lab.apiserver", family, str(PORT), str(certificate)),
        ):
            command = [*world.enter(host.name), *python("-m", *words)]
            servers.append(subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True))
    for server in servers:
        server.stdout.readline()  # type: ignore[union-attr]  # it is a pipe; the line says that it listens
    return authority


def _certify(vip: IPv4Address | IPv6Address, certificate: Path, authority: Path) -> None:
    """A certificate for the VIP, as the API server's would have it, and the authority that signed it."""
    import trustme

    signer = trustme.CA()
    signer.cert_pem.write_to_path(str(authority))
    signer.issue_cert(str(vip), "kubernetes.default.svc").private_key_and_cert_chain_pem.write_to_path(
        str(certificate)
    )
