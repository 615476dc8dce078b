"""Frames: captured from keepalived, made by scapy, made wrong one field at a time, and noise."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from vipalived.observe.reading import READABLE, Frame, Heard, Rubbish, read
from vipalived.vrrp import packet
from vipalived.vrrp.packet import Advertisement, Auth, AuthType, Discard, IPAddress

MAC = "02:00:00:00:00:01"
A, LL = IPv4Address("198.18.0.1"), IPv6Address("fe80::ff:fe00:1")
VIP = IPv4Address("198.18.0.100")
GROUP, GROUP6 = IPv4Address("224.0.0.18"), IPv6Address("ff02::12")
NONE = "213364010001b453c61200640000000000000000"
PASS = "213364010101e27ec61200643132333435363738"
AH = (
    "45c0004000010000ff3314a4c6120001e000001270040000c612000100000001bb823f0eb4a538b9694cf8e1"
    "213364010201b253c61200640000000000000000"
)
V3 = "313364010032fd7fc6120064"
V3_IPV6 = "3133640200644cb2" + "fe80" + "00" * 12 + "0100" + "20010002000000010000000000000100"
V3_NO_PSEUDO_HEADER = "310114020001a4f00a0001050a000106"
"""VRID 1, priority 20, 0.01 s, 10.0.1.5 and .6: checksum 42224, as holo-routing has it."""


def ethernet(body: bytes, kind: int = 0x0800) -> bytes:
    return (
        bytes.fromhex("01005e000012") + bytes.fromhex(MAC.replace(":", "")) + struct.pack(">H", kind) + body
    )


def ipv4(message: bytes, source: IPAddress = A, to: IPAddress = GROUP, ttl: int = 255) -> bytes:
    head = struct.pack(">BBHHHBBH", 0x45, 0xC0, 20 + len(message), 1, 0, ttl, 112, 0)
    return ethernet(head + source.packed + to.packed + message)


def ipv6(message: bytes, source: IPAddress = LL, to: IPAddress = GROUP6, hops: int = 255) -> bytes:
    head = struct.pack(">LHBB", 6 << 28, len(message), 112, hops)
    return ethernet(head + source.packed + to.packed + message, 0x86DD)


def reading(data: bytes, *, ours: bool = False) -> Heard | Rubbish:
    return read(Frame(data, 7.5, 1_000_000_007, ours))


def heard(data: bytes) -> Heard:
    found = reading(data)
    assert isinstance(found, Heard), found
    return found


V2 = Advertisement(version=2, vrid=51, priority=100, interval=1.0, addresses=(VIP,))


@pytest.mark.parametrize(
    ("frame", "advertisement", "authentication"),
    [
        (ipv4(bytes.fromhex(NONE)), V2, None),
        (ipv4(bytes.fromhex(PASS)), V2, AuthType.PASS),
        (ethernet(bytes.fromhex(AH)), V2, AuthType.AH),
        (ipv4(bytes.fromhex(V3)), replace(V2, version=3, interval=0.5), None),
        (
            ipv6(bytes.fromhex(V3_IPV6)),
            replace(V2, version=3, addresses=(IPv6Address("fe80::100"), IPv6Address("2001:2:0:1::100"))),
            None,
        ),
        (
            ipv4(bytes.fromhex(V3_NO_PSEUDO_HEADER), source=IPv4Address("10.0.1.2")),
            Advertisement(
                version=3,
                vrid=1,
                priority=20,
                interval=0.01,
                addresses=(IPv4Address("10.0.1.5"), IPv4Address("10.0.1.6")),
            ),
            None,
        ),
    ],
    ids=["v2", "v2-PASS", "v2-AH", "v3", "v3-ipv6", "v3-without-pseudo-header"],
)
def test_every_form_is_read_and_found_right(
    frame: bytes, advertisement: Advertisement, authentication: AuthType | None
) -> None:
    found = heard(frame)
    assert found.advertisement == advertisement
    assert (found.authentication, found.faults) == (authentication, ())
    assert (found.mac, found.ttl, found.arrived, found.ours) == (MAC, 255, 7.5, False)


def test_who_sent_it_and_whereto() -> None:
    assert heard(ipv4(bytes.fromhex(NONE))).source == A
    assert heard(ipv4(bytes.fromhex(NONE))).destination == GROUP
    assert heard(ipv6(bytes.fromhex(V3_IPV6))).source == LL
    own = reading(ipv4(bytes.fromhex(NONE)), ours=True)
    assert isinstance(own, Heard)
    assert own.ours


def test_the_padding_of_short_frames_is_no_part_of_them() -> None:
    assert heard(ipv4(bytes.fromhex(V3)) + bytes(14)).faults == ()
    assert heard(ipv6(bytes.fromhex(V3_IPV6)) + bytes(4)).faults == ()


def test_a_password_is_kept_and_not_shown() -> None:
    found = heard(ipv4(bytes.fromhex(PASS)))
    assert found.password == b"12345678"
    assert "12345678" not in repr(found)


def test_unicast_may_have_crossed_a_router() -> None:
    to = IPv4Address("198.18.0.2")
    message = bytes.fromhex("313364010064174cc6120064")  # keepalived's, to that address
    found = heard(ipv4(message, to=to, ttl=3))
    assert (found.destination, found.ttl, found.faults) == (to, 3, ())


AH_PACKET = bytes.fromhex(AH)
WRONG_SPI = AH_PACKET[:24] + bytes(4) + AH_PACKET[28:]


@pytest.mark.parametrize(
    ("frame", "faults"),
    [
        (ipv4(bytes.fromhex(NONE), ttl=254), [Discard.TTL]),
        (ipv6(bytes.fromhex(V3_IPV6), hops=64), [Discard.TTL]),
        (ipv4(bytes.fromhex(V3.replace("fd7f", "fd7e"))), [Discard.CHECKSUM]),
        (ipv6(bytes.fromhex(V3_IPV6.replace("4cb2", "0000"))), [Discard.CHECKSUM]),
        (ipv4(bytes.fromhex(V3.replace("fd7f", "fd7e")), ttl=1), [Discard.TTL, Discard.CHECKSUM]),
        # Type 7, and the checksum that belongs to it: b453 - 0700.
        (ipv4(bytes.fromhex(NONE.replace("0001b453", "0701ad53"))), [Discard.AUTH_TYPE]),
        # Type 2 without an authentication header.
        (ipv4(bytes.fromhex(AH[88:])), [Discard.AUTH_TYPE]),
        (ethernet(WRONG_SPI), [Discard.SPI]),
        (ipv4(bytes.fromhex(NONE.replace("0001b453", "0000b454"))), [Discard.INTERVAL_ZERO]),
        (ipv4(bytes.fromhex(NONE), to=IPv4Address("224.0.0.19")), [Discard.DESTINATION]),
    ],
)
def test_what_is_wrong_with_an_advertisement_is_told_beside_it(frame: bytes, faults: list[Discard]) -> None:
    found = heard(frame)
    assert list(found.faults) == faults
    assert found.advertisement.vrid == 51


def test_vrrpv3_with_an_authentication_header_is_no_vrrpv3() -> None:
    plain = bytes.fromhex(V3)
    body = AH_PACKET[:2] + struct.pack(">H", 44 + len(plain)) + AH_PACKET[4:44] + plain
    found = heard(ethernet(body))
    assert (found.faults, found.authentication) == ((Discard.AUTH_TYPE,), None)


CARP = bytes.fromhex("21010007000100000000000000000000") + bytes(20)
"""ucarp's layout: version 2, type 1, and 7 where VRRP has the number of addresses."""


