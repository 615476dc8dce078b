"""What is examined: the settings as this node runs them, and this host's links, addresses and routes."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from vipalived.agent.plan import MemberPlan, Plan, plan
from vipalived.interfaces import Undecided
from vipalived.net.choice import automatic
from vipalived.net.kernel import Kernel
from vipalived.net.netlink import RoutingSocket, ifi, netlink, request, rtnl
from vipalived.net.view import Interface, View
from vipalived.vrrp.packet import IPAddress

if TYPE_CHECKING:
    from vipalived.settings import Settings

Network = IPv4Network | IPv6Network

_UP, _LOWER_UP = 1, 1 << 16
_REJECTS: Final = 0x200
"""RTF_REJECT of linux/route.h: unreachable, prohibited."""


@dataclass(frozen=True, slots=True)
class Device:
    """A link of this host."""

    index: int
    name: str
    up: bool
    carrier: bool


@dataclass(frozen=True, slots=True)
class Route:
    """A route of the main table."""

    network: Network
    device: str
    gateway: bool
    metric: int


@dataclass(frozen=True, slots=True)
class Scene:
    """`root` is where the host's files are, `/` unless they are mounted elsewhere."""

    settings: Settings
    plan: Plan
    root: Path
    devices: tuple[Device, ...]
    view: View
    routes: tuple[Route, ...]

    @property
    def device(self) -> Device | None:
        """The link that carries VRRP."""
        return next((device for device in self.devices if device.name == self.plan.interface), None)

    @property
    def vips(self) -> list[Interface]:
        """Every VIP with its prefix."""
        return [address for member in self.plan.members for address in member.addresses]

    def holds(self, vip: IPAddress) -> bool:
        """Whether the VIP is on the interface that carries VRRP."""
        return self.device is not None and any(at.ip == vip for at in self.view.on(self.device.index))

    def own(self, family: int) -> list[Interface]:
        """This node's own addresses on that interface: all but the VIPs."""
        found = self.view.on(self.device.index) if self.device is not None else []
        return [at for at in found if at.version == family and at.ip not in self.plan.vips]

    def source(self, member: MemberPlan) -> IPAddress | None:
        """The address that this node advertises from."""
        if self.device is None:
            return None
        found = self.view.source(
            self.device.index, member.family, self.plan.vips, peers=member.peers, wanted=member.source
        )
        return found.address if found is not None else None

    def route(self, to: IPAddress) -> Route | None:
        """Where the host sends what is for an address; routes that come and go with a VIP do not count."""
        lent = {vip.network for vip in self.vips} - {own.network for own in self.own(to.version)}
        fitting = [
            route
            for route in self.routes
            if route.network not in lent and route.network.version == to.version and to in route.network
        ]
        return min(fitting, key=lambda route: (-route.network.prefixlen, route.metric), default=None)


def look(settings: Settings, node: str, root: Path) -> Scene:
    """This host as it is now; an interface that is `auto` is the one that it means, and the plan says why."""
    with closing(Kernel()) as kernel:
        view = kernel.view()
    with RoutingSocket() as routing:
        links = routing.ask(request(ifi.ifinfmsg(), rtnl.RTM_GETLINK, netlink.NLM_F_DUMP))
    devices = tuple(_device(message) for message in links if message["family"] == socket.AF_UNSPEC)
    routes = (*_routes_ipv4(), *_routes_ipv6())
    return Scene(settings, _plan(settings, node), root, devices, view, routes)


def _plan(settings: Settings, node: str) -> Plan:
    meant = plan(settings, node)
    if not meant.automatic:
        return meant
    try:
        choice = automatic([vip for member in meant.members for vip in member.vips])
    except Undecided as error:
        return replace(meant, chosen=str(error))
    return meant.on(choice.interface, choice.reason)


def _device(message: Any) -> Device:
    flags = message["flags"]
    return Device(
        message["index"], message.get_attr("IFLA_IFNAME"), bool(flags & _UP), bool(flags & _LOWER_UP)
    )


def _routes_ipv4() -> Iterator[Route]:
    """Words are the bytes of the wire read in the host's own order; proc_net_route of the kernel's fib_trie.c."""
    for line in Path("/proc/net/route").read_text().splitlines()[1:]:
        device, destination, gateway, flags, _, _, metric, mask, *_ = line.split()
        if not int(flags, 16) & _REJECTS:
            network = ip_network(f"{_word(destination)}/{_word(mask)}")
            yield Route(network, device, int(gateway, 16) != 0, int(metric))


def _word(text: str) -> str:
    return socket.inet_ntoa(int(text, 16).to_bytes(4, sys.byteorder))


def _routes_ipv6() -> Iterator[Route]:
    """All tables are in one file; what the kernel has there for its own addresses is at the loopback."""
    file = Path("/proc/net/ipv6_route")
    for line in file.read_text().splitlines() if file.exists() else ():
        destination, length, _, _, gateway, metric, _, _, flags, device = line.split()
        if device != "lo" and not int(flags, 16) & _REJECTS:
            network = ip_network((bytes.fromhex(destination), int(length, 16)))
            yield Route(network, device, int(gateway, 16) != 0, int(metric, 16))
