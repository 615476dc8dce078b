"""Bytes: golden vectors captured from keepalived and others, the ladder of refusals, oracles and fuzz."""

from __future__ import annotations

import shutil
import struct
import subprocess
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from vipalived.vrrp import packet
from vipalived.vrrp.packet import (
    Accepted,
    Advertisement,
    Auth,
    AuthType,
    Datagram,
    Discard,
    Policy,
    checksum,
    decode,
    decode_ipv4,
    encode,
    encode_ipv4,
    open_ipv4,
)

A, B = IPv4Address("198.18.0.1"), IPv4Address("198.18.0.2")
VIP = IPv4Address("198.18.0.100")
LL = IPv6Address("fe80::ff:fe00:1")
G4, G6 = packet.GROUP_V4, packet.GROUP_V6
PASS = Auth(AuthType.PASS, b"12345678")
AH = Auth(AuthType.AH, b"s3cret")
V2 = Advertisement(version=2, vrid=51, priority=100, interval=1.0, addresses=(VIP,))
V3 = Advertisement(version=3, vrid=51, priority=100, interval=0.5, addresses=(VIP,))
POLICY2 = Policy(version=2, vrid=51, source=B)
POLICY3 = Policy(version=3, vrid=51, source=B)
AH_MULTICAST = bytes.fromhex(
    "45c0004000010000ff3314a4c6120001e000001270040000c612000100000001bb823f0eb4a538b9694cf8e1"
    "213364010201b253c61200640000000000000000"
)
AH_UNICAST = bytes.fromhex(
    "45c0004000010000ff332ea2c6120001c612000270040000c61200010000000149e2ec34b014735ab3b80e07"
    "213364010201b253c61200640000000000000000"
)


def v4(*addresses: str) -> tuple[IPv4Address, ...]:
    return tuple(map(IPv4Address, addresses))


GOLDEN_V2 = [
    ("213364010001b453c61200640000000000000000", V2, None),
    ("2133000100011854c61200640000000000000000", replace(V2, priority=0), None),
    ("213364010101e27ec61200643132333435363738", V2, PASS),
    ("213364010101eef0c61200646162630000000000", V2, Auth(AuthType.PASS, b"abc")),
    ("213364010201b253c61200640000000000000000", V2, AH),
    ("21331e010001b5c50a0001050000000000000000", replace(V2, priority=30, addresses=v4("10.0.1.5")), None),
    (
        "21011e010001b5f70a0001050000000000000000",
        replace(V2, vrid=1, priority=30, addresses=v4("10.0.1.5")),
        None,
    ),
    ("210164010001ba52c0a800010000000000000000", replace(V2, vrid=1, addresses=v4("192.168.0.1")), None),
]


@pytest.mark.parametrize(("golden", "advertisement", "auth"), GOLDEN_V2)
def test_v2_goldens(golden, advertisement, auth):
    assert encode(advertisement, A, G4, auth=auth).hex() == golden
    if auth is None or auth.type is AuthType.PASS:
        policy = replace(POLICY2, vrid=advertisement.vrid, auth=auth)
        assert decode(Datagram(A, G4, 255, bytes.fromhex(golden)), policy) == Accepted(advertisement, A)


HOLO = Advertisement(version=3, vrid=1, priority=20, interval=0.01, addresses=v4("10.0.1.5", "10.0.1.6"))
PCAPPP = Advertisement(
    version=3, vrid=1, priority=100, interval=0.01, addresses=v4("192.168.0.1", "192.168.0.2")
)
H2, H3, R30 = v4("10.0.1.2", "10.0.1.3", "192.168.0.30")
GOLDEN_V3 = [
    (0xFD7F, V3, A, G4, True),
    (0x174C, replace(V3, interval=1.0), A, B, True),
    (0xFD4D, replace(V3, interval=1.0), A, G4, True),
    (42224, HOLO, H2, G4, False),
    (39664, replace(HOLO, priority=30), H3, G4, False),
    (47451, HOLO, H2, G4, True),
    (44890, replace(HOLO, priority=30), H3, G4, True),
    (0x484D, PCAPPP, R30, G4, True),
    (0xE9A6, PCAPPP, R30, G4, False),
]


