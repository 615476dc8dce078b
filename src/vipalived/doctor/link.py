"""The interface: is it there, up, connected, addressed, and in the subnet of the VIP?"""

from __future__ import annotations

from collections.abc import Iterator

from vipalived.doctor.finding import Finding, error, ok, warning
from vipalived.doctor.scene import Scene
from vipalived.interfaces import AUTO
from vipalived.net.view import Interface


def examine(scene: Scene) -> Iterator[Finding]:
    """The interface that carries VRRP and those that are tracked, then the addresses on the former."""
    for name in (scene.plan.interface, *scene.plan.tracked):
        yield _interface(scene, name)
    if scene.device is not None:
        yield _address(scene)
        yield _subnet(scene)


def _interface(scene: Scene, name: str) -> Finding:
    device = next((device for device in scene.devices if device.name == name), None)
    if name == AUTO:
        return error(
            "interface",
            f"`auto` means none here: {scene.plan.chosen}",
            "VRRP has nowhere to run on this node",
            "name it in `keepalived.vrrpInstance.interface`, or in `nodes.NAME.interface` where nodes differ",
        )
    if device is None:
        there = ", ".join(sorted(device.name for device in scene.devices if device.name != "lo"))
        return error(
            "interface",
            f"there is no interface {name}; this host has {there or 'none but the loopback'}",
            "VRRP has nowhere to run on this node",
            "set `keepalived.vrrpInstance.interface`, or `nodes.NAME.interface` where nodes differ",
        )
    if not device.up:
        return error(
            "interface",
            f"{name} is down",
            "nothing is sent or received on it",
            f"`ip link set {name} up`, and see why the node's network configuration does not do it",
        )
    if not device.carrier:
        return error(
            "carrier",
            f"{name} is up, but has no carrier",
            "the node is cut off from the other ones on this link",
            "the cable, the switch port, or the other end of a virtual link",
        )
    why = f"; it {scene.plan.chosen}" if scene.plan.automatic and name == scene.plan.interface else ""
    return ok("interface", f"{name} is up and has carrier{why}")


def _address(scene: Scene) -> Finding:
    lacking = [member.family for member in scene.plan.members if scene.source(member) is None]
    name = scene.plan.interface
    if not lacking:
        sources = ", ".join(str(scene.source(member)) for member in scene.plan.members)
        return ok("address", f"advertisements come from {sources}")
    what = {4: "an IPv4 address", 6: "an IPv6 link-local address"}
    return error(
        "address",
        f"{name} has not {' nor '.join(what[family] for family in lacking)} of its own that is ready for use",
        "VRRP advertises from it, so this node can neither be Master nor hear of one",
        "the node's network configuration; for IPv6 also `sysctl net.ipv6.conf."
        f"{name}.disable_ipv6`, and `ip -6 address` for `dadfailed`",
    )


def _subnet(scene: Scene) -> Finding:
    """The first VIP that is wrong is enough: the others mostly share its fault."""
    told = []
    for vip in scene.vips:
        if vip.ip.is_link_local:
            continue
        subnet = next((own.network for own in scene.own(vip.version) if vip.ip in own.network), None)
        if subnet is None and (found := _outside(scene, vip)) is not None:
            return found
        told.append(f"{vip.ip} is {f'in {subnet}' if subnet else 'on the link by a route'}")
    return ok("subnet", ", ".join(told))


def inside(scene: Scene, vip: Interface) -> bool:
    """Whether the VIP is in the subnet of an address of this node on the interface."""
    return any(vip.ip in own.network for own in scene.own(vip.version))


def _outside(scene: Scene, vip: Interface) -> Finding | None:
    """A route to the VIP on the link itself will do; one by way of a gateway only if the routers know."""
    route = scene.route(vip.ip)
    if route is not None and not route.gateway and route.device == scene.plan.interface:
        return None
    subnets = ", ".join(str(own.network) for own in scene.own(vip.version)) or "no subnet"
    seen = f"{vip.ip} is not in {subnets}, which {scene.plan.interface} has"
    hint = (
        f"choose a free address of that subnet, or have a route to {vip.ip} on that link in routers and nodes"
    )
    if route is None:
        return error(
            "subnet", f"{seen}, and no route leads there", "nobody on the link will ask for it by ARP", hint
        )
    way = "by a gateway" if route.gateway else "by another interface"
    return warning(
        "subnet",
        f"{seen}; this node would go there {way}",
        "nobody on the link asks for it by ARP, except a router that has a route for it",
        hint,
    )
