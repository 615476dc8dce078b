"""Coverage-guided fuzzing of everything that reads bytes off the wire; not part of the test run.

    python -m pip install atheris
    PYTHONPATH=src python tests/vrrp/fuzz_decode.py -max_total_time=900 CORPUS

The invariant: any bytes give a value or a discard reason (or no claim), and nothing raises. CORPUS is a directory
for the inputs that reached something new; it is given the seeds first.
"""

from __future__ import annotations

import sys
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import atheris

with atheris.instrument_imports():
    from vipalived.vrrp import frames, packet

AUTHS = (None, packet.Auth(packet.AuthType.PASS, b"12345678"), packet.Auth(packet.AuthType.AH, b"s3cret"))
V4, V6 = IPv4Address("198.18.0.1"), IPv6Address("fe80::ff:fe00:1")
OWN4, OWN6 = IPv4Address("198.18.0.2"), IPv6Address("fe80::2")

# The bits of an input's first byte: what the receiver expects, and whether the checksum is put right.
VERSION_2, PASS, AH, UNICAST, MENDED = 1, 2, 4, 8, 16

# What no search guesses, passwords and digests, as captured from keepalived; MENDED leaves the rest to the fuzzer.
AH_MULTICAST = (
    "45c0004000010000ff3314a4c6120001e000001270040000c612000100000001bb823f0eb4a538b9694cf8e1"
    "213364010201b253c61200640000000000000000"
)
AH_UNICAST = (
    "45c0004000010000ff332ea2c6120001c612000270040000c61200010000000149e2ec34b014735ab3b80e07"
    "213364010201b253c61200640000000000000000"
)
SEEDS = (
    (0, "313364010032fd7fc6120064"),
    (MENDED, "313364010032fd7fc6120064"),
    (MENDED, "3133640200644cb2fe80000000000000000000000000010020010002000000010000000000000100"),
    (VERSION_2 | MENDED, "213364010001b453c61200640000000000000000"),
    (VERSION_2 | PASS | MENDED, "213364010101e27ec61200643132333435363738"),
    (VERSION_2 | AH, AH_MULTICAST),
    (VERSION_2 | AH | UNICAST, AH_UNICAST),
    *((0, frames.announcement(vip, bytes.fromhex("020000000001")).hex()) for vip in (V4, V6)),
)


def mended(message: bytes, pseudo_header: bytes = b"") -> bytes:
    """The message with the one checksum in 65536 that lets a reader look further."""
    blank = message[:6] + bytes(2) + message[8:]
    return message[:6] + packet.checksum(pseudo_header + blank).to_bytes(2) + message[8:]


def one_input(data: bytes) -> None:
    """The first byte chooses what is expected, the rest arrives: as a packet, as a message, as a frame."""
    choice, data = (data[0] if data else 0), data[1:]
    version, auth = (3, 2)[choice & VERSION_2], AUTHS[(choice >> 1 & 3) % 3]
    peers = frozenset({V4}) if choice & UNICAST else frozenset()
    policy = packet.Policy(version=version, vrid=51, source=OWN4, auth=auth, peers=peers)
    ip, over4, over6 = data, data, data
    if choice & MENDED:
        pseudo_header = (
            V6.packed + packet.GROUP_V6.packed + len(data).to_bytes(4) + packet.PROTOCOL.to_bytes(4)
        )
        ip, over4, over6 = data[:20] + mended(data[20:]), mended(data), mended(data, pseudo_header)
    results = [
        packet.decode_ipv4(ip, policy),
        packet.decode(packet.Datagram(V4, OWN4 if peers else packet.GROUP_V4, 255, over4), policy),
        packet.decode(
            packet.Datagram(V6, packet.GROUP_V6, 255, over6),
            packet.Policy(version=version, vrid=51, source=OWN6, auth=auth),
        ),
    ]
    if not all(isinstance(result, packet.Accepted | packet.Discard) for result in results):
        raise TypeError(results)
    claim = frames.parse(data)
    if not isinstance(claim, frames.Claim | None):
        raise TypeError(claim)


if __name__ == "__main__":
    corpus = Path(sys.argv[-1])
    corpus.mkdir(exist_ok=True)
    for number, (first, rest) in enumerate(SEEDS):
        (corpus / f"seed-{number}").write_bytes(bytes((first,)) + bytes.fromhex(rest))
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