@pytest.mark.parametrize(("value", "advertisement", "source", "destination", "pseudo"), GOLDEN_V3)
def test_v3_ipv4_checksums_in_both_forms(value, advertisement, source, destination, pseudo):
    data = encode(advertisement, source, destination, pseudo_header=pseudo)
    assert struct.unpack_from(">H", data, 6)[0] == value
    peers = frozenset() if destination == G4 else frozenset({source})
    policy = Policy(version=3, vrid=advertisement.vrid, source=B, peers=peers)
    assert decode(Datagram(source, destination, 255, data), policy) == Accepted(advertisement, source)


def test_v3_ipv4_goldens_are_the_whole_message():
    assert encode(V3, A, G4).hex() == "313364010032fd7fc6120064"
    assert encode(PCAPPP, R30, G4).hex() == "310164020001484dc0a80001c0a80002"


V6_VIPS = (IPv6Address("fe80::100"), IPv6Address("2001:2:0:1::100"))
HOLO6 = (IPv6Address("2001:db8::370:7334"), IPv6Address("2001:db8::370:7335"))


@pytest.mark.parametrize("pseudo", [True, False])
@pytest.mark.parametrize(
    ("header", "vrid", "priority", "interval", "source", "addresses"),
    [
        ("3133640200644cb2", 51, 100, 1.0, LL, V6_VIPS),
        ("313300020064b0b2", 51, 0, 1.0, LL, V6_VIPS),
        ("3101140200011310", 1, 20, 0.01, IPv6Address("fe80::200:5eff:fe00:201"), HOLO6),
        ("31011e0200010910", 1, 30, 0.01, IPv6Address("fe80::200:5eff:fe00:201"), HOLO6),
    ],
)
def test_v3_ipv6_goldens(header, vrid, priority, interval, source, addresses, pseudo):
    """Over IPv6 the pseudo-header is never left out: 4880 is 0x1310 and 2320 is 0x0910."""
    value = Advertisement(version=3, vrid=vrid, priority=priority, interval=interval, addresses=addresses)
    data = encode(value, source, G6, pseudo_header=pseudo)
    assert data[:8].hex() == header
    policy = Policy(version=3, vrid=vrid, source=IPv6Address("fe80::2"))
    assert decode(Datagram(source, G6, 255, data), policy) == Accepted(value, source)


def test_ah_packets_equal_keepalived_byte_for_byte():
    assert encode_ipv4(V2, A, G4, auth=AH, identification=1, sequence=1) == AH_MULTICAST
    assert encode_ipv4(V2, A, B, auth=AH, identification=1, sequence=1) == AH_UNICAST


def test_ah_packets_are_accepted_and_carry_their_sequence():
    policy = replace(POLICY2, auth=AH)
    assert decode_ipv4(AH_MULTICAST, policy) == Accepted(V2, A, 1)
    unicast = replace(policy, peers=frozenset({A}))
    assert decode_ipv4(AH_UNICAST, unicast) == Accepted(V2, A, 1)


def test_the_ttl_of_an_ah_packet_is_covered_in_multicast_only():
    routed = AH_UNICAST[:8] + b"\x03" + AH_UNICAST[9:]
    assert isinstance(decode_ipv4(routed, replace(POLICY2, auth=AH, peers=frozenset({A}))), Accepted)
    wrong_ttl = encode_ipv4(V2, A, G4, auth=AH, identification=1, sequence=1, ttl=254)
    patched = wrong_ttl[:8] + b"\xff" + wrong_ttl[9:]
    assert decode_ipv4(patched, replace(POLICY2, auth=AH)) is Discard.ICV


def test_a_whole_ipv4_packet():
    data = encode_ipv4(V3, A, G4, identification=7)
    # 32 bytes, TOS 0xC0, ID 7, no DF, TTL 255, protocol 112; header checksum by hand: see below.
    assert data[:10].hex() == "45c0002000070000ff70"
    assert sum(struct.unpack(">10H", data[:20])) % 0xFFFF == 0
    assert data[12:].hex() == "c6120001e0000012" + "313364010032fd7fc6120064"
    assert decode_ipv4(data, POLICY3) == Accepted(V3, A)
    assert decode_ipv4(data + b"padding", POLICY3) == Accepted(V3, A)


