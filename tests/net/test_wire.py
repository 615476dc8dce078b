"""What arrives on a raw IPv6 socket, opened; the sockets themselves are tested in namespaces."""

from __future__ import annotations

import socket
import struct
from ipaddress import IPv6Address

from vipalived.net.wire import _open_ipv6
from vipalived.vrrp.packet import Datagram, Discard

GROUP = IPv6Address("ff02::12")
PKTINFO = (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO)
HOP_LIMIT = (socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT)


def test_destination_and_hop_limit_come_beside_the_payload() -> None:
    facts = {PKTINFO: GROUP.packed + struct.pack("i", 7), HOP_LIMIT: struct.pack("i", 255)}
    assert _open_ipv6(b"payload", "fe80::1%eth0", facts) == Datagram(
        IPv6Address("fe80::1"), GROUP, 255, b"payload"
    )


def test_without_them_it_is_refused() -> None:
    assert _open_ipv6(b"payload", "fe80::1%eth0", {}) is Discard.IP_HEADER
