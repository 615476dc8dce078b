"""What can hold the VIP: how each engine is started on a node, and how it says that it is up."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

from vipalived.errors import MissingRequirement
from vipalived.lab.bounds import NATIVE, RFC, Rule
from vipalived.lab.daemon import Command
from vipalived.lab.sandbox import python
from vipalived.render import keepalived as our_configuration
from vipalived.render.network import preparing_script
from vipalived.settings import Settings
from vipalived.settings.model import HealthCheck

API_SERVER = "https://127.0.0.1:6443/readyz"
_NO_FILES = dict.fromkeys(("ca_file", "client_cert_file", "client_key_file", "token_file"), "")
_AGENT = {"log_format": "text", "log_level": "info"}
"""The lab reads the log."""

_SUPERUSERS_PATH = "/usr/local/sbin:/usr/sbin:/sbin"
_CONTAINER_CAPABILITIES = (
    "chown,dac_override,fowner,fsetid,kill,setgid,setuid,setpcap,net_bind_service,net_raw,"
    "sys_chroot,mknod,audit_write,setfcap"
)
"""What container runtimes leave to a container's root; the pod adds its own to these."""


class Engine(Protocol):
    """A VRRP implementation that the lab can put on a node."""

    @property
    def name(self) -> str:
        """What `--engine` calls it."""

    @property
    def baseline(self) -> bool:
        """Whether it is only there to be compared with: its misses are shown and fail nothing."""

    @property
    def bounds(self) -> Mapping[str, Rule]:
        """What it promises in each scenario."""

    def version(self) -> str:
        """The program's own version."""

    def prepare(self, node: str, settings: Settings, directory: Path) -> Command:
        """Writes what the daemon of this node reads into its own directory; returns how to start it."""

    def ready(self, log: str) -> bool:
        """Whether a daemon that has said this takes part in the election."""

    def reloaded(self, log: str) -> bool:
        """Whether a daemon that has said this since SIGHUP runs with its new configuration."""

    def release(self, directory: Path) -> Sequence[str] | None:
        """The words that take a node out; None where the engine has none. `directory` is as for `prepare`."""


@dataclass(frozen=True, slots=True)
class Keepalived:
    """A real keepalived, by default with the configuration that we render, `prepared` by the pod's script."""

    program: str = "keepalived"
    name: str = "keepalived"
    baseline: bool = False
    prepared: bool = True
    bounds: Mapping[str, Rule] = field(default_factory=lambda: RFC)

    def configuration(self, settings: Settings, node: str) -> str:  # noqa: ARG002 - the baseline differs per node
        """keepalived.conf."""
        return our_configuration.render(settings)

    def version(self) -> str:
        """As `keepalived --version` says it."""
        path = self.path()
        if path is None:
            hint = (
                "install keepalived (`apt-get install keepalived`), name one with `--keepalived PATH`,"
                " or rehearse `--engine native`"
            )
            raise MissingRequirement(f"`{self.program}` is not an executable program", hint=hint)
        said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
        found = re.search(r"Keepalived v(\S+)", said.stderr + said.stdout)
        return found[1] if found else "unknown"

    def path(self) -> str | None:
        """Debian keeps keepalived where an ordinary user's PATH does not lead."""
        return shutil.which(self.program) or shutil.which(self.program, path=_SUPERUSERS_PATH)

    def prepare(self, node: str, settings: Settings, directory: Path) -> Command:
        """The same start as in the pod, with files of its own and the pod's capabilities."""
        config, file = directory / "keepalived.conf", directory / "ready.conf"
        config.write_text(self.configuration(settings, node))
        added = _added_capabilities(settings)
        words = ["-n", "-l", "-P", "-f", str(file if self.prepared else config), "-i", node]
        script = ["sh", "-c", preparing_script(str(config), str(file), str(directory))]
        for option, name in (("-p", "main"), ("-r", "vrrp"), ("-c", "checkers")):
            words += [option, str(directory / f"{name}.pid")]
        kept = ",".join(f"+{name}" for name in dict.fromkeys((*_CONTAINER_CAPABILITIES.split(","), *added)))
        return Command(
            ["setpriv", f"--bounding-set=-all,{kept}", "--", self.path() or self.program, *words],
            {"TMPDIR": str(directory), "NODE_NAME": node},
            script if self.prepared else (),
        )

    def ready(self, log: str) -> bool:
        """keepalived says which state it enters."""
        return "Entering BACKUP STATE" in log or "Entering MASTER STATE" in log

    def reloaded(self, log: str) -> bool:
        """keepalived says when it is done."""
        return "Reload complete" in log

    def release(self, directory: Path) -> None:
        """There is no such command."""


@dataclass(frozen=True, slots=True)
class KeepalivedCheck(Keepalived):
    """keepalived with our configuration and its own check of the API server."""

    name: str = "keepalived-check"

    def version(self) -> str:
        """As keepalived's; without the right to set groups it takes every check for a success."""
        if os.geteuid() != 0:
            hint = "run it as root, or leave out `keepalived-check`"
            raise MissingRequirement("keepalived runs its check only where it may set groups", hint=hint)
        return Keepalived.version(self)

    def configuration(self, settings: Settings, node: str) -> str:
        """With a `vrrp_script`."""
        plain = {"health_check": _check(settings), "engine": "keepalived"}
        return Keepalived.configuration(self, settings.model_copy(update=plain), node)