@pytest.mark.parametrize(
    ("frame", "source", "reason"),
    [
        (b"", None, Discard.PROTOCOL),
        (ethernet(b"", 0x0806), None, Discard.PROTOCOL),
        (ipv4(bytes.fromhex(V3))[:40], None, Discard.IP_HEADER),
        (ipv6(bytes.fromhex(V3_IPV6))[:50], None, Discard.IP_HEADER),
        (ipv6(bytes.fromhex(V3_IPV6))[:60], None, Discard.IP_HEADER),
        (ipv4(bytes.fromhex(V3), ttl=255).replace(b"\xff\x70", b"\xff\x11"), None, Discard.PROTOCOL),
        (ipv6(bytes.fromhex(V3_IPV6)).replace(b"\x70\xff", b"\x11\xff"), None, Discard.PROTOCOL),
        (ethernet(AH_PACKET[:30]), None, Discard.IP_HEADER),
        (ethernet(AH_PACKET[:20] + b"\x11" + AH_PACKET[21:]), None, Discard.AH_HEADER),
        (ipv4(b""), A, Discard.TOO_SHORT),
        (ipv4(bytes.fromhex(V3)[:7]), A, Discard.TOO_SHORT),
        (ipv4(b"\x41" + bytes.fromhex(V3)[1:]), A, Discard.VERSION),
        (ipv4(b"\x32" + bytes.fromhex(V3)[1:]), A, Discard.TYPE),
        (ipv6(bytes.fromhex(NONE)), LL, Discard.FAMILY),
        (ipv4(bytes.fromhex("313364000064317700000000")), A, Discard.COUNT),
        (ipv4(bytes.fromhex(NONE)[:12]), A, Discard.LENGTH),
        (ipv4(bytes.fromhex(V3) + b"\0"), A, Discard.LENGTH),
        (ipv4(CARP), A, Discard.LENGTH),
        (ipv4(bytes.fromhex(V3), to=A), A, Discard.OWN_SOURCE),
    ],
)
def test_what_is_no_advertisement_is_told_with_its_reason(
    frame: bytes, source: IPAddress | None, reason: Discard
) -> None:
    mac = MAC if frame else ""
    assert reading(frame) == Rubbish(7.5, mac, source, reason)


