"""Coverage-guided fuzzing of everything that reads bytes off the wire; not part of the test run.

    python -m pip install atheris
    PYTHONPATH=src python tests/vrrp/fuzz_decode.py -max_total_time=600

The invariant: any bytes give a value or a discard reason (or no claim), and nothing raises.
"""

from __future__ import annotations

import sys
from ipaddress import IPv4Address, IPv6Address

import atheris

with atheris.instrument_imports():
    from vipalived.vrrp import frames, packet

AUTHS = (None, packet.Auth(packet.AuthType.PASS, b"12345678"), packet.Auth(packet.AuthType.AH, b"s3cret"))
V4, V6 = IPv4Address("198.18.0.1"), IPv6Address("fe80::1")
OWN4, OWN6 = IPv4Address("198.18.0.2"), IPv6Address("fe80::2")


def one_input(data: bytes) -> None:
    """The first byte chooses what is expected, the rest arrives."""
    choice, data = (data[0] if data else 0), data[1:]
    version, auth = (3, 2)[choice & 1], AUTHS[(choice >> 1 & 3) % 3]
    peers = frozenset({V4}) if choice & 8 else frozenset()
    policy = packet.Policy(version=version, vrid=51, source=OWN4, auth=auth, peers=peers)
    results = [
        packet.decode_ipv4(data, policy),
        packet.decode(packet.Datagram(V4, packet.GROUP_V4, 255, data), policy),
        packet.decode(
            packet.Datagram(V6, packet.GROUP_V6, 255, data),
            packet.Policy(version=version, vrid=51, source=OWN6, auth=auth),
        ),
    ]
    if not all(isinstance(result, packet.Accepted | packet.Discard) for result in results):
        raise TypeError(results)
    frames.parse(data)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
