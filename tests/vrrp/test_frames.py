"""Gratuitous ARP and neighbour advertisements, field by field, and reading them back."""

from __future__ import annotations

import shutil
import struct
import subprocess
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vipalived.vrrp.frames import Claim, announcement, parse, question, unsolicited_na, virtual_mac

MAC = bytes.fromhex("020000000001")
VIP4, VIP6 = IPv4Address("198.18.0.100"), IPv6Address("2001:db8::100")
GARP = bytes.fromhex(
    "ffffffffffff" "020000000001" "0806" "0001" "0800" "06" "04" "0001"
    "020000000001" "c6120064" "ffffffffffff" "c6120064"
)  # fmt: skip


def test_gratuitous_arp_is_a_request_for_oneself_to_everybody():
    assert announcement(VIP4, MAC) == GARP


@pytest.mark.parametrize(("router", "flags"), [(False, "20000000"), (True, "a0000000")])
def test_unsolicited_na(router, flags):
    frame = announcement(VIP6, MAC, router=router)
    assert frame[:14].hex() == "33330000000102000000000186dd"
    assert frame[14:22].hex() == "6000000000203aff"
    assert frame[22:54] == VIP6.packed + IPv6Address("ff02::1").packed
    assert frame[54:56].hex() == "8800"
    assert frame[58:].hex() == flags + VIP6.packed.hex() + "0201020000000001"


def test_virtual_mac():
    assert virtual_mac(51, VIP4).hex() == "00005e000133"
    assert virtual_mac(51, VIP6).hex() == "00005e000233"


def test_announcements_are_read_back_as_unasked_claims():
    assert parse(GARP) == Claim(VIP4, MAC, unasked=True)
    assert parse(announcement(VIP6, MAC, router=True)) == Claim(VIP6, MAC, unasked=True)
    assert parse(GARP + bytes(18)) == Claim(VIP4, MAC, unasked=True)


def test_an_arp_reply_is_a_claim_that_was_asked_for():
    reply = GARP[:21] + b"\x02" + GARP[22:38] + IPv4Address("198.18.0.9").packed
    assert parse(reply) == Claim(VIP4, MAC, unasked=False)


def signed(frame: bytes) -> bytes:
    """The same neighbour advertisement with a correct checksum, computed the long way."""
    body = frame[54:56] + b"\0\0" + frame[58:]
    total = frame[22:54] + struct.pack(">LL", len(body), 58) + body
    value = sum(struct.unpack(f">{len(total) // 2}H", total))
    while value >> 16:
        value = (value & 0xFFFF) + (value >> 16)
    return frame[:56] + struct.pack(">H", 0xFFFF - value) + frame[58:]


NA = unsolicited_na(VIP6, MAC, router=False)


def test_a_solicited_na_without_the_option_claims_for_the_ethernet_source():
    assert parse(signed(NA[:58] + b"\x60" + NA[59:])) == Claim(VIP6, MAC, unasked=False)
    short = signed(NA[:18] + b"\0\x18" + NA[20:78])
    assert parse(short) == Claim(VIP6, MAC, unasked=True)
    other = signed(NA[:78] + b"\x0e" + NA[79:])
    assert parse(other) == Claim(VIP6, MAC, unasked=True)


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        GARP[:13],
        GARP[:40],
        GARP[:12] + b"\x08\0" + GARP[14:],
        GARP[:14] + b"\0\x06" + GARP[16:],
        GARP[:28] + bytes(4) + GARP[32:],
        NA[:70],
        NA[:20] + b"\x11" + NA[21:],
        NA[:21] + b"\xfe" + NA[22:],
        NA[:18] + b"\0\x40" + NA[20:],
        signed(NA[:54] + b"\x87" + NA[55:]),
        NA[:56] + b"\0\0" + NA[58:],
    ],
)
def test_everything_else_is_no_claim(frame):
    assert parse(frame) is None


@given(st.binary(max_size=120) | st.binary(max_size=110).map(lambda tail: NA[:40] + tail))
def test_parsing_any_bytes_never_raises(frame):
    assert parse(frame) is None or isinstance(parse(frame), Claim)


def test_tshark_reads_what_we_meant(tmp_path):
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed")
    frames = [GARP, unsolicited_na(VIP6, MAC, router=True)]
    head = struct.pack("<LHHLLLL", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    records = b"".join(struct.pack("<LLLL", 0, 0, len(f), len(f)) + f for f in frames)
    path = tmp_path / "frames.pcap"
    path.write_bytes(head + records)
    fields = (
        "arp.opcode arp.src.hw_mac arp.src.proto_ipv4 arp.dst.hw_mac arp.dst.proto_ipv4 arp.isgratuitous "
        "icmpv6.type icmpv6.checksum.status icmpv6.nd.na.flag.r icmpv6.nd.na.flag.s icmpv6.nd.na.flag.o "
        "icmpv6.nd.na.target_address icmpv6.opt.linkaddr"
    )
    command = ["tshark", "-r", str(path), "-T", "fields", "-E", "separator=;"]
    for field in fields.split():
        command += ["-e", field]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    arp, na = (line.split(";") for line in run.stdout.splitlines())
    mac, everybody = "02:00:00:00:00:01", "ff:ff:ff:ff:ff:ff"
    assert arp == ["1", mac, "198.18.0.100", everybody, "198.18.0.100", arp[5], *[""] * 7]
    assert [flag in ("1", "True") for flag in (arp[5], na[8], na[9], na[10])] == [True, True, False, True]
    assert (na[6], na[7], na[11], na[12]) == ("136", "1", "2001:db8::100", mac)


def test_an_arp_question_is_nobodys():
    frame = question(VIP4, MAC, IPv4Address("198.18.0.1"))
    assert frame.hex() == (
        "ffffffffffff" "020000000001" "0806" "0001" "0800" "06" "04" "0001"
        "020000000001" "00000000" "000000000000" "c6120064"
    )  # fmt: skip
    assert parse(frame) is None


def test_an_ipv6_question_comes_from_an_address_so_that_the_answer_does_too():
    source = IPv6Address("fe80::1")
    frame = question(VIP6, MAC, source)
    assert frame[:14].hex() == "3333ff00010002000000000186dd"
    assert frame[14:22].hex() == "6000000000203aff"
    assert frame[22:54] == source.packed + IPv6Address("ff02::1:ff00:100").packed
    assert frame[54:56].hex() == "8700"
    assert frame[58:].hex() == "00000000" + VIP6.packed.hex() + "0101020000000001"
    assert frame == signed(frame)
