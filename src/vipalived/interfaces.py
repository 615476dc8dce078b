"""Which interface `auto` means: the one whose subnet holds the VIP, else the one that the default route goes through.

Pure. The agent asks it with what netlink says; plain keepalived's start script (`vipalived.render.network`) does the
same with `ip` and awk, and says it in the same words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from typing import Final, Literal

from msgspec import Struct

Interface = IPv4Interface | IPv6Interface
Address = IPv4Address | IPv6Address

AUTO: Final[Literal["auto"]] = "auto"
UNABLE: Final = ("LOOPBACK", "POINTOPOINT", "NOARP")
"""Flags of an interface that nobody can ask by ARP: tunnels, dummies, a service proxy's own."""
NEVER: Final = (
    "^(cali|cbr|cilium|cni|docker|dummy|flannel|kube-|lo$|lxc|lxdbr|nerdctl|nodelocaldns|ovn-k8s|podman|tunl|veth"
    f"|virbr|vxlan[.]|weave|antrea-|br-{'[0-9a-f]' * 12}$)"
)
"""Names, as a regular expression that awk knows too, of the bridges and links that container networks make."""


class Undecided(Exception):
    """There is no such interface, or more than one; the text says why."""


class Device(Struct, frozen=True):
    """An interface: its index, its flags as the kernel names them, and the addresses that are its own."""

    name: str
    index: int
    flags: frozenset[str]
    addresses: tuple[Interface, ...]

    @property
    def able(self) -> bool:
        """Whether a VIP could be there at all."""
        return able(self.name, self.flags)


def able(name: str, flags: frozenset[str]) -> bool:
    """Whether a VIP could be on an interface of this name, with these flags of `UNABLE`."""
    return not flags & set(UNABLE) and not re.match(NEVER, name)


def missing(name: str, others: Sequence[str]) -> str:
    """What is waited for where there is no interface of this name, but others that are able."""
    return f"the interface {name}; this node has {', '.join(others) or 'none that could have a VIP'}"


class DefaultRoute(Struct, frozen=True):
    """A default route of one family (4 or 6), through one interface."""

    family: int
    index: int
    metric: int


class Choice(Struct, frozen=True):
    """The interface, and the sentence that says why."""

    interface: str
    reason: str


def choose(vips: Sequence[Address], devices: Iterable[Device], routes: Iterable[DefaultRoute]) -> Choice:
    """The interface for a virtual router with these VIPs; raises Undecided.

    Each family goes by its own subnets and its own default route; both must come to the same interface. Where several
    fit, the narrowest subnet, the route of the lowest metric, and then the lowest index decide.
    """
    able = sorted((device for device in devices if device.able), key=lambda device: device.index)
    by_index = {device.index: device for device in able}
    gateways = [route for route in routes if route.index in by_index]
    families = list(dict.fromkeys(vip.version for vip in vips))
    found, lacking = [], []
    for family in families:
        # Every interface has fe80::/64.
        wanted = [vip for vip in vips if vip.version == family and not vip.is_link_local]
        held = next(filter(None, (_by_subnet(vip, able, vips) for vip in wanted)), None)
        gateway = min(
            (route for route in gateways if route.family == family),
            key=lambda route: (route.metric, route.index),
            default=None,
        )
        sought = ", ".join(map(str, wanted))
        if held is not None:
            found.append(held)
        elif wanted and gateway is not None:
            said = f"has the IPv{family} default route; no subnet here has {sought}"
            found.append(Choice(by_index[gateway.index].name, said))
        elif wanted:
            lacking.append(f"no subnet here has {sought}, and there is no IPv{family} default route to go by")
    return _agreed(found, lacking)


def _by_subnet(vip: Address, able: Sequence[Device], vips: Sequence[Address]) -> Choice | None:
    """An address that is itself a VIP says nothing: somebody has put it there."""
    fitting = [
        (device, address)
        for device in able
        for address in device.addresses
        if address.version == vip.version
        and vip in address.network
        and address.ip not in vips
        and not address.ip.is_link_local
    ]
    if not fitting:
        return None
    device, address = min(fitting, key=lambda pair: (-pair[1].network.prefixlen, pair[0].index))
    others = [other.name for other, _ in fitting if other is not device]
    also = f"; {others[0]} has such a subnet, too" if others else ""
    return Choice(device.name, f"has {address}, the subnet of {vip}{also}")


def _agreed(found: Sequence[Choice], lacking: Sequence[str]) -> Choice:
    if len({choice.interface for choice in found}) > 1:
        said = "; ".join(f"{choice.interface} {choice.reason}" for choice in found)
        raise Undecided(f"a virtual router has one interface, but {said}")
    if not found:
        raise Undecided("; ".join(lacking) or "there is no VIP but link-local ones to go by")
    return found[0]
