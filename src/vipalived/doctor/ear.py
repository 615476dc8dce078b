"""Listens to the segment for a while: who advertises our virtual router, and who answers for its addresses.

Advertisements are heard twice: by a packet socket, which has them as they come off the wire, and by a raw socket,
which has what the firewall and the routing code have left of them.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from vipalived.agent.plan import MemberPlan
from vipalived.doctor.scene import Device, Scene
from vipalived.net import bpf
from vipalived.net.segment import Segment
from vipalived.net.wire import Wire
from vipalived.vrrp.frames import ETHERTYPE_IPV6
from vipalived.vrrp.packet import (
    PROTOCOL,
    PROTOCOL_AH,
    Accepted,
    AuthType,
    Datagram,
    Discard,
    IPAddress,
    decode,
    open_ipv4,
)

_ETHERTYPE: Final = {4: 0x0800, 6: ETHERTYPE_IPV6}
_LARGEST: Final = 4096
_AT_ONCE: Final = 4096
_QUESTIONS: Final = 3
_IPV6_HEADER: Final = 40
_SLACK: Final = 0.5
_LONGEST: Final = 30.0
"""Seconds: with an interval of 40 s, three of them would be two minutes."""


@dataclass(slots=True)
class Speaker:
    """The last advertisement of one source; `refused` says why ours would not take it, None that they would.

    `arrived` is whether the raw socket got one as well.
    """

    source: IPAddress
    mac: bytes
    priority: int
    addresses: tuple[IPAddress, ...]
    refused: Discard | None
    arrived: bool = False


@dataclass(slots=True)
class Heard:
    """What came in `seconds`; `claims` are the MAC addresses of others that an address was claimed from."""

    seconds: float
    speakers: dict[IPAddress, Speaker] = field(default_factory=dict)
    claims: dict[IPAddress, set[bytes]] = field(default_factory=dict)

    def claimants(self, address: IPAddress) -> set[bytes]:
        """Who answers for it."""
        return self.claims.get(address, set())


def time_needed(scene: Scene) -> float:
    """Three advertisements' worth of a Master that has our interval."""
    return min(3 * scene.plan.members[0].interval + _SLACK, _LONGEST)


def listen(scene: Scene, device: Device) -> Heard:
    """Listens for `time_needed`; raises OSError where the kernel does not let us."""
    heard = Heard(time_needed(scene))
    with ExitStack() as stack:
        ears = [
            stack.enter_context(closing(_Ear(device, member, source, heard)))
            for member in scene.plan.members
            if (source := scene.source(member)) is not None
        ]
        begun = time.monotonic()
        for number in range(_QUESTIONS):
            for ear in ears:
                ear.ask()
            _until(ears, begun + heard.seconds * (number + 1) / _QUESTIONS)
    return heard


def _until(ears: list[_Ear], end: float) -> None:
    poll = select.poll()
    for ear in ears:
        for descriptor in ear.descriptors:
            poll.register(descriptor, select.POLLIN)
    while (left := end - time.monotonic()) > 0:
        poll.poll(left * 1000)
        for ear in ears:
            ear.take()


class _Ear:
    """One address family of the virtual router."""

    def __init__(self, device: Device, member: MemberPlan, source: IPAddress, heard: Heard) -> None:
        self._member, self._source, self._heard = member, source, heard
        self._policy = member.policy(source)
        ah = member.auth is not None and member.auth.type is AuthType.AH
        with ExitStack() as stack:
            self._wire = Wire(device.name, device.index, member.vrid, member.family, ah=ah)
            stack.callback(self._wire.close)
            self._tap = _tap(device.name, member.family)
            stack.callback(self._tap.close)
            asked = [*member.vips, *sorted(member.peers - {source})]
            self._segment = Segment(device.name, asked)
            self._asked = asked
            stack.callback(self._segment.close)
            self._all = stack.pop_all()

    @property
    def descriptors(self) -> list[int]:
        return [self._wire.fileno(), self._tap.fileno(), self._segment.fileno()]

    def ask(self) -> None:
        """Who has the VIPs, and which peers are there?"""
        self._segment.ask(self._asked, self._source)

    def take(self) -> None:
        """All that waits; the raw socket last, so that it has had its copy of what the other one has."""
        for claim in filter(None, map(self._segment.claim, self._segment.read(_AT_ONCE)[0])):
            self._heard.claims.setdefault(claim.address, set()).add(claim.mac)
        for datagram, mac in self._packets():
            self._note(datagram, mac)
        for received in self._wire.receive(_AT_ONCE)[0]:
            if isinstance(received.content, Datagram) and received.content.source in self._heard.speakers:
                self._heard.speakers[received.content.source].arrived = True

    def _packets(self) -> Iterator[tuple[Datagram, bytes]]:
        while True:
            try:
                data, (*_, mac) = self._tap.recvfrom(_LARGEST)
            except OSError:  # nothing more, or the interface went away
                return
            datagram = open_ipv4(data) if self._member.family == 4 else _open_ipv6(data)
            if isinstance(datagram, Datagram):
                yield datagram, mac

    def _note(self, datagram: Datagram, mac: bytes) -> None:
        payload = datagram.payload
        ours = len(payload) >= 8 and payload[0] & 15 == 1 and payload[1] == self._member.vrid
        if not ours or datagram.source == self._source:
            return
        verdict = decode(datagram, self._policy)
        known = self._heard.speakers.get(datagram.source)
        self._heard.speakers[datagram.source] = Speaker(
            datagram.source,
            mac,
            payload[2],
            _addresses(payload, self._member.family),
            None if isinstance(verdict, Accepted) else verdict,
            arrived=known is not None and known.arrived,
        )

    def close(self) -> None:
        self._all.close()


def _tap(interface: str, family: int) -> socket.socket:
    """Sees what comes in; what this host sends itself is for sockets of all protocols only."""
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, 0)
    try:
        bpf.attach(tap, bpf.ip_protocols(family, (PROTOCOL, PROTOCOL_AH)))
        tap.bind((interface, _ETHERTYPE[family]))
    except OSError:
        tap.close()
        raise
    return tap


def _open_ipv6(data: bytes) -> Datagram | Discard:
    if len(data) < _IPV6_HEADER or data[6] != PROTOCOL:
        return Discard.IP_HEADER
    (length,) = struct.unpack_from(">H", data, 4)
    source, destination = IPv6Address(data[8:24]), IPv6Address(data[24:40])
    return Datagram(source, destination, data[7], data[_IPV6_HEADER : _IPV6_HEADER + length])


def _addresses(payload: bytes, family: int) -> tuple[IPAddress, ...]:
    """The VIPs of an advertisement, whatever else is wrong with it."""
    kind, size = (IPv4Address, 4) if family == 4 else (IPv6Address, 16)
    end = min(len(payload), 8 + payload[3] * size)
    return tuple(kind(payload[at : at + size]) for at in range(8, end - size + 1, size))
