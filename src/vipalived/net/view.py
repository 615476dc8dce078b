"""The links and addresses of this host, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface

from vipalived.interfaces import Device
from vipalived.vrrp.packet import IPAddress

Interface = IPv4Interface | IPv6Interface


@dataclass(frozen=True, slots=True)
class AddressChange:
    """An address is on an interface, or no longer.

    `usable` is one that neither waits for duplicate address detection nor has failed it, `primary` one that
    is this host's own rather than borrowed: not secondary, temporary or deprecated.
    """

    present: bool
    index: int
    address: Interface
    usable: bool = True
    primary: bool = True


@dataclass(frozen=True, slots=True)
class LinkChange:
    """An interface is there, up and with carrier (`running`) or not, or it is no longer there.

    `flags` are those of `interfaces.UNABLE` that it has.
    """

    present: bool
    index: int
    name: str
    running: bool
    flags: frozenset[str] = frozenset()


Change = AddressChange | LinkChange


@dataclass(slots=True)
class View:
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
        return next((link for link in self.links.values() if link.name == name), None)

    def on(self, index: int) -> list[Interface]:
        """The addresses on an interface."""
        return [address for at, address in self.addresses if at == index]

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

    def source(self, index: int, family: int, besides: frozenset[IPAddress]) -> IPAddress | None:
        """The primary IPv4 address, or the link-local IPv6 one, of an interface that is ready for use."""
        for change in self.addresses.values():
            ip: IPv4Address | IPv6Address = change.address.ip
            fits = change.index == index and ip.version == family and ip not in besides
            if fits and change.usable and change.primary and (family == 4 or ip.is_link_local):
                return ip
        return None
