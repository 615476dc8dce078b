"""Who holds an address on the segment: saying so, and hearing others say it. Packet sockets.

One socket for each address family, bound to its protocol: what this host sends itself is not read back.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from vipalived.net import bpf
from vipalived.vrrp import frames
from vipalived.vrrp.frames import Claim
from vipalived.vrrp.packet import IPAddress

_LARGEST = 2048


class Segment:
    """The ARP or neighbour advertisements of one interface that concern `addresses`, all of one family."""

    def __init__(self, interface: str, addresses: Sequence[IPAddress]) -> None:
        self._interface = interface
        ethertype = frames.ETHERTYPE_ARP if addresses[0].version == 4 else frames.ETHERTYPE_IPV6
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
        try:
            self.watch(addresses)
            self._socket.bind((interface, ethertype))
        except OSError:
            self._socket.close()
            raise
        self.mac: bytes = self._socket.getsockname()[4]

    def watch(self, addresses: Sequence[IPAddress]) -> None:
        """Hear about these addresses from now on."""
        ipv4 = [address for address in addresses if isinstance(address, IPv4Address)]
        ipv6 = [address for address in addresses if isinstance(address, IPv6Address)]
        bpf.attach(self._socket, bpf.arp_from(ipv4) if ipv4 else bpf.na_for(ipv6))

    def fileno(self) -> int:
        """For the event loop."""
        return self._socket.fileno()

    def announce(self, addresses: Sequence[IPAddress], rounds: int) -> None:
        """Gratuitous ARP, or unsolicited neighbour advertisements, `rounds` times over all addresses."""
        router = self._forwards()
        made = [frames.announcement(address, self.mac, router=router) for address in addresses]
        for frame in made * rounds:
            self._socket.send(frame)

    def ask(self, addresses: Sequence[IPAddress], source: IPAddress) -> None:
        """Ask who has the addresses; whoever answers will be among the `claims`."""
        for address in addresses:
            self._socket.send(frames.question(address, self.mac, source))

    def claims(self) -> Iterator[Claim]:
        """What other hosts have claimed since the last call."""
        while True:
            try:
                frame = self._socket.recv(_LARGEST)
            except OSError:  # nothing more, or the interface went down or away: its event will come
                return
            claim = frames.parse(frame)
            if claim is not None and claim.mac != self.mac:
                yield claim

    def _forwards(self) -> bool:
        try:
            setting = Path(f"/proc/sys/net/ipv6/conf/{self._interface}/forwarding").read_text()
        except OSError:
            return False
        return setting.strip() != "0"

    def close(self) -> None:
        """Closes the socket."""
        self._socket.close()
