"""keepalived.conf for every node at once: one file, in which conditional lines pick a node's own values.

keepalived is started with `--config-id NODE`; a line `@NODE ...` then counts for that node alone, and the
last definition of a parameter wins (keepalived.conf(5), "Conditional configuration", "Parameter substitution").
The chart renders the same text with `vipalived.keepalived.conf` in its helpers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from vipalived.settings import Node, Settings, VirtualRouter
from vipalived.settings.addresses import parse_address, parse_vip
from vipalived.settings.model import addresses_of

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
    "PREEMPT": lambda node: "nopreempt" if node.nopreempt else _preempt_delay(node),
    "SOURCE4": lambda node: _source(node, 4),
    "SOURCE6": lambda node: _source(node, 6),
}
"""What a node may have of its own, by the name of the parameter that carries it."""


def render(settings: Settings) -> str:
    """keepalived.conf for all nodes of `settings`, one option a line, with a final newline."""
    routers = settings.virtual_routers()
    blocks = [_parameters(settings), _global_defs(settings)]
    if settings.runs_script:
        blocks.append(_script(settings))
    if len(routers) > 1:
        blocks.append(_sync_group(settings, routers))
    blocks += (_instance(settings, router) for router in routers)
    return "\n".join(filter(None, map(_text, blocks)))


def _text(lines: Iterator[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _source(node: Node, family: int) -> str:
    address = node.source(family)
    return f"unicast_src_ip {address}" if address else ""


def _preempt_delay(node: Node) -> str:
    return f"preempt_delay {node.preempt_delay}" if node.preempt_delay else ""


def _value(settings: Settings, parameter: str) -> str:
    """The value itself where all nodes share it, else a reference to the parameter."""
    value = _PARAMETERS[parameter]
    common = value(settings.node(""))
    shared = all(value(settings.node(name)) == common for name in settings.nodes)
    return common if shared and not _is_found(settings, parameter, common) else f"${parameter}"


def _is_found(settings: Settings, parameter: str, common: str) -> bool:
    """Whether a node without a source of its own finds one when it starts; see `vipalived.render.network`."""
    families = {
        f"SOURCE{parse_address(one).version}" for one in settings.keepalived.vrrp_instance.unicast_peers
    }
    return parameter in families and not common


def _parameters(settings: Settings) -> Iterator[str]:
    for parameter, value in _PARAMETERS.items():
        if _value(settings, parameter) != f"${parameter}":
            continue
        common = value(settings.node(""))
        yield f"${parameter}={common}"
        for name in sorted(settings.nodes):
            own = value(settings.node(name))
            if own != common:
                yield f"@{name} ${parameter}={own}"


def _block(head: str, lines: Iterator[str]) -> Iterator[str]:
    yield f"{head} {{"
    yield from (f"  {line}" for line in lines)
    yield "}"


def _global_defs(settings: Settings) -> Iterator[str]:
    def lines() -> Iterator[str]:
        garp = settings.keepalived.garp
        yield f"router_id {settings.keepalived.router_id}"
        yield f"vrrp_version {settings.keepalived.vrrp_version}"
        yield f"vrrp_garp_master_delay {garp.master_delay}"
        yield f"vrrp_garp_master_refresh {garp.master_refresh}"
        yield f"vrrp_garp_master_repeat {max(1, garp.master_repeat)}"
        yield f"vrrp_garp_master_refresh_repeat {max(1, garp.master_refresh_repeat)}"
        yield from _STALE_ARP
        if delay := settings.keepalived.vrrp_instance.start_delay:
            yield f"vrrp_startup_delay {delay:g}"
        if settings.keepalived.vrrp_instance.unicast_peers:
            yield "vrrp_check_unicast_src"
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


def _sync_group(settings: Settings, routers: tuple[VirtualRouter, ...]) -> Iterator[str]:
    name = f"{settings.keepalived.vrrp_instance.name}_GROUP"
    return _block(f"vrrp_sync_group {name}", _block("group", (router.name for router in routers)))


def _instance(settings: Settings, router: VirtualRouter) -> Iterator[str]:
    def lines() -> Iterator[str]:
        instance = settings.keepalived.vrrp_instance
        yield f"state {_value(settings, 'STATE')}"
        yield f"interface {_value(settings, 'INTERFACE')}"
        yield f"virtual_router_id {settings.vrid}"
        yield f"priority {_value(settings, 'PRIORITY')}"
        yield f"advert_int {instance.advert_int:g}"
        if preemption := _value(settings, "PREEMPT"):
            yield preemption
        yield from _authentication(settings)
        yield from _track_interface(settings)
        if settings.runs_script:
            yield from _block("track_script", iter([_SCRIPT]))
        yield from _unicast(settings, router.family)
        yield from _block("virtual_ipaddress", map(_vip, router.written))

    return _block(f"vrrp_instance {router.name}", lines())


def _vip(written: str) -> str:
    """Without a route of its own, which would make it the source of this node's own connections into its subnet.

    The prefix stays as it is written: at its start keepalived removes what a dead predecessor has left by that.
    """
    return (
        written
        if parse_vip(written).network.prefixlen == 32 and ":" not in written
        else f"{written} noprefixroute"
    )


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


def _unicast(settings: Settings, family: int) -> Iterator[str]:
    peers = settings.keepalived.vrrp_instance.unicast_peers
    of_family = [peer for peer in peers if parse_address(peer).version == family]
    if not of_family:
        return
    yield _value(settings, f"SOURCE{family}")
    if family == 4 and settings.keepalived.vrrp_version == 3:
        # A single packet with keepalived 1.3's checksum would otherwise switch the instance over to it.
        yield "old_unicast_checksum never"
    node_of = {
        parse_address(address): name
        for name, override in settings.nodes.items()
        for address in addresses_of(override.unicast_source_address)
    }
    conditions = (f"@^{node_of[parse_address(p)]} " if parse_address(p) in node_of else "" for p in of_family)
    yield from _block(
        "unicast_peer", (f"{condition}{peer}" for condition, peer in zip(conditions, of_family, strict=True))
    )
