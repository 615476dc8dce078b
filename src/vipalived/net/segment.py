"""Who holds an address on the segment: saying so, and hearing others say it. Packet sockets.

One socket for each address family, bound to its protocol: what this host sends itself is not read back.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import IPv4Address
from pathlib import Path

from vipalived.net import bpf
from vipalived.vrrp import frames
from vipalived.vrrp.frames import Claim
from vipalived.vrrp.packet import IPAddress

_LARGEST = 2048
_TO_US = frozenset({socket.PACKET_HOST, socket.PACKET_BROADCAST, socket.PACKET_MULTICAST})


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
        """Hear about these addresses from now on. A filter that does not fit is left out: `claims` looks, too."""
        self._addresses = frozenset(addresses)
        ipv4 = [address for address in addresses if isinstance(address, IPv4Address)]
        bpf.detach(self._socket)
        with suppress(OSError):
            bpf.attach(self._socket, bpf.arp_from(ipv4) if ipv4 else bpf.neighbour_advertisements())

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

    def read(self, most: int) -> tuple[list[bytes], int]:
        """Frames that came since the last call, up to so many, and how many there were.

        Each once, however often it came, and only those that were sent to this segment, not to one other host there.
        """
        found, read = dict[bytes, None](), 0
        while read < most:
            try:
                frame, (_, _, kind, *_) = self._socket.recvfrom(_LARGEST)
            except OSError:  # nothing more, or the interface went down or away: its event will come
                break
            read += 1
            if kind in _TO_US:
                found[frame] = None
        return list(found), read

    def claim(self, frame: bytes) -> Claim | None:
        """What another host claims by a frame; None when it claims nothing here."""
        claim = frames.parse(frame)
        return (
            claim
            if claim is not None and claim.address in self._addresses and claim.mac != self.mac
            else None
        )

    def _forwards(self) -> bool:
        try:
            setting = Path(f"/proc/sys/net/ipv6/conf/{self._interface}/forwarding").read_text()
        except OSError:
            return False
        return setting.strip() != "0"

    def close(self) -> None:
        """Closes the socket."""
        self._socket.close()
