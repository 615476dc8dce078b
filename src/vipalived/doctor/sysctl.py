"""Kernel settings that keep a node from answering ARP for the VIP, or make it answer when it must not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final

from vipalived.doctor.finding import Finding, error, ok, skipped, warning
from vipalived.doctor.link import inside
from vipalived.doctor.scene import Network, Scene
from vipalived.net.view import Interface

_CONF: Final = Path("/proc/sys/net/ipv4/conf")
_SILENT: Final = 8
_STRICT: Final = 1
_BEST_SOURCE: Final = 2


def examine(scene: Scene) -> Iterator[Finding]:
    """IPv4 only: neighbour discovery has no such settings."""
    vips = [vip for vip in scene.vips if vip.version == 4]
    if not vips or scene.device is None:
        for check in ("arp_ignore", "arp_announce", "rp_filter"):
            yield skipped(check, "there is no IPv4 VIP" if not vips else "there is no interface to look at")
        return
    yield _arp_ignore(scene, vips)
    yield _arp_announce(scene, vips)
    yield _rp_filter(scene, vips)


def effective(interface: str, name: str) -> int:
    """The kernel takes the larger one of `all` and the interface's own."""
    return max(int((_CONF / scope / name).read_text()) for scope in ("all", interface))


def _elsewhere(scene: Scene, vips: Sequence[Interface]) -> list[str]:
    """Where else on this host a VIP is, in words."""
    names = {device.index: device.name for device in scene.devices}
    own, addresses = scene.plan.interface, {vip.ip for vip in vips}
    return [
        f"{address.ip} is on {names[index]} of this host"
        for index, address in scene.view.addresses
        if address.ip in addresses and names.get(index, own) != own
    ]


def _arp_ignore(scene: Scene, vips: Sequence[Interface]) -> Finding:
    name = scene.plan.interface
    value = effective(name, "arp_ignore")
    said = f"arp_ignore is {value} on {name}"
    elsewhere = _elsewhere(scene, vips)
    if value >= _SILENT:
        why = "the node answers no ARP question at all, so nobody finds the VIP here"
        return error(
            "arp_ignore",
            said,
            why,
            f"`sysctl net.ipv4.conf.all.arp_ignore=0 net.ipv4.conf.{name}.arp_ignore=0`",
        )
    outside = [str(vip.ip) for vip in vips if not inside(scene, vip)]
    if value == 2 and outside:
        return error(
            "arp_ignore",
            f"{said}, and {outside[0]} is in no subnet of that interface",
            "the node answers only who asks from the subnet of the VIP, and so nobody",
            f"use 1 or 0, or a VIP in the subnet of {name}",
        )
    if value == 0 and elsewhere:
        return error(
            "arp_ignore",
            f"{elsewhere[0]}, and {said}",
            f"this node answers for the VIP on {name} while another one holds it",
            "take it off there (kube-proxy in IPVS mode: set `strictARP`), or set arp_ignore to 1",
        )
    return ok("arp_ignore", said)


def _arp_announce(scene: Scene, vips: Sequence[Interface]) -> Finding:
    """Matters where the VIP is on another interface: then it must not be the sender of an ARP question."""
    name = scene.plan.interface
    value = effective(name, "arp_announce")
    said = f"arp_announce is {value} on {name}"
    elsewhere = _elsewhere(scene, vips)
    if elsewhere and value < _BEST_SOURCE:
        return warning(
            "arp_announce",
            f"{elsewhere[0]}, and {said}",
            "when it asks for a neighbour this node may call itself by the VIP, which draws clients here",
            "take it off there (kube-proxy in IPVS mode: set `strictARP`), or set arp_announce to 2",
        )
    return ok("arp_announce", said)


def _rp_filter(scene: Scene, vips: Sequence[Interface]) -> Finding:
    name = scene.plan.interface
    value = effective(name, "rp_filter")
    said = f"rp_filter is {value} on {name}"
    if value != _STRICT:
        return ok("rp_filter", said)
    networks = {own.network for own in scene.own(4) if any(vip.ip in own.network for vip in vips)}
    hint = f"`sysctl net.ipv4.conf.all.rp_filter=2 net.ipv4.conf.{name}.rp_filter=2`, or mend the routes"
    for network in networks:
        if not _goes_back(scene, _somebody(network)):
            why = "what comes from there is dropped: advertisements, and ARP questions for the VIP"
            return error(
                "rp_filter", f"{said} (strict), but {network} is routed by another interface", why, hint
            )
    default = scene.route(IPv4Address(0))
    if default is not None and default.device != name:
        return warning(
            "rp_filter",
            f"{said} (strict), but the default route is by another interface",
            "clients from other networks that arrive here are dropped",
            hint,
        )
    return ok("rp_filter", f"{said} (strict), and what arrives there is answered there")


def _somebody(network: Network) -> IPv4Address:
    return IPv4Address(int(network.network_address) + min(1, network.num_addresses - 1))


def _goes_back(scene: Scene, peer: IPv4Address) -> bool:
    route = scene.route(peer)
    return route is not None and route.device == scene.plan.interface