@dataclass(frozen=True, slots=True)
class Keepalived023(Keepalived):
    """The same keepalived with what the 0.2.3 chart renders, to the letter."""

    name: str = "keepalived-0.2.3"
    baseline: bool = True
    prepared: bool = False

    def configuration(self, settings: Settings, node: str) -> str:
        """The 0.2.3 configuration; where nodes differ, each gets its own values in their place."""
        return "\n".join(_configuration_023(settings, node)) + "\n"


def _configuration_023(settings: Settings, node: str) -> Iterator[str]:
    keepalived, own = settings.keepalived, settings.node(node)
    garp, instance = keepalived.garp, keepalived.vrrp_instance
    yield "global_defs {"
    yield f"  router_id {keepalived.router_id}"
    yield f"  vrrp_version {keepalived.vrrp_version}"
    yield f"  vrrp_garp_master_delay {garp.master_delay}"
    yield f"  vrrp_garp_master_refresh {garp.master_refresh}"
    yield f"  vrrp_garp_master_repeat {garp.master_repeat}"
    yield f"  vrrp_garp_master_refresh_repeat {garp.master_refresh_repeat}"
    yield "}"
    yield f"vrrp_instance {instance.name} {{"
    yield f"  state {own.state}"
    yield f"  interface {own.interface}"
    yield f"  virtual_router_id {settings.vrid}"
    yield f"  priority {own.priority}"
    yield f"  advert_int {instance.advert_int:g}"
    if instance.nopreempt:
        yield "  nopreempt"
    yield "  authentication {"
    yield f"    auth_type {instance.authentication.auth_type}"
    yield f"    auth_pass {instance.authentication.auth_pass}"
    yield "  }"
    yield "  virtual_ipaddress {"
    yield f"    {instance.virtual_ip_address}"
    yield "  }"
    yield "}"


@dataclass(frozen=True, slots=True)
class Native:
    """Our own engine, with the two capabilities that it needs and no more."""

    name: str = "native"
    baseline: bool = False
    bounds: Mapping[str, Rule] = field(default_factory=lambda: NATIVE)

    def version(self) -> str:
        """Of this package."""
        return version("vipalived")

    def prepare(self, node: str, settings: Settings, directory: Path) -> Command:
        """The agent with the operator's values, but for what only the lab knows."""
        told = {"health_check": _check(settings), "agent": settings.agent.model_copy(update=_AGENT)}
        return agent(node, settings.model_copy(update=told | {"engine": "native"}), directory)

    def ready(self, log: str) -> bool:
        """The engine says which state it enters, and the health check what it thinks of the API server."""
        return "INITIALIZE -> " in log and "-> healthy" in log

    def reloaded(self, log: str) -> bool:
        """The agent says so."""
        return "agent reloaded" in log

    def release(self, directory: Path) -> Sequence[str]:
        """`vipalived release`."""
        return python("-m", "vipalived", "release", *_run_dir(directory))


def agent(node: str, settings: Settings, directory: Path) -> Command:
    """`vipalived agent` with the values in a file of its own, and no capability that it does not need."""
    values = settings.model_dump(by_alias=True, exclude={"global_"}, exclude_none=True)
    # The agent watches the file: it must never be seen half-written.
    new, file = directory / "values.new", directory / "values.yaml"
    new.write_text(json.dumps(values, indent=1))
    new.rename(file)
    words = python("-m", "vipalived", "agent", "-f", str(file), "--node", node, *_run_dir(directory))
    return Command(["setpriv", "--bounding-set=-all,+net_admin,+net_raw", "--", *words])


def _check(settings: Settings) -> HealthCheck:
    """The operator's health check, asking the lab's API server, which knows nothing of anybody's secrets."""
    return settings.health_check.model_copy(update={"enabled": True, "url": API_SERVER, **_NO_FILES})


def _run_dir(directory: Path) -> tuple[str, str]:
    return "--run-dir", str(directory / "run")


@dataclass(frozen=True, slots=True)
class Mixed:
    """Two engines on one segment: `first` on the node called `node`, `others` on the rest."""

    name: str
    node: str
    first: Engine
    others: Engine
    baseline: bool = False

    @property
    def bounds(self) -> Mapping[str, Rule]:
        """The holder's: the mixed scenarios make the first node the holder."""
        return self.first.bounds

    def version(self) -> str:
        """Of both."""
        return f"{self.first.name} {self.first.version()}, {self.others.name} {self.others.version()}"

    def prepare(self, node: str, settings: Settings, directory: Path) -> Command:
        """As that node's engine does it."""
        chosen = self.first if node == self.node else self.others
        return chosen.prepare(node, settings, directory)

    def ready(self, log: str) -> bool:
        """As either engine says it."""
        return self.first.ready(log) or self.others.ready(log)

    def reloaded(self, log: str) -> bool:
        """As either engine says it."""
        return self.first.reloaded(log) or self.others.reloaded(log)

    def release(self, directory: Path) -> None:
        """The mixed scenarios release no node."""
        raise NotImplementedError


def _added_capabilities(settings: Settings) -> Iterable[str]:
    """The capabilities that the values add to the container's."""
    capabilities = settings.security_context.get("capabilities") or {}
    return [str(name).lower().removeprefix("cap_") for name in capabilities.get("add") or ()]


ENGINES = ("native", "keepalived", "keepalived-check", "keepalived-0.2.3")


def engine(name: str, keepalived: str = "keepalived") -> Engine:
    """The engine that `--engine` calls by this name; `keepalived` is the program that all but the native one run."""
    chosen: dict[str, Engine] = {
        "native": Native(),
        "keepalived": Keepalived(keepalived),
        "keepalived-check": KeepalivedCheck(keepalived),
        "keepalived-0.2.3": Keepalived023(keepalived),
    }
    return chosen[name]
