"""What a rule between values is, and the facts that rules look at.

`check` looks at the facts and returns what it found, once for each offence. `chart` is the same condition as
a Go template expression; `vipalived.render.chart` writes the chart's rules from it, and a property test with
a real Helm shows that both give the same verdict. In it `$values` is `.Values`, `$instance` is
`.Values.keepalived.vrrpInstance`, `$agent` and `$health` are the values of those names over their defaults, and
`$facts` and `$rights` are what the chart's templates of those names derive: the same as `Facts` here.

An error is where nothing could work. A warning is where the 0.2.3 documentation offers it, or keepalived
goes on by itself: then what is rendered is what keepalived would have made of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Literal

from vipalived.errors import Problem
from vipalived.settings.addresses import parse_address
from vipalived.settings.model import KubernetesObject, Settings, addresses_of
from vipalived.settings.rights import Rights, rights

PART_OF_A_CORE = r"0*[1-9][0-9]{0,2}m|0?\.[0-9]*[1-9][0-9]*"


class Facts:
    """What the rules look at, derived from the settings over all nodes."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.values = settings.model_dump(by_alias=True)
        self.garp = settings.keepalived.garp
        self.version = settings.keepalived.vrrp_version
        self.instance = instance = settings.keepalived.vrrp_instance
        self.interval = instance.advert_int
        self.agent, self.health = settings.agent, settings.health_check
        self.runs_agent = settings.runs_agent
        self.password = instance.authentication.auth_pass
        self.vips = settings.vips
        self.url_host = _host(settings.health_check.url)
        self.cpu_limit = _cpu_limit(settings.resources)
        self.sizes = {router.family: len(router.written) for router in settings.virtual_routers()}
        self.families = [router.family for router in settings.virtual_routers()]
        self.peers = [parse_address(peer) for peer in instance.unicast_peers]
        overrides = settings.nodes.values()
        given = [instance.unicast_source_address, *(one.unicast_source_address for one in overrides)]
        # Of all nodes first, then each node's own.
        self.common_sources, *of_nodes = ([*map(parse_address, addresses_of(one))] for one in given)
        self.source_lists = [self.common_sources, *of_nodes]
        self.node_sources = [address for one in of_nodes for address in one]
        self.sources = [*self.common_sources, *self.node_sources]
        self.node_addresses = [*self.peers, *self.sources]
        variants = [settings.node(name) for name in ("", *settings.nodes)]
        written = [instance.state, *(override.state or instance.state for override in overrides)]
        self.interfaces = {node.interface for node in variants}
        self.priorities = [node.priority for node in variants]
        named = self.priorities[1:]
        self.share_a_priority = not named or len(set(named)) < len(named)
        self.overridden_priorities = [override.priority for override in overrides if override.priority]
        # As written: what keepalived cannot do is corrected in the nodes.
        self.masters = [
            f"MASTER with priority {priority}"
            for state, priority in zip(written, self.priorities, strict=True)
            if state == "MASTER" and priority != 255
        ]

    @cached_property
    def rights(self) -> Rights:
        """Of the engine's container; only for who reads no invalid security context."""
        return rights(self.settings)


Check = Callable[[Facts], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: where it points, what is wrong, what to do, and the condition in both languages."""

    severity: Literal["error", "warning"]
    path: str
    message: str
    hint: str
    reads: tuple[str, ...]
    """The values that the condition depends on: not checked while one of them is itself invalid."""
    check: Check
    """Returns what was found, in words or as written."""
    chart: str

    def text(self) -> str:
        """What the chart says of it: where and what, and what to do."""
        return f"- {Problem(self.path, self.message)}\n  hint: {self.hint}\n"


def rule(
    severity: Literal["error", "warning"],
    path: str,
    message: str,
    hint: str,
    check: Check,
    chart: str,
    reads: str = "",
) -> Rule:
    """A rule that reads at least its own path; names with a dot in front are in keepalived.vrrpInstance."""
    where, *read = (
        f"keepalived.vrrpInstance{name}" if name.startswith(".") else name
        for name in [path, *(reads or path).split()]
    )
    return Rule(severity, where, message, hint, tuple(read), check, chart)


error = partial(rule, "error")
warning = partial(rule, "warning")


def when(condition: object, found: str) -> list[str]:
    """What was found, if anything was."""
    return [found] if condition else []


def repeated(items: list[object]) -> list[str]:
    """What occurs again in `items`."""
    return [str(item) for index, item in enumerate(items) if item in items[:index]]


def _cpu_limit(resources: KubernetesObject) -> str:
    """The CPU limit as written where it is less than a core in one of the usual forms, else empty."""
    limits = resources.get("limits")
    text = str(limits.get("cpu")) if isinstance(limits, dict) else ""
    return text if re.fullmatch(PART_OF_A_CORE, text) else ""


def _host(url: str) -> str:
    """The host of a URL, addresses spelled as `str(ip)` does."""
    host = re.sub(r"^https://(?:\[([^]]*)\]|([^:/]*)).*$", r"\1\2", url)
    return str(parse_address(host)) if ":" in host else host