def test_unicast_accepts_any_ttl_from_a_peer():
    data = encode_ipv4(V3, A, B, ttl=3)
    assert decode_ipv4(data, replace(POLICY3, peers=frozenset({A}))) == Accepted(V3, A)


@pytest.mark.parametrize(
    ("data", "value"),
    [("", 0xFFFF), ("0000", 0xFFFF), ("ffff", 0), ("0001f203f4f5f6f7", 0x220D), ("01", 0xFEFF)],
)
def test_checksum(data, value):
    """RFC 1071 section 3 has the fourth: its sum is 0xddf2."""
    assert checksum(bytes.fromhex(data)) == value


def fix(data: bytes) -> bytes:
    """The same message with a correct checksum of the RFC 9568 form."""
    blank = data[:6] + b"\0\0" + data[8:]
    return data[:6] + struct.pack(">H", checksum(blank)) + data[8:]


M3 = bytes.fromhex("313364010032fd7fc6120064")
M2 = bytes.fromhex("213364010001b453c61200640000000000000000")
P2 = replace(POLICY2, auth=PASS)
LADDER = [
    (Discard.DESTINATION, Datagram(A, B, 255, M3), POLICY3),
    (Discard.DESTINATION, Datagram(A, G4, 255, M3), replace(POLICY3, peers=frozenset({A}))),
    (Discard.OWN_SOURCE, Datagram(B, G4, 255, M3), POLICY3),
    (Discard.PEER, Datagram(A, B, 255, M3), replace(POLICY3, peers=frozenset({H2}))),
    (Discard.TTL, Datagram(A, G4, 254, M3), POLICY3),
    (Discard.TOO_SHORT, Datagram(A, G4, 255, b""), POLICY3),
    (Discard.TOO_SHORT, Datagram(A, G4, 255, M3[:7]), POLICY3),
    (Discard.VERSION, Datagram(A, G4, 255, M3), POLICY2),
    (Discard.VERSION, Datagram(A, G4, 255, b"\x41" + M3[1:]), POLICY3),
    (Discard.TYPE, Datagram(A, G4, 255, b"\x32" + M3[1:]), POLICY3),
    (Discard.VRID, Datagram(A, G4, 255, M3), replace(POLICY3, vrid=100)),
    (Discard.FAMILY, Datagram(LL, G6, 255, M2), Policy(version=2, vrid=51, source=IPv6Address("fe80::2"))),
    (Discard.COUNT, Datagram(A, G4, 255, fix(M3[:3] + b"\0" + M3[4:])), POLICY3),
    (Discard.LENGTH, Datagram(A, G4, 255, fix(M3[:3] + b"\2" + M3[4:])), POLICY3),
    (Discard.LENGTH, Datagram(A, G4, 255, M3 + b"\0"), POLICY3),
    (Discard.LENGTH, Datagram(A, G4, 255, M3 + bytes(988)), POLICY3),
    (Discard.LENGTH, Datagram(A, G4, 255, M2[:-8]), POLICY2),
    (Discard.CHECKSUM, Datagram(A, G4, 255, M3[:6] + b"\0\0" + M3[8:]), POLICY3),
    (Discard.CHECKSUM, Datagram(A, G4, 255, M2[:6] + b"\0\0" + M2[8:]), POLICY2),
    (Discard.AUTH_TYPE, Datagram(A, G4, 255, M2), P2),
    (Discard.AUTH_TYPE, Datagram(A, G4, 255, M2), replace(POLICY2, auth=AH)),
    (Discard.AUTH_TYPE, Datagram(A, G4, 255, encode(V2, A, G4, auth=PASS)), POLICY2),
    (Discard.AUTH_TYPE, open_ipv4(AH_MULTICAST), POLICY2),
    (Discard.AUTH_TYPE, Datagram(A, G4, 255, M3, b"", b"ah"), replace(POLICY3, auth=AH)),
    (Discard.PASSWORD, Datagram(A, G4, 255, encode(V2, A, G4, auth=Auth(AuthType.PASS, b"wrong"))), P2),
    (Discard.ICV, open_ipv4(AH_MULTICAST), replace(POLICY2, auth=Auth(AuthType.AH, b"other"))),
    (Discard.INTERVAL_ZERO, Datagram(A, G4, 255, fix(M3[:4] + b"\xf0\0" + M3[6:])), POLICY3),
    (Discard.INTERVAL_ZERO, Datagram(A, G4, 255, fix(M2[:5] + b"\0" + M2[6:])), POLICY2),
    (Discard.INTERVAL, Datagram(A, G4, 255, encode(replace(V2, interval=99.0), A, G4)), POLICY2),
    (Discard.SEQUENCE, open_ipv4(AH_MULTICAST), replace(POLICY2, auth=AH, sequence=1)),
]


