"""Captures as tcpdump, tshark and Wireshark read them: the classic format, with nanoseconds.

https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-03.html
"""

from __future__ import annotations

import struct

from vipalived.observe.reading import Frame

_NANOSECONDS = 0xA1B23C4D
_LONGEST = 0x40000
_ETHERNET = 1
_SECOND = 10**9

HEADER = struct.pack("=LHHLLLL", _NANOSECONDS, 2, 4, 0, 0, _LONGEST, _ETHERNET)
"""What a capture begins with; readers learn the byte order from its first word."""


def record(frame: Frame) -> bytes:
    """One frame of a capture."""
    seconds, nanoseconds = divmod(frame.stamp, _SECOND)
    size = len(frame.data)
    return struct.pack("=LLLL", seconds, nanoseconds, size, size) + frame.data