@pytest.mark.parametrize(
    ("version", "source", "to", "vips"),
    [
        (2, "198.18.0.1", "224.0.0.18", ["198.18.0.100"]),
        (3, "198.18.0.1", "224.0.0.18", ["198.18.0.100", "198.18.0.101"]),
        (3, "198.18.0.1", "198.18.0.2", ["198.18.0.100"]),
        (3, "fe80::1", "ff02::12", ["fe80::100", "2001:db8::100"]),
    ],
)
def test_scapy_makes_what_is_read_here(version: int, source: str, to: str, vips: list[str]) -> None:
    found = heard(by_scapy(version, source, to, vips))
    assert found.faults == ()
    assert found.advertisement.addresses == tuple(map(ip_address, vips))
    assert (found.advertisement.vrid, found.advertisement.priority) == (7, 30)
    assert found.advertisement.interval == (2.0 if version == 2 else 0.02)


def by_scapy(version: int, source: str, to: str, vips: list[str]) -> bytes:
    from scapy.layers.inet import IP
    from scapy.layers.inet6 import IPv6
    from scapy.layers.l2 import Ether
    from scapy.layers.vrrp import VRRP, VRRPv3

    head: Any = (
        IPv6(src=source, dst=to, hlim=255, nh=112)
        if ":" in to
        else IP(src=source, dst=to, ttl=255, proto=112)
    )
    kind = VRRP if version == 2 else VRRPv3
    body = kind(vrid=7, priority=30, ipcount=len(vips), adv=2, addrlist=vips)
    return bytes(Ether(src=MAC, dst="01:00:5e:00:00:12") / head / body)


addresses = st.integers(1, 2**32 - 2).map(IPv4Address)


@given(
    st.builds(
        Advertisement,
        version=st.just(2),
        vrid=st.integers(1, 255),
        priority=st.integers(0, 255),
        interval=st.integers(1, 255).map(float),
        addresses=st.lists(addresses, min_size=1, max_size=5).map(tuple),
    )
    | st.builds(
        Advertisement,
        version=st.just(3),
        vrid=st.integers(1, 255),
        priority=st.integers(0, 255),
        interval=st.integers(1, 4095).map(lambda centiseconds: centiseconds / 100),
        addresses=st.lists(addresses, min_size=1, max_size=5).map(tuple),
    ),
    st.sampled_from([None, Auth(AuthType.PASS, b"s3cret"), Auth(AuthType.AH, b"s3cret")]),
    st.booleans(),
)
def test_whatever_the_engine_sends_is_read(
    advertisement: Advertisement, auth: Auth | None, pseudo_header: bool
) -> None:
    auth = auth if advertisement.version == 2 else None
    data = packet.encode_ipv4(
        advertisement, A, GROUP, auth=auth, pseudo_header=pseudo_header, identification=1, sequence=1
    )
    found = heard(ethernet(data))
    assert found.advertisement == advertisement
    assert found.authentication == (auth.type if auth else None)
    assert found.faults == ()


@given(st.binary(max_size=120), st.sampled_from([0x0800, 0x86DD]))
def test_noise_never_raises(noise: bytes, kind: int) -> None:
    assert isinstance(reading(ethernet(noise, kind)), Rubbish)


@given(
    st.sampled_from([ipv4(bytes.fromhex(PASS)), ethernet(AH_PACKET), ipv6(bytes.fromhex(V3_IPV6))]),
    st.lists(st.tuples(st.integers(12, 90), st.integers(0, 255)), max_size=4),
    st.integers(0, 200),
)
def test_damaged_packets_never_raise(frame: bytes, damage: list[tuple[int, int]], length: int) -> None:
    data = bytearray(frame)
    for at, byte in damage:
        data[at % len(data)] = byte
    found = reading(bytes(data[:length]))
    assert isinstance(found, Rubbish) or set(found.faults) <= READABLE