@pytest.mark.parametrize(("reason", "datagram", "policy"), LADDER)
def test_each_refusal_has_its_reason(reason, datagram, policy):
    assert decode(datagram, policy) is reason


def test_a_packet_wrong_in_every_way_is_refused_for_the_first_reason_of_the_ladder():
    """A later rung never hides an earlier one: the enumeration is the order of the checks."""
    reasons = [reason for reason, _, _ in LADDER]
    order = list(Discard)
    assert sorted(reasons, key=order.index) == reasons


def test_a_stolen_security_parameter_index_is_refused():
    """An ICV made with the right key, over an SPI that is not the sender."""
    opened = open_ipv4(AH_MULTICAST)
    assert isinstance(opened, Datagram)
    header = opened.ah[:4] + B.packed + opened.ah[8:12]
    icv = packet._icv(AH, opened.header, header + bytes(12), opened.payload, unicast=False)
    assert decode(replace(opened, ah=header + icv), replace(POLICY2, auth=AH)) is Discard.SPI


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", Discard.IP_HEADER),
        (b"\x45" * 19, Discard.IP_HEADER),
        (b"\x65" + AH_MULTICAST[1:], Discard.IP_HEADER),
        (b"\x44" + AH_MULTICAST[1:], Discard.IP_HEADER),
        (b"\x4f" + AH_MULTICAST[1:30], Discard.IP_HEADER),
        (AH_MULTICAST[:-1], Discard.IP_HEADER),
        (AH_MULTICAST[:2] + b"\0\x13" + AH_MULTICAST[4:], Discard.IP_HEADER),
        (AH_MULTICAST[:6] + b"\x20\0" + AH_MULTICAST[8:], Discard.IP_HEADER),
        (AH_MULTICAST[:9] + b"\x11" + AH_MULTICAST[10:], Discard.PROTOCOL),
        (AH_MULTICAST[:20] + b"\x11" + AH_MULTICAST[21:], Discard.AH_HEADER),
        (AH_MULTICAST[:2] + b"\0\x20" + AH_MULTICAST[4:32], Discard.AH_HEADER),
    ],
)
def test_what_is_no_vrrp_over_ipv4(data, reason):
    assert decode_ipv4(data, POLICY2) is reason


def test_v3_ignores_reserved_bits_learns_any_interval_and_reads_any_address_list():
    data = fix(M3[:4] + b"\xf0\x64" + M3[6:])
    assert decode(Datagram(A, G4, 255, data), POLICY3) == Accepted(replace(V3, interval=1.0), A)
    other = replace(V3, addresses=v4("203.0.113.9"))
    assert decode(Datagram(A, G4, 255, encode(other, A, G4)), POLICY3) == Accepted(other, A)


def test_v2_without_authentication_ignores_what_the_trailer_holds():
    data = fix(M2[:-8] + b"12345678")
    assert decode(Datagram(A, G4, 255, data), POLICY2) == Accepted(V2, A)


def test_v3_has_no_authentication_even_if_the_policy_has():
    policy = replace(POLICY3, auth=PASS)
    assert decode(Datagram(A, G4, 255, M3), policy) == Accepted(V3, A)


