"""keepalived.conf for every node at once: one file, in which conditional lines pick a node's own values.

keepalived is started with `--config-id NODE`; a line `@NODE ...` then counts for that node alone, and the
last definition of a parameter wins (keepalived.conf(5), "Conditional configuration", "Parameter substitution").
The chart renders the same text with `vipalived.keepalived.conf` in its helpers. An agent that supervises
keepalived renders some more for itself, see `Supervision`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from vipalived.settings import Node, Settings, VirtualRouter
from vipalived.settings.addresses import parse_address

_STALE_ARP = (
    # With equal priorities several Backups claim at once; the winner must have the last gratuitous ARP.
    "vrrp_higher_prio_send_advert true",
    "vrrp_garp_lower_prio_delay 1",
    "vrrp_garp_lower_prio_repeat 3",
    # Otherwise any packet heard as Master, even a rejected one, puts the next advertisement off.
    "vrrp_lower_prio_no_advert true",
)

_SCRIPT = "api_server"

_PARAMETERS: dict[str, Callable[[Node], str]] = {
    "STATE": lambda node: node.state,
    "INTERFACE": lambda node: node.interface,
    "PRIORITY": lambda node: str(node.priority),
    "NOPREEMPT": lambda node: "nopreempt" if node.nopreempt else "",
    "SOURCE4": lambda node: _source(node, 4),
    "SOURCE6": lambda node: _source(node, 6),
}
"""What a node may have of its own, by the name of the parameter that carries it."""


HIGHEST_SUPERVISED: Final = 254
"""keepalived lowers no priority of 255, and the agent must be able to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervision:
    """What an agent's keepalived reads and writes besides: absolute paths of the agent's own directory.

    The value in the track file is added to the priority; -254 or less gives the addresses away. keepalived tells of
    each change of state in the FIFO. With `displacing` it takes over from a Master of lower priority, whatever the
    values say, within Advertisement_Interval and Skew_Time of its reload.
    """

    fifo: str
    track_file: str
    displacing: bool = False

    def node(self, node: Node) -> Node:
        """What the node's values become. A `state` of MASTER means nothing below priority 255 but trouble with AH."""
        return replace(
            node,
            state="BACKUP",
            priority=min(node.priority, HIGHEST_SUPERVISED),
            nopreempt=node.nopreempt and not self.displacing,
        )


_Nodes = Callable[[str], Node]
"""What the node of this name runs with; the empty name stands for all others."""


def render(settings: Settings, supervision: Supervision | None = None) -> str:
    """keepalived.conf for all nodes of `settings`, one option a line, with a final newline."""
    routers = settings.virtual_routers()

    def node(name: str = "") -> Node:
        return settings.node(name) if supervision is None else supervision.node(settings.node(name))

    blocks = [_parameters(settings, node), _global_defs(settings, supervision)]
    if supervision is not None:
        blocks.append(_track_file(supervision))
    elif settings.runs_script:
        blocks.append(_script(settings))
    if len(routers) > 1:
        blocks.append(_sync_group(settings, routers, supervision))
    blocks += (_instance(settings, router, node, supervision) for router in routers)
    return "\n".join(filter(None, map(_text, blocks)))


def group_name(settings: Settings) -> str:
    """What the sync group is called where there are two address families."""
    return f"{settings.keepalived.vrrp_instance.name}_GROUP"


