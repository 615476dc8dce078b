"""The links and addresses of this host, as plain values."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from ipaddress import IPv4Interface, IPv6Interface

from msgspec import Struct

from vipalived.interfaces import Device, able
from vipalived.vrrp.packet import IPAddress

Interface = IPv4Interface | IPv6Interface


class AddressChange(Struct, frozen=True):
    """An address is on an interface, or no longer.

    `usable` is one that neither waits for duplicate address detection nor has failed it, `primary` one that
    is this host's own rather than borrowed: not secondary, temporary or deprecated. `ours` is one that an agent has
    put there, this one or one that is dead.
    """

    present: bool
    index: int
    address: Interface
    usable: bool = True
    primary: bool = True
    ours: bool = False


class LinkChange(Struct, frozen=True):
    """An interface is there, up and with carrier (`running`) or not, or it is no longer there.

    `flags` are those of `interfaces.UNABLE` that it has. `mac` is None where it is no Ethernet interface;
    `alternatives` are further names.
    """

    present: bool
    index: int
    name: str
    running: bool
    flags: frozenset[str] = frozenset()
    mac: bytes | None = None
    alternatives: frozenset[str] = frozenset()


Change = AddressChange | LinkChange


class Source(Struct, frozen=True):
    """The address that a node speaks from, and why it is that one."""

    address: IPAddress
    why: str


class View(Struct):
    """All links and addresses, as the changes tell them."""

    links: dict[int, LinkChange]
    addresses: dict[tuple[int, Interface], AddressChange]

    def apply(self, change: Change) -> None:
        """Take a change in."""
        key = change.index if isinstance(change, LinkChange) else (change.index, change.address)
        known: dict[object, Change] = self.links if isinstance(change, LinkChange) else self.addresses  # type: ignore[assignment]
        if change.present:
            known[key] = change
        else:
            known.pop(key, None)

    def link(self, name: str) -> LinkChange | None:
        """The link of that name, if there is one."""
        links = self.links.values()
        return next((link for link in links if name == link.name or name in link.alternatives), None)

    def able(self) -> list[str]:
        """The interfaces that a VIP could be on, the oldest first."""
        links = sorted(self.links.values(), key=lambda link: link.index)
        return [link.name for link in links if able(link.name, link.flags)]

    def macs(self) -> frozenset[bytes]:
        """Of all interfaces of this host."""
        return frozenset(link.mac for link in self.links.values() if link.mac is not None)

    def on(self, index: int) -> list[Interface]:
        """The addresses on an interface."""
        return [address for at, address in self.addresses if at == index]

    def left(self, index: int, vips: Collection[IPAddress]) -> list[IPAddress]:
        """Which of these VIPs an agent has put on an interface."""
        return [ip for ip, ours in self._among(index, vips) if ours]

    def own(self, index: int, vips: Collection[IPAddress]) -> list[IPAddress]:
        """Which of these VIPs are on an interface as this host's own: no agent has put them there."""
        return [ip for ip, ours in self._among(index, vips) if not ours]

    def leads(self, index: int) -> bool:
        """Whether an IPv4 address that an agent has put on an interface comes before one of the host's own there."""
        order = [
            change.ours for (at, ip), change in self.addresses.items() if at == index and ip.version == 4
        ]
        return any(ours and not all(order[place:]) for place, ours in enumerate(order))

    def _among(self, index: int, vips: Collection[IPAddress]) -> list[tuple[IPAddress, bool]]:
        found = [change for (at, _), change in self.addresses.items() if at == index]
        return [(change.address.ip, change.ours) for change in found if change.address.ip in vips]

    def devices(self) -> list[Device]:
        """Every interface with the addresses that are its own, for `interfaces.choose`."""
        own = [change for change in self.addresses.values() if change.primary]
        return [
            Device(
                link.name,
                link.index,
                link.flags,
                tuple(change.address for change in own if change.index == link.index),
            )
            for link in self.links.values()
        ]

    def source(
        self,
        index: int,
        family: int,
        vips: Collection[IPAddress],
        *,
        peers: Collection[IPAddress] = (),
        wanted: IPAddress | None = None,
    ) -> Source | None:
        """Which address of an interface a node speaks from, and why; None while there is none that is ready for use.

        The one that is `wanted`; else the one that the unicast `peers` know; else (multicast over IPv6) the link-local
        one; else one whose subnet has a VIP; else the primary one.
        """
        own = [
            change
            for (at, address), change in self.addresses.items()
            if at == index and address.version == family and change.usable and not change.ours
        ]
        there = [change.address for change in own if change.address.ip not in vips]
        primary = [change.address for change in own if change.primary and change.address.ip not in vips]
        if wanted is not None:
            return _first([one for one in there if one.ip == wanted], "as the values say")
        if found := _first([one for one in there if one.ip in peers], "which is among `unicastPeers`"):
            return found
        if family == 6 and not peers:
            return _first(
                [one for one in primary if one.ip.is_link_local], "the interface's link-local address"
            )
        wider = [one for one in primary if not one.ip.is_link_local]
        served = [one for one in wider if any(vip.version == family and vip in one.network for vip in vips)]
        return _first(served, "whose subnet has a VIP") or _first(wider, "the interface's primary address")


def _first(addresses: Sequence[Interface], why: str) -> Source | None:
    return Source(addresses[0].ip, why) if addresses else None