@pytest.mark.parametrize(
    "advertisement",
    [
        replace(V3, interval=0.004),
        replace(V3, interval=40.96),
        replace(V3, addresses=()),
        replace(V3, addresses=(VIP,) * 256),
        replace(V2, interval=0.5),
        replace(V2, interval=1.5),
        replace(V2, interval=256.0),
    ],
)
def test_what_the_wire_cannot_carry_is_the_caller_s_mistake(advertisement):
    with pytest.raises(ValueError, match="carries"):
        encode(advertisement, A, G4)


# Fuzz: any bytes give a value or a reason, and what we send comes back as it was.

addresses4, addresses6 = st.ip_addresses(v=4), st.ip_addresses(v=6)
auths = st.none() | st.builds(Auth, st.sampled_from(AuthType), st.binary(min_size=1, max_size=8))
policies = st.builds(
    Policy,
    version=st.sampled_from((2, 3)),
    vrid=st.just(51) | st.integers(1, 255),
    source=addresses4 | addresses6,
    auth=auths,
    peers=st.frozensets(addresses4, max_size=1),
    sequence=st.integers(0, 3),
)
near_misses = st.builds(
    lambda data, at, value, cut: (data[:at] + bytes([value]) + data[at + 1 :])[:cut],
    st.sampled_from((AH_MULTICAST, AH_UNICAST, encode_ipv4(V2, A, G4), encode_ipv4(V3, A, G4), M2, M3)),
    st.integers(0, 70),
    st.integers(0, 255),
    st.integers(0, 80),
)


@settings(max_examples=1000)
@given(near_misses | st.binary(max_size=120), policies)
def test_decoding_any_bytes_never_raises(data, policy):
    assert isinstance(decode_ipv4(data, policy), Accepted | Discard)


@settings(max_examples=500)
@given(near_misses | st.binary(max_size=120), addresses4 | addresses6, policies, st.integers(0, 255))
def test_decoding_any_message_never_raises(data, source, policy, ttl):
    destination = G4 if source.version == 4 else G6
    assert isinstance(decode(Datagram(source, destination, ttl, data), policy), Accepted | Discard)


@st.composite
def advertisements(draw, version):
    family = draw(st.sampled_from((4, 6))) if version == 3 else 4
    interval = draw(st.integers(1, 4095)) / 100 if version == 3 else float(draw(st.integers(1, 255)))
    return Advertisement(
        version=version,
        vrid=draw(st.integers(1, 255)),
        priority=draw(st.integers(0, 255)),
        interval=interval,
        addresses=tuple(draw(st.lists(st.ip_addresses(v=family), min_size=1, max_size=20))),
    )


@given(advertisements(3), st.booleans())
def test_v3_comes_back_as_it_was_sent(value, pseudo):
    v6 = value.addresses[0].version == 6
    source, own, group = (LL, IPv6Address("fe80::2"), G6) if v6 else (A, B, G4)
    data = encode(value, source, group, pseudo_header=pseudo)
    policy = Policy(version=3, vrid=value.vrid, source=own)
    assert decode(Datagram(source, group, 255, data), policy) == Accepted(value, source)


@given(advertisements(2), auths, st.integers(1, 2**32 - 1), st.sampled_from((G4, B)))
def test_v2_comes_back_as_it_was_sent(value, auth, sequence, destination):
    data = encode_ipv4(value, A, destination, auth=auth, identification=1, sequence=sequence)
    peers = frozenset() if destination == G4 else frozenset({A})
    policy = Policy(version=2, vrid=value.vrid, source=B, interval=value.interval, auth=auth, peers=peers)
    number = sequence if auth is not None and auth.type is AuthType.AH else 0
    assert decode_ipv4(data, policy) == Accepted(value, A, number)


# Independent oracles.


@pytest.mark.parametrize("auth", [None, PASS])
def test_scapy_builds_the_same_v2_message(auth):
    scapy = pytest.importorskip("scapy.layers.vrrp")
    ip = pytest.importorskip("scapy.layers.inet").IP
    first, second = struct.unpack(">LL", (auth.padded if auth else bytes(8)))
    built = ip(src=str(A), dst=str(G4)) / scapy.VRRP(
        vrid=51, priority=100, adv=1, authtype=int(auth is not None), addrlist=[str(VIP)], ipcount=1,
        auth1=first, auth2=second,
    )  # fmt: skip
    assert bytes(built)[20:] == encode(V2, A, G4, auth=auth)