def _text(lines: Iterator[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _source(node: Node, family: int) -> str:
    address = node.unicast_source_address
    return f"unicast_src_ip {address}" if address and parse_address(address).version == family else ""


def _value(settings: Settings, node: _Nodes, parameter: str) -> str:
    """The value itself where all nodes share it, else a reference to the parameter."""
    value = _PARAMETERS[parameter]
    common = value(node(""))
    return common if all(value(node(name)) == common for name in settings.nodes) else f"${parameter}"


def _parameters(settings: Settings, node: _Nodes) -> Iterator[str]:
    for parameter, value in _PARAMETERS.items():
        if _value(settings, node, parameter) != f"${parameter}":
            continue
        common = value(node(""))
        yield f"${parameter}={common}"
        for name in sorted(settings.nodes):
            own = value(node(name))
            if own != common:
                yield f"@{name} ${parameter}={own}"


def _block(head: str, lines: Iterator[str]) -> Iterator[str]:
    yield f"{head} {{"
    yield from (f"  {line}" for line in lines)
    yield "}"


def _global_defs(settings: Settings, supervision: Supervision | None) -> Iterator[str]:
    def lines() -> Iterator[str]:
        garp = settings.keepalived.garp
        yield f"router_id {settings.keepalived.router_id}"
        yield f"vrrp_version {settings.keepalived.vrrp_version}"
        yield f"vrrp_garp_master_delay {garp.master_delay}"
        yield f"vrrp_garp_master_refresh {garp.master_refresh}"
        yield f"vrrp_garp_master_repeat {max(1, garp.master_repeat)}"
        yield f"vrrp_garp_master_refresh_repeat {max(1, garp.master_refresh_repeat)}"
        yield from _STALE_ARP
        if settings.keepalived.vrrp_instance.unicast_peers:
            yield "vrrp_check_unicast_src"
        if supervision is not None:
            # The agent asks `--config-test` before each reload. `reload_check_config` needs the capability SETGID:
            # without it keepalived 2.2.7 says that it has reloaded, and goes on with what it had.
            yield f'vrrp_notify_fifo "{supervision.fifo}"'
            return
        if settings.runs_script:
            yield "script_user root"
            yield "enable_script_security"
        yield "reload_check_config"

    return _block("global_defs", lines())


def _script(settings: Settings) -> Iterator[str]:
    """Asks the API server with what Alpine's busybox has, or GNU wget; keepalived counts in whole seconds.

    Its `timeout` ends the whole pipeline: not every busybox knows `wget -T`. 401 is an answer, too. Without a
    weight a failure is FAULT, the one thing that moves a VIP under nopreempt.
    """
    check = settings.health_check
    ask = f'wget -qS -O /dev/null --no-check-certificate \\"{check.url}\\" 2>&1'

    def lines() -> Iterator[str]:
        yield f"""script "/bin/sh -c '{ask} | grep -Eq \\"HTTP/1.[01] (200|401) \\"'\""""
        yield f"interval {math.ceil(check.interval)}"
        yield f"timeout {math.ceil(check.timeout)}"
        yield f"fall {check.fall}"
        yield f"rise {check.rise}"

    return _block(f"vrrp_script {_SCRIPT}", lines())


def _track_file(supervision: Supervision) -> Iterator[str]:
    return _block("track_file standing", iter((f'file "{supervision.track_file}"', "weight 1")))


def _sync_group(
    settings: Settings, routers: tuple[VirtualRouter, ...], supervision: Supervision | None
) -> Iterator[str]:
    def lines() -> Iterator[str]:
        yield from _block("group", (router.name for router in routers))
        if supervision is not None:
            yield "sync_group_tracking_weight"

    return _block(f"vrrp_sync_group {group_name(settings)}", lines())


def _instance(
    settings: Settings, router: VirtualRouter, node: _Nodes, supervision: Supervision | None
) -> Iterator[str]:
    def lines() -> Iterator[str]:
        instance = settings.keepalived.vrrp_instance
        yield f"state {_value(settings, node, 'STATE')}"
        yield f"interface {_value(settings, node, 'INTERFACE')}"
        yield f"virtual_router_id {settings.vrid}"
        yield f"priority {_value(settings, node, 'PRIORITY')}"
        yield f"advert_int {instance.advert_int:g}"
        if nopreempt := _value(settings, node, "NOPREEMPT"):
            yield nopreempt
        if supervision is not None:
            yield from _block("track_file", iter(("standing",)))
            if supervision.displacing:
                yield "down_timer_adverts 1"
        yield from _authentication(settings)
        yield from _track_interface(settings)
        if settings.runs_script and supervision is None:
            yield from _block("track_script", iter([_SCRIPT]))
        yield from _unicast(settings, router.family, node)
        yield from _block("virtual_ipaddress", iter(router.written))

    return _block(f"vrrp_instance {router.name}", lines())


def _authentication(settings: Settings) -> Iterator[str]:
    authentication = settings.keepalived.vrrp_instance.authentication
    if settings.keepalived.vrrp_version == 2 and authentication.auth_pass:
        pair = (f"auth_type {authentication.auth_type}", f"auth_pass {authentication.auth_pass}")
        yield from _block("authentication", iter(pair))


def _track_interface(settings: Settings) -> Iterator[str]:
    own = {settings.node(name).interface for name in ("", *settings.nodes)}
    tracked = [name for name in settings.keepalived.vrrp_instance.track_interface if name not in own]
    if tracked:
        yield from _block("track_interface", iter(tracked))


def _unicast(settings: Settings, family: int, node: _Nodes) -> Iterator[str]:
    peers = settings.keepalived.vrrp_instance.unicast_peers
    of_family = [peer for peer in peers if parse_address(peer).version == family]
    if not of_family:
        return
    if source := _value(settings, node, f"SOURCE{family}"):
        yield source
    if family == 4 and settings.keepalived.vrrp_version == 3:
        # A single packet with keepalived 1.3's checksum would otherwise switch the instance over to it.
        yield "old_unicast_checksum never"
    own = {name: override.unicast_source_address for name, override in settings.nodes.items()}
    node_of = {parse_address(address): name for name, address in own.items() if address}
    conditions = (f"@^{node_of[parse_address(p)]} " if parse_address(p) in node_of else "" for p in of_family)
    yield from _block(
        "unicast_peer", (f"{condition}{peer}" for condition, peer in zip(conditions, of_family, strict=True))
    )