@pytest.mark.parametrize("family", [4, 6])
def test_scapy_builds_the_same_v3_message(family):
    scapy = pytest.importorskip("scapy.layers.vrrp")
    layer = (
        pytest.importorskip("scapy.layers.inet").IP
        if family == 4
        else pytest.importorskip("scapy.layers.inet6").IPv6
    )
    source, group, addresses = (A, G4, (VIP, B)) if family == 4 else (LL, G6, V6_VIPS)
    value = Advertisement(version=3, vrid=51, priority=100, interval=40.95, addresses=addresses)
    built = layer(src=str(source), dst=str(group)) / scapy.VRRPv3(
        vrid=51, priority=100, adv=4095, ipcount=2, addrlist=[str(a) for a in addresses]
    )
    assert bytes(built)[20 if family == 4 else 40 :] == encode(value, source, group)


def pcap(*frames: bytes) -> bytes:
    """A capture file of Ethernet frames."""
    head = struct.pack("<LHHLLLL", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    return head + b"".join(struct.pack("<LLLL", 0, 0, len(f), len(f)) + f for f in frames)


def tshark(path, fields, *options):
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed")
    command = ["tshark", "-r", str(path), "-T", "fields", "-E", "separator=;", *options]
    for field in fields:
        command += ["-e", field]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return [line.split(";") for line in run.stdout.splitlines()]


def ethernet(data: bytes) -> bytes:
    return (
        bytes.fromhex("01005e000012020000000001") + (b"\x08\0" if data[0] >> 4 == 4 else b"\x86\xdd") + data
    )


def ipv6(payload: bytes) -> bytes:
    return (
        struct.pack(">LHBB", 6 << 28 | 0xC0 << 20, len(payload), 112, 255) + LL.packed + G6.packed + payload
    )


def test_tshark_reads_what_we_meant_and_calls_every_checksum_good(tmp_path):
    value6 = replace(V3, addresses=V6_VIPS, priority=0)
    packets = [
        encode_ipv4(V2, A, G4),
        encode_ipv4(V2, A, G4, auth=PASS),
        encode_ipv4(V2, A, G4, auth=AH, identification=9, sequence=7),
        encode_ipv4(V3, A, G4),
        encode_ipv4(V3, A, B),
        ipv6(encode(value6, LL, G6)),
    ]
    path = tmp_path / "vrrp.pcap"
    path.write_bytes(pcap(*map(ethernet, packets)))
    names = "version virt_rtr_id prio addr_count auth_type adver_int short_adver_int checksum.status"
    fields = [f"vrrp.{name}" for name in names.split()] + ["vrrp.ip_addr", "vrrp.ipv6_addr", "ah.sequence"]
    rows = tshark(path, fields, "-o", "ip.check_checksum:TRUE")
    assert rows == [
        ["2", "51", "100", "1", "0", "1", "", "1", "198.18.0.100", "", ""],
        ["2", "51", "100", "1", "1", "1", "", "1", "198.18.0.100", "", ""],
        ["2", "51", "100", "1", "2", "1", "", "1", "198.18.0.100", "", "7"],
        ["3", "51", "100", "1", "", "", "50", "1", "198.18.0.100", "", ""],
        ["3", "51", "100", "1", "", "", "50", "1", "198.18.0.100", "", ""],
        ["3", "51", "0", "2", "", "", "50", "1", "", "fe80::100,2001:2:0:1::100", ""],
    ]
    assert tshark(path, ["ip.checksum.status"], "-o", "ip.check_checksum:TRUE", "-Y", "ip") == [["1"]] * 5


def test_tshark_accepts_the_other_checksum_form_where_it_is_told_to(tmp_path):
    path = tmp_path / "vrrp.pcap"
    path.write_bytes(pcap(ethernet(encode_ipv4(V3, A, G4, pseudo_header=False))))
    preference = ("-o", "vrrp.v3_checksum_as_in_v2:TRUE")
    assert tshark(path, ["vrrp.checksum.status"], *preference) == [["1"]]
    assert tshark(path, ["vrrp.checksum.status"]) == [["0"]]
